import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  alerts,
  at,
  dashboardExpressions,
  dashboardFile,
  documentIn,
  entriesOf,
  familiesIn,
  recordings,
  recordingsIn,
  ruleExpressions,
  rulesTestFile,
  textAt,
} from "../support/dashboard.js";

const root = join(import.meta.dirname, "..", "..");
const metrics = readFileSync(join(root, "docs", "metrics.md"), "utf8");
const documented = new Set(
  [...metrics.matchAll(/^\| `([a-z_0-9]+)` +\| (?:gauge|counter|histogram)/gm)].map(([, name]) => name),
);
const runbooks = readFileSync(join(root, "docs", "runbooks.md"), "utf8");
const anchors = new Set([...runbooks.matchAll(/^## (.+)$/gm)].map(([, title = ""]) => title));

describe("the rules for Prometheus", () => {
  test("name metrics that docs/metrics.md describes, and recordings that are there", () => {
    expect(documented.size).toBeGreaterThan(35);
    const recorded = new Set(recordings());
    for (const { where, text } of ruleExpressions()) {
      for (const name of familiesIn(text)) expect(documented, `${where} names ${name}`).toContain(name);
      for (const name of recordingsIn(text)) expect(recorded, `${where} names ${name}`).toContain(name);
    }
  });

  test.each(alerts())("$name has a severity, says what is the matter, and links to its runbook", (alert) => {
    expect(["warning", "critical"]).toContain(alert.severity);
    expect(alert.annotations["summary"]).toMatch(/\S.*\.$/);
    expect(alert.annotations["description"]).toMatch(/\S.*\.$/);
    expect(alert.runbook).toBe(`docs/runbooks.md#${alert.name.toLowerCase()}`);
    expect(anchors).toContain(alert.name);
  });

  test("have each a runbook, and each runbook has its rule", () => {
    expect([...anchors]).toEqual(alerts().map(({ name }) => name));
  });

  test("are tested each, with series that make them fire and with series that do not", () => {
    const groups = entriesOf(at(documentIn(rulesTestFile), "tests"));
    const tested = groups.flatMap((group) =>
      entriesOf(at(group, "promql_expr_test")).map((one) => {
        const alert = /alertname="([A-Za-z]+)"/.exec(textAt(one, "expr"))?.[1] ?? "";
        return `${alert} ${entriesOf(at(one, "exp_samples")).length > 0 ? "fires" : "is quiet"}`;
      }),
    );
    for (const { name } of alerts()) {
      expect(tested).toContain(`${name} fires`);
      expect(tested).toContain(`${name} is quiet`);
    }
  });

  test("the links between runbooks lead somewhere", () => {
    const links = [...runbooks.matchAll(/\]\(#([a-z]+)\)/g)].map(([, anchor]) => anchor);
    const there = new Set([...anchors].map((title) => title.toLowerCase()));
    for (const link of links) expect(there).toContain(link);
  });
});

describe("the dashboard for Grafana", () => {
  const dashboard = documentIn(dashboardFile);
  const panels = entriesOf(at(dashboard, "panels"));

  test("names metrics that docs/metrics.md describes", () => {
    const expressions = dashboardExpressions();
    expect(expressions.length).toBeGreaterThan(45);
    for (const { where, text } of expressions) {
      expect(familiesIn(text).size, where).toBeGreaterThan(0);
      for (const name of familiesIn(text)) expect(documented, `${where} names ${name}`).toContain(name);
    }
  });

  test("asks the data source that is chosen, and explains every panel", () => {
    const ids = panels.map((panel) => at(panel, "id"));
    expect(new Set(ids).size).toBe(ids.length);
    for (const panel of panels) {
      if (textAt(panel, "type") === "row") continue;
      expect(textAt(panel, "description"), textAt(panel, "title")).toMatch(/\.$/);
      for (const target of entriesOf(at(panel, "targets")))
        expect(textAt(target, "datasource", "uid")).toBe("${datasource}");
    }
  });

  test("lets no panel lie over another one", () => {
    const taken = new Map<string, string>();
    for (const panel of panels) {
      const [x, y, w, h] = ["x", "y", "w", "h"].map((key) => Number(at(panel, "gridPos", key)));
      for (let column = x ?? 0; column < (x ?? 0) + (w ?? 0); column++)
        for (let line = y ?? 0; line < (y ?? 0) + (h ?? 0); line++) {
          const cell = `${String(column)},${String(line)}`;
          expect(taken.get(cell), textAt(panel, "title")).toBeUndefined();
          taken.set(cell, textAt(panel, "title"));
        }
      expect((x ?? 0) + (w ?? 0)).toBeLessThanOrEqual(24);
    }
  });
});
