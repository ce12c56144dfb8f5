import { grantSteps } from "../session/index.js";
import type { GrantStep, HubEvent, HubStats } from "../session/index.js";
import type { Families } from "./families.js";
import { Tally } from "./tally.js";

/** Counts what users delegate themselves (XEP-0355 §5). No label names a user, nor an entity that a user chose. */
export class ClientModeMetrics {
  readonly #steps = new Tally<readonly [domain: string, step: GrantStep]>();
  readonly #refusals = new Tally<readonly [domain: string, code: string]>();

  /** `stats` and `isStoreWritable` are asked at each scrape; the latter says undefined where there is no store. */
  constructor(
    families: Families,
    stats: () => Pick<HubStats, "clientModes">,
    isStoreWritable: () => boolean | undefined,
  ) {
    families.counter(
      {
        name: "caesura_grant_events_total",
        help: "What happened to grants of client mode, by step",
        labels: ["domain", "step"],
      },
      (sample) => this.#steps.read(sample),
    );
    families.counter(
      {
        name: "caesura_grant_refusals_total",
        help: "Requests, answers and commands of client mode that were refused, by the code of docs/errors.md",
        labels: ["domain", "code"],
      },
      (sample) => this.#refusals.read(sample),
    );
    families.gauge(
      { name: "caesura_grants", help: "Namespaces that users have delegated themselves", labels: ["domain"] },
      (sample) => {
        for (const [domain, { grants }] of stats().clientModes) sample(grants, domain);
      },
    );
    families.gauge(
      {
        name: "caesura_grant_questions",
        help: "Questions to users that are remembered, answered or not",
        labels: ["domain"],
      },
      (sample) => {
        for (const [domain, { questions }] of stats().clientModes) sample(questions, domain);
      },
    );
    families.gauge(
      { name: "caesura_store_writable", help: "Whether the last write to the store of grants succeeded", labels: [] },
      (sample) => {
        const isWritable = isStoreWritable();
        if (isWritable !== undefined) sample(isWritable ? 1 : 0);
      },
    );
  }

  /** Which domains have client mode from now on. Samples of others are forgotten. */
  configure(domains: ReadonlySet<string>): void {
    this.#steps.retain((domain) => domains.has(domain));
    this.#refusals.retain((domain) => domains.has(domain));
    for (const domain of domains) for (const step of grantSteps) this.#steps.expect(domain, step);
  }

  count(event: HubEvent): void {
    if (event.kind === "grant") this.#steps.add(event.domain, event.step);
    else if (event.kind === "grant-refused") this.#refusals.add(event.domain, event.code);
  }
}
