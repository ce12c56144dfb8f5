import { dirname, resolve } from "node:path";
import { loadRules } from "../config/index.js";
import type { Problem, RulesConfig } from "../config/index.js";
import { chooseDomain, describeStep, framerLimits } from "./explain.js";
import { formatNotes, sourceText, summarise } from "./report.js";
import { junit } from "./rules-junit.js";
import type { JunitSuite } from "./rules-junit.js";
import { loadRuleCases } from "./rule-cases.js";
import type { Expectation, RuleCase } from "./rule-cases.js";
import { readStanzas } from "./stanza-input.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";
import { contentNamespaceOf, Judge } from "./verdict.js";
import type { Verdict } from "./verdict.js";

export interface RulesTestOptions {
  /** Replaces the configuration that the file with the cases names. */
  readonly config?: string;
  readonly json?: boolean;
  readonly junit?: boolean;
}

/** One case, run. */
interface Outcome {
  readonly case: RuleCase;
  readonly actual: Expectation | undefined;
  /** Why the case could not be run at all. */
  readonly trouble: string | undefined;
  readonly differences: readonly Difference[];
  readonly steps: readonly string[];
}

interface Difference {
  readonly key: keyof Expectation;
  readonly expected: string;
  readonly actual: string | undefined;
}

interface FileOutcome {
  readonly file: string;
  readonly config: string | undefined;
  readonly problems: readonly Problem[];
  readonly outcomes: readonly Outcome[];
}

/**
 * `caesura rules test FILE…`: holds the rules of a configuration against cases that say what is to become of a stanza.
 *
 * Exit  0 if every case of every file came out as expected; 1 if one did not, or a file cannot be used; 2 for a wrong
 *       command line.
 */
export function testRules(files: readonly string[], options: RulesTestOptions, terminal: Terminal): number {
  const results = files.map((file) => runFile(file, options.config));
  const isOk = results.every(isPassed);
  if (options.json === true) {
    terminal.stdout.write(`${JSON.stringify({ ok: isOk, files: results.map(asJson) }, null, 2)}\n`);
  } else if (options.junit === true) terminal.stdout.write(junit(results.map(asJunit)));
  else for (const result of results) report(result, terminal);
  return isOk ? exitCode.clean : exitCode.failure;
}

function runFile(file: string, configOption: string | undefined): FileOutcome {
  const loaded = loadRuleCases(file);
  if (!loaded.ok) return { file, config: undefined, problems: loaded.problems, outcomes: [] };
  const named = loaded.config.config;
  const config = configOption ?? (named === undefined ? "proxy.yaml" : resolve(dirname(file), named));
  const rules = loadRules(config);
  if (!rules.ok) return { file, config, problems: rules.problems, outcomes: [] };
  const outcomes = loaded.config.cases.map((one) => runCase(one, rules.config));
  return { file, config, problems: loaded.warnings, outcomes };
}

function runCase(one: RuleCase, config: RulesConfig): Outcome {
  const { from, lang, stanza, expected } = one;
  const failed = (trouble: string): Outcome => ({ case: one, actual: undefined, trouble, differences: [], steps: [] });
  const domain = chooseDomain(config, from, one.domain);
  if (typeof domain === "string") return failed(domain);
  const limits = framerLimits(config.limits, from.local === undefined);
  const input = readStanzas(Buffer.from(stanza), contentNamespaceOf(from), domain.name, limits);
  const [frame, another] = input.frames;
  if (input.fault !== undefined) {
    const { code, condition } = input.fault.fault;
    const actual: Expectation = { expect: "refused", reason: code, condition };
    return { case: one, actual, trouble: undefined, differences: compare(expected, actual), steps: [] };
  }
  if (input.isUnfinished) return failed("the stanza has no end");
  if (frame === undefined) return failed("there is no stanza");
  if (another !== undefined) return failed("there is more than one stanza");
  const verdict = new Judge({ domain, jid: from, lang }).judge(frame, input.scope);
  const actual = actualOf(verdict);
  const steps = verdict.steps.map(describeStep);
  return { case: one, actual, trouble: undefined, differences: compare(expected, actual), steps };
}

function actualOf(verdict: Verdict): Expectation {
  const leaves = verdict.leaves.toString("utf8");
  switch (verdict.outcome) {
    case "delegated": {
      const { rule, target, waitsFor } = verdict;
      return { expect: "delegated", rule: rule.namespace, entity: rule.entity, target, waitsFor, leaves };
    }
    case "passed":
      return { expect: "passed", reason: verdict.reason, leaves };
    case "refused": {
      const { reason, condition, rule } = verdict;
      return { expect: "refused", reason, condition, rule: rule?.namespace, leaves };
    }
    default:
      return verdict satisfies never;
  }
}

