import { randomFillSync } from "node:crypto";
import type {
  GrantKeeper,
  DelegationObserver,
  Hub,
  HubEnvironment,
  HubEvent,
  LinkLimits,
  StreamManagementSettings,
} from "../session/index.js";
import type { Turns } from "../relay/index.js";

export interface WorldParts {
  readonly turns: Turns;
  /** Limits of now; a reload changes them. */
  limits(): LinkLimits;
  streamManagement(): StreamManagementSettings;
  report(event: HubEvent): void;
  readonly grants?: GrantKeeper;
  /** Who looks at delegated requests now. */
  observer?(): DelegationObserver | undefined;
}

/** What the hub sees of the world: a clock, timers, randomness, and somebody to tell. */
export class World implements HubEnvironment {
  readonly #parts: WorldParts;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #hub: Hub | undefined;

  constructor(parts: WorldParts) {
    this.#parts = parts;
  }

  /** The hub whose timers these are. It is made after the world, because it is made of it. */
  serve(hub: Hub): void {
    this.#hub = hub;
  }

  get limits(): LinkLimits {
    return this.#parts.limits();
  }

  get streamManagement(): StreamManagementSettings {
    return this.#parts.streamManagement();
  }

  get grants(): GrantKeeper | undefined {
    return this.#parts.grants;
  }

  wallMs(): number {
    return Date.now();
  }

  get observer(): DelegationObserver | undefined {
    return this.#parts.observer?.();
  }

  newId(): string {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += idBytes;
    return pool.toString("base64url", used - idBytes, used);
  }

  now(): number {
    return performance.now();
  }

  setTimer(key: number, ms: number): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.set(key, setTimeout(expire, ms, this, key));
  }

  clearTimer(key: number): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  report(event: HubEvent): void {
    this.#parts.report(event);
  }

  expired(key: number): void {
    this.#timers.delete(key);
    this.#parts.turns.begin(undefined);
    this.#hub?.timerExpired(key);
    this.#parts.turns.end();
  }

  /** Timers that run. */
  get timers(): number {
    return this.#timers.size;
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

function expire(world: World, key: number): void {
  world.expired(key);
}

// 128 bits each. One call of the generator fills the pool for 256 of them, since a call costs more than an id is worth.
const idBytes = 16;
const pool = Buffer.alloc(256 * idBytes);
let used = pool.length;
