import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** One metric family, as `docs/metrics.md` describes it. */
export interface Family {
  readonly name: string;
  /** One sentence, without a full stop. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** Called once for each sample of a family; `labels` in the order of the declaration. */
export type Sample = (value: number, ...labels: readonly string[]) => void;

/** Hands every present value of a family to `sample`. What it does not name any more disappears. */
export type Read = (sample: Sample) => void;

/**
 * The families of one proxy. Whoever owns a number declares how it is read; nobody pushes on the path of a stanza.
 *
 * Labels come from closed sets: configured names, directions, outcomes, codes. Never a JID of a user, an id, an address
 * of a peer or a namespace that a peer chose.
 */
export class Families {
  readonly #registry = new Registry();
  readonly #declared: (Family & { readonly type: "counter" | "gauge" | "histogram" })[] = [];

  counter(family: Family, read: Read): void {
    const { name, help, labels } = this.#declare(family, "counter");
    const counter = new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect() {
        counter.reset();
        read((value, ...values) => counter.inc(labelled(labels, values), value));
      },
    });
  }

  gauge(family: Family, read: Read): void {
    const { name, help, labels } = this.#declare(family, "gauge");
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect() {
        gauge.reset();
        read((value, ...values) => gauge.set(labelled(labels, values), value));
      },
    });
  }

  /** `buckets` are upper bounds in the base unit. */
  histogram(family: Family, buckets: readonly number[]): HistogramFamily {
    const { name, help, labels } = this.#declare(family, "histogram");
    const histogram = new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return {
      observe: (value, ...values) => histogram.observe(labelled(labels, values), value),
      remove: (...values) => histogram.remove(labelled(labels, values)),
    };
  }

  get declared(): readonly (Family & { readonly type: string })[] {
    return this.#declared;
  }

  /** Prometheus text format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #declare(family: Family, type: "counter" | "gauge" | "histogram"): Family {
    this.#declared.push({ ...family, type });
    return family;
  }
}

export interface HistogramFamily {
  observe(value: number, ...labels: readonly string[]): void;
  /** Forgets the samples with exactly these labels. */
  remove(...labels: readonly string[]): void;
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [index, name] of names.entries()) labels[name] = values[index] ?? "";
  return labels;
}
