import { Element, serialize } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** What a managing entity is told of a delegation. */
export interface DelegatedNamespace {
  readonly namespace: string;
  /** Names of the filtering attributes. */
  readonly filtering: readonly string[];
}

/**
 * Tells a managing entity everything that is delegated to it at a domain. Each one replaces the one before.
 *
 * Shape   bytes for a component stream, whose default namespace is left unsaid. Without rules an empty list: what was
 *         delegated is no longer. `managed` is the user who delegated it, where no administrator did; each of them, and
 *         the administrator, has a list of their own.
 * Source  XEP-0355 §4.2, §5.1, §8; protocol.md D10 to D12, D63. `from` is the domain: known entities compare it (D11).
 */
export function advertisement(
  domain: string,
  entity: string,
  rules: readonly DelegatedNamespace[],
  id: string,
  managed?: string,
): Buffer {
  const message = new Element("message", { from: domain, to: entity, id });
  const delegation = message.c("delegation", { xmlns: NS.delegation, ...(managed !== undefined && { to: managed }) });
  for (const { namespace, filtering } of rules) {
    const delegated = delegation.c("delegated", { namespace });
    for (const name of filtering) delegated.c("attribute", { name });
  }
  return Buffer.from(serialize(message));
}
