import type { HubEnvironment } from "./hub-types.js";

/** Calls back later. Whoever sets an alarm cancels it when it no longer matters. */
export class Alarms {
  readonly #env: Pick<HubEnvironment, "setTimer" | "clearTimer">;
  readonly #set = new Map<number, () => void>();
  #lastKey = 0;

  constructor(env: Pick<HubEnvironment, "setTimer" | "clearTimer">) {
    this.#env = env;
  }

  /** Calls `ring` in so many milliseconds. Returns the key to cancel it with. */
  set(ms: number, ring: () => void): number {
    const key = ++this.#lastKey;
    this.#set.set(key, ring);
    this.#env.setTimer(key, Math.max(0, ms));
    return key;
  }

  cancel(key: number): void {
    if (this.#set.delete(key)) this.#env.clearTimer(key);
  }

  /** The environment says that a time has come. */
  expired(key: number): void {
    const ring = this.#set.get(key);
    this.#set.delete(key);
    ring?.();
  }
}
