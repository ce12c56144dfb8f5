import { monitorEventLoopDelay } from "node:perf_hooks";
import type { HubEvent } from "../session/index.js";
import { ranksOf } from "./latencies.js";

/** What is sampled: `at` in seconds since the epoch, rates per second, times in milliseconds, memory in MiB. */
type Sampled =
  | "at"
  | "stanzas"
  | "delegations"
  | "failures"
  | "p50"
  | "p95"
  | "p99"
  | "loopP50"
  | "loopP99"
  | "rss"
  | "heap"
  | "sessions"
  | "connections";
const sampled: readonly Sampled[] = [
  "at",
  "stanzas",
  "delegations",
  "failures",
  "p50",
  "p95",
  "p99",
  "loopP50",
  "loopP99",
  "rss",
  "heap",
  "sessions",
  "connections",
];

/** One moment. Null: there was nothing to measure, as where nothing was delegated since the sample before. */
export type Sample = Readonly<Record<Sampled, number | null>>;

/** Samples by column, oldest first. */
export type Samples = Readonly<Record<Sampled, readonly (number | null)[]>>;

export const SAMPLE_MS = 2000;
const MOST_SAMPLES = 1800;
const MOST_DURATIONS = 4096;
const RESOLUTION_MS = 20;

export interface SamplerParts {
  /** All that were read. */
  stanzas(): number;
  sessions(): number;
  connections(): number;
}

/** Takes a sample every two seconds and keeps those of the last hour. */
export class Sampler {
  readonly #parts: SamplerParts;
  /** A ring for each column; NaN for null. Numbers of an hour as objects would be half a megabyte. */
  readonly #columns = new Map(sampled.map((name) => [name, new Float64Array(MOST_SAMPLES)]));
  #taken = 0;
  #last: Sample | undefined;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** How long delegated requests took since the last sample; of very many, the last ones. */
  readonly #durations = new Float64Array(MOST_DURATIONS);
  #count = 0;
  #failures = 0;
  #stanzasBefore: number;
  #before = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(sample: Sample) => void>();

  constructor(parts: SamplerParts) {
    this.#parts = parts;
    this.#stanzasBefore = parts.stanzas();
    this.#delay.enable();
    this.#timer = setInterval(() => this.#take(), SAMPLE_MS).unref();
  }

  /** Undefined in the first two seconds. */
  get last(): Sample | undefined {
    return this.#last;
  }

  /** The share of the delegated requests of the last minute that failed; undefined where there were none. */
  get failing(): number | undefined {
    const { delegations, failures } = this.history(60);
    const failed = sum(failures);
    // What was refused counts as a failure, and was not delegated.
    const all = Math.max(sum(delegations), failed);
    return all === 0 ? undefined : failed / all;
  }

  /** Those of the last `seconds`, and none that is not after `after`. */
  history(seconds = (MOST_SAMPLES * SAMPLE_MS) / 1000, after = 0): Samples {
    const kept = Math.min(this.#taken, MOST_SAMPLES);
    const first = Math.max(after, Date.now() / 1000 - seconds);
    const columns = noSamples();
    for (let nth = this.#taken - kept; nth < this.#taken; nth++) {
      const index = nth % MOST_SAMPLES;
      if ((this.#columns.get("at")?.[index] ?? 0) <= first) continue;
      for (const name of sampled) {
        const value = this.#columns.get(name)?.[index] ?? Number.NaN;
        columns[name].push(Number.isNaN(value) ? null : value);
      }
    }
    return columns;
  }

  /** Returns what takes the listener back. */
  listen(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hub(event: HubEvent): void {
    if (event.kind !== "delegation" || event.outcome === "late") return;
    if (event.outcome !== "result" && event.outcome !== "error") this.#failures++;
    // What was refused was not asked, and took no time.
    if (event.outcome === "refused") return;
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
    const stanzas = this.#parts.stanzas();
    const { rss, heapUsed } = process.memoryUsage();
    const sample: Sample = {
      at: rounded(Date.now() / 1000),
      // A listener that a reload took away takes its numbers with it.
      stanzas: rounded(Math.max(0, stanzas - this.#stanzasBefore) / seconds),
      delegations: rounded(this.#count / seconds),
      failures: rounded(this.#failures / seconds),
      ...ranks(this.#durations.slice(0, Math.min(this.#count, MOST_DURATIONS))),
      loopP50: late(this.#delay.percentile(50)),
      loopP99: late(this.#delay.percentile(99)),
      rss: rounded(rss / MIB),
      heap: rounded(heapUsed / MIB),
      sessions: this.#parts.sessions(),
      connections: this.#parts.connections(),
    };
    this.#delay.reset();
    this.#before = now;
    this.#stanzasBefore = stanzas;
    this.#count = 0;
    this.#failures = 0;
    for (const [name, column] of this.#columns) column[this.#taken % MOST_SAMPLES] = sample[name] ?? Number.NaN;
    this.#taken++;
    this.#last = sample;
    for (const listener of this.#listeners) listener(sample);
  }
}

const MIB = 1024 * 1024;

function sum(column: readonly (number | null)[]): number {
  return column.reduce<number>((all, one) => all + (one ?? 0), 0);
}

function noSamples(): Record<Sampled, (number | null)[]> {
  return {
    at: [],
    stanzas: [],
    delegations: [],
    failures: [],
    p50: [],
    p95: [],
    p99: [],
    loopP50: [],
    loopP99: [],
    rss: [],
    heap: [],
    sessions: [],
    connections: [],
  };
}

/** More digits than anybody can see in a plot would be most of what is sent. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function ranks(durations: Float64Array): Pick<Sample, "p50" | "p95" | "p99"> {
  const { p50, p95, p99 } = ranksOf(durations);
  return { p50: p50 && rounded(p50), p95: p95 && rounded(p95), p99: p99 && rounded(p99) };
}

/** In milliseconds. What Node measures is the time from one tick of its own timer to the next; NaN before the first. */
function late(nanoseconds: number): number | null {
  return Number.isFinite(nanoseconds) ? rounded(Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)) : null;
}
