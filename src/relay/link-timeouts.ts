import type { LinkTimer } from "../session/index.js";

/** How long each timer of a link is, in milliseconds; 0 means for ever. */
export interface LinkTimeouts {
  readonly tlsMs: number;
  readonly headerMs: number;
  readonly connectMs: number;
  readonly authenticationMs: number;
  /** Also how long a peer may accept nothing. */
  readonly drainMs: number;
  readonly idleMs: number;
}

/** Where each timer finds its length. */
export const lengths = {
  tls: "tlsMs",
  header: "headerMs",
  connect: "connectMs",
  authentication: "authenticationMs",
  drain: "drainMs",
  idle: "idleMs",
} as const satisfies Readonly<Record<LinkTimer, keyof LinkTimeouts>>;