const keys = ["expect", "entity", "rule", "target", "waitsFor", "reason", "condition", "leaves"] as const;

function compare(expected: Expectation, actual: Expectation): readonly Difference[] {
  return keys.flatMap((key) => {
    const [wanted, found] = [expected[key], actual[key]];
    if (wanted === undefined) return [];
    // A block of YAML ends with a line end that is no part of the stanza.
    const plain = key === "leaves" ? wanted.replace(/\n$/, "") : wanted;
    return plain === found ? [] : [{ key, expected: plain, actual: found }];
  });
}

const isCasePassed = ({ trouble, differences }: Outcome): boolean => trouble === undefined && differences.length === 0;

function isPassed({ problems, outcomes }: FileOutcome): boolean {
  return outcomes.every(isCasePassed) && !problems.some(({ severity }) => severity === "error");
}

function report({ file, problems, outcomes }: FileOutcome, { stdout, hasColours, size }: Terminal): void {
  if (problems.length > 0)
    stdout.write(`${formatNotes(problems, sourceText, { hasColours, columns: size?.()?.columns })}\n`);
  for (const outcome of outcomes) stdout.write(tell(outcome, file));
  const failed = outcomes.filter((outcome) => !isCasePassed(outcome)).length;
  const cases = `${outcomes.length} case${outcomes.length === 1 ? "" : "s"}`;
  stdout.write(
    outcomes.length === 0
      ? `${file}: ${summarise(problems)}; no case was run.\n`
      : `${file}: ${cases}, ${outcomes.length - failed} passed, ${failed} failed.\n`,
  );
}

function tell(outcome: Outcome, file: string): string {
  const { name, line } = outcome.case;
  if (isCasePassed(outcome)) return `ok    ${oneLine(name)}\n`;
  const lines = [`FAIL  ${oneLine(name)} (${file}:${line})`];
  if (outcome.trouble !== undefined) lines.push(`      ${oneLine(outcome.trouble)}`);
  for (const { key, expected, actual } of outcome.differences) {
    lines.push(`      - ${key}: ${expected}`, `      + ${key}: ${actual ?? "(none)"}`);
    if (key === "leaves" && actual !== undefined)
      lines.push(`        ${" ".repeat(8 + firstDifference(expected, actual))}^`);
  }
  // What else is known of the outcome helps to see why.
  const { reason, rule } = outcome.actual ?? {};
  const isSaid = outcome.differences.some(({ key }) => key === "reason");
  if (reason !== undefined && !isSaid && outcome.differences.length > 0) lines.push(`        reason: ${reason}`);
  if (rule !== undefined && outcome.differences.length > 0) lines.push(`        rule: ${rule}`);
  lines.push(...outcome.steps.map((step) => `      ${step}`));
  return `${lines.join("\n")}\n`;
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** Names stand in one line, and move no cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}

function asJunit({ file, problems, outcomes }: FileOutcome): JunitSuite {
  return {
    file,
    problems: problems
      .filter(({ severity }) => severity === "error")
      .map((problem) => `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`),
    cases: outcomes.map((outcome) => {
      const { name, line } = outcome.case;
      // The first line names the case, which has a place of its own.
      const told = tell(outcome, file)
        .split("\n")
        .slice(1)
        .map((text) => text.replace(/^ {6}/, ""));
      return { name, line, failure: isCasePassed(outcome) ? undefined : told.join("\n").trimEnd() };
    }),
  };
}

/** The documented shape of `--json` (docs/commands.md). */
function asJson(result: FileOutcome): unknown {
  const { file, config, problems, outcomes } = result;
  const passed = outcomes.filter(isCasePassed).length;
  return {
    ok: isPassed(result),
    file,
    ...(config === undefined ? {} : { config }),
    problems,
    passed,
    failed: outcomes.length - passed,
    cases: outcomes.map((outcome) => ({
      name: outcome.case.name,
      line: outcome.case.line,
      ok: isCasePassed(outcome),
      ...(outcome.trouble === undefined ? {} : { trouble: outcome.trouble }),
      ...(outcome.actual === undefined ? {} : { actual: outcome.actual }),
      differences: outcome.differences,
    })),
  };
}
