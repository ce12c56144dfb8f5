import { setFlagsFromString } from "node:v8";

/**
 * Tells V8 to hold on to little. To be called before anything big is loaded.
 *
 * A proxy holds many connections that do nothing. V8 doubles the space for new objects whenever much of it survives, as
 * it does while clients connect, up to 16 MiB (64 MiB on Node 24), and does not give it back when they fall silent; and it
 * lets the old generation grow several times over before it looks for what died there. Spread over 4 000 idle pairs that is
 * more than all their sockets, legs and machines together.
 *
 * Source  docs/decisions/0006-a-small-heap.md: what it costs, and the ways rejected.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=80");
}
