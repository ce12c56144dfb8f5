import { advertisement } from "../delegation/index.js";
import type { DelegationRule } from "../rules/index.js";
import type { ComponentLink } from "./component-link.js";
import type { Domain } from "./domain.js";
import type { HubEnvironment } from "./hub-types.js";

/** Tells each managing entity what it manages, once it is authenticated and whenever that changes (XEP-0355 §4.2, §8). */
export class Advertising {
  readonly #env: HubEnvironment;
  /** What each link was told last: domain → its delegations as one string. */
  readonly #told = new WeakMap<ComponentLink, Map<string, string>>();

  constructor(env: HubEnvironment) {
    this.#env = env;
  }

  /** Sends what `link` does not know yet. A domain that is gone, or delegates nothing to it any more, is told as empty. */
  tell(link: ComponentLink, domains: ReadonlyMap<string, Domain>): void {
    const told = this.#told.get(link) ?? new Map<string, string>();
    this.#told.set(link, told);
    for (const name of new Set([...told.keys(), ...domains.keys()])) {
      const rules = domains.get(name)?.settings.rules.rulesOf(link.component) ?? [];
      const now = summaryOf(rules);
      if (now === (told.get(name) ?? NOTHING)) continue;
      told.set(name, now);
      link.sendToComponent(advertisement(name, link.component, rules, this.#env.newId()));
      this.#env.report({ kind: "advertised", domain: name, entity: link.component, namespaces: rules.length });
    }
  }
}

function summaryOf(rules: readonly DelegationRule[]): string {
  return JSON.stringify(rules.map(({ namespace, filtering }) => [namespace, filtering]));
}

const NOTHING = summaryOf([]);
