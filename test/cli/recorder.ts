import { Buffer } from "node:buffer";
import type { Ports } from "../../src/cli/ports.js";
import { runCommandLine } from "../../src/cli/program.js";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  readonly input?: string | Uint8Array;
  readonly env?: Record<string, string>;
  /** Absent: no port is tried. */
  readonly ports?: Ports;
  /** Whether a person types the input. */
  readonly isTyped?: boolean;
}

/** Runs a command line in this process, with `input` on standard input, and records what it writes. */
export async function caesura(
  arguments_: readonly string[],
  { input = "", env = {}, ports, isTyped = false }: Surroundings = {},
): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const code = await runCommandLine(arguments_, {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    stdin: chunks(Buffer.from(input)),
    env,
    hasColours: false,
    isTyped,
    ...(ports === undefined ? {} : { ports }),
  });
  return { code, ...written };
}

// In pieces, as a pipe would give them.
async function* chunks(input: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < input.length; at += 7) yield input.subarray(at, at + 7);
}
