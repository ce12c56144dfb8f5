import type { DelegationOutcome, HubEvent, HubStats } from "../session/index.js";
import type { Families, HistogramFamily } from "./families.js";
import { Tally } from "./tally.js";

/** A configured rule, as the labels name it. */
export interface RuleName {
  readonly domain: string;
  /** The configured namespace. */
  readonly rule: string;
  /** The configured managing entity; empty for what users delegate themselves, to entities of their choice. */
  readonly entity: string;
}

/** Counts what the hub reports. Rule and entity are configured names; those of deleted rules disappear. */
export class DelegationMetrics {
  readonly #outcomes = new Tally<readonly [domain: string, rule: string, entity: string, outcome: string]>();
  readonly #breaches = new Tally<readonly [code: string]>();
  readonly #advertisements = new Tally<readonly [domain: string, entity: string]>();
  readonly #resumptions = new Tally<readonly [domain: string, outcome: string]>();
  readonly #shadowed = new Tally<readonly [domain: string, rule: string]>();
  readonly #discovery = new Tally<readonly [domain: string, rule: string, outcome: string]>();
  readonly #held = new Tally<readonly [entity: string, outcome: string]>();
  readonly #lost = new Tally<readonly [entity: string]>();
  readonly #duration: HistogramFamily;
  #rules: readonly RuleName[] = [];

