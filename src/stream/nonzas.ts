import { NS } from "../xmpp/index.js";

/**
 * The top-level elements that are no stanzas and may be relayed (protocol.md X5). A name outside the list is answered
 * with `unsupported-stanza-type` (RFC 6120 §4.9.3.24): what neither side's standard explains could be read in two ways.
 */
const KNOWN: ReadonlyMap<string, ReadonlySet<string> | "any"> = new Map<string, ReadonlySet<string> | "any">([
  [NS.streams, new Set(["features", "error"])],
  [NS.tls, new Set(["starttls", "proceed", "failure"])],
  [NS.sasl, new Set(["auth", "challenge", "response", "success", "failure", "abort"])],
  // XEP-0388 §2: negotiation tasks may add elements of its namespace.
  [NS.sasl2, "any"],
  [NS.sm2, new Set(["enable", "enabled", "resume", "resumed", "failed", "r", "a"])],
  [NS.sm3, new Set(["enable", "enabled", "resume", "resumed", "failed", "r", "a"])],
  [NS.csi, new Set(["active", "inactive"])],
  [NS.compress, new Set(["compress", "compressed", "failure"])],
  [NS.isr, "any"],
  [NS.component, new Set(["handshake"])],
]);

export function isKnownNonza(namespace: string, name: string): boolean {
  const names = KNOWN.get(namespace);
  return names === "any" || (names !== undefined && names.has(name));
}
