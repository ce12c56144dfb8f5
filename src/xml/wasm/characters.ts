import { CLASSES, VECTORS } from "./memory";

// ASCII by table, sixteen bytes at a time where it pays.

export const NAME_START: u32 = 1;
export const NAME: u32 = 2;
export const SPACE: u32 = 4;

/** Has to be called once. */
export function fillTables(): void {
  fillVectors();
  for (let c: u32 = 0; c < 256; c++) {
    const isLetter = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c == 0x5f;
    const isName = isLetter || (c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x2e;
    const isWhite = c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d;
    store<u8>(CLASSES + c, (isLetter ? NAME_START : 0) | (isName ? NAME : 0) | (isWhite ? SPACE : 0));
  }
}

export function isSpace(c: u32): bool {
  return (load<u8>(CLASSES + c) & SPACE) != 0;
}

export function startsName(c: u32): bool {
  return (load<u8>(CLASSES + c) & NAME_START) != 0;
}

// Constants of 16 bytes lie in the memory, where they can be used in place.

function fillVectors(): void {
  // A byte is a name character if the bits of its upper and of its lower half meet: 1 `-.`, 2 digits, 4 `A-O a-o`,
  // 8 `P-Z p-z`, 16 `_`.
  v128.store(VECTORS, i8x16(0, 0, 1, 2, 4, 24, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0));
  v128.store(VECTORS, i8x16(10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 4, 4, 5, 5, 20), 16);
  v128.store(VECTORS, i8x16.splat(15), 32);
  v128.store(VECTORS, i8x16.splat(0x20), 48);
  v128.store(VECTORS, i8x16.splat(0x3c), 64);
  v128.store(VECTORS, i8x16.splat(0x26), 80);
  v128.store(VECTORS, i8x16.splat(0x5d), 96);
  v128.store(VECTORS, i8x16.splat(0x22), 112);
  v128.store(VECTORS, i8x16.splat(0x27), 128);
}

/** One bit for each of 16 bytes that cannot be part of a name, colon and non-ASCII among them. */
export function nameStops(bytes: v128): u32 {
  const halves = v128.load(VECTORS, 32);
  const upper = i8x16.swizzle(v128.load(VECTORS), v128.and(i16x8.shr_u(bytes, 4), halves));
  const lower = i8x16.swizzle(v128.load(VECTORS, 16), v128.and(bytes, halves));
  return i8x16.bitmask(i8x16.eq(v128.and(upper, lower), i8x16.splat(0)));
}

/** One bit for each of 32 bytes: `<`, `&`, `]`, control characters and non-ASCII end a run of plain text. */
export function textStops(at: usize): u32 {
  const bracket = v128.load(VECTORS, 96);
  return marked(v128.load(at), bracket) | (marked(v128.load(at, 16), bracket) << 16);
}

/** The same for a plain attribute value: the quote, `<`, `&`, control characters and non-ASCII. */
export function valueStops(at: usize, quotes: v128): u32 {
  return marked(v128.load(at), quotes) | (marked(v128.load(at, 16), quotes) << 16);
}

/** One bit for each of 32 bytes that is a quote of either kind. */
export function quotesIn(first: v128, second: v128): u32 {
  const double = v128.load(VECTORS, 112);
  const single = v128.load(VECTORS, 128);
  const low = v128.or(i8x16.eq(first, double), i8x16.eq(first, single));
  const high = v128.or(i8x16.eq(second, double), i8x16.eq(second, single));
  return i8x16.bitmask(low) | (i8x16.bitmask(high) << 16);
}

/** One bit for each of 32 bytes that may not be plain in a value: `<`, `&`, control characters and non-ASCII. */
export function specialsIn(first: v128, second: v128): u32 {
  const lessThan = v128.load(VECTORS, 64);
  return marked2(first, lessThan) | (marked2(second, lessThan) << 16);
}

function marked2(bytes: v128, lessThan: v128): u32 {
  const controls = i8x16.lt_s(bytes, v128.load(VECTORS, 48));
  return i8x16.bitmask(v128.or(v128.or(controls, i8x16.eq(bytes, lessThan)), i8x16.eq(bytes, v128.load(VECTORS, 80))));
}

function marked(bytes: v128, others: v128): u32 {
  const controls = i8x16.lt_s(bytes, v128.load(VECTORS, 48));
  const marks = v128.or(
    v128.or(i8x16.eq(bytes, v128.load(VECTORS, 64)), i8x16.eq(bytes, v128.load(VECTORS, 80))),
    i8x16.eq(bytes, others),
  );
  return i8x16.bitmask(v128.or(controls, marks));
}

/** Bits for `]`, control characters and non-ASCII. */
export function cdataStops(bytes: v128): u32 {
  const controls = i8x16.lt_s(bytes, v128.load(VECTORS, 48));
  return i8x16.bitmask(v128.or(controls, i8x16.eq(bytes, v128.load(VECTORS, 96))));
}

/** XML 1.0 §2.2. */
export function isCharacter(codePoint: u32): bool {
  if (codePoint < 0x20) return codePoint == 0x09 || codePoint == 0x0a || codePoint == 0x0d;
  if (codePoint > 0x10ffff) return false;
  return codePoint < 0xd800 || (codePoint > 0xdfff && codePoint != 0xfffe && codePoint != 0xffff);
}

/** The first eight bytes as a number, zeros behind the end. Names hold no NUL, so up to eight bytes this is the name. */
export function keyOf(at: usize, length: u32): u64 {
  const bytes = load<u64>(at);
  return length >= 8 ? bytes : bytes & (((1 as u64) << ((length as u64) << 3)) - 1);
}

export function isSame(a: usize, b: usize, length: u32): bool {
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) if (load<u64>(a + at) != load<u64>(b + at)) return false;
  return keyOf(a + at, length - at) == keyOf(b + at, length - at);
}
