#!/usr/bin/env node
import { keepHeapSmall } from "./small-heap.js";

keepHeapSmall();
// Loaded after that has run: the graph of a static import is there before the first line is.
const [{ runCommandLine }, ports] = await Promise.all([import("./program.js"), import("./port-trial.js")]);

// `caesura schema | head -1`: who reads us may leave before we are done, and that is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
    throw error;
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  // https://no-color.org: set, and not to nothing.
  hasColours: process.stdout.isTTY && process.stdout.hasColors() && (process.env["NO_COLOR"] ?? "") === "",
  isTyped: process.stdin.isTTY,
  size: () => (process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined),
  ports,
});
