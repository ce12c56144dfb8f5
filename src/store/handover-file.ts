import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { z } from "zod";
import type { HandedSession } from "../session/index.js";

// The sessions that wait to be resumed, for the process that comes after this one: one line each, behind a line that says
// what it is and before one that says how many there are. Whoever reads it takes it: there is no second time, so that an old
// one is never believed.

const FORMAT = 1;
/** Together; a session has rarely more than a few kilobytes. */
const MOST_BYTES = 64 * 1024 * 1024;

export interface WrittenHandover {
  readonly sessions: number;
  /** For which there was no room. */
  readonly leftOut: number;
}

export interface ReadHandover {
  readonly sessions: readonly HandedSession[];
  /** That hold what no session does: nobody's mistake is to cost the others their streams. */
  readonly leftOut: number;
  /** How long ago it was written. */
  readonly ageMs: number;
}

/**
 * Writes the file for this user alone, in the place of one that is there.
 *
 * Errors  throws what the file system says; then no file, or the one before, is there.
 */
export function writeHandover(
  path: string,
  sessions: Iterable<HandedSession>,
  nowMs: number,
  mostBytes = MOST_BYTES,
): WrittenHandover {
  const beside = `${path}.new`;
  // Of a process that was killed in the middle of it, or something else that would be written into, or waited for.
  rmSync(beside, { force: true });
  try {
    const counts = writeSessions(beside, sessions, nowMs, mostBytes);
    renameSync(beside, path);
    return counts;
  } catch (error) {
    // There are users' stanzas in it, and nobody would read them.
    rmSync(beside, { force: true });
    throw error;
  }
}

function writeSessions(
  path: string,
  sessions: Iterable<HandedSession>,
  nowMs: number,
  mostBytes: number,
): WrittenHandover {
  const file = openSync(path, WRITING, 0o600);
  let [written, leftOut, bytes] = [0, 0, 0];
  try {
    fchmodSync(file, 0o600);
    writeSync(file, `${JSON.stringify({ format: FORMAT, writtenAtMs: nowMs })}\n`);
    for (const session of sessions) {
      const line = `${JSON.stringify(session)}\n`;
      bytes += Buffer.byteLength(line);
      if (bytes > mostBytes) leftOut++;
      else {
        writeAll(file, Buffer.from(line));
        written++;
      }
    }
    writeSync(file, `${JSON.stringify({ sessions: written })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return { sessions: written, leftOut };
}

/**
 * Takes the file, if there is one.
 *
 * Errors  throws with the reason where it cannot be believed: what others may have written, what is damaged, what cannot be
 *         taken away.
 */
export function takeHandover(path: string, nowMs: number): ReadHandover | undefined {
  const text = readOwn(path);
  if (text === undefined) return undefined;
  unlinkSync(path);
  const [first = "", ...rest] = text.split("\n");
  const [last = "", end] = rest.splice(-2);
  const { writtenAtMs } = header.parse(JSON.parse(first));
  const lines: readonly unknown[] = rest.map((line) => JSON.parse(line));
  if (end !== "" || footer.parse(JSON.parse(last)).sessions !== lines.length) throw new Error("a part is missing");
  const sessions = lines.flatMap((line) => {
    const { data } = handedSession.safeParse(line);
    return data === undefined ? [] : [data];
  });
  return { sessions, leftOut: lines.length - sessions.length, ageMs: Math.max(0, nowMs - writtenAtMs) };
}

function readOwn(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    // Its stanzas are put into streams of users: nobody else may have written them.
    const isOwn = uid === process.getuid?.() || uid === 0;
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || !isOwn || (mode & 0o022) !== 0)
      throw new Error("other users may have written it");
    if (size > 2 * MOST_BYTES) throw new Error("it is too large");
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

const WRITING = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

const header = z.strictObject({ format: z.literal(FORMAT), writtenAtMs: z.number().nonnegative() });
const footer = z.strictObject({ sessions: z.int().nonnegative() });

const sequence = z.int().min(0).max(0xffff_ffff);
const count = z.int().nonnegative();
const ledger = z.strictObject({
  senderAck: sequence,
  receiverAck: sequence,
  heard: sequence,
  entries: z.array(
    z.union([
      z.strictObject({ relayed: count }),
      z.strictObject({ swallowed: z.string(), isHandled: z.boolean() }),
      z.strictObject({ injected: z.string(), atMs: z.number() }),
    ]),
  ),
  repeats: z.array(z.tuple([z.string(), count])),
  repeatsLeft: z.int(),
});
const handedSession = z.strictObject({
  cid: z.string().min(1),
  serverId: z.string().min(1),
  domain: z.string().min(1),
  jid: z.string().min(1),
  maxSeconds: z.number().nonnegative().optional(),
  namespace: z.enum(["urn:xmpp:sm:3", "urn:xmpp:sm:2"]),
  priority: z.int().optional(),
  management: z.strictObject({
    up: ledger,
    down: ledger,
    heldUp: z.array(z.string()),
    heldDown: z.array(z.string()),
  }),
  questions: z.array(z.strictObject({ id: z.string(), to: z.string().optional(), isRequest: z.boolean() })),
});
