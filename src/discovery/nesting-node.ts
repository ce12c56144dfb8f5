import { NS } from "../xmpp/index.js";

/** Whose answers are nested: those of the served domain, or those of its accounts. */
export type NestingScope = "domain" | "account";

/**
 * The node on which a managing entity says what it has to say on a namespace.
 *
 * Returns undefined for the two names that stand for the rest of discovery: nothing is nested for them, and asking would
 *         be asking for a namespace that is none.
 * Source  XEP-0355 §7.2.1, §7.2.2; protocol.md D51.
 */
export function nestingNode(namespace: string, scope: NestingScope): string | undefined {
  if (namespace === NS.delegationBareDiscoInfo || namespace === NS.delegationBareDiscoItems) return undefined;
  return `${NS.delegation}${scope === "domain" ? "::" : ":bare:"}${namespace}`;
}
