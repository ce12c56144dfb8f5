import type { Decision, DelegationRule, Request, RuleStep } from "./rule.js";

export class RuleTable {
  readonly domain: string;
  readonly rules: readonly DelegationRule[];

  private constructor(domain: string, rules: readonly DelegationRule[]) {
    this.domain = domain;
    this.rules = rules;
  }

  static compile(domain: string, rules: readonly DelegationRule[]): RuleTable {
    return new RuleTable(domain, rules);
  }

  mayMatch(_childNamespaceHash: number): boolean {
    throw new Error("not written yet");
  }

  decide(_request: Request): Decision {
    throw new Error("not written yet");
  }

  explain(_request: Request): readonly RuleStep[] {
    throw new Error("not written yet");
  }

  entities(): readonly string[] {
    throw new Error("not written yet");
  }

  rulesOf(_entity: string): readonly DelegationRule[] {
    throw new Error("not written yet");
  }
}
