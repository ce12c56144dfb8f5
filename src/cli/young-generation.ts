import { setFlagsFromString } from "node:v8";

/**
 * Keeps the space for new objects as small as it begins. To be called before anything big is loaded.
 *
 * A proxy holds many connections that do nothing. V8 doubles that space whenever much of it survives, as it does while
 * clients connect, up to 16 MiB (64 MiB on Node 24), and does not give it back when they fall silent: spread over 4 000 idle
 * pairs that is more than all their sockets, legs and machines together.
 *
 * Source  docs/decisions/0006-a-small-young-generation.md: what it costs, and the ways rejected.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
