// `npm run demo`: installs what is missing (packages, build, Prosody where it may), then `caesura demo`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureBuild, ensureDebianPackages, ensurePackages, findProgram, root } from "./setup.mjs";

const say = (text) => console.log(text);

try {
  await ensurePackages(say);
  await ensureBuild(say);
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
if (findProgram("prosody") === undefined) {
  const missing = await ensureDebianPackages(["prosody"], say);
  if (missing !== undefined) say(`Prosody: ${missing}. A small built-in server takes its place.`);
}

const demo = spawn(process.execPath, [join(root, "dist", "cli", "caesura.js"), "demo", ...process.argv.slice(2)], {
  stdio: "inherit",
});
// Ctrl-C reaches the whole group; a signal to this process alone is passed on, and the end is the demonstration's.
let asked = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || asked || !process.stdin.isTTY) demo.kill(signal);
    asked = true;
  });
}
demo.on("error", (error) => {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
});
demo.on("close", (code) => {
  process.exitCode = code ?? 1;
});
