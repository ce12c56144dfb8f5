import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { asErrors, isJournalStream, type OutputKind } from "./format.js";

/** Writes to standard output without waiting for its reader: what `LogDestination` asks for. */
export function standardOutputWriter(): (bytes: Uint8Array) => number {
  const fd = withoutWaiting(1);
  return (bytes) => writeSync(fd, bytes);
}

/** What standard output is, as far as the form of lines goes by it. */
export function standardOutputKind(env: Readonly<Record<string, string | undefined>>): Omit<OutputKind, "hasColours"> {
  return {
    isTerminal: process.stdout.isTTY,
    isJournal: isJournalStream(env["JOURNAL_STREAM"], fstatSync(1, { bigint: true })),
  };
}

/** A text for standard error that says what is wrong: to the journal with a priority, as it is to everybody else. */
export function errorText(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return isJournalStream(env["JOURNAL_STREAM"], fstatSync(2, { bigint: true })) ? asErrors(text) : text;
}

/**
 * A descriptor for the same thing that does not block.
 *
 * Whether a write may wait is a flag of the open file, which other processes share (`2>&1`, a shell behind us) and may
 * change. So a pipe or a terminal is opened once more, for us alone. A socket cannot be, e.g. that of the journal; for it
 * Node sets the flag, when it makes the stream. A regular file has no such flag, and a second opening would have a place
 * of its own in it.
 */
function withoutWaiting(fd: number): number {
  const stats = fstatSync(fd);
  if (stats.isFile()) return fd;
  if (!stats.isSocket()) {
    try {
      const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
      return openSync(`/proc/self/fd/${String(fd)}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    } catch {
      // No /proc, or a pipe of another user's; then as for a socket.
    }
  }
  return process.stdout.fd;
}
