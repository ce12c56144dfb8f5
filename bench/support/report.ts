import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Machine } from "./machine.js";
import type { Summary } from "./statistics.js";

/** One figure of the list in README.md: a ratio with a goal. */
export interface Figure {
  /** `P3`, and what distinguishes it from others of the same number. */
  readonly name: string;
  readonly meaning: string;
  readonly ratio: Summary;
  readonly goal: Goal;
  /** The figure to reach after the goal. */
  readonly next?: Goal;
}

export interface Goal {
  readonly kind: "at most" | "at least";
  readonly value: number;
}

/** What was measured of one process or in one case. */
export interface Row {
  readonly name: string;
  readonly values: readonly Summary[];
}

export interface Report {
  /** Name of the files in `bench/results/`. */
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
  /** Heading and unit of each value of a row. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Sentences on how it was measured and what to make of it. */
  readonly notes: readonly string[];
}

/** Prints a report and writes it to `bench/results/` as JSON, with every sample, and as Markdown. */
export function publish(report: Report): void {
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  const text = markdown(report);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${report.name}.json`, JSON.stringify(withVerdicts(report), undefined, 1) + "\n");
  writeFileSync(`${folder}${report.name}.md`, text);
  process.stdout.write(text);
}

function withVerdicts(report: Report): object {
  return {
    ...report,
    figures: report.figures.map((figure) => ({ ...figure, reached: isReached(figure.ratio, figure.goal) })),
  };
}

function markdown(report: Report): string {
  const { machine } = report;
  const peers = Object.entries(machine.peers).map(([name, version]) => `${name} ${version}`);
  return [
    `# ${report.title}`,
    "",
    `\`${report.command}\`, ${machine.date}, commit ${machine.commit}. ${machine.cpu}, ${machine.cores} cores, ` +
      `${machine.memoryGiB} GiB, Linux ${machine.kernel}; ${[`Node ${machine.node.slice(1)}`, ...peers].join(", ")}.`,
    "",
    ...table(
      ["Figure", "Ratio", "Quartiles", "Goal", "Reached", "Then"],
      report.figures.map((figure) => [
        `${figure.name}: ${figure.meaning}`,
        digits(figure.ratio.median),
        spread(figure.ratio),
        words(figure.goal),
        isReached(figure.ratio, figure.goal) ? "yes" : "**no**",
        figure.next === undefined
          ? ""
          : `${words(figure.next)}: ${isReached(figure.ratio, figure.next) ? "yes" : "no"}`,
      ]),
    ),
    "",
    ...table(
      ["Measured", ...report.columns.flatMap((column) => [column, "quartiles"])],
      report.rows.map((row) => [row.name, ...row.values.flatMap((value) => [digits(value.median), spread(value)])]),
    ),
    "",
    ...report.notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "--:"))), ...rows.map(line)];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function isReached(ratio: Summary, goal: Goal): boolean {
  return goal.kind === "at most" ? ratio.median <= goal.value : ratio.median >= goal.value;
}

function words(goal: Goal): string {
  return `${goal.kind === "at most" ? "≤" : "≥"} ${goal.value}`;
}

function spread(summary: Summary): string {
  return `${digits(summary.low)}–${digits(summary.high)}`;
}

/** Three significant digits, without an exponent. */
function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, 2 - magnitude)));
}
