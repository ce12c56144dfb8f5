import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeDrain, reportDrain } from "../../src/cli/drain-report.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const progress = { clients: 812, untold: 400, serving: 2 };

test("says every two seconds how much is left, in the log and to the service manager, until it is stopped", async () => {
  const lines: unknown[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const told: string[] = [];
  const manager = { status: (text: string) => Promise.resolve(void told.push(text)) };
  const report = reportDrain({ progress, pendingRequests: 7 }, log, manager);
  expect(lines).toEqual([]);
  await vi.advanceTimersByTimeAsync(4000);
  expect(lines).toMatchObject([
    { event: "drain-progress", ...progress, pending: 7, seconds: 2 },
    { event: "drain-progress", seconds: 4 },
  ]);
  expect(told).toEqual([describeDrain(progress, 7), describeDrain(progress, 7)]);
  report.stop();
  await vi.advanceTimersByTimeAsync(4000);
  expect(lines.length).toBe(2);
});

test("says nothing before there is something to say, and does not wait for a service manager that hangs", async () => {
  const lines: unknown[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const status = vi.fn(() => new Promise<void>(() => undefined));
  const proxy: { progress: typeof progress | undefined; pendingRequests: number } = {
    progress: undefined,
    pendingRequests: 0,
  };
  const report = reportDrain(proxy, log, { status });
  await vi.advanceTimersByTimeAsync(4000);
  expect(lines).toEqual([]);
  proxy.progress = progress;
  await vi.advanceTimersByTimeAsync(6000);
  expect(lines.length).toBe(3);
  expect(status).toHaveBeenCalledTimes(1);
  report.stop();
});

test("is one line that a person reads", () => {
  expect(describeDrain(progress, 7)).toBe(
    "draining: 812 clients left, 400 of them not told yet; 2 that serve them; 7 requests pending",
  );
  expect(describeDrain({ clients: 1, untold: 0, serving: 0 }, 0)).toBe(
    "draining: 1 clients left; 0 that serve them; 0 requests pending",
  );
});
