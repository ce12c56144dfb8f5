import type { HubEvent } from "../session/index.js";
import type { LatencyView } from "./model.js";

/** Answers of one rule that are remembered. */
const REMEMBERED = 512;
/** Rules come from the configuration; reloads may bring new ones for ever. */
const MOST_RULES = 1000;

interface Answers {
  readonly milliseconds: Float64Array;
  count: number;
}

/** How long the last answers of each rule took. */
export class Latencies {
  readonly #rules = new Map<string, Answers>();

  hub(event: HubEvent): void {
    if (event.kind !== "delegation" || event.outcome === "late" || event.outcome === "refused") return;
    const key = keyOf(event);
    let answers = this.#rules.get(key);
    if (answers === undefined) {
      const [oldest] = this.#rules.keys();
      if (oldest !== undefined && this.#rules.size >= MOST_RULES) this.#rules.delete(oldest);
      answers = { milliseconds: new Float64Array(REMEMBERED), count: 0 };
      this.#rules.set(key, answers);
    }
    answers.milliseconds[answers.count % REMEMBERED] = event.seconds * 1000;
    answers.count++;
  }

  /** Undefined: nothing was answered yet. */
  of(rule: RuleKey): LatencyView | undefined {
    const answers = this.#rules.get(keyOf(rule));
    if (answers === undefined) return undefined;
    const count = Math.min(answers.count, REMEMBERED);
    const { p50, p95, p99 } = ranksOf(answers.milliseconds.slice(0, count));
    return p50 === null || p95 === null || p99 === null ? undefined : { count, p50, p95, p99 };
  }
}

interface RuleKey {
  readonly domain: string;
  readonly rule: string;
  readonly entity: string;
}

function keyOf({ domain, rule, entity }: RuleKey): string {
  return `${domain}\n${rule}\n${entity}`;
}

/** The nearest ranks; null without any value. Sorts `values`. */
export function ranksOf(values: Float64Array): Readonly<Record<"p50" | "p95" | "p99", number | null>> {
  values.sort();
  const rank = (share: number): number | null => values[Math.ceil(share * values.length) - 1] ?? null;
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99) };
}
