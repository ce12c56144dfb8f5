import type { LogFormat } from "../config/index.js";

// pino writes JSON; a line is put into another form behind it. So the fences (what is redacted, what is repeated) stand in
// front of every form, and a form can change while the proxy runs.

/** A line of JSON, with its line feed, in the form that is wanted. */
export type FormatLine = (line: string) => string;

/** What standard output is. */
export interface OutputKind {
  /** Somebody watches it. */
  readonly isTerminal: boolean;
  /** It leads into the journal. */
  readonly isJournal: boolean;
  readonly hasColours: boolean;
}

/** `auto` becomes what fits the output. */
export function lineFormat(format: LogFormat, output: OutputKind): FormatLine {
  switch (format) {
    case "auto":
      if (output.isTerminal) return lineFormat("pretty", output);
      return lineFormat(output.isJournal ? "journald" : "json", output);
    case "json":
      return (line) => line;
    case "journald":
      return withPriority;
    case "pretty":
      return (line) => pretty(line, output.hasColours);
    default:
      return format satisfies never;
  }
}

/**
 * True if standard output is the stream that the journal gave us: a program below us may have inherited the variable alone.
 *
 * Source  systemd.exec(5), JOURNAL_STREAM: device and inode in decimal, with a colon between.
 */
export function isJournalStream(
  variable: string | undefined,
  { dev, ino }: { readonly dev: number | bigint; readonly ino: number | bigint },
): boolean {
  return variable === `${dev}:${ino}`;
}

/** Source  sd-daemon(3): the levels of syslog. Nothing of ours is an emergency or alert of the whole machine. */
const priorities: ReadonlyMap<string, number> = new Map([
  ["fatal", 2],
  ["error", 3],
  ["warn", 4],
  ["info", 6],
  ["debug", 7],
  ["trace", 7],
]);

/** The journal takes the prefix off and keeps the line. */
function withPriority(line: string): string {
  const level = /^\{"level":"([a-z]+)"/.exec(line)?.[1] ?? "info";
  return `<${priorities.get(level) ?? 6}>${line}`;
}

/**
 * What stands on standard error, each line of which is an error to the journal too: `journalctl -p err` shows it.
 *
 * Source  sd-daemon(3). An empty line has nothing to say, and the journal drops it.
 */
export function asErrors(text: string): string {
  return text.replaceAll(/^(?=.)/gm, `<${priorities.get("error") ?? 3}>`);
}

/** `12:34:56.789 INFO  0003 bound to a full JID  event=bound jid=juliet@capulet.lit/balcony`; a stack trace stands below. */
function pretty(line: string, hasColours: boolean): string {
  const fields = parsed(line);
  if (fields === undefined) return line;
  const { level, time, name: _name, pid: _pid, msg, connection, err, ...rest } = fields;
  const stack = stackOf(err);
  const shown = stack === undefined && err !== undefined ? { ...rest, err } : rest;
  const paint = (code: number, text: string): string => (hasColours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const levelText = plain(level);
  const parts = [
    paint(2, plain(time).slice(11, -1)),
    paint(colours.get(levelText) ?? 0, levelText.toUpperCase().padEnd(5)),
    ...(connection === undefined ? [] : [paint(36, plain(connection))]),
    plain(msg ?? ""),
    ...Object.entries(shown).map(([key, value]) => `${paint(2, `${visible(key)}=`)}${plain(value)}`),
  ];
  const below =
    stack === undefined
      ? ""
      : `${stack
          .split("\n")
          .map((one) => `    ${visible(one)}`)
          .join("\n")}\n`;
  return `${parts.join(" ")}\n${below}`;
}

const colours: ReadonlyMap<string, number> = new Map([
  ["fatal", 31],
  ["error", 31],
  ["warn", 33],
  ["info", 32],
  ["debug", 34],
  ["trace", 34],
]);

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function stackOf(err: unknown): string | undefined {
  if (typeof err !== "object" || err === null || !("stack" in err)) return undefined;
  return typeof err.stack === "string" ? err.stack : undefined;
}

/** Strings as they are, everything else as JSON. */
function plain(value: unknown): string {
  return visible(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
}

/** A peer's text moves no cursor, changes no colour and reverses no line: what a terminal would obey is written out. */
function visible(text: string): string {
  return text.replaceAll(
    commanding,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

// Control characters, marks of direction and other characters of format, separators of lines and paragraphs.
const commanding = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
