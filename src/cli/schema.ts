import { configJsonSchema } from "../config/index.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

/** `caesura schema`: the JSON Schema (draft 7) of `proxy.yaml`, for editors. */
export function schema({ stdout }: Terminal): number {
  stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return exitCode.clean;
}
