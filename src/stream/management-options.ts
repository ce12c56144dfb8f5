import { SEQUENCE_MODULUS } from "./sequence.js";

/** What is fixed for all sessions of one domain. Times in milliseconds. */
export interface ManagementOptions {
  /**
   * When a swallowed request counts as handled: `accept` as soon as it was taken, `reply` only when its answer was
   * queued, so that a slow managing entity holds back the acknowledgement of later stanzas too (protocol.md S10).
   */
  readonly ackDelegated: "accept" | "reply";
  /** Unacknowledged stanzas of ours after which the client is asked (S13). */
  readonly requestAfterCount: number;
  /** Age of the oldest of them at which it is asked. */
  readonly requestAfterMs: number;
  /** Swallowed and injected stanzas after which the server is asked, because nothing else frees their memory. */
  readonly requestServerAfterCount: number;
  /** Limits on what is kept for one session: stanzas injected into the client's stream, and bytes of both directions. */
  readonly maxInjected: number;
  readonly maxRetainedBytes: number;
  /** Counters begin again at 0 below this; tests take a small one. */
  readonly modulus: number;
}

export const DEFAULT_MANAGEMENT_OPTIONS: ManagementOptions = {
  ackDelegated: "accept",
  requestAfterCount: 5,
  requestAfterMs: 30_000,
  requestServerAfterCount: 32,
  maxInjected: 512,
  maxRetainedBytes: 1024 * 1024,
  modulus: SEQUENCE_MODULUS,
};
