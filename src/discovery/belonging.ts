import { NS } from "../xmpp/index.js";

/**
 * Whether a feature or FORM_TYPE is a namespace's: the namespace itself, or the namespace, `#` and anything.
 *
 * Shape   never a bare prefix: `urn:xmpp:mam:2` has `urn:xmpp:mam:2#extended`, and not `urn:xmpp:mam:20`.
 * Source  XEP-0355 §7.2.1; protocol.md D52.
 */
export function belongsTo(name: string, namespace: string): boolean {
  return name.startsWith(namespace) && (name.length === namespace.length || name.charAt(namespace.length) === "#");
}

/**
 * The delegation that a feature or FORM_TYPE falls under: of several the most specific, since `…/pubsub#owner` can be
 * delegated beside `…/pubsub`, and to someone else.
 *
 * Cost    one comparison a delegation, whatever a peer wrote.
 */
export function ownerOf<T extends { readonly namespace: string }>(
  name: string,
  delegated: readonly T[],
): T | undefined {
  let owner: T | undefined;
  for (const one of delegated) {
    if (!belongsTo(name, one.namespace)) continue;
    if (owner === undefined || one.namespace.length > owner.namespace.length) owner = one;
  }
  return owner;
}

/** Whether a name is of the delegation protocol, which nobody but the server may announce (XEP-0355 §7.1, §8). */
export function isDelegationItself(name: string): boolean {
  return belongsTo(name, NS.delegation) || name.startsWith(`${NS.delegation}:`);
}
