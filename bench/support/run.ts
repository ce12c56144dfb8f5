import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Child, type ChildOptions } from "./child.js";

/** The longest that one command may take; a run that hangs ends here, with everything that it started. */
const RUN_MS = 8 * 60_000;

/** Everything that one benchmark started and made, and its end. */
export class Run {
  readonly #children: Child[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "caesura-bench-"));

  /** A path in the run's own directory, which is removed at the end. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  start(command: readonly string[], options: ChildOptions): Child {
    const child = new Child(command, options);
    this.#children.push(child);
    return child;
  }

  /** Starts a TypeScript program of `bench/support/` with a message channel. */
  startProgram(file: string, args: readonly string[], options: Omit<ChildOptions, "ipc">): Child {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const command = [process.execPath, "--import", import.meta.resolve("tsx"), path, ...args];
    return this.start(command, { ...options, ipc: true });
  }

  /** Stops everything that was started until now, last started first. */
  async stopAll(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) await child.stop();
  }

  /** Stops everything and removes the directory. */
  async end(): Promise<void> {
    await this.stopAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The same without waiting, for a signal or a fatal error. */
  abandon(): void {
    for (const child of this.#children) child.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/**
 * Runs one benchmark and ends everything it started: at its end, at its failure, at a signal and at the deadline.
 *
 * Errors  a failure is printed and becomes exit code 1; a figure that misses its goal does not.
 */
export async function measure(benchmark: (run: Run) => Promise<void>): Promise<void> {
  const run = new Run();
  const giveUp = (why: string): void => {
    process.stderr.write(`${why}\n`);
    run.abandon();
    process.exit(1);
  };
  const deadline = setTimeout(() => giveUp(`not finished after ${RUN_MS / 60_000} minutes`), RUN_MS);
  process.once("SIGINT", () => giveUp("interrupted"));
  process.once("SIGTERM", () => giveUp("terminated"));
  try {
    await benchmark(run);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    clearTimeout(deadline);
    await run.end();
  }
}
