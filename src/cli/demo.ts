import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

/** `caesura demo`: everything on loopback, one delegated IQ shown hop by hop. */
export async function demo(_options: { readonly once?: boolean }, { stderr }: Terminal): Promise<number> {
  stderr.write("error: the demonstration is not part of this build\n");
  return exitCode.failure;
}
