/**
 * Conversation with one managing entity: wrapping, unwrapping, advertising (XEP-0355 v0.5, XEP-0297 v1.0).
 *
 * 1. Each forwarded request has exactly one outcome, whatever the entity answers, and one outcome disturbs no other.
 * 2. A reply counts only when link, outer id, inner id, type, `from` and `to` all agree with the request.
 * 3. No clock and no chance: ids and times are arguments.
 */
export { advertisement } from "./advertisement.js";
export type { DelegatedNamespace } from "./advertisement.js";
export { breaches, wrapperRefusals } from "./breach.js";
export type { BreachCode, WrapperRefusalCode } from "./breach.js";
export { EntityLink } from "./entity-link.js";
export type { Acceptance, ForwardedRequest, Settled } from "./entity-link.js";
