import type { Element } from "../xml/index.js";
import { childElements, namespaceOf } from "../xml/index.js";
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

/** Taken out of streams from which stanzas may be taken: the counters of XEP-0198 would no longer agree (S2). */
const WHERE_STANZAS_ARE_TAKEN: readonly (readonly [namespace: string, name: string])[] = [
  [NS.sm2, "sm"],
  [NS.sm3, "sm"],
];

/** Containers of features that are negotiated inline (XEP-0388 §2.1, XEP-0386 §2). */
const CONTAINERS: readonly (readonly [namespace: string, name: string])[] = [
  [NS.sasl2, "authentication"],
  [NS.sasl2, "inline"],
  [NS.bind2, "bind"],
  [NS.bind2, "inline"],
];

/**
 * Takes out of a `<stream:features/>` what Caesura cannot honour. SASL mechanisms stay as they are (A1).
 *
 * Shape   `features` is changed in place.
 * Returns whether anything was taken out; otherwise the bytes as received go on.
 * Source  protocol.md A1, A5, A10, T2, S2; XEP-0198 §3.
 */
export function removeFeatures(features: Element, stanzasAreTaken: boolean): boolean {
  return remove(features, NS.streams, stanzasAreTaken ? [...NEVER, ...WHERE_STANZAS_ARE_TAKEN] : NEVER);
}

function remove(parent: Element, parentNamespace: string, unwanted: typeof NEVER): boolean {
  let changed = false;
  for (const child of childElements(parent)) {
    const namespace = namespaceOf(child, parentNamespace);
    const is = ([ns, name]: readonly [string, string]) => ns === namespace && name === child.name;
    // `<feature var='urn:xmpp:sm:3'/>` is how XEP-0386 lists what can be enabled while binding.
    const listed = child.name === "feature" && unwanted.some(([ns]) => ns === child.attrs["var"]);
    if (unwanted.some(is) || listed) {
      parent.remove(child);
      changed = true;
    } else if (CONTAINERS.some(is)) {
      changed = remove(child, namespace, unwanted) || changed;
    }
  }
  return changed;
}

/** The features of a stream before TLS: STARTTLS and nothing else (RFC 6120 §5.3.1, design decision 2). */
export const FEATURES_BEFORE_TLS = Buffer.from(
  `<stream:features><starttls xmlns='${NS.tls}'><required/></starttls></stream:features>`,
);
