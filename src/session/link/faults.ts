import type { StreamErrorCondition } from "../../xmpp/index.js";
import type { LegName, LinkEvent } from "./performer.js";

interface FaultEntry {
  readonly condition: StreamErrorCondition;
  /** Document and section that the peer broke. */
  readonly source: string;
  readonly meaning: string;
}

/**
 * What a peer can do wrong above XML: code → the stream error that it gets. `docs/errors.md` explains each; what can be
 * wrong with the XML itself stands in `xml/faults.ts`, with a reply in `delegation/breach.ts`.
 */
export const LINK_FAULTS = {
  "stream-namespace": {
    condition: "invalid-namespace",
    source: "RFC 6120 §4.8.3",
    meaning: "the stream header's default namespace is that of another kind of stream",
  },
  "stream-host": {
    condition: "host-unknown",
    source: "RFC 6120 §4.9.3.6",
    meaning:
      "the stream header names no domain (or component) that is served here, or another one than TLS was asked for",
  },
  "stream-host-changed": {
    condition: "host-unknown",
    source: "RFC 6120 §4.9.3.6",
    meaning: "the header after SASL names another domain than the first",
  },
  "bytes-behind-starttls": {
    condition: "policy-violation",
    source: "RFC 6120 §5.4.3.3",
    meaning: "a client sent bytes behind `<starttls/>` without waiting for `<proceed/>`",
  },
  "bytes-behind-proceed": {
    condition: "policy-violation",
    source: "RFC 6120 §5.4.3.3",
    meaning: "the server sent bytes in clear behind `<proceed/>`",
  },
  "stanza-before-tls": {
    condition: "not-authorized",
    source: "RFC 6120 §5.3.1",
    meaning: "a client sent something else than `<starttls/>` before TLS",
  },
  "server-offers-no-tls": {
    condition: "policy-violation",
    source: "RFC 6120 §5.3.1",
    meaning: "`server.c2s.tls` is `starttls`, and the server offers none",
  },
  "server-tls-refused": {
    condition: "unsupported-stanza-type",
    source: "RFC 6120 §5.4.2",
    meaning: "the server did not answer `<starttls/>` with `<proceed/>`",
  },
  "certificate-differs": {
    condition: "undefined-condition",
    source: "RFC 5929 §4",
    meaning:
      "`server.c2s.channelBinding` is `endpoint`, and the server shows another certificate than clients see; logins that are bound to it fail",
  },
  "unknown-nonza": {
    condition: "unsupported-stanza-type",
    source: "RFC 6120 §4.9.3.24",
    meaning: "a top-level element that is no stanza and that no supported standard defines",
  },
  "unexpected-sasl": {
    condition: "undefined-condition",
    source: "RFC 6120 §6.4",
    meaning: "the server answered an authentication that was not asked for",
  },
  "bound-jid": {
    condition: "undefined-condition",
    source: "RFC 6120 §7.6.1",
    meaning: "the server bound an address that is none, or of another domain; the stream is relayed without delegation",
  },
  "mechanism-not-offered": {
    condition: "policy-violation",
    source: "RFC 6120 §6.5.7",
    meaning:
      "a client chose a SASL mechanism that cannot work through Caesura; it was answered with `invalid-mechanism`, and may go on",
  },
  "too-many-refusals": {
    condition: "policy-violation",
    source: "RFC 6120 §6.4.5",
    meaning: "a client kept asking for what is not offered",
  },
  "too-many-binds": {
    condition: "policy-violation",
    source: "RFC 6120 §7",
    meaning: "a client sent one request for binding after the other without waiting for an answer",
  },
  "ack-malformed": {
    condition: "invalid-xml",
    source: "XEP-0198 §4",
    meaning: "the counter of an `<a/>` is no number",
  },
  "ack-too-high": {
    condition: "undefined-condition",
    source: "XEP-0198 §6",
    meaning: "an `<a/>` acknowledges more stanzas than were sent",
  },
  "unexpected-enabled": {
    condition: "undefined-condition",
    source: "XEP-0198 §3",
    meaning: "the server enabled stream management that was not asked for",
  },
  "resumed-contradicts": {
    condition: "undefined-condition",
    source: "XEP-0198 §5",
    meaning: "the counter in the server's `<resumed/>` contradicts what was relayed",
  },
  "handshake-digest": {
    condition: "not-authorized",
    source: "XEP-0114 §3",
    meaning: "the component's digest does not fit its secret",
  },
  "stanza-before-handshake": {
    condition: "not-authorized",
    source: "XEP-0114 §3",
    meaning: "a component sent stanzas before its handshake",
  },
  "component-conflict": {
    condition: "conflict",
    source: "RFC 6120 §4.9.3.3",
    meaning: "the component is already connected",
  },
  "component-from": {
    condition: "invalid-from",
    source: "RFC 6120 §4.9.3.9",
    meaning: "a component wrote an address of another domain in `from`",
  },
  "missing-to": {
    condition: "improper-addressing",
    source: "XEP-0114 §3",
    meaning: "a component's stanza has no `to`",
  },
  "message-binary": {
    condition: "bad-format",
    source: "RFC 7395 §3.2",
    meaning: "a binary message over WebSocket",
  },
  "message-empty": {
    condition: "not-well-formed",
    source: "RFC 7395 §3.3.3",
    meaning: "a message over WebSocket that holds nothing, or white space alone",
  },
  "message-text": {
    condition: "bad-format",
    source: "RFC 7395 §3.3.3",
    meaning: "a message over WebSocket that does not begin with `<`",
  },
  "message-incomplete": {
    condition: "not-well-formed",
    source: "RFC 7395 §3.3.3",
    meaning: "a message over WebSocket that holds a part of an element",
  },
  "message-crowded": {
    condition: "not-well-formed",
    source: "RFC 7395 §3.3.3",
    meaning: "a message over WebSocket that holds more than one element",
  },
  "message-too-large": {
    condition: "policy-violation",
    source: "RFC 6120 §13.12",
    meaning: "a message over WebSocket over the limit on stanzas; the connection is closed with code 1009",
  },
  "websocket-frame": {
    condition: "bad-format",
    source: "RFC 6455 §7.1.7",
    meaning: "frames that break the WebSocket protocol; the connection is closed with the code of the breach",
  },
  "open-missing": {
    condition: "invalid-namespace",
    source: "RFC 7395 §3.3.2",
    meaning: "the first message over WebSocket is no `<open/>`",
  },
  "open-content": {
    condition: "bad-format",
    source: "RFC 7395 §3.3.1",
    meaning: "an `<open/>` that is not empty",
  },
} as const satisfies Readonly<Record<string, FaultEntry>>;

export type LinkFaultCode = keyof typeof LINK_FAULTS;

/** The event that tells an operator of a fault. */
export function faultEvent(leg: LegName, code: LinkFaultCode): LinkEvent & { readonly kind: "fault" } {
  const { condition, source } = LINK_FAULTS[code];
  return { kind: "fault", leg, code, condition, source };
}
