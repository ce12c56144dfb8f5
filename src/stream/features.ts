import type { Element } from "../xml/index.js";
import { childElements, findChild, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** Stream features that a man in the middle must not let through, whatever the rules say. */
const NEVER: readonly (readonly [namespace: string, name: string])[] = [
  // protocol.md A5: TLS with the client is ours; the server's own offer is never relayed.
  [NS.tls, "starttls"],
  // T2: a compressed stream could not be read.
  [NS.compressFeature, "compression"],
  // A10: `jabber:iq:auth` gives no full JID in its answer.
  [NS.iqAuthFeature, "auth"],
];

/**
 * Takes out of a `<stream:features/>` what Caesura cannot honour. SASL mechanisms stay as they are (A1).
 *
 * Shape   `features` is changed in place.
 * Returns whether anything was taken out; otherwise the bytes as received go on.
 * Source  protocol.md A1, A5, A10, T2.
 */
export function removeFeatures(features: Element): boolean {
  let changed = false;
  for (const child of childElements(features)) {
    const namespace = namespaceOf(child, NS.streams);
    if (!NEVER.some(([ns, name]) => ns === namespace && name === child.name)) continue;
    features.remove(child);
    changed = true;
  }
  return changed;
}

/** The answer to a negotiation that was not offered: STARTTLS behind TLS, compression (XEP-0138 §3). */
export function refusalOf(namespace: string): string | undefined {
  if (namespace === NS.tls) return `<failure xmlns='${NS.tls}'/>`;
  return namespace === NS.compress ? `<failure xmlns='${NS.compress}'><setup-failed/></failure>` : undefined;
}

/**
 * Lowers what the server says it takes to what we take (XEP-0478 §3); what it does not say is not added.
 *
 * Shape   `features` is changed in place. Returns whether it was.
 * Source  protocol.md R8.
 */
export function lowerLimits(features: Element, maxStanzaBytes: number): boolean {
  const limits = findChild(features, "limits", NS.streamLimits);
  const maxBytes = limits && findChild(limits, "max-bytes", NS.streamLimits);
  if (maxBytes === undefined || !(Number(maxBytes.getText()) > maxStanzaBytes)) return false;
  maxBytes.children = [String(maxStanzaBytes)];
  return true;
}

/** The features of a stream before TLS: STARTTLS and nothing else (RFC 6120 §5.3.1, design decision 2). */
export const FEATURES_BEFORE_TLS = Buffer.from(
  `<stream:features><starttls xmlns='${NS.tls}'><required/></starttls></stream:features>`,
);
