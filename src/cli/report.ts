import { resolve } from "node:path";
import { readTextFile } from "../config/index.js";
import type { Problem } from "../config/index.js";

/** Something to say about a place in a file; a `Problem` has a code besides. */
export interface Remark {
  readonly severity: "error" | "warning" | "note";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
  readonly code?: string;
}

/** What the terminal can show. */
export interface Screen {
  readonly hasColours?: boolean;
  /** Undefined: as many as are wanted. */
  readonly columns?: number | undefined;
}

/**
 * Writes problems for a person: place, sentence, the line itself with a caret under the column, and what to do.
 *
 * Shape   `text` is the configuration file; undefined if it could not be read.
 */
export function formatProblems(problems: readonly Problem[], text: string | undefined, screen: Screen = {}): string {
  const lines = text?.split(/\r?\n/) ?? [];
  return problems.map((problem) => formatProblem(problem, lines[problem.line - 1], screen)).join("\n");
}

/** The same for remarks about several files; `textOf` is asked once for each. */
export function formatNotes(
  notes: readonly Remark[],
  textOf: (file: string) => string | undefined,
  screen: Screen = {},
): string {
  const texts = new Map<string, readonly string[]>();
  return notes
    .map((note) => {
      const lines = texts.get(note.file) ?? textOf(note.file)?.split(/\r?\n/) ?? [];
      texts.set(note.file, lines);
      return formatProblem(note, lines[note.line - 1], screen);
    })
    .join("\n");
}

/** `2 errors, 1 warning`. */
export function summarise(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const parts = [
    ...(errors > 0 ? [`${errors} error${errors === 1 ? "" : "s"}`] : []),
    ...(warnings > 0 ? [`${warnings} warning${warnings === 1 ? "" : "s"}`] : []),
  ];
  return parts.length === 0 ? "no problems" : parts.join(", ");
}

// Nobody quotes from more than this; what is larger is refused with `file-too-large`, and has no lines to show.
const maxQuotedBytes = 4 * 1024 * 1024;

/** The text of a configuration file, to quote from; undefined if that is what cannot be read. */
export function sourceText(file: string): string | undefined {
  const read = readTextFile(resolve(file), maxQuotedBytes);
  return read.ok ? read.file.text : undefined;
}

const maxExcerpt = 100;
const minExcerpt = 30;
// And a caret behind the last character.
const gutterWidth = 9;

function formatProblem(problem: Remark, line: string | undefined, { hasColours = false, columns }: Screen): string {
  const colour = { error: 31, warning: 33, note: 36 }[problem.severity];
  const paint = (code: number, text: string): string => (hasColours ? `\u001B[${code}m${text}\u001B[0m` : text);
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const code = problem.code === undefined ? "" : ` [${problem.code}]`;
  const head = `${paint(1, place)}: ${paint(colour, problem.severity)}: ${printable(problem.message)}${code}`;
  return [
    head,
    ...(line === undefined || line.trim() === ""
      ? []
      : excerpt(line, problem, widthFor(columns), (caret) => paint(colour, caret))),
    ...(problem.hint === undefined ? [] : [`  hint: ${printable(problem.hint)}`]),
    "",
  ].join("\n");
}

/** A line that the terminal breaks would take the caret from under its column. */
function widthFor(columns: number | undefined): number {
  return columns === undefined ? maxExcerpt : Math.min(maxExcerpt, Math.max(minExcerpt, columns - gutterWidth));
}

/** The line and a caret below the column; a line that is longer than `width` is cut around it. */
function excerpt(
  written: string,
  { line: number, column }: Remark,
  width: number,
  paint: (caret: string) => string,
): string[] {
  const line = masked(written);
  const start = Math.max(0, Math.min(column - Math.floor(width * 0.4), line.length - width));
  const shown = printable(line.slice(start, start + width));
  const gutter = String(number).padStart(5);
  const before = printable(line.slice(start, Math.max(start, column - 1)));
  return [`${gutter} | ${shown}`, `${" ".repeat(gutter.length)} | ${" ".repeat(widthOf(before))}${paint("^")}`];
}

/** A secret that was written into a file, by mistake or in Lua, does not go on into a terminal or a ticket. */
function masked(line: string): string {
  return line.replaceAll(
    /((?:secret|password|passphrase)["'\]]*\s*[:=]\s*)("[^"]*"?|'[^']*'?|\[=*\[.*|[^\s,}#]+)/gi,
    (_, key: string, value: string) => key + "*".repeat(value.length),
  );
}

/** Control characters would move the cursor of the operator's terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => (character === "\t" ? " " : "\u{fffd}"));
}

/** Columns on a terminal, roughly: combining marks have none, East Asian wide characters two. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
