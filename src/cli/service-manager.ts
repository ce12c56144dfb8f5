import { execFile } from "node:child_process";
import type { Logger } from "../log/index.js";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Tells the service manager how we are, where it asked (`NOTIFY_SOCKET`), and asks to be restarted if we hang (`WATCHDOG_USEC`).
 *
 * The socket is a datagram socket of the file system, which Node cannot open, so that each message is a process of its
 * own: `systemd-notify`. The unit therefore needs `NotifyAccess=all`.
 *
 * Errors  none: a message that cannot be sent is logged, and the service goes on.
 * Source  sd_notify(3), sd_watchdog_enabled(3). Variables are written out, since the options `--reloading` and `--stopping`
 *         came with systemd 253.
 */
export class ServiceManager {
  readonly #log: Logger;
  readonly #isListening: boolean;
  #watchdog: NodeJS.Timeout | undefined;
  #isPinging = false;

  constructor(log: Logger, env: Environment, pid: number) {
    this.#log = log;
    this.#isListening = env["NOTIFY_SOCKET"] !== undefined;
    const periodMs = this.#isListening ? watchdogPeriodMs(env, pid) : undefined;
    // Half of what is allowed, as sd_watchdog_enabled(3) advises. The timer is one of the event loop that it watches.
    if (periodMs !== undefined) this.#watchdog = setInterval(() => this.#ping(), periodMs / 2).unref();
  }

  /** The service serves; `status` is what `systemctl status` shows. */
  ready(status: string): Promise<void> {
    return this.#tell("READY=1", `STATUS=${oneLine(status)}`);
  }

  /** A new configuration is being read; `ready` follows. */
  reloading(): Promise<void> {
    // `Type=notify-reload` (systemd 253) wants to know when it began, by CLOCK_MONOTONIC.
    return this.#tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** Nothing but what `systemctl status` shows has changed. */
  status(status: string): Promise<void> {
    return this.#tell(`STATUS=${oneLine(status)}`);
  }

  /** The service ends, within `deadlineMs`: however short the unit's `TimeoutStopSec=` is, so long it waits. */
  stopping(deadlineMs: number): Promise<void> {
    return this.#tell("STOPPING=1", "STATUS=draining", `EXTEND_TIMEOUT_USEC=${deadlineMs * 1000}`);
  }

  /** No more watching. */
  close(): void {
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
  }

  #ping(): void {
    // One that hangs is not joined by others; if it stays, the watchdog is right to bite.
    if (this.#isPinging) return;
    this.#isPinging = true;
    void this.#tell("WATCHDOG=1").finally(() => {
      this.#isPinging = false;
    });
  }

  #tell(...variables: readonly string[]): Promise<void> {
    if (!this.#isListening) return Promise.resolve();
    return new Promise((resolve) => {
      execFile("systemd-notify", variables, { timeout: patienceMs }, (error) => {
        if (error !== null) {
          const line = { event: "notify-failed", told: variables[0], code: error.code };
          this.#log.warn(line, "the service manager was not told");
        }
        resolve();
      });
    });
  }
}

const patienceMs = 5000;

/** How long we may be silent; undefined if nobody watches us. */
function watchdogPeriodMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment, pid: number): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined;
  const period = /^[1-9][0-9]{0,15}$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) / 1000 : 0;
  // A period that is shorter than it takes to start a process cannot be kept, and one that setInterval cannot count is none.
  return period >= shortestPeriodMs && period / 2 <= longestTimerMs ? period : undefined;
}

const shortestPeriodMs = 100;
const longestTimerMs = 2 ** 31 - 1;

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
