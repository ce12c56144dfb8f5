import { runDemo } from "../demo/index.js";
import { exitCode, type Terminal } from "./terminal.js";

export interface DemoCommandOptions {
  readonly once?: boolean;
}

/**
 * `caesura demo`: shows one delegated request on the wire, then keeps everything running.
 *
 * Environment  `CAESURA_DEMO_SERVER=small` does without Prosody.
 *
 * Returns the exit code: 0 after the round trip or a signal, 1 with the reason on standard error.
 */
export async function demo({ once = false }: DemoCommandOptions, terminal: Terminal): Promise<number> {
  try {
    await runDemo({
      once,
      withoutProsody: terminal.env["CAESURA_DEMO_SERVER"] === "small",
      hasColours: terminal.hasColours,
      write: (text) => terminal.stdout.write(text),
    });
    return exitCode.clean;
  } catch (error) {
    terminal.stderr.write(
      `caesura: the demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return exitCode.failure;
  }
}
