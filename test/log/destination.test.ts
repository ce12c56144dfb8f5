import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLogger, droppedLine, LogDestination, type DropReason } from "../../src/log/index.js";

// The descriptor is played: what a call of `write` takes, or with which error of the kernel it fails.

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("a destination that can be written", () => {
  test("writes each line at once, and whole", () => {
    const { destination, descriptor } = played();
    destination.write("one\n");
    expect(descriptor.text).toBe("one\n");
    destination.write("Roméo\n");
    expect(descriptor.text).toBe("one\nRoméo\n");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("goes on where a write stopped, also inside a character", () => {
    const { destination, descriptor } = played();
    descriptor.mostBytes = 3;
    destination.write("Roméo\n");
    expect(descriptor.text).toBe("Roméo\n");
  });
});

describe("a reader that is slow", () => {
  test("gets the lines later, in order, and nobody waited or asked in vain", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    for (const line of ["one\n", "two\n", "three\n"]) destination.write(line);
    expect([descriptor.text, descriptor.calls]).toEqual(["", 1]);
    descriptor.fails = undefined;
    destination.write("four\n");
    vi.advanceTimersByTime(20);
    expect(descriptor.text).toBe("one\ntwo\nthree\nfour\n");
    expect(lost(destination)).toEqual({});
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is asked again, less and less often, once a second in the end", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("one\n");
    vi.advanceTimersByTime(10_000);
    const before = descriptor.calls;
    expect(before).toBeLessThan(20);
    vi.advanceTimersByTime(10_000);
    expect(descriptor.calls - before).toBe(10);
  });

  test("that takes nothing without an error is slow too", () => {
    const { destination, descriptor } = played();
    descriptor.mostBytes = 0;
    destination.write("one\n");
    expect(descriptor.calls).toBe(1);
    descriptor.mostBytes = 100;
    vi.advanceTimersByTime(20);
    expect(descriptor.text).toBe("one\n");
  });

  test("gets no more than the backlog holds; the next line that is written says how many are missing", () => {
    const { destination, descriptor } = played({ maxBacklogBytes: 12 });
    descriptor.fails = "EAGAIN";
    for (const line of ["one\n", "two\n", "six\n", "ten\n", "x\n"]) destination.write(line);
    expect(lost(destination)).toEqual({ slow_reader: 2 });
    descriptor.fails = undefined;
    vi.advanceTimersByTime(20);
    destination.write("later\n");
    expect(descriptor.text).toBe("one\ntwo\nsix\n[slow_reader 2]\nlater\n");
    expect(lost(destination)).toEqual({ slow_reader: 2 });
  });

  test("at limit the backlog takes a line, at limit + 1 it does not", () => {
    for (const [line, missing] of [
      ["12345678\n", 0],
      ["123456789\n", 1],
    ] as const) {
      const { destination, descriptor } = played({ maxBacklogBytes: 13 });
      descriptor.fails = "EAGAIN";
      destination.write("one\n");
      destination.write(line);
      expect(destination.dropped.get("slow_reader")).toBe(missing);
    }
  });

  test("who takes a part of the backlog gets the rest before anything new", () => {
    const { destination, descriptor } = played({ maxBacklogBytes: 20 });
    descriptor.fails = "EAGAIN";
    for (const line of ["wherefore\n", "art thou\n", "Romeo?\n"]) destination.write(line);
    descriptor.fails = undefined;
    descriptor.roomBytes = 13;
    vi.advanceTimersByTime(20);
    expect(descriptor.text).toBe("wherefore\nart");
    destination.write("lost\n");
    descriptor.roomBytes = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(1000);
    destination.write("written\n");
    expect(descriptor.text).toBe("wherefore\nart thou\n[slow_reader 2]\nwritten\n");
  });

  test("keeps memory bounded however much is logged", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    const line = `${"x".repeat(999)}\n`;
    for (let turn = 0; turn < 10_000; turn++) destination.write(line);
    expect(destination.dropped.get("slow_reader")).toBe(10_000 - 65);
    descriptor.fails = undefined;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text.length).toBe(65_000 + "[slow_reader 9935]\n".length);
  });
});

describe("a destination that fails", () => {
  test.each([
    ["ENOSPC", "no_space"],
    ["EFBIG", "no_space"],
    ["EDQUOT", "no_space"],
    ["EPIPE", "no_reader"],
    ["ECONNRESET", "no_reader"],
    ["EIO", "failed"],
    ["EBADF", "failed"],
  ] as const)("with %s throws nothing, and its lines are counted as %s", (code, reason) => {
    const { destination, descriptor } = played();
    descriptor.fails = code;
    for (let turn = 0; turn < 100; turn++) destination.write("one\n");
    expect(lost(destination)).toEqual({ [reason]: 100 });
    expect([descriptor.text, descriptor.calls]).toEqual(["", 1]);
  });

  test("is tried again once a second, and says what is missing as soon as it can", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "ENOSPC";
    destination.write("one\n");
    destination.write("two\n");
    vi.advanceTimersByTime(10_000);
    expect(descriptor.calls).toBe(11);
    descriptor.fails = undefined;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text).toBe("[no_space 2]\n");
    destination.write("three\n");
    expect(descriptor.text).toBe("[no_space 2]\nthree\n");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a line that was begun is finished when there is room again, so that no line is broken", () => {
    const { destination, descriptor } = played();
    descriptor.roomBytes = 6;
    descriptor.whenFull = "ENOSPC";
    destination.write("wherefore\n");
    destination.write("art thou\n");
    expect([descriptor.text, lost(destination)]).toEqual(["wheref", { no_space: 1 }]);
    descriptor.roomBytes = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text).toBe("wherefore\n[no_space 1]\n");
  });

  test("a note that was begun is finished too, and given once", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "ENOSPC";
    destination.write("one\n");
    descriptor.fails = undefined;
    descriptor.whenFull = "ENOSPC";
    descriptor.roomBytes = 4;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text).toBe("[no_");
    destination.write("two\n");
    descriptor.roomBytes = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text).toBe("[no_space 1]\n[no_space 1]\n");
    expect(lost(destination)).toEqual({ no_space: 2 });
  });

  test("what waited for a slow reader who then went away is dropped and counted", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("one\n");
    destination.write("two\n");
    descriptor.fails = "EPIPE";
    vi.advanceTimersByTime(20);
    expect(lost(destination)).toEqual({ no_reader: 2 });
  });

  test("tells reasons apart in the note", () => {
    const { destination, descriptor } = played({ maxBacklogBytes: 4 });
    descriptor.fails = "EAGAIN";
    destination.write("one\n");
    destination.write("two\n");
    descriptor.fails = "EIO";
    vi.advanceTimersByTime(20);
    descriptor.fails = undefined;
    vi.advanceTimersByTime(1000);
    expect(descriptor.text).toBe("[slow_reader 1, failed 1]\n");
  });

  test("counts every reason from 0 on", () => {
    const { destination } = played();
    expect([...destination.dropped]).toEqual([
      ["slow_reader", 0],
      ["no_space", 0],
      ["no_reader", 0],
      ["failed", 0],
    ]);
  });
});

