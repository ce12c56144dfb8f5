import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Sampler } from "../../src/admin/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const delegation = {
  kind: "delegation",
  connection: "1",
  domain: "capulet.lit",
  rule: "urn:example:verse",
  entity: "verse.capulet.lit",
} as const;

test("a sample has rates, and the ranks of what delegated requests took since the one before", () => {
  let stanzas = 100;
  const sampler = new Sampler(() => stanzas);
  stanzas = 120;
  for (let ms = 1; ms <= 100; ms++) sampler.hub({ ...delegation, outcome: "result", seconds: ms / 1000 });
  sampler.hub({ ...delegation, outcome: "late", seconds: 99 });
  sampler.hub({ ...delegation, outcome: "refused", seconds: 99 });
  vi.advanceTimersByTime(2000);
  const [first] = sampler.history;
  expect(first).toMatchObject({ p50: 50, p95: 95, p99: 99 });
  expect(first?.stanzas).toBeCloseTo(10, 1);
  expect(first?.delegations).toBeCloseTo(50, 0);
  expect(first?.rss).toBeGreaterThan(10);
  vi.advanceTimersByTime(2000);
  expect(sampler.history[1]).toMatchObject({ p50: null, stanzas: 0, delegations: 0 });
  sampler.close();
});

test("ten minutes are kept, and nobody is told behind the end", () => {
  const sampler = new Sampler(() => 0);
  let told = 0;
  const stop = sampler.listen(() => told++);
  vi.advanceTimersByTime(2000 * 310);
  expect([sampler.history.length, told]).toEqual([300, 310]);
  stop();
  vi.advanceTimersByTime(2000);
  expect(told).toBe(310);
  sampler.close();
  vi.advanceTimersByTime(10_000);
  expect(sampler.history.length).toBe(300);
});

test("numbers that a closed listener took with it make no rate below zero", () => {
  let stanzas = 100;
  const sampler = new Sampler(() => stanzas);
  stanzas = 20;
  vi.advanceTimersByTime(2000);
  expect(sampler.history[0]?.stanzas).toBe(0);
  sampler.close();
});
