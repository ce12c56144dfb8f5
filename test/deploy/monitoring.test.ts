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

  test.each(alerts())(
    "the runbook of $name says how urgent it is, as the rule does, and what to ask first",
    (alert) => {
      const [, section = ""] = new RegExp(`^## ${alert.name}\\n([^]*?)(?=^## |(?![^]))`, "m").exec(runbooks) ?? [];
      const urgency = alert.severity === "critical" ? "Critical: wakes somebody" : "Warning: for working hours";
      const [, amount = "", unit = ""] = /^(\d+)([mh])$/.exec(alert.waits) ?? [];
      const word = { m: "minute", h: "hour" }[unit] ?? "";
      const waits = amount === "" ? "at once" : `after ${amount} ${word}${amount === "1" ? "" : "s"}`;
      expect(section).toContain(`_${urgency}, ${waits}._`);
      expect(section).toMatch(/```sh\n(caesura|journalctl|systemctl|curl|openssl|time openssl|vmstat) /);
      expect(section).toMatch(/^1\. |As above, now\./m);
    },
  );

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

  test("shows every family that docs/metrics.md describes", () => {
    const shown = new Set(dashboardExpressions().flatMap(({ text }) => [...familiesIn(text)]));
    expect([...documented].filter((name) => !shown.has(name ?? ""))).toEqual([]);
  });

  test("has what Grafana needs to load it: an id and a schema version, known kinds of panels, letters for queries", () => {
    expect(textAt(dashboard, "uid")).toBe("caesura");
    expect(at(dashboard, "schemaVersion")).toBeGreaterThanOrEqual(36);
    expect(at(dashboard, "id") ?? null).toBeNull();
    for (const panel of panels) {
      const title = textAt(panel, "title");
      expect(["row", "stat", "timeseries", "table"], title).toContain(textAt(panel, "type"));
      const letters = entriesOf(at(panel, "targets")).map((target) => textAt(target, "refId"));
      expect(letters, title).toEqual(letters.map((_, nth) => String.fromCodePoint(65 + nth)));
      if (textAt(panel, "type") === "row") expect(at(panel, "gridPos", "w"), title).toBe(24);
      else if (textAt(panel, "type") !== "table")
        expect(textAt(panel, "fieldConfig", "defaults", "unit"), title).not.toBe("");
    }
  });

  test("knows every variable that it names, and each is asked for where its label is", () => {
    const expressions = dashboardExpressions();
    const known = new Set(entriesOf(at(dashboard, "templating", "list")).map((variable) => textAt(variable, "name")));
    expect([...known]).toEqual(["datasource", "job", "instance", "domain", "rule", "entity", "listener", "runbooks"]);
    for (const { where, text } of expressions) {
      for (const [, name = ""] of text.replaceAll("$__rate_interval", "").matchAll(/\$\{?([a-z_]+)/g))
        expect(known, `${where} names ${name}`).toContain(name);
    }
    for (const [, family = "", labels = ""] of metrics.matchAll(/^\| `(caesura_[a-z_0-9]+)` +\| \w+ +\| ([^|]*)\|/gm))
      for (const { where, text } of expressions)
        for (const [, selector = ""] of text.matchAll(
          new RegExp(`\\b${family}(?:_bucket|_sum|_count)?\\{([^}]*)\\}`, "g"),
        ))
          for (const label of ["domain", "rule", "entity", "listener"])
            if (labels.includes(`\`${label}\``) && !where.startsWith("variable "))
              expect(selector, `${where} does not look at ${label}`).toContain(`${label}=~"$${label}"`);
  });

  test("leads from a panel to the runbooks of its alerts, and to that of every alert of what it shows", () => {
    const linked = panels.flatMap((panel) => entriesOf(at(panel, "links")).map((link) => textAt(link, "url")));
    const runbookOf = ({ name }: { readonly name: string }): string => `\${runbooks}#${name.toLowerCase()}`;
    for (const link of linked) expect(alerts().map(runbookOf)).toContain(link);
    // What is no panel's matter: whether Prometheus sees anything at all.
    const elsewhere = new Set(["CaesuraAbsent"]);
    for (const alert of alerts()) if (!elsewhere.has(alert.name)) expect(linked).toContain(runbookOf(alert));
  });

  test("marks starts, reloads and drains in every plot", () => {
    expect(entriesOf(at(dashboard, "annotations", "list")).map((one) => textAt(one, "name"))).toEqual([
      "Starts",
      "Reloads",
      "Drains",
    ]);
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
