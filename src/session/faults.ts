import type { StreamErrorCondition } from "../xmpp/index.js";
import type { LegName, LinkEvent } from "./performer.js";

interface FaultEntry {
  readonly condition: StreamErrorCondition;
  /** Document and section that the peer broke. */
  readonly source: string;
}

/**
 * What a peer can do wrong above XML: code → the stream error that it gets. `docs/errors.md` explains each; what can be
 * wrong with the XML itself stands in `xml/faults.ts`, with a reply in `delegation/breach.ts`.
 */
export const LINK_FAULTS = {
  "stream-namespace": { condition: "invalid-namespace", source: "RFC 6120 §4.8.3" },
  "stream-host": { condition: "host-unknown", source: "RFC 6120 §4.9.3.6" },
  "stream-host-changed": { condition: "host-unknown", source: "RFC 6120 §4.9.3.6" },
  "bytes-behind-starttls": { condition: "policy-violation", source: "RFC 6120 §5.4.3.3" },
  "bytes-behind-proceed": { condition: "policy-violation", source: "RFC 6120 §5.4.3.3" },
  "stanza-before-tls": { condition: "not-authorized", source: "RFC 6120 §5.3.1" },
  "server-offers-no-tls": { condition: "policy-violation", source: "RFC 6120 §5.3.1" },
  "server-tls-refused": { condition: "unsupported-stanza-type", source: "RFC 6120 §5.4.2" },
  "unknown-nonza": { condition: "unsupported-stanza-type", source: "RFC 6120 §4.9.3.24" },
  "unexpected-sasl": { condition: "undefined-condition", source: "RFC 6120 §6.4" },
  "bound-jid": { condition: "undefined-condition", source: "RFC 6120 §7.6.1" },
  "handshake-digest": { condition: "not-authorized", source: "XEP-0114 §3" },
  "stanza-before-handshake": { condition: "not-authorized", source: "XEP-0114 §3" },
  "component-conflict": { condition: "conflict", source: "RFC 6120 §4.9.3.3" },
  "component-from": { condition: "invalid-from", source: "RFC 6120 §4.9.3.9" },
  "missing-to": { condition: "improper-addressing", source: "XEP-0114 §3" },
} as const satisfies Readonly<Record<string, FaultEntry>>;

export type LinkFaultCode = keyof typeof LINK_FAULTS;

/** The event that tells an operator of a fault. */
export function faultEvent(leg: LegName, code: LinkFaultCode): LinkEvent & { readonly kind: "fault" } {
  return { kind: "fault", leg, code, ...LINK_FAULTS[code] };
}
