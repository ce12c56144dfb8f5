import { describe, expect, test } from "vitest";
import { DelegationMetrics, Families, type RuleName } from "../../src/metrics/index.js";
import type { HubEvent, HubStats } from "../../src/session/index.js";

const mam: RuleName = { domain: "capulet.lit", rule: "urn:xmpp:mam:2", entity: "pubsub.capulet.lit" };
const version: RuleName = { domain: "capulet.lit", rule: "jabber:iq:version", entity: "version.capulet.lit" };

describe("delegation metrics", () => {
  test("every configured rule shows every outcome from the start", async () => {
    const { text } = counted([mam]);
    for (const outcome of ["result", "error", "timeout", "no_link", "invalid_reply", "refused", "late"])
      expect(await text()).toContain(`caesura_delegations_total{${labels(mam)},outcome="${outcome}"} 0`);
  });

  test("counts outcomes, durations and codes", async () => {
    const { metrics, text } = counted([mam]);
    metrics.count({ kind: "delegation", connection: "0001", ...mam, outcome: "result", seconds: 0.002 });
    metrics.count({
      kind: "delegation",
      connection: "0001",
      ...mam,
      outcome: "timeout",
      code: "entity-silent",
      seconds: 30,
    });
    const shown = await text();
    expect(shown).toContain(`caesura_delegations_total{${labels(mam)},outcome="result"} 1`);
    expect(shown).toContain(`caesura_delegations_total{${labels(mam)},outcome="timeout"} 1`);
    expect(shown).toContain('caesura_delegation_failures_total{code="entity-silent"} 1');
    expect(shown).toContain(`caesura_delegation_duration_seconds_bucket{le="0.0025",${labels(mam)}} 1`);
    expect(shown).toContain(`caesura_delegation_duration_seconds_count{${labels(mam)}} 2`);
  });

  test("a late reply and a refused request have no duration", async () => {
    const { metrics, text } = counted([mam]);
    const late: HubEvent = {
      kind: "delegation",
      connection: "0001",
      domain: "",
      rule: "",
      entity: mam.entity,
      outcome: "late",
      code: "late-reply",
      seconds: 0,
    };
    metrics.count(late);
    metrics.count({
      kind: "delegation",
      connection: "0001",
      ...mam,
      outcome: "refused",
      code: "bad-request",
      seconds: 0,
    });
    const shown = await text();
    expect(shown).toContain('outcome="late"} 1');
    expect(shown).not.toContain("caesura_delegation_duration_seconds_count");
  });

  test("shows entities, sessions, pending requests and matches as the hub has them", async () => {
    const { text } = counted([mam, version]);
    const shown = await text();
    expect(shown).toContain('caesura_entity_up{entity="pubsub.capulet.lit"} 1');
    expect(shown).toContain('caesura_entity_up{entity="version.capulet.lit"} 0');
    expect(shown).toContain('caesura_entity_queued_bytes{entity="pubsub.capulet.lit"} 42');
    expect(shown).toContain("caesura_sessions 3");
    expect(shown).toContain("caesura_delegations_pending 2");
    expect(shown).toContain('caesura_rule_matches_total{domain="capulet.lit",rule="urn:xmpp:mam:2"} 9');
    expect(shown).toContain('caesura_rule_matches_total{domain="capulet.lit",rule="jabber:iq:version"} 0');
  });

  test("the samples of a rule that is deleted disappear, those of others stay", async () => {
    const { metrics, text } = counted([mam, version]);
    for (const rule of [mam, version])
      metrics.count({ kind: "delegation", connection: "0001", ...rule, outcome: "result", seconds: 1 });
    metrics.count({
      kind: "advertised",
      connection: "0001",
      domain: "capulet.lit",
      entity: version.entity,
      namespaces: 1,
    });
    metrics.count({ kind: "resumption", connection: "0002", domain: "capulet.lit", outcome: "resumed" });
    metrics.count({ kind: "entity-down", connection: "0001", entity: version.entity, lost: 0 });
    expect(await text()).toContain("jabber:iq:version");
    metrics.configure([mam]);
    const shown = await text();
    expect(shown).not.toMatch(/jabber:iq:version|version\.capulet\.lit/);
    expect(shown).toContain('caesura_resumptions_total{domain="capulet.lit",outcome="resumed"} 1');
    expect(shown).toContain("caesura_resumable_sessions 1");
    expect(shown).toContain(`caesura_delegations_total{${labels(mam)},outcome="result"} 1`);
    expect(shown).toContain(`caesura_delegation_duration_seconds_count{${labels(mam)}} 1`);
  });
});

const stats: HubStats = {
  sessions: 3,
  resumable: 1,
  pending: 2,
  discovery: new Map(),
  clientModes: new Map(),
  ruleMatches: new Map([["capulet.lit", new Map([["urn:xmpp:mam:2", 9]])]]),
  entities: new Map([["pubsub.capulet.lit", { up: true, queuedBytes: 42 }]]),
};

function counted(rules: readonly RuleName[]): {
  readonly metrics: DelegationMetrics;
  readonly text: () => Promise<string>;
} {
  const families = new Families();
  const metrics = new DelegationMetrics(families, () => stats);
  metrics.configure(rules);
  return { metrics, text: () => families.text() };
}

function labels({ domain, rule, entity }: RuleName): string {
  return `domain="${domain}",rule="${rule}",entity="${entity}"`;
}
