import type { Logger } from "../log/index.js";
import type { DrainProgress } from "../relay/index.js";

/** What is asked how far its end is. */
export interface Draining {
  /** Undefined before it begins. */
  readonly progress: DrainProgress | undefined;
  readonly pendingRequests: number;
}

/** Says every few seconds how much is left: in the log, and in what `systemctl status` shows. */
export function reportDrain(
  proxy: Draining,
  log: Logger,
  manager: { status(status: string): Promise<void> },
): { stop(): void } {
  const startedAt = performance.now();
  let isTelling = false;
  const timer = setInterval(() => {
    const { progress, pendingRequests: pending } = proxy;
    if (progress === undefined) return;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    log.info({ event: "drain-progress", ...progress, pending, seconds }, "draining");
    // One that hangs is not joined by others.
    if (isTelling) return;
    isTelling = true;
    void manager.status(describeDrain(progress, pending)).finally(() => {
      isTelling = false;
    });
  }, periodMs);
  return { stop: () => clearInterval(timer) };
}

/** E.g. `draining: 812 clients left, 400 of them not told yet; 2 that serve them; 7 requests pending`. */
export function describeDrain({ clients, untold, serving }: DrainProgress, pending: number): string {
  const later = untold === 0 ? "" : `, ${untold} of them not told yet`;
  return `draining: ${clients} clients left${later}; ${serving} that serve them; ${pending} requests pending`;
}

const periodMs = 2000;
