/** A column of a table: its heading, and what a row has there. Numbers stand to the right. */
export interface Column<Row> {
  readonly heading: string;
  cell(row: Row): string | number;
}

/**
 * Rows as lines of text with aligned columns, two spaces apart; ends in a line end. Control characters of cells, which might
 * play tricks with a terminal, are shown as `\u{…}`.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map(({ heading }, index) =>
    cells.reduce((width, line) => Math.max(width, harmless(String(line[index] ?? "")).length), heading.length),
  );
  const isNumeric = columns.map(
    (_column, index) => cells.length > 0 && cells.every((line) => typeof line[index] === "number"),
  );
  const write = (line: readonly (string | number)[]): string =>
    line
      .map((value, index) => {
        const text = harmless(String(value));
        return isNumeric[index] === true ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
      })
      .join("  ")
      .trimEnd();
  return `${[columns.map(({ heading }) => heading), ...cells].map(write).join("\n")}\n`;
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
