import { Buffer } from "node:buffer";

/** A session as a value of JSON, to be handed to another instance (protocol.md S33). Stanzas are text. */
export interface ManagementSnapshot {
  readonly up: LedgerSnapshot;
  readonly down: LedgerSnapshot;
  /** Stanzas of ours that never left. */
  readonly heldUp: readonly string[];
  readonly heldDown: readonly string[];
}

/** A ledger as a value of JSON. Requests that wait for an answer are not part of it: their links are gone. */
export interface LedgerSnapshot {
  readonly senderAck: number;
  readonly receiverAck: number;
  readonly heard: number;
  /** Relayed stanzas as a count, swallowed ones by fingerprint, injected ones as text, oldest first. */
  readonly entries: readonly (
    | { readonly relayed: number }
    | { readonly swallowed: string; readonly isHandled: boolean }
    | { readonly injected: string; readonly atMs: number }
  )[];
  readonly repeats: readonly (readonly [fingerprint: string, count: number])[];
  readonly repeatsLeft: number;
}

/** A stanza of ours as text; it is UTF-8 and whole. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
