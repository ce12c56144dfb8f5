import type { Caesura } from "../support/caesura.js";

/** One look at the metrics. */
export class Samples {
  readonly #lines: readonly { readonly name: string; readonly labels: string; readonly value: number }[];

  private constructor(text: string) {
    this.#lines = text.split("\n").flatMap((line) => {
      const [, name = "", labels = "", value] = /^([a-zA-Z_:]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line) ?? [];
      return value === undefined ? [] : [{ name, labels, value: Number(value) }];
    });
  }

  static async of(caesura: Caesura): Promise<Samples> {
    return new Samples((await caesura.admin("/metrics")).text);
  }

  /** The sum over all that have these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const fits = this.#lines.filter((one) => one.name === name && wanted.every((label) => one.labels.includes(label)));
    return fits.reduce((sum, { value }) => sum + value, 0);
  }

  /** Those that are not 0, as they are written. */
  above0(name: string): readonly string[] {
    return this.#lines
      .filter((one) => one.name === name && one.value !== 0)
      .map(({ labels, value }) => `${name}{${labels}} ${String(value)}`);
  }
}
