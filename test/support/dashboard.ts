import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { isRecord } from "./peer.js";

const deploy = join(import.meta.dirname, "..", "..", "deploy");

/** One expression of PromQL and where it stands. */
export interface Expression {
  readonly where: string;
  readonly text: string;
}

export interface Alert {
  readonly name: string;
  readonly runbook: string;
  readonly severity: string;
  /** How long it has to be so; empty: not at all. */
  readonly waits: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export const rulesFile = join(deploy, "prometheus", "caesura.rules.yml");
export const rulesTestFile = join(deploy, "prometheus", "caesura.rules.test.yml");
export const dashboardFile = join(deploy, "grafana", "caesura.json");

/** A document of YAML or JSON. */
export function documentIn(file: string): unknown {
  return parse(readFileSync(file, "utf8"));
}

/** All entries of a list or a mapping; none for anything else. */
export function entriesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isRecord(value) ? Object.values(value) : [];
}

export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of path) here = isRecord(here) ? here[key] : undefined;
  return here;
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

function rules(): readonly unknown[] {
  return entriesOf(at(documentIn(rulesFile), "groups")).flatMap((group) => entriesOf(at(group, "rules")));
}

export function alerts(): readonly Alert[] {
  return rules()
    .filter((rule) => textAt(rule, "alert") !== "")
    .map((rule) => ({
      name: textAt(rule, "alert"),
      runbook: textAt(rule, "annotations", "runbook_url"),
      severity: textAt(rule, "labels", "severity"),
      waits: textAt(rule, "for"),
      annotations: Object.fromEntries(
        ["summary", "description"].map((key) => [key, textAt(rule, "annotations", key)] as const),
      ),
    }));
}

export function recordings(): readonly string[] {
  return rules().flatMap((rule) => (textAt(rule, "record") === "" ? [] : [textAt(rule, "record")]));
}

export function ruleExpressions(): readonly Expression[] {
  return rules().map((rule) => ({
    where: textAt(rule, "alert") || textAt(rule, "record"),
    text: textAt(rule, "expr"),
  }));
}

/** Every query of the dashboard: panels, annotations and what fills its variables. */
export function dashboardExpressions(): readonly Expression[] {
  const dashboard = documentIn(dashboardFile);
  const panels = entriesOf(at(dashboard, "panels")).flatMap((panel) =>
    entriesOf(at(panel, "targets")).map((target) => ({
      where: `${textAt(panel, "title")}: ${textAt(target, "legendFormat")}`,
      text: textAt(target, "expr"),
    })),
  );
  const annotations = entriesOf(at(dashboard, "annotations", "list")).map((annotation) => ({
    where: `annotation ${textAt(annotation, "name")}`,
    text: textAt(annotation, "expr"),
  }));
  const variables = entriesOf(at(dashboard, "templating", "list")).flatMap((variable) => {
    // label_values(series, label)
    const series = /^label_values\((.*), [a-z]+\)$/.exec(textAt(variable, "definition"))?.[1];
    return series === undefined ? [] : [{ where: `variable ${textAt(variable, "name")}`, text: series }];
  });
  return [...panels, ...annotations, ...variables];
}

/** What Grafana makes of an expression when every variable is at "All". */
export function filledIn(expression: string): string {
  return expression
    .replaceAll("$__rate_interval", "1m")
    .replaceAll(/\$(job|instance|domain|rule|entity|listener)\b/g, ".*");
}

/** The metric families that an expression names, without what a histogram adds. */
export function familiesIn(expression: string): ReadonlySet<string> {
  const bare = expression.replaceAll(/"[^"]*"/g, '""').replaceAll(/\b[a-z_]+:[a-z0-9_:]+/g, "");
  const names = [...bare.matchAll(/\b((?:caesura|process|nodejs)_[a-z0-9_]+)/g)].map(([, name]) => name ?? "");
  return new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
}

/** The recordings that an expression names. */
export function recordingsIn(expression: string): ReadonlySet<string> {
  return new Set(expression.match(/\b[a-z_]+:[a-z0-9_:]+/g));
}
