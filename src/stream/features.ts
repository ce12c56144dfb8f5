import type { Element } from "../xml/index.js";
import { childElements, findChild, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { ChannelBinding } from "./sasl-offers.js";
import { invalidMechanism, isLost, limitOffers } from "./sasl-offers.js";

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
 * Takes out of a `<stream:features/>` what Caesura cannot honour. Of SASL that is as little as the operator lets it be (A1).
 *
 * Shape   `features` is changed in place.
 * Returns whether anything was taken out; otherwise the bytes as received go on.
 * Source  protocol.md A1, A4, A5, A7, A8, A10, T2.
 */
export function removeFeatures(features: Element, binding: ChannelBinding): boolean {
  let changed = limitOffers(features, binding);
  for (const child of childElements(features)) {
    const namespace = namespaceOf(child, NS.streams);
    if (!NEVER.some(([ns, name]) => ns === namespace && name === child.name)) continue;
    features.remove(child);
    changed = true;
  }
  return changed;
}

/** A client's element, as far as it can be refused here. */
export interface Proposal {
  readonly namespace: string;
  readonly name: string;
  /** Of `<auth/>` and `<authenticate/>`. */
  readonly mechanism: string | undefined;
}

/**
 * The answer to a negotiation that was not offered: STARTTLS behind TLS, compression (XEP-0138 §3), a login by a mechanism
 * that fails through us (RFC 6120 §6.5.7). The server does not hear of it.
 */
export function refusalOf({ namespace, name, mechanism = "" }: Proposal, binding: ChannelBinding): string | undefined {
  switch (namespace) {
    case NS.tls:
      return `<failure xmlns='${NS.tls}'/>`;
    case NS.compress:
      return `<failure xmlns='${NS.compress}'><setup-failed/></failure>`;
    case NS.sasl:
      return name === "auth" && isLost(mechanism, binding) ? invalidMechanism(NS.sasl) : undefined;
    case NS.sasl2:
      return name === "authenticate" && isLost(mechanism, binding) ? invalidMechanism(NS.sasl2) : undefined;
    default:
      return undefined;
  }
}

/** The largest stanza that we take, in bytes: in the stream that runs now, and in the one that is authenticated. */
export interface StanzaLimits {
  readonly now: number;
  readonly later: number;
}

/**
 * Lowers what the server says it takes to what we take (XEP-0478 §3); what it does not say is not added.
 *
 * Shape   `parent` is the stream features, or a `<success/>` of SASL2, and is changed in place. Returns whether it was. What stands in
 *         the inline features of SASL2, in `<success/>` and in `<bound/>` holds for the stream that is authenticated.
 * Source  protocol.md R8; XEP-0388 §2.1, §2.6.1, XEP-0386 §3.
 */
export function lowerLimits(parent: Element, { now, later }: StanzaLimits): boolean {
  let changed = lowerOwnLimits(parent, now);
  for (const child of childElements(parent)) {
    if (INLINE.has(child.name)) changed = lowerLimits(child, { now: later, later }) || changed;
  }
  return changed;
}

const INLINE: ReadonlySet<string> = new Set(["authentication", "inline", "bind", "bound"]);

function lowerOwnLimits(parent: Element, maxStanzaBytes: number): boolean {
  const limits = findChild(parent, "limits", NS.streamLimits);
  const maxBytes = limits && findChild(limits, "max-bytes", NS.streamLimits);
  if (maxBytes === undefined || !(Number(maxBytes.getText()) > maxStanzaBytes)) return false;
  maxBytes.children = [String(maxStanzaBytes)];
  return true;
}

/** The features of a stream before TLS: STARTTLS and nothing else (RFC 6120 §5.3.1, design decision 2). */
export const FEATURES_BEFORE_TLS = Buffer.from(
  `<stream:features><starttls xmlns='${NS.tls}'><required/></starttls></stream:features>`,
);
