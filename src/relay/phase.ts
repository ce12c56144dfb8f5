import type { LegClosed } from "../session/index.js";

/**
 * The life of a leg. `reaching` is as `connecting`, but a PROXY header comes before TLS, so that TLS cannot be asked for yet;
 * `securing` is an upgrade.
 */
export type Phase = "reaching" | "connecting" | "open" | "securing" | "closing" | "gone";

/** What the end of a socket means when nothing else said so. */
export const verdicts: { readonly [phase in Phase]: LegClosed } = {
  reaching: "refused",
  connecting: "refused",
  securing: "tls_failed",
  open: "end",
  closing: "end",
  gone: "end",
};
