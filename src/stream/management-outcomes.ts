/** What becomes of an `<a/>`. */
export type AckOutcome =
  /** It goes on with this counter. `isSame`: the counter is the one that came, so the frame may pass as it is. */
  | { readonly kind: "relay"; readonly h: number; readonly isSame: boolean }
  /** Only we had asked, and it holds nothing new for the other side. */
  | { readonly kind: "drop" }
  /** Stream management is not enabled here: the frame passes as it is, and its receiver decides. */
  | { readonly kind: "pass" }
  /** The leg is no longer attached (S35): the frame is dropped. */
  | { readonly kind: "ignore" }
  /** Not a counter: stream error `invalid-xml` (S14). */
  | { readonly kind: "malformed" }
  /** More than was sent (protocol.md 3.6); both values are in the numbering of whoever sent it. */
  | { readonly kind: "too-high"; readonly h: number; readonly sendCount: number };

/** What becomes of a stanza of ours: it leaves now, or it is kept until the stream can take it. */
export type Injection = "send" | "keep";

/**
 * How far a session is beyond its limits: `drop` means that the client's socket is to be closed, so that it comes back
 * and says what it has; `discard` that the session cannot be kept (protocol.md S13).
 */
export type Pressure = "none" | "drop" | "discard";

/** `off`: nothing is counted. `enabling`: `<enable/>` was relayed, the answer is awaited. `on`: both sides count. */
export type ManagementState = "off" | "enabling" | "on";
