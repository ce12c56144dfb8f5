import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ServiceManager } from "../../src/cli/service-manager.js";

let folder = "";
let logged: string[] = [];
const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-manager-"));
  logged = [];
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A `systemd-notify` that notes its arguments, one message a line. */
function install(script = 'echo "$@" >> "$0.told"'): void {
  const program = join(folder, "systemd-notify");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env["PATH"] ?? ""}`);
}

function told(): readonly string[] {
  const file = join(folder, "systemd-notify.told");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

const env = { NOTIFY_SOCKET: "/run/systemd/notify" };

describe("the service manager (sd_notify(3))", () => {
  test("is told each step of the life of the service, in words that systemd 252 knows", async () => {
    install();
    const manager = new ServiceManager(log, env, 42);
    await manager.ready("serving\ncapulet.lit");
    await manager.reloading();
    await manager.stopping(30_000);
    expect(told()).toEqual([
      "READY=1 STATUS=serving capulet.lit",
      expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=[0-9]+$/),
      "STOPPING=1 STATUS=draining EXTEND_TIMEOUT_USEC=30000000",
    ]);
    expect(logged).toEqual([]);
  });

  test("is told nothing when it did not ask", async () => {
    install();
    await new ServiceManager(log, {}, 42).ready("serving");
    expect(told()).toEqual([]);
  });

  test("that cannot be told is a line in the log, and no more", async () => {
    install("exit 1");
    await new ServiceManager(log, env, 42).ready("serving");
    vi.stubEnv("PATH", folder);
    rmSync(join(folder, "systemd-notify"));
    await new ServiceManager(log, env, 42).ready("serving");
    expect(logged.map((line): unknown => JSON.parse(line))).toMatchObject([
      { event: "notify-failed", told: "READY=1", code: 1 },
      { event: "notify-failed", told: "READY=1", code: "ENOENT" },
    ]);
  });

  test("that watches is told twice in its period that the event loop turns (sd_watchdog_enabled(3))", async () => {
    install();
    const manager = new ServiceManager(log, { ...env, WATCHDOG_USEC: "200000", WATCHDOG_PID: "42" }, 42);
    await vi.waitFor(() => expect(told().length).toBeGreaterThanOrEqual(2), { timeout: 5000, interval: 10 });
    manager.close();
    expect(new Set(told())).toEqual(new Set(["WATCHDOG=1"]));
  });

  test.each([
    ["another process", { WATCHDOG_USEC: "200000", WATCHDOG_PID: "43" }],
    ["nobody", {}],
    ["a period that is none", { WATCHDOG_USEC: "soon" }],
    ["a period that no timer can keep", { WATCHDOG_USEC: "9000000000000" }],
  ])("that watches %s sets no timer", (_, watchdog) => {
    vi.useFakeTimers();
    const manager = new ServiceManager(log, { ...env, ...watchdog }, 42);
    expect(vi.getTimerCount()).toBe(0);
    manager.close();
    vi.useRealTimers();
  });
});
