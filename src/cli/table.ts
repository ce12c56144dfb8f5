import type { ScreenSize } from "./terminal.js";

/** A column of a table: its heading, and what a row has there. Numbers and measures stand to the right. */
export interface Column<Row> {
  readonly heading: string;
  readonly isMeasure?: boolean;
  /** Left out where the terminal is too narrow; of several the last one first. */
  readonly isSpare?: boolean;
  cell(row: Row): string | number;
}

/**
 * Rows as lines of text with aligned columns, two spaces apart; ends in a line end. Control characters of cells, which might
 * play tricks with a terminal, are shown as `\u{…}`.
 *
 * Shape   at most `width` wide if leaving spare columns out does it, which a line at the end then says; a table that is still
 *         wider keeps its lines whole, so that what stands there can be copied.
 */
export function formatTable<Row>(all: readonly Column<Row>[], rows: readonly Row[], width = Infinity): string {
  const laidOut = all.map((column) => layOut(column, rows));
  const shown = fitting(laidOut, width);
  const lines = [-1, ...rows.keys()].map((row) => shown.map((column) => padded(column, row)).join("  "));
  const left = laidOut.filter((column) => !shown.includes(column)).map(({ heading }) => heading);
  const note = left.length === 0 ? [] : [`(too narrow for ${left.join(", ")}; --json has all)`];
  return `${[...lines.map((line) => line.trimEnd()), ...note].join("\n")}\n`;
}

interface LaidOut {
  readonly heading: string;
  readonly cells: readonly string[];
  readonly width: number;
  readonly isToTheRight: boolean;
  readonly isSpare: boolean;
}

function layOut<Row>(column: Column<Row>, rows: readonly Row[]): LaidOut {
  const { heading, isMeasure, isSpare = false } = column;
  const values = rows.map((row) => column.cell(row));
  const cells = values.map((value) => harmless(String(value)));
  return {
    heading,
    cells,
    width: cells.reduce((width, text) => Math.max(width, widthOf(text)), heading.length),
    isToTheRight: isMeasure ?? (values.length > 0 && values.every((value) => typeof value === "number")),
    isSpare,
  };
}

function fitting(columns: readonly LaidOut[], width: number): readonly LaidOut[] {
  const wide = columns.reduce((sum, column) => sum + column.width + 2, -2);
  const spare = wide > width ? columns.findLast(({ isSpare }) => isSpare) : undefined;
  return spare === undefined
    ? columns
    : fitting(
        columns.filter((column) => column !== spare),
        width,
      );
}

/** The cell of a row; -1 is the heading. */
function padded({ heading, cells, width, isToTheRight }: LaidOut, row: number): string {
  const text = row < 0 ? heading : (cells[row] ?? "");
  const space = " ".repeat(width - widthOf(text));
  return isToTheRight ? space + text : text + space;
}

/** How many places a text takes on a terminal: East Asian characters and emoji take two, marks upon others none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

const wide = /[\p{sc=Han}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{Emoji_Presentation}\u3000-\u303E\uFF01-\uFF60]/u;

/**
 * As much of a text as a screen shows, from its beginning, one line free for the cursor: what is drawn again and again must
 * not push itself off the screen.
 */
export function cutToScreen(text: string, { columns, rows }: ScreenSize): string {
  const lines = text.replace(/\n$/, "").split("\n");
  const room = Math.max(1, rows - 1);
  const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
  const rest = lines.length - shown.length;
  const last = rest === 0 ? [] : [`… ${String(rest)} more lines`];
  return `${[...shown, ...last].map((line) => cutToWidth(line, columns)).join("\n")}\n`;
}

function cutToWidth(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  let cut = "";
  let width = 0;
  for (const character of line) {
    width += widthOf(character);
    if (width > columns - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/** Text that a terminal shows and does not obey. */
export function harmless(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** A time span as an operator reads it: `45s`, `12m`, `3h 20m`, `5d 2h`. */
export function formatSpan(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${String(whole)}s`;
  if (whole < 3600) return `${String(Math.floor(whole / 60))}m`;
  if (whole < 86_400) return joined(whole, 3600, "h", 60, "m");
  return joined(whole, 86_400, "d", 3600, "h");
}

function joined(seconds: number, large: number, one: string, small: number, other: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${String(Math.floor(seconds / large))}${one}${rest === 0 ? "" : ` ${String(rest)}${other}`}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${String(bytes)} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let index = 0;
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[index] ?? ""}`;
}
