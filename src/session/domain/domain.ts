import type { ClientMode } from "../../delegation/index.js";
import type { Decision, Request } from "../../rules/index.js";
import { parseJid } from "../../xmpp/index.js";
import { DomainDiscovery } from "./domain-discovery.js";
import { GrantedDiscovery } from "./granted-discovery.js";
import { decideByGrant } from "./granted-rule.js";
import type { DomainSettings, LinkLimits } from "./settings.js";

/** A served domain: its settings, which a reload replaces under the links that stand, and what is counted for it. */
export class Domain {
  readonly name: string;
  #settings: DomainSettings;
  /** What its users delegate themselves; undefined where they may not. Set with the settings. */
  clientMode: ClientMode | undefined;
  /** Requests that each rule took, by namespace. */
  readonly matches = new Map<string, number>();
  readonly discovery: DomainDiscovery;
  readonly grantedDiscovery = new GrantedDiscovery();

  constructor(settings: DomainSettings, limits: () => LinkLimits) {
    this.name = settings.name;
    this.#settings = settings;
    this.discovery = new DomainDiscovery(settings.name, () => limits().trusted.maxFrameBytes);
    this.discovery.grantedOf = (account) =>
      this.clientMode === undefined || this.clientMode.grants.isEmpty
        ? []
        : this.grantedDiscovery.of(this.clientMode.grants.effectiveOf(account));
    this.replace(settings);
  }

  get settings(): DomainSettings {
    return this.#settings;
  }

  replace(settings: DomainSettings): void {
    this.#settings = settings;
    this.discovery.configure(settings.rules, settings.clientMode !== undefined);
    this.#keepMatchesOfRules();
  }

  /** Component links end here, so that stanzas to components are routed here. */
  get endsComponents(): boolean {
    return !this.#settings.relaysComponents && this.#settings.components !== undefined;
  }

  /**
   * Whether a rule could take an iq with so many children, the first with this hash of its namespace. All of several
   * children must be looked at, because whoever answers refuses them (RFC 6120 §8.2.3).
   */
  mayMatch(childNamespaceHash: number, childCount: number): boolean {
    const { rules } = this.#settings;
    if (rules.mayMatch(childNamespaceHash) || (childCount > 1 && rules.rules.length > 0)) return true;
    if (this.clientMode?.mayMatch(childNamespaceHash, childCount) === true) return true;
    return this.discovery.mayAnswer(childNamespaceHash);
  }

  /** Whose request it is: first what the administrator delegates, then what users do (XEP-0355 §4.3, §5.2). */
  decide(request: Request): Decision {
    const decision = this.#settings.rules.decide(request);
    if (decision.kind !== "pass" || this.clientMode === undefined) return decision;
    return decideByGrant(this.clientMode, request) ?? decision;
  }

  /** Stanzas may be taken out of its clients' streams, or put in. */
  get takesStanzas(): boolean {
    return this.endsComponents || this.#settings.rules.rules.length > 0 || this.clientMode !== undefined;
  }

  /** The component, among those whose links end here, that an address belongs to. */
  componentOf(address: string): string | undefined {
    const domain = parseJid(address)?.domain;
    return domain !== undefined && this.#settings.components?.has(domain) ? domain : undefined;
  }

  #keepMatchesOfRules(): void {
    const { rules, clientMode } = this.#settings;
    const present = new Set([...rules.rules.map((rule) => rule.namespace), ...(clientMode?.namespaces ?? [])]);
    for (const namespace of this.matches.keys()) {
      if (!present.has(namespace)) this.matches.delete(namespace);
    }
    for (const namespace of present) {
      if (!this.matches.has(namespace)) this.matches.set(namespace, 0);
    }
  }
}
