const millisecondsPer: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

// KB is 1 000 bytes and KiB 1 024 (IEC 80000-13), because RFC 6120 §13.12 counts 10 000 bytes.
const bytesPer: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KB", 1_000],
  ["KiB", 1_024],
  ["MB", 1_000_000],
  ["MiB", 1_048_576],
]);

/** A duration as it is written, for the JSON Schema: `500ms`, `30s`, `1.5m`, `2h`. */
export const durationPattern = /^[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h)$/;

/** A size as it is written: `4096B`, `10KB`, `256KiB`, `1MiB`. */
export const sizePattern = /^[0-9]{1,12}(\.[0-9]{1,3})?(B|KB|KiB|MB|MiB)$/;

/** Reads a duration; `undefined` if it is none. Units: whole milliseconds, rounded. */
export function parseDuration(text: string): number | undefined {
  return durationPattern.test(text) ? scale(text, millisecondsPer) : undefined;
}

/** Reads a size; `undefined` if it is none. Units: whole bytes, rounded. */
export function parseSize(text: string): number | undefined {
  return sizePattern.test(text) ? scale(text, bytesPer) : undefined;
}

function scale(text: string, factors: ReadonlyMap<string, number>): number | undefined {
  const unitStart = text.search(/[A-Za-z]/);
  const factor = factors.get(text.slice(unitStart));
  return factor === undefined ? undefined : Math.round(Number(text.slice(0, unitStart)) * factor);
}
