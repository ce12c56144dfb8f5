import { advertisement } from "../../delegation/index.js";
import type { DelegationRule } from "../../rules/index.js";
import type { Carrier } from "./carrier.js";
import type { Domain } from "../domain/domain.js";
import type { HubEnvironment } from "./hub-types.js";

/** Tells each managing entity what it manages, once it is authenticated and whenever that changes (XEP-0355 §4.2, §8). */
export class Advertising {
  readonly #env: HubEnvironment;
  /** What was said over each stream last: domain → its delegations as one string. */
  readonly #told = new WeakMap<Carrier, Map<string, string>>();

  constructor(env: HubEnvironment) {
    this.#env = env;
  }

  /**
   * Sends what was not said over `carrier` yet to the entity that it leads to. A domain that is gone, or delegates
   * nothing to it any more, is told as empty.
   */
  tell(carrier: Carrier, domains: ReadonlyMap<string, Domain>): void {
    const told = this.#told.get(carrier) ?? new Map<string, string>();
    this.#told.set(carrier, told);
    const [entity = carrier.address] = carrier.entities;
    for (const name of new Set([...told.keys(), ...domains.keys()])) {
      const rules = carrier.entities.flatMap((one) => domains.get(name)?.settings.rules.rulesOf(one) ?? []);
      const now = summaryOf(rules);
      if (now === (told.get(name) ?? NOTHING)) continue;
      told.set(name, now);
      carrier.sendToEntity(advertisement(name, carrier.address, rules, this.#env.newId()));
      const { connection } = carrier;
      this.#env.report({ kind: "advertised", connection, domain: name, entity, namespaces: rules.length });
    }
  }
}

function summaryOf(rules: readonly DelegationRule[]): string {
  return JSON.stringify(rules.map(({ namespace, filtering }) => [namespace, filtering]));
}

const NOTHING = summaryOf([]);
