/** XEP-0198 §4: counters are unsigned 32-bit numbers and begin again at 0 behind 2^32 - 1. */
export const SEQUENCE_MODULUS = 2 ** 32;

/** The counter `count` stanzas behind `h`. */
export function advance(h: number, count: number, modulus = SEQUENCE_MODULUS): number {
  return (h + count) % modulus;
}

/** How many stanzas lie between two counters, always forward: `distance(M - 1, 1)` is 2. */
export function distance(from: number, to: number, modulus = SEQUENCE_MODULUS): number {
  return (to - from + modulus) % modulus;
}

/**
 * Reads an `h`.
 *
 * Shape   decimal digits, white space around them as XML Schema allows; leading zeros count for nothing.
 * Errors  undefined for an absent value and for anything that is no counter; the peer's fault (protocol.md S14).
 * Source  XEP-0198 §11 (`xs:unsignedInt`); XML Schema part 2 §3.3.22, §4.3.6.
 */
export function parseHandled(text: string | undefined, modulus = SEQUENCE_MODULUS): number | undefined {
  const digits = text === undefined ? undefined : /^[ \t\r\n]*0*(\d{1,10})[ \t\r\n]*$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const h = Number(digits);
  return h < modulus ? h : undefined;
}
