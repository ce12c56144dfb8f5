import { CLASSES } from "./memory";

// ASCII by table, sixteen bytes at a time where it pays.

export const NAME_START: u32 = 1;
export const NAME: u32 = 2;
export const SPACE: u32 = 4;

export function fillClasses(): void {
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

/** One bit for each of 16 bytes that cannot be part of a name, colon and non-ASCII among them. */
export function nameStops(bytes: v128): u32 {
  // A byte is a name character if the bits of its upper and of its lower half meet: 1 `-.`, 2 digits, 4 `A-O a-o`,
  // 8 `P-Z p-z`, 16 `_`.
  const upper = i8x16.swizzle(i8x16(0, 0, 1, 2, 4, 24, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  const lower = i8x16.swizzle(
    i8x16(10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 4, 4, 5, 5, 20),
    v128.and(bytes, i8x16.splat(15)),
  );
  return i8x16.bitmask(i8x16.eq(v128.and(upper, lower), i8x16.splat(0)));
}

/** Bits for `<`, `&`, `]`, control characters and non-ASCII: what ends a run of plain text. */
export function textStops(bytes: v128): u32 {
  const controls = i8x16.lt_s(bytes, i8x16.splat(0x20));
  const marks = v128.or(
    v128.or(i8x16.eq(bytes, i8x16.splat(0x3c)), i8x16.eq(bytes, i8x16.splat(0x26))),
    i8x16.eq(bytes, i8x16.splat(0x5d)),
  );
  return i8x16.bitmask(v128.or(controls, marks));
}

/** Bits for the quote, `<`, `&`, control characters and non-ASCII: what ends a run of a plain attribute value. */
export function valueStops(bytes: v128, quotes: v128): u32 {
  const controls = i8x16.lt_s(bytes, i8x16.splat(0x20));
  const marks = v128.or(
    v128.or(i8x16.eq(bytes, i8x16.splat(0x3c)), i8x16.eq(bytes, i8x16.splat(0x26))),
    i8x16.eq(bytes, quotes),
  );
  return i8x16.bitmask(v128.or(controls, marks));
}

/** Bits for `]`, control characters and non-ASCII. */
export function cdataStops(bytes: v128): u32 {
  const controls = i8x16.lt_s(bytes, i8x16.splat(0x20));
  return i8x16.bitmask(v128.or(controls, i8x16.eq(bytes, i8x16.splat(0x5d))));
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
