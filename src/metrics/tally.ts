import type { Sample } from "./families.js";

/** Counts rare events by their labels. */
export class Tally<Labels extends readonly string[]> {
  readonly #counts = new Map<string, { readonly labels: Labels; count: number }>();

  add(...labels: Labels): void {
    this.#entry(labels).count++;
  }

  /** Makes the labels appear with 0, so that a first event is seen as an increase. */
  expect(...labels: Labels): void {
    this.#entry(labels);
  }

  get(...labels: Labels): number {
    return this.#counts.get(labels.join("\n"))?.count ?? 0;
  }

  /** Drops what `keep` does not hold on to, e.g. the counts of a rule that is no longer configured. */
  retain(keep: (...labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#counts) if (!keep(...labels)) this.#counts.delete(key);
  }

  /** Hands every count to `sample`, with `before` in front of its own labels. */
  read(sample: Sample, ...before: readonly string[]): void {
    for (const { labels, count } of this.#counts.values()) sample(count, ...before, ...labels);
  }

  #entry(labels: Labels): { readonly labels: Labels; count: number } {
    const key = labels.join("\n");
    let entry = this.#counts.get(key);
    if (entry === undefined) {
      entry = { labels, count: 0 };
      this.#counts.set(key, entry);
    }
    return entry;
  }
}
