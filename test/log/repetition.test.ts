import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLogger, flushLog, repeatable, Repetition } from "../../src/log/index.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

describe("lines that repeat", () => {
  test("the first is written at once, the latest of the others after a second, with their number", () => {
    const { offer, written } = recorded();
    for (let turn = 1; turn <= 5; turn++) offer("refused", `r${String(turn)}`);
    expect(written).toEqual(["r1"]);
    vi.advanceTimersByTime(1250);
    expect(written).toEqual(["r1", "r5 (3)"]);
  });

  test("however many come, one a second is written, and each is counted", () => {
    const { offer, written } = recorded();
    for (let turn = 0; turn < 1000; turn++) {
      offer("refused", "r");
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(2500);
    expect(written.length).toBeGreaterThan(7);
    expect(written.length).toBeLessThanOrEqual(11);
    const suppressed = written.map((line) => Number(/\((\d+)\)/.exec(line)?.[1] ?? 0));
    expect(suppressed.reduce((sum, count) => sum + count, written.length)).toBe(1000);
  });

  test("never come twice within a second, wherever in it they began", () => {
    for (let startMs = 0; startMs < 250; startMs += 50) {
      const { offer, written } = recorded();
      offer("other", "o");
      vi.advanceTimersByTime(startMs);
      offer("refused", "r1");
      offer("refused", "r2");
      vi.advanceTimersByTime(999);
      expect(written).toEqual(["o", "r1"]);
      vi.advanceTimersByTime(252);
      expect(written).toEqual(["o", "r1", "r2"]);
    }
  });

  test("of different names do not hide one another", () => {
    const { offer, written } = recorded();
    for (let turn = 0; turn < 10; turn++) offer("refused", "r");
    offer("timeout", "t");
    expect(written).toEqual(["r", "t"]);
  });

  test("that come seldom are all written, and cost neither memory nor a timer afterwards", () => {
    const { offer, written } = recorded();
    for (let turn = 0; turn < 3; turn++) {
      offer("refused", "r");
      vi.advanceTimersByTime(1500);
    }
    expect(written).toEqual(["r", "r", "r"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("may be allowed to come several times a second", () => {
    const { offer, written } = recorded();
    for (let turn = 0; turn < 30; turn++) offer("ended", "e", 20);
    expect(written.length).toBe(20);
    vi.advanceTimersByTime(1250);
    expect(written.at(-1)).toBe("e (9)");
  });
});

describe("the bounds", () => {
  test("names beyond the bound share one, so that a peer with many addresses fills no memory", () => {
    const { offer, written } = recorded({ maxNames: 2, linesPerSecond: 100 });
    for (let name = 0; name < 1000; name++) offer(`fault ${String(name)}`, `f${String(name)}`, 20);
    expect(written).toEqual(["f0", "f1", "f2"]);
    vi.advanceTimersByTime(1250);
    expect(written).toEqual(["f0", "f1", "f2", "f999 (996)"]);
  });

  test("all names together are bounded too, and what is held back comes when it may", () => {
    const { offer, written } = recorded({ maxNames: 50, linesPerSecond: 4 });
    for (let name = 0; name < 20; name++) offer(`fault ${String(name)}`, `f${String(name)}`);
    expect(written).toEqual(["f0", "f1", "f2", "f3"]);
    vi.advanceTimersByTime(1250);
    expect(written.length).toBeLessThanOrEqual(4 + 5);
    vi.advanceTimersByTime(10_000);
    expect(written.toSorted()).toEqual(Array.from({ length: 20 }, (_, name) => `f${String(name)}`).toSorted());
    expect(vi.getTimerCount()).toBe(0);
  });

  test("what was held back is not overtaken by a newer line of its name", () => {
    const { offer, written } = recorded({ maxNames: 50, linesPerSecond: 4 });
    for (let name = 0; name < 4; name++) offer(`fault ${String(name)}`, `f${String(name)}`);
    offer("refused", "r1");
    vi.advanceTimersByTime(250);
    offer("refused", "r2");
    expect(written.slice(4)).toEqual([]);
    vi.advanceTimersByTime(1250);
    expect(written.slice(4)).toEqual(["r2 (1)"]);
  });

  test("who waited longest comes first, so that new names cannot starve old ones", () => {
    const { offer, written } = recorded({ maxNames: 50, linesPerSecond: 4 });
    for (let name = 0; name < 8; name++) offer(`fault ${String(name)}`, `f${String(name)}`);
    for (let turn = 0; turn < 40; turn++) {
      vi.advanceTimersByTime(250);
      offer(`flood ${String(turn)}`, "flood");
    }
    for (let name = 0; name < 8; name++) expect(written).toContain(`f${String(name)}`);
  });
});

describe("the log", () => {
  test("writes a line that is not marked each time", () => {
    const { log, lines } = logged();
    for (let turn = 0; turn < 5; turn++) log.warn({ event: "entity-down" }, "gone");
    expect(lines().length).toBe(5);
  });

  test("holds back what repeats, and says how many with the details and the level of the last", () => {
    const { log, lines } = logged();
    for (let turn = 1; turn <= 4; turn++)
      log.warn(repeatable({ event: "fault", turn }, { as: ["fault", "bad-tag"] }), "a fault");
    expect(lines()).toMatchObject([{ turn: 1 }]);
    expect(lines()[0]).not.toHaveProperty("suppressed");
    vi.advanceTimersByTime(1250);
    expect(lines()[1]).toMatchObject({ level: "warn", event: "fault", turn: 4, suppressed: 2, msg: "a fault" });
  });

  test("gives what is held back before the end", async () => {
    const { log, lines } = logged();
    for (let turn = 1; turn <= 3; turn++) log.warn(repeatable({ event: "fault", turn }, { as: ["fault"] }));
    await flushLog(log);
    expect(lines()).toMatchObject([{ turn: 1 }, { turn: 3, suppressed: 1 }]);
  });

  test("takes secrets out of what was held back", () => {
    const { log, lines } = logged();
    for (let turn = 0; turn < 3; turn++) log.warn(repeatable({ secret: "o-romeo" }, { as: ["fault"] }));
    vi.advanceTimersByTime(1250);
    expect(lines().map(({ secret }) => secret)).toEqual(["[redacted]", "[redacted]"]);
  });

  test("does not count what is below its level", () => {
    const { log, lines } = logged();
    log.debug(repeatable({ event: "fault" }, { as: ["fault"] }));
    log.info(repeatable({ event: "fault" }, { as: ["fault"] }));
    expect(lines().length).toBe(1);
  });
});

function recorded(limits?: ConstructorParameters<typeof Repetition>[0]) {
  const repetition = new Repetition(limits);
  const written: string[] = [];
  const offer = (name: string, line: string, perSecond = 1): void =>
    repetition.offer(name, perSecond, (suppressed) => {
      written.push(suppressed === 0 ? line : `${line} (${String(suppressed)})`);
    });
  return { offer, written };
}

function logged() {
  const written: string[] = [];
  const log = createLogger({ level: "info", destination: { write: (line) => void written.push(line) } });
  const lines = (): Record<string, unknown>[] => written.map((line) => JSON.parse(line));
  return { log, lines };
}
