import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Latencies, Sampler } from "../../src/admin/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const delegation = {
  kind: "delegation",
  connection: "1",
  domain: "capulet.lit",
  rule: "urn:example:verse",
  entity: "verse.capulet.lit",
} as const;

function samplerOf(stanzas: () => number = () => 0): Sampler {
  return new Sampler({ stanzas, sessions: () => 3, connections: () => 4 });
}

test("a sample has rates, and the ranks of what delegated requests took since the one before", () => {
  let stanzas = 100;
  const sampler = samplerOf(() => stanzas);
  expect(sampler.last).toBeUndefined();
  stanzas = 120;
  for (let ms = 1; ms <= 100; ms++) sampler.hub({ ...delegation, outcome: "result", seconds: ms / 1000 });
  sampler.hub({ ...delegation, outcome: "late", seconds: 99 });
  sampler.hub({ ...delegation, outcome: "refused", seconds: 99 });
  vi.advanceTimersByTime(2000);
  expect(sampler.last).toMatchObject({ p50: 50, p95: 95, p99: 99, sessions: 3, connections: 4 });
  expect(sampler.last?.stanzas).toBeCloseTo(10, 1);
  expect(sampler.last?.delegations).toBeCloseTo(50, 0);
  expect(sampler.last?.failures).toBeCloseTo(0.5, 1);
  expect(sampler.last?.rss).toBeGreaterThan(10);
  vi.advanceTimersByTime(2000);
  expect(sampler.last).toMatchObject({ p50: null, stanzas: 0, delegations: 0, failures: 0 });
  sampler.close();
});

test("an hour is kept, and nobody is told behind the end", () => {
  const sampler = samplerOf();
  let told = 0;
  const stop = sampler.listen(() => told++);
  vi.advanceTimersByTime(2000 * 1810);
  expect([sampler.history(10_000).at.length, told]).toEqual([1800, 1810]);
  stop();
  vi.advanceTimersByTime(2000);
  expect(told).toBe(1810);
  sampler.close();
  vi.advanceTimersByTime(10_000);
  expect(sampler.history(10_000).at.length).toBe(1800);
});

test("the samples of a window are those of the window, oldest first, and none that is known", () => {
  const sampler = samplerOf();
  vi.advanceTimersByTime(2000 * 500);
  const { at, rss } = sampler.history(300);
  expect(Math.abs(at.length - 150)).toBeLessThanOrEqual(1);
  expect(rss.length).toBe(at.length);
  expect(at).toEqual(at.toSorted((one, other) => Number(one) - Number(other)));
  expect(sampler.history(300, Number(at.at(-3))).at).toEqual(at.slice(-2));
  sampler.close();
});

test("the share that failed is that of the last minute, refusals among them", () => {
  const sampler = samplerOf();
  expect(sampler.failing).toBeUndefined();
  sampler.hub({ ...delegation, outcome: "result", seconds: 1 });
  for (const outcome of ["timeout", "no_link", "invalid_reply"] as const)
    sampler.hub({ ...delegation, outcome, seconds: 1 });
  vi.advanceTimersByTime(2000);
  expect(sampler.failing).toBe(0.75);
  vi.advanceTimersByTime(62_000);
  expect(sampler.failing).toBeUndefined();
  sampler.hub({ ...delegation, outcome: "refused", seconds: 1 });
  vi.advanceTimersByTime(2000);
  expect(sampler.failing).toBe(1);
  sampler.close();
});

test("numbers that a closed listener took with it make no rate below zero", () => {
  let stanzas = 100;
  const sampler = samplerOf(() => stanzas);
  stanzas = 20;
  vi.advanceTimersByTime(2000);
  expect(sampler.last?.stanzas).toBe(0);
  sampler.close();
});

test("of each rule the ranks of its last 512 answers are known, and of no more than a thousand rules", () => {
  const latencies = new Latencies();
  expect(latencies.of(delegation)).toBeUndefined();
  latencies.hub({ ...delegation, outcome: "refused", seconds: 9 });
  expect(latencies.of(delegation)).toBeUndefined();
  for (let ms = 1; ms <= 1000; ms++) latencies.hub({ ...delegation, outcome: "result", seconds: ms / 1000 });
  expect(latencies.of(delegation)).toEqual({ count: 512, p50: 744, p95: 975, p99: 995 });
  for (let nth = 0; nth < 1000; nth++)
    latencies.hub({ ...delegation, rule: `urn:example:${String(nth)}`, outcome: "result", seconds: 1 });
  expect(latencies.of(delegation)).toBeUndefined();
});
