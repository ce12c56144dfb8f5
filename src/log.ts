import { pino } from "pino";
import type { DestinationStream, Logger } from "pino";
import type { LogLevel } from "./config/index.js";

export type { Logger } from "pino";

/**
 * The log: one JSON object a line on standard output, with `level` as a word and `time` in ISO 8601 (UTC).
 *
 * Written synchronously and without a worker thread, so that the lines before a crash are there; there are few, since
 * no stanza that passes untouched makes one.
 *
 * The names below are taken out wherever they occur near the top of a line. That is the second fence: nobody passes
 * credentials or stanzas here in the first place.
 */
export function createLogger(options: { readonly level: LogLevel; readonly destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    base: { name: "caesura", pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    redact: { paths: redactedPaths, censor: "[redacted]" },
  };
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
}

const redactedNames = ["secret", "password", "key", "credentials", "stanza", "sasl"];
const redactedPaths = redactedNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** The log of one connection: each of its lines carries the connection's id. */
export function connectionLogger(log: Logger, connection: string): Logger {
  return log.child({ connection });
}

/** Resolves when everything that was logged has left the process; before an exit. Never rejects. */
export async function flushLog(log: Logger): Promise<void> {
  await new Promise<void>((resolve) => {
    log.flush(() => resolve());
  });
}
