import { parseJid } from "../xmpp/index.js";
import { DomainDiscovery } from "./domain-discovery.js";
import type { DomainSettings } from "./settings.js";

/** A served domain: its settings, which a reload replaces under the links that stand, and what is counted for it. */
export class Domain {
  readonly name: string;
  #settings: DomainSettings;
  /** Requests that each rule took, by namespace. */
  readonly matches = new Map<string, number>();
  readonly discovery: DomainDiscovery;

  constructor(settings: DomainSettings) {
    this.name = settings.name;
    this.#settings = settings;
    this.discovery = new DomainDiscovery(settings.name);
    this.replace(settings);
  }

  get settings(): DomainSettings {
    return this.#settings;
  }

  replace(settings: DomainSettings): void {
    this.#settings = settings;
    this.discovery.configure(settings.rules);
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
    return (
      rules.mayMatch(childNamespaceHash) ||
      (childCount > 1 && rules.rules.length > 0) ||
      this.discovery.mayAnswer(childNamespaceHash)
    );
  }

  /** Stanzas may be taken out of its clients' streams, or put in. */
  get takesStanzas(): boolean {
    return this.endsComponents || this.#settings.rules.rules.length > 0;
  }

  /** The component, among those whose links end here, that an address belongs to. */
  componentOf(address: string): string | undefined {
    const domain = parseJid(address)?.domain;
    return domain !== undefined && this.#settings.components?.has(domain) ? domain : undefined;
  }

  #keepMatchesOfRules(): void {
    const present = new Set(this.#settings.rules.rules.map((rule) => rule.namespace));
    for (const namespace of this.matches.keys()) {
      if (!present.has(namespace)) this.matches.delete(namespace);
    }
    for (const namespace of present) {
      if (!this.matches.has(namespace)) this.matches.set(namespace, 0);
    }
  }
}
