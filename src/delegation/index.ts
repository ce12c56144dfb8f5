/**
 * Conversation with one managing entity: wrapping, unwrapping, advertising, and what users grant it (XEP-0355
 * v0.5, XEP-0297 v1.0, XEP-0004 v2.13, XEP-0050 v1.3).
 *
 * 1. Each forwarded request has exactly one outcome, whatever the entity answers, and one outcome disturbs no other.
 * 2. A reply counts only when link, outer id, inner id, type, `from` and `to` all agree with the request.
 * 3. No clock and no chance: ids and times are arguments.
 * 4. Client mode (§5, §6): nothing is granted but by the user's own answer to a question of ours, and nothing is announced
 *    before it is stored.
 */
export { advertisement } from "./advertisement.js";
export type { DelegatedNamespace } from "./advertisement.js";
export { breaches, wrapperRefusals } from "./breach.js";
export type { BreachCode, WrapperRefusalCode } from "./breach.js";
export { EntityLink } from "./entity-link.js";
export type { Acceptance, ForwardedRequest, Settled } from "./entity-link.js";
export { ClientMode, isGrantRequest } from "./client-mode.js";
export type { ClientModeSettings, GrantAnswerOutcome, GrantRequestOutcome } from "./client-mode.js";
export { grantCommandOf } from "./grant-command.js";
export type { GrantCommandOutcome } from "./grant-command.js";
export { grantMessage } from "./grant-form.js";
export type { GrantQuestion } from "./grant-questions.js";
export { grantAnswerRefusals, grantCommandRefusals, grantRequestRefusals } from "./grant-refusals.js";
export type { GrantAnswerRefusal, GrantCommandRefusal, GrantRequestRefusal } from "./grant-refusals.js";
export type { GrantDecision } from "./grant-table.js";
export { grantTexts } from "./grant-texts.js";
export type { Grant, GrantChange } from "./grant.js";
