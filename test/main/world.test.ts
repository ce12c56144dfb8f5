import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { World } from "../../src/main/world.js";
import { Turns } from "../../src/relay/index.js";
import { Hub, type LinkLimits, type StreamManagementSettings } from "../../src/session/index.js";
import { DEFAULT_MANAGEMENT_OPTIONS, DEFAULT_RESUMPTION_OPTIONS } from "../../src/stream/index.js";

const framer = { maxFrameBytes: 10_000, maxDepth: 128, maxAttributes: 100, maxNameBytes: 1000, maxChildren: 1000 };
const limits: LinkLimits = {
  unauthenticated: framer,
  authenticated: framer,
  trusted: framer,
  pendingPerSession: 1,
  heldBytes: 10_000,
  clientQueueBytes: 1,
  writtenBytes: 1,
  entityQueueBytes: 10_000,
};
const streamManagement: StreamManagementSettings = {
  options: DEFAULT_MANAGEMENT_OPTIONS,
  resumption: DEFAULT_RESUMPTION_OPTIONS,
};

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

describe("what the hub sees of the world", () => {
  test("ids have 128 bits, need no escaping in an attribute, and never repeat", () => {
    const { world } = worldOf();
    const ids = Array.from({ length: 5000 }, () => world.newId());
    expect(new Set(ids).size).toBe(5000);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test("the clock never runs backwards", () => {
    const { world } = worldOf();
    const before = world.now();
    expect(world.now()).toBeGreaterThanOrEqual(before);
  });

  test("a timer expires once, with its key, and is forgotten", () => {
    const { world, expired } = worldOf();
    world.setTimer(7, 1000);
    expect(world.timers).toBe(1);
    vi.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(5000);
    expect(expired).toEqual([7]);
    expect(world.timers).toBe(0);
  });

  test("a timer that is taken back does not expire", () => {
    const { world, expired } = worldOf();
    world.setTimer(7, 1000);
    world.clearTimer(7);
    vi.advanceTimersByTime(5000);
    expect(expired).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a timer that is set again starts anew", () => {
    const { world, expired } = worldOf();
    world.setTimer(7, 1000);
    vi.advanceTimersByTime(900);
    world.setTimer(7, 1000);
    vi.advanceTimersByTime(900);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(expired).toEqual([7]);
  });

  test("closing leaves no timer", () => {
    const { world } = worldOf();
    for (let key = 0; key < 10; key++) world.setTimer(key, 1000);
    world.close();
    expect([world.timers, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

function worldOf(): { readonly world: World; readonly expired: readonly number[] } {
  const expired: number[] = [];
  const world = new World({
    turns: new Turns(),
    limits: () => limits,
    streamManagement: () => streamManagement,
    report: () => undefined,
  });
  class Listening extends Hub {
    override timerExpired(key: number): void {
      expired.push(key);
    }
  }
  world.serve(new Listening(world));
  return { world, expired };
}
