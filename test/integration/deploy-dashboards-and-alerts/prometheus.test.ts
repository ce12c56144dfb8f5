import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  alerts,
  dashboardExpressions,
  filledIn,
  recordings,
  ruleExpressions,
  rulesFile,
  rulesTestFile,
} from "../../support/dashboard.js";
import { withDeadline } from "../../support/deadline.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { Prometheus } from "../../support/prometheus.js";
import { entityJid, Scene, verseIq, verseNs } from "../../support/scene.js";

const promtool = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
};

describe.skipIf(cannotRun("promtool"))("promtool", () => {
  test("finds nothing wrong with the rules", () => {
    expect(promtool("check", "rules", rulesFile)).toMatchObject({ status: 0 });
  });

  test("finds nothing wrong with the example of a configuration", () => {
    expect(promtool("check", "config", join(dirname(rulesFile), "prometheus.yml"))).toMatchObject({ status: 0 });
  });

  test("sees each alert fire when it is to, not before, and not for what is only like it", () => {
    const { status, output } = promtool("test", "rules", rulesTestFile);
    expect(output).toContain("SUCCESS");
    expect(status).toBe(0);
  });
});

describe.skipIf(cannotRun("prosody", "prometheus", "openssl"))("a real Prometheus that watches a live Caesura", () => {
  let scene: Scene;
  let prometheus: Prometheus;

  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid, timeout: "200ms" } },
      domain: { clientMode: { namespaces: ["urn:example:sonnet"], entities: [entityJid] } },
      more: { store: { path: join(temporaryFolder("store"), "grants") } },
    });
    prometheus = await Prometheus.start(scene.caesura.ports.admin, rulesFile);
    await prometheus.until('up{job="caesura"} == 1');
    const entity = await scene.entity();
    const juliet = await scene.login("juliet", { transport: "starttls" });
    // What is counted has to rise between two scrapes to have a rate: everything happens now, and goes on until it is seen.
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const rises = async (expression: string, work: (nth: number) => Promise<unknown>): Promise<void> => {
      const seen = (async () => {
        for (let nth = 0; (await prometheus.query(expression)).series === 0; nth++) await work(nth);
      })();
      await withDeadline(seen, 30_000, () => `${expression} finds nothing`);
    };
    await rises('rate(caesura_delegations_total{outcome="result"}[1m]) > 0', (nth) =>
      juliet.ask(verseIq(`r${String(nth)}`)),
    );
    entity.stream.intercept = undefined;
    // Many at a time, so that they are a good part of all requests, however fast those before were answered.
    await rises('rate(caesura_delegations_total{outcome="timeout"}[1m]) > 0', (nth) =>
      Promise.all(Array.from({ length: 100 }, (_, at) => juliet.ask(verseIq(`t${String(nth)}-${String(at)}`)))),
    );
    await rises("rate(caesura_connections_closed_total[1m]) > 0", async (nth) => {
      await (await scene.login("romeo", { resource: `r${String(nth)}` })).close();
    });
    await scene.caesura.hangUp("success");
    await prometheus.until('caesura_config_reloads_total{outcome="success"} > 0');
    await prometheus.until("entity:caesura_delegation_failures:ratio_rate5m > 0");
  }, 120_000);
  afterAll(async () => {
    await prometheus.stop();
    await scene.stop();
  });

  // Nothing of the kind happened, and such series begin with what they count.
  const rare: ReadonlySet<string> = new Set([
    "New connections: rejected: {{reason}}",
    "Breaches of protocol: {{leg}} {{code}}",
    "Stream errors: {{leg}} {{condition}} from {{origin}}",
    "Links of managing entities: {{entity}} lost",
    "Sessions: {{outcome}}",
    "Answered past a rule: {{domain}} {{rule}}",
    "Discovery: {{domain}} asked: {{outcome}}",
    "Discovery: {{domain}} {{kind}}",
    "Host metadata: {{listener}} {{outcome}}",
    "Log and reloads: dropped: {{reason}}",
    "annotation Starts",
    "Replies that waited: {{entity}} {{outcome}}",
    "What users decided: {{domain}} {{step}}",
    "Grants refused: {{domain}} {{code}}",
    "annotation Reloads",
    "annotation Drains",
  ]);

  test.each(dashboardExpressions())("draws $where", async ({ where, text }) => {
    const answer = await prometheus.query(filledIn(text));
    expect(answer.error).toBe("");
    expect(answer.warnings).toEqual([]);
    expect(answer.status).toBe("success");
    if (!rare.has(where)) expect(answer.series, text).toBeGreaterThan(0);
  });

  test("evaluates every rule without an error", async () => {
    const health = await prometheus.ruleHealth();
    const names = [...recordings(), ...alerts().map(({ name }) => name)];
    expect([...health.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual(
      names.toSorted((a, b) => a.localeCompare(b)),
    );
    expect([...health].filter(([, state]) => state !== "ok")).toEqual([]);
    for (const { where, text } of ruleExpressions()) {
      const { error } = await prometheus.query(text);
      expect(error, where).toBe("");
    }
  });

  test("records what the rules say it does", async () => {
    for (const name of recordings()) {
      await prometheus.until(name);
    }
  });

  test("raises an alert for what is wrong, and none for what is not", async () => {
    // A good part of the requests was not answered, for far less than ten minutes.
    await prometheus.until('ALERTS{alertname="CaesuraDelegationsFail", alertstate="pending"}');
    // Certificates of the tests are valid for 30 days.
    const { series } = await prometheus.query('ALERTS{alertstate="firing"}');
    expect(series).toBe(0);
  });
});
