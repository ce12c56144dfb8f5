import { pino } from "pino";
import type { DestinationStream, Logger, LoggerOptions } from "pino";
import type { LogLevel } from "../config/index.js";
import { LogDestination, type DropReason } from "./destination.js";
import { Repetition } from "./repetition.js";
import { standardOutputWriter } from "./standard-output.js";

export type { Logger } from "pino";

/** Where the lines go: pino's own interface, less what it does not need. */
export interface Destination extends DestinationStream {
  /** Calls `done` when what was written has left the process or cannot leave it. */
  flush?(done: () => void): void;
  /** pino calls it behind a fatal line. */
  flushSync?(): void;
}

/**
 * The log: one JSON object a line, with `level` as a word and `time` in ISO 8601 (UTC).
 *
 * Written at once and without a worker thread, so that the lines before a crash are there; there are few, since no stanza
 * that passes untouched makes one, and what a peer can repeat is marked as `repeatable` and limited here.
 *
 * The names below are taken out wherever they occur near the top of a line. That is the second fence: nobody passes
 * credentials or stanzas here in the first place.
 */
export function createLogger(options: { readonly level: LogLevel; readonly destination: Destination }): Logger {
  const { level, destination } = options;
  const repetition = new Repetition();
  const settings: LoggerOptions = {
    ...lineSettings,
    level,
    hooks: {
      logMethod(args, method) {
        const [line, ...rest] = args;
        const limit = typeof line === "object" && line !== null ? limits.get(line) : undefined;
        if (limit === undefined) {
          method.apply(this, args);
          return;
        }
        repetition.offer(limit.name, limit.perSecond, (suppressed) => {
          method.apply(this, suppressed === 0 ? args : [{ ...limit.line, suppressed }, ...rest]);
        });
      },
    },
  };
  const stream: Destination = {
    write: (line: string) => destination.write(line),
    flush: (done: () => void) => {
      repetition.flush();
      if (destination.flush === undefined) done();
      else destination.flush(done);
    },
    flushSync: () => destination.flushSync?.(),
  };
  return pino(settings, stream);
}

/** Standard output, as a destination that neither waits nor fails. */
export function standardOutput(): LogDestination {
  return new LogDestination({ write: standardOutputWriter(), note: droppedLine });
}

/** The log of one connection: each of its lines carries the connection's id. */
export function connectionLogger(log: Logger, connection: string): Logger {
  return log.child({ connection });
}

/**
 * Marks the details of a line that a peer can cause again and again. Lines of one name are alike to an operator: of those
 * `perSecond` are written, and one of them says in `suppressed` how many were not.
 */
export function repeatable<Line extends object>(
  line: Line,
  { as, perSecond = 1 }: { readonly as: readonly string[]; readonly perSecond?: number },
): Line {
  limits.set(line, { line, name: as.join("\n"), perSecond });
  return line;
}

/** Of lines on their way to the log. */
const limits = new WeakMap<object, { readonly line: object; readonly name: string; readonly perSecond: number }>();

/** Resolves when everything that was logged has left the process or cannot leave it; before an exit. Never rejects. */
export async function flushLog(log: Logger): Promise<void> {
  await new Promise<void>((resolve) => {
    log.flush(() => resolve());
  });
}

/** A line that says how many lines are missing where it stands. */
export function droppedLine(dropped: ReadonlyMap<DropReason, number>): string {
  let text = "";
  const log = pino(lineSettings, { write: (line: string) => (text += line) });
  const lines = [...dropped.values()].reduce((sum, count) => sum + count, 0);
  log.warn({ event: "log-lines-dropped", lines, reasons: Object.fromEntries(dropped) }, "the log has a gap here");
  return text;
}

const redactedNames = ["secret", "password", "key", "credentials", "stanza", "sasl"];

const lineSettings = {
  base: { name: "caesura", pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level: string) => ({ level }) },
  redact: {
    paths: redactedNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    censor: "[redacted]",
  },
};
