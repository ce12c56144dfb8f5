import type { ClientMode, Grant } from "../../delegation/index.js";
import type { Decision, DelegationRule, Request, Target } from "../../rules/index.js";
import { refusals } from "../../rules/index.js";
import { parseJid } from "../../xmpp/index.js";

/** A user's grant, in the shape in which requests are forwarded. */
class GrantedRule implements DelegationRule {
  readonly namespace: string;
  readonly entity: string;
  readonly timeoutMs: number;
  // XEP-0355 §5 has none of these: filters and blocking are the administrator's, and §5.2 names the targets.
  readonly filtering = [];
  readonly blocking = false;
  readonly foreignTargets = "delegate";
  readonly identities = [];

  constructor({ namespace, entity }: Grant, timeoutMs: number) {
    this.namespace = namespace;
    this.entity = entity;
    this.timeoutMs = timeoutMs;
  }
}

/** What a user's grant makes of a request that no rule takes; undefined if there is none for it. */
export function decideByGrant(clientMode: ClientMode, request: Request): Decision | undefined {
  const decision = clientMode.grants.decide(request);
  switch (decision.kind) {
    case "pass":
      return undefined;
    case "forward": {
      const rule = new GrantedRule(decision.grant, clientMode.settings.timeoutMs);
      return { kind: "delegate", rule, target: targetOf(request), waitsFor: "nothing" };
    }
    case "refuse": {
      const { condition, errorType } = refusals[decision.code];
      const rule = new GrantedRule(decision.grant, clientMode.settings.timeoutMs);
      return { kind: "refuse", condition, errorType, code: decision.code, rule };
    }
    default:
      return decision satisfies never;
  }
}

function targetOf({ to, from }: Request): Target {
  const address = to === undefined ? undefined : parseJid(to);
  if (address === undefined || address.bareKey === parseJid(from)?.bareKey) return "own-account";
  return address.local === undefined ? "domain" : "foreign-account";
}

/** The managing entity as labels name it: one that users chose is not configured, and gets no label of its own. */
export function entityLabel(rule: DelegationRule): string {
  return rule instanceof GrantedRule ? "" : rule.entity;
}