  /** `stats` is asked at each scrape. */
  constructor(families: Families, stats: () => HubStats) {
    families.counter(
      {
        name: "caesura_rule_matches_total",
        help: "Requests that a rule took out of a stream",
        labels: ["domain", "rule"],
      },
      (sample) => {
        const matches = stats().ruleMatches;
        for (const { domain, rule } of this.#rules) sample(matches.get(domain)?.get(rule) ?? 0, domain, rule);
      },
    );
    families.counter(
      {
        name: "caesura_delegations_total",
        help: "Delegated requests that came to an end, by how",
        labels: ["domain", "rule", "entity", "outcome"],
      },
      (sample) => this.#outcomes.read(sample),
    );
    families.counter(
      {
        name: "caesura_delegation_failures_total",
        help: "Delegated requests without a usable answer, by the code of docs/errors.md",
        labels: ["code"],
      },
      (sample) => this.#breaches.read(sample),
    );
    families.counter(
      {
        name: "caesura_resumptions_total",
        help: "Streams that were to be resumed (XEP-0198), by what became of them",
        labels: ["domain", "outcome"],
      },
      (sample) => this.#resumptions.read(sample),
    );
    families.gauge(
      { name: "caesura_resumable_sessions", help: "Sessions that could be resumed, or wait for it", labels: [] },
      (sample) => sample(stats().resumable),
    );
    this.#duration = families.histogram(
      {
        name: "caesura_delegation_duration_seconds",
        help: "Time from a delegated request to its answer",
        labels: ["domain", "rule", "entity"],
      },
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    );
    families.gauge(
      { name: "caesura_delegations_pending", help: "Delegated requests that wait for their answer", labels: [] },
      (sample) => sample(stats().pending),
    );
    families.gauge({ name: "caesura_sessions", help: "Bound client sessions", labels: [] }, (sample) =>
      sample(stats().sessions),
    );
    families.gauge(
      { name: "caesura_entity_up", help: "Whether a configured managing entity is connected", labels: ["entity"] },
      (sample) => {
        const { entities } = stats();
        for (const entity of this.#entities()) sample(entities.get(entity)?.up === true ? 1 : 0, entity);
      },
    );
    families.gauge(
      {
        name: "caesura_entity_queued_bytes",
        help: "Bytes of delegated requests that wait for room on the link of a managing entity",
        labels: ["entity"],
      },
      (sample) => {
        const { entities } = stats();
        for (const entity of this.#entities()) sample(entities.get(entity)?.queuedBytes ?? 0, entity);
      },
    );
    families.counter(
      {
        name: "caesura_advertisements_total",
        help: "Delegations advertised to a managing entity (XEP-0355 section 4.2)",
        labels: ["domain", "entity"],
      },
      (sample) => this.#advertisements.read(sample),
    );
    families.counter(
      {
        name: "caesura_delegation_replies_held_total",
        help: "Replies that waited for what their entity had sent through the server before them, by how that ended",
        labels: ["entity", "outcome"],
      },
      (sample) => this.#held.read(sample),
    );
    families.counter(
      {
        name: "caesura_discovery_questions_total",
        help: "Questions to managing entities on what they offer in a delegated namespace, by what became of them",
        labels: ["domain", "rule", "outcome"],
      },
      (sample) => this.#discovery.read(sample),
    );
    families.counter(
      {
        name: "caesura_discovery_rewritten_total",
        help: "Discovery answers and capability hashes of the server that were changed, by how",
        labels: ["domain", "kind"],
      },
      (sample) => {
        for (const [domain, counts] of stats().discovery)
          for (const [kind, count] of Object.entries(counts)) sample(count, domain, kind);
      },
    );
    families.counter(
      {
        name: "caesura_delegations_shadowed_total",
        help: "Requests that the server answered itself although a rule would have delegated them",
        labels: ["domain", "rule"],
      },
      (sample) => this.#shadowed.read(sample),
    );
    families.counter(
      { name: "caesura_entity_links_lost_total", help: "Links of managing entities that ended", labels: ["entity"] },
      (sample) => this.#lost.read(sample),
    );
  }

  /** Which rules there are from now on. Samples of others are forgotten. */
  configure(rules: readonly RuleName[]): void {
    const known = new Set(rules.map(({ domain, rule, entity }) => [domain, rule, entity].join("\n")));
    for (const { domain, rule, entity } of this.#rules)
      if (!known.has([domain, rule, entity].join("\n"))) this.#duration.remove(domain, rule, entity);
    this.#rules = rules;
    const entities = new Set(this.#entities());
    // A late reply belongs to no rule any more: its labels are empty.
    this.#outcomes.retain((domain, rule, entity) => rule === "" || known.has([domain, rule, entity].join("\n")));
    const ruleNames = new Set(rules.map(({ domain, rule }) => [domain, rule].join("\n")));
    this.#discovery.retain((domain, rule) => ruleNames.has([domain, rule].join("\n")));
    this.#shadowed.retain((domain, rule) => ruleNames.has([domain, rule].join("\n")));
    this.#advertisements.retain((_domain, entity) => entities.has(entity));
    this.#held.retain((entity) => entities.has(entity));
    this.#lost.retain((entity) => entities.has(entity));
    for (const { domain, rule, entity } of rules)
      for (const outcome of outcomes) this.#outcomes.expect(domain, rule, entity, outcome);
  }

  /** How the requests of a rule ended. */
  outcomesOf({ domain, rule, entity }: RuleName): Readonly<Record<DelegationOutcome, number>> {
    const of = (outcome: DelegationOutcome): number => this.#outcomes.get(domain, rule, entity, outcome);
    return {
      result: of("result"),
      error: of("error"),
      timeout: of("timeout"),
      no_link: of("no_link"),
      invalid_reply: of("invalid_reply"),
      refused: of("refused"),
      late: of("late"),
    };
  }

  count(event: HubEvent): void {
    switch (event.kind) {
      case "delegation":
        this.#outcomes.add(event.domain, event.rule, event.entity, event.outcome);
        if (event.code !== undefined) this.#breaches.add(event.code);
        // A request that was refused did not wait; a late reply belongs to one that was answered long ago.
        if (event.outcome !== "late" && event.outcome !== "refused")
          this.#duration.observe(event.seconds, event.domain, event.rule, event.entity);
        break;
      case "resumption":
        this.#resumptions.add(event.domain, event.outcome);
        break;
      case "advertised":
        this.#advertisements.add(event.domain, event.entity);
        break;
      case "discovery":
        this.#discovery.add(event.domain, event.rule, event.outcome);
        break;
      case "reply-held":
        this.#held.add(event.entity, event.outcome);
        break;
      case "shadowed":
        this.#shadowed.add(event.domain, event.rule);
        break;
      case "entity-down":
        this.#lost.add(event.entity);
        break;
      case "grant":
      case "grant-refused":
        // Counted by ClientModeMetrics.
        break;
      case "entity-up":
        // Read from the hub when asked.
        break;
      default:
        event satisfies never;
    }
  }

  #entities(): readonly string[] {
    return [...new Set(this.#rules.map(({ entity }) => entity).filter((entity) => entity !== ""))];
  }
}

const outcomes = ["result", "error", "timeout", "no_link", "invalid_reply", "refused", "late"] as const;
