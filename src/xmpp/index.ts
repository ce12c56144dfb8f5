/**
 * The words of XMPP: namespaces, addresses, error conditions (RFC 6120, RFC 7622).
 *
 * 1. A namespace is written here and nowhere else.
 * 2. An address that is compared is a `Jid`; an address that goes on the wire is the text that was read.
 */
export { NS } from "./namespaces.js";
export { hostAndPort } from "./host-port.js";
export { Jid, normaliseDomain, parseJid } from "./jid.js";
export { stanzaErrorTypes, streamErrorConditions } from "./conditions.js";
export type { StanzaErrorCondition, StanzaErrorType, StreamErrorCondition } from "./conditions.js";
export { UsageError } from "./usage-error.js";
export { serverIdentities } from "./identities.js";
