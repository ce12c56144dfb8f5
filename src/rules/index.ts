/**
 * Which requests are delegated, and to whom (XEP-0355 v0.5 §4.3).
 *
 * 1. In doubt the server decides: what cannot be proved to fall under a rule passes.
 * 2. Every decision has a reason out of a closed list.
 * 3. The cost of a decision does not depend on the number of rules.
 */
export { passReasons, refusals } from "./rule.js";
export type {
  Condition,
  Decision,
  DelegationRule,
  PassReason,
  RefusalCode,
  Request,
  RequestChild,
  RuleStep,
  Target,
  Waiting,
} from "./rule.js";
export { RuleTable } from "./rule-table.js";
