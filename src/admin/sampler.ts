import { monitorEventLoopDelay } from "node:perf_hooks";
import type { HubEvent } from "../session/index.js";

/** What the plots show of one moment; `at` in seconds since the epoch, times in milliseconds, memory in MiB. */
export interface Sample {
  readonly at: number;
  readonly stanzas: number;
  readonly delegations: number;
  /** Null: nothing was delegated since the sample before. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly loopP50: number;
  readonly loopP99: number;
  readonly rss: number;
  readonly heap: number;
}

export const SAMPLE_MS = 2000;
const MOST_SAMPLES = 300;
const MOST_DURATIONS = 4096;
const RESOLUTION_MS = 20;

/** Takes a sample every two seconds and keeps those of the last ten minutes. */
export class Sampler {
  readonly #stanzas: () => number;
  readonly #samples: Sample[] = [];
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** How long delegated requests took since the last sample; of very many, the last ones. */
  readonly #durations = new Float64Array(MOST_DURATIONS);
  #count = 0;
  #stanzasBefore: number;
  #before = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(sample: Sample) => void>();

  /** `stanzas` counts all that were read. */
  constructor(stanzas: () => number) {
    this.#stanzas = stanzas;
    this.#stanzasBefore = stanzas();
    this.#delay.enable();
    this.#timer = setInterval(() => this.#take(), SAMPLE_MS).unref();
  }

  get history(): readonly Sample[] {
    return this.#samples;
  }

  /** Returns what takes the listener back. */
  listen(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hub(event: HubEvent): void {
    if (event.kind !== "delegation" || event.outcome === "late" || event.outcome === "refused") return;
    this.#durations[this.#count % MOST_DURATIONS] = event.seconds * 1000;
    this.#count++;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
    this.#listeners.clear();
  }

  #take(): void {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#before) / 1000);
    const stanzas = this.#stanzas();
    const durations = this.#durations.slice(0, Math.min(this.#count, MOST_DURATIONS)).toSorted();
    const rank = (share: number): number | null => durations[Math.ceil(share * durations.length) - 1] ?? null;
    const { rss, heapUsed } = process.memoryUsage();
    const sample: Sample = {
      at: Date.now() / 1000,
      // A listener that a reload took away takes its numbers with it.
      stanzas: Math.max(0, stanzas - this.#stanzasBefore) / seconds,
      delegations: this.#count / seconds,
      p50: rank(0.5),
      p95: rank(0.95),
      p99: rank(0.99),
      loopP50: late(this.#delay.percentile(50)),
      loopP99: late(this.#delay.percentile(99)),
      rss: rss / MIB,
      heap: heapUsed / MIB,
    };
    this.#delay.reset();
    this.#before = now;
    this.#stanzasBefore = stanzas;
    this.#count = 0;
    this.#samples.push(sample);
    if (this.#samples.length > MOST_SAMPLES) this.#samples.shift();
    for (const listener of this.#listeners) listener(sample);
  }
}

const MIB = 1024 * 1024;

/** In milliseconds. What Node measures is the time from one tick of its own timer to the next. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