describe("before the end", () => {
  test("a flush waits for a reader that is slow", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("last words\n");
    const done = vi.fn<() => void>();
    destination.flush(done);
    vi.advanceTimersByTime(500);
    expect(done).not.toHaveBeenCalled();
    descriptor.fails = undefined;
    vi.advanceTimersByTime(10);
    expect([descriptor.text, done.mock.calls.length]).toEqual(["last words\n", 1]);
  });

  test("a flush gives up on a reader that has stopped, after a second", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("last words\n");
    const done = vi.fn<() => void>();
    destination.flush(done);
    vi.advanceTimersByTime(1000);
    expect(done).toHaveBeenCalledOnce();
  });

  test("a flush tries a full disk once more, and waits for nothing", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "ENOSPC";
    destination.write("last words\n");
    const done = vi.fn<() => void>();
    destination.flush(done);
    expect([descriptor.calls, done.mock.calls.length]).toEqual([2, 1]);
  });

  test("without the event loop a slow reader still gets the lines", () => {
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("last words\n");
    descriptor.callsUntilReady = 3;
    destination.flushSync();
    expect(descriptor.text).toBe("last words\n");
  });

  test("without the event loop a reader that has stopped is given up in bounded time", () => {
    vi.useRealTimers();
    const { destination, descriptor } = played();
    descriptor.fails = "EAGAIN";
    destination.write("last words\n");
    const before = performance.now();
    destination.flushSync();
    expect(performance.now() - before).toBeLessThan(5000);
    expect(descriptor.text).toBe("");
  });

  test("a fatal line is given a last chance by itself", () => {
    const { destination, descriptor } = played();
    const log = createLogger({ level: "info", destination });
    descriptor.fails = "EAGAIN";
    descriptor.callsUntilReady = 4;
    log.fatal("a fault of our own");
    expect(descriptor.text).toContain('"msg":"a fault of our own"');
  });
});

test("a line of the log says what is missing, by reason", () => {
  const line = droppedLine(
    new Map<DropReason, number>([
      ["slow_reader", 3],
      ["failed", 1],
    ]),
  );
  expect(line.endsWith("}\n")).toBe(true);
  expect(JSON.parse(line)).toEqual({
    level: "warn",
    time: expect.stringMatching(/Z$/),
    name: "caesura",
    pid: process.pid,
    event: "log-lines-dropped",
    lines: 4,
    reasons: { slow_reader: 3, failed: 1 },
    msg: "the log has a gap here",
  });
});

class Descriptor {
  /** The error of every call. */
  fails: string | undefined;
  /** After so many further calls that fail they succeed. */
  callsUntilReady = Number.POSITIVE_INFINITY;
  /** Of one call. */
  mostBytes = Number.POSITIVE_INFINITY;
  /** Of all calls; then they fail with `whenFull`. */
  roomBytes = Number.POSITIVE_INFINITY;
  whenFull = "EAGAIN";
  calls = 0;
  readonly #pieces: Uint8Array[] = [];

  get text(): string {
    return Buffer.concat(this.#pieces).toString("utf8");
  }

  write(bytes: Uint8Array): number {
    this.calls++;
    if (this.fails !== undefined && this.callsUntilReady > 0) {
      this.callsUntilReady--;
      throw failure(this.fails);
    }
    if (this.roomBytes === 0) throw failure(this.whenFull);
    const taken = bytes.slice(0, Math.min(this.mostBytes, this.roomBytes));
    this.roomBytes -= taken.length;
    this.#pieces.push(taken);
    return taken.length;
  }
}

function played(options: { readonly maxBacklogBytes?: number } = {}) {
  const descriptor = new Descriptor();
  const destination = new LogDestination({
    write: (bytes) => descriptor.write(bytes),
    note: (dropped) => `[${[...dropped].map(([reason, lines]) => `${reason} ${String(lines)}`).join(", ")}]\n`,
    ...options,
  });
  return { descriptor, destination };
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: played, write`), { code });
}

/** The reasons for which something was dropped. */
function lost({ dropped }: LogDestination): Record<string, number> {
  return Object.fromEntries([...dropped].filter(([, lines]) => lines > 0));
}
