/** Middle and width of repeated measurements. Medians, because other work on the machine only ever makes a run slower. */
export interface Summary {
  readonly median: number;
  /** Lower and upper quartile: half of the repetitions lie between them. */
  readonly low: number;
  readonly high: number;
  readonly samples: readonly number[];
}

/** Summarises at least one sample; the samples are kept in the order in which they were taken. */
export function summarise(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError("nothing was measured");
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75), samples };
}

/** The quotient of each repetition by its neighbour of the same repetition, so that slow minutes cancel out. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Summary {
  return summarise(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)));
}

/** Quantile of an ascending list by linear interpolation between its neighbours. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}
