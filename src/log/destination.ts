import type { DestinationStream } from "pino";
import type { FormatLine } from "./format.js";

// The log must not be able to stop the proxy. What is read at the other end of standard output may be slow or gone, and the
// disk may be full; a stranger can bring each of these about by making lines. So:
//
// - A write that cannot be done is a value here. It never throws, never waits, and is tried again later, by a timer.
// - A reader that is slow gets a bounded backlog. Everything else, and what is beyond the bound, is dropped in whole lines.
// - A line that was begun is finished, so that what is in the file stays one JSON object a line.
// - Drops are counted, and the next line that can be written says how many there were.
//
// Not chosen: `pino.destination`. With `sync: true` it sleeps in `Atomics.wait` while a pipe is full and emits an `error`
// that ends the process when the disk is; with `sync: false` the last lines before a crash are lost. Not covered: a write
// to a regular file blocks for as long as the kernel does, e.g. on a network file system that hangs.

/** Why lines were dropped; the `reason` label of `caesura_log_lines_dropped_total`. */
export const dropReasons = ["slow_reader", "no_space", "no_reader", "failed"] as const;
export type DropReason = (typeof dropReasons)[number];

export interface LogDestinationParts {
  /** Writes what can be written at once and returns how many bytes that were. Throws what `fs.writeSync` throws. */
  write(bytes: Uint8Array): number;
  /** A line that says what was dropped, with its line feed. */
  note(dropped: ReadonlyMap<DropReason, number>): string;
  /** How much waits for a slow reader. */
  readonly maxBacklogBytes?: number;
}

/** Where lines of the log go. Never throws and, but for `flushSync`, never waits. */
export class LogDestination implements DestinationStream {
  /** The form of the lines from now on; JSON as it comes unless it is set. */
  format: FormatLine = (line) => line;
  readonly #parts: LogDestinationParts;
  readonly #maxBacklogBytes: number;
  readonly #dropped = new Map<DropReason, number>(dropReasons.map((reason) => [reason, 0]));
  /** Dropped, and not yet told. */
  #untold = new Map<DropReason, number>();
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  /** Part of the first line of the backlog has been written. */
  #isBegun = false;
  /** Why nothing is written before the timer expires. */
  #trouble: DropReason | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = firstDelayMs;

  constructor(parts: LogDestinationParts) {
    this.#parts = parts;
    this.#maxBacklogBytes = parts.maxBacklogBytes ?? 64 * 1024;
  }

  /** Lines dropped since the start; live, with every reason in it. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#dropped;
  }

  /** Takes one line, with its line feed. */
  write(line: string): void {
    const bytes = Buffer.from(this.format(line));
    if (this.#trouble === undefined) {
      this.#append(bytes);
      this.#drain();
      return;
    }
    // Once a line was dropped the following ones are too, until the backlog is gone: one gap, and one line about it.
    const hasRoom =
      this.#trouble === "slow_reader" &&
      this.#untold.size === 0 &&
      this.#backlogBytes + bytes.length <= this.#maxBacklogBytes;
    if (hasRoom) this.#append(bytes);
    else this.#drop(this.#trouble);
  }

  /** Calls `done` when everything has been written, when it cannot be, or after a second. The process lives on until then. */
  flush(done: () => void): void {
    const deadline = performance.now() + flushMs;
    const attempt = (): void => {
      this.#drain();
      if (this.#trouble !== "slow_reader" || performance.now() >= deadline) done();
      else setTimeout(attempt, flushStepMs);
    };
    attempt();
  }

  /** The same without the event loop and for half a second at most: for a process that is about to end. */
  flushSync(): void {
    const deadline = performance.now() + flushSyncMs;
    this.#drain();
    while (this.#trouble === "slow_reader" && performance.now() < deadline) {
      Atomics.wait(nothing, 0, 0, flushStepMs);
      this.#drain();
    }
  }

  #drain(): void {
    for (;;) {
      const line = this.#backlog[0] ?? this.#note();
      if (line === undefined) {
        this.#settle();
        return;
      }
      const taken = this.#attempt(line);
      if (typeof taken === "string") {
        this.#wait(taken);
        return;
      }
      // Only now that some of it has been written has the note been given.
      if (this.#backlog.length === 0) {
        this.#untold = new Map();
        this.#append(line);
      }
      this.#delayMs = firstDelayMs;
      this.#backlogBytes -= taken;
      this.#isBegun = taken < line.length;
      if (this.#isBegun) this.#backlog[0] = line.subarray(taken);
      else this.#backlog.shift();
    }
  }

  #attempt(bytes: Uint8Array): number | DropReason {
    try {
      const taken = this.#parts.write(bytes);
      return taken > 0 ? taken : "slow_reader";
    } catch (error) {
      return reasonOf(error);
    }
  }

  #wait(reason: DropReason): void {
    this.#trouble = reason;
    if (reason !== "slow_reader") {
      const kept = this.#isBegun ? this.#backlog.slice(0, 1) : [];
      for (let lines = this.#backlog.length - kept.length; lines > 0; lines--) this.#drop(reason);
      this.#backlog = kept;
      this.#backlogBytes = kept[0]?.length ?? 0;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drain(), reason === "slow_reader" ? this.#delayMs : lastDelayMs).unref();
    this.#delayMs = Math.min(this.#delayMs * 2, lastDelayMs);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#trouble = undefined;
    this.#timer = undefined;
  }

  #append(bytes: Uint8Array): void {
    this.#backlog.push(bytes);
    this.#backlogBytes += bytes.length;
  }

  #drop(reason: DropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + 1);
  }

  #note(): Uint8Array | undefined {
    return this.#untold.size === 0 ? undefined : Buffer.from(this.format(this.#parts.note(this.#untold)));
  }
}

// A reader that is merely late is waited for in short steps, one that has stopped is asked once a second.
const firstDelayMs = 20;
const lastDelayMs = 1000;
const flushMs = 1000;
const flushSyncMs = 500;
const flushStepMs = 10;
/** Nobody wakes who waits on it. */
const nothing = new Int32Array(new SharedArrayBuffer(4));

function reasonOf(error: unknown): DropReason {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return (typeof code === "string" ? reasons.get(code) : undefined) ?? "failed";
}

const reasons: ReadonlyMap<string, DropReason> = new Map([
  ["EAGAIN", "slow_reader"],
  ["EWOULDBLOCK", "slow_reader"],
  ["EINTR", "slow_reader"],
  ["ENOSPC", "no_space"],
  ["EDQUOT", "no_space"],
  ["EFBIG", "no_space"],
  ["EPIPE", "no_reader"],
  ["ECONNRESET", "no_reader"],
  ["ENOTCONN", "no_reader"],
]);
