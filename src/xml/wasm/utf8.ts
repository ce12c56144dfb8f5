import { ILLEGAL_CHARACTER, INVALID_UTF8, MALFORMED_QUALIFIED_NAME, MALFORMED_TAG, NAME_TOO_LONG } from "./faults";
import { ATTRIBUTE_NAME, ELEMENT_NAME, limits, NAMESPACE_VALUE, stream } from "./stream";

/** The tables of src/xml/names.ts; names that are not ASCII are too rare for a copy of them here. */
export declare function isNameStart(codePoint: u32): bool;
export declare function isNameCharacter(codePoint: u32): bool;

/**
 * Passes over a run of characters of several bytes in text, a value or CDATA, and stops at the first byte of ASCII. Returns
 * where it stopped; `stream.fault` is set when that byte broke a rule, `stream.missing` when the input ended inside one.
 */
export function passCharacters(from: usize, end: usize): usize {
  let p = from;
  while (true) {
    const c: u32 = load<u8>(p);
    if (c < 0x80) return p;
    // RFC 3629 §4. Most are of two or three bytes without a special case in the second.
    if (c >= 0xc2 && c < 0xe0 && (load<u8>(p + 1) & 0xc0) == 0x80) {
      p += 2;
    } else if (c > 0xe0 && c < 0xed && (load<u16>(p + 1) & 0xc0c0) == 0x8080) {
      p += 3;
    } else {
      p = character(p, end, 0);
      if (stream.fault != 0 || stream.missing > 0) return p;
    }
  }
}

/** One character whose first byte is at `from`. In a name or a namespace name its bytes are added at `to`. */
export function character(from: usize, end: usize, to: usize): usize {
  const c: u32 = load<u8>(from);
  if (c < 0xc2 || c > 0xf4) {
    stream.fault = INVALID_UTF8;
    return from;
  }
  stream.low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  stream.high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  stream.missing = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  stream.codePoint = c & (c < 0xe0 ? 0x1f : c < 0xf0 ? 0x0f : 0x07);
  const p = append(from, to);
  return stream.fault != 0 ? p : continueCharacter(p, end, to);
}

/** The rest of a character. With `stream.missing` left the input ended first. */
export function continueCharacter(from: usize, end: usize, to: usize): usize {
  let p = from;
  const isInName = stream.state == ELEMENT_NAME || stream.state == ATTRIBUTE_NAME;
  while (p < end) {
    const c: u32 = load<u8>(p);
    if (c < stream.low || c > stream.high) {
      stream.fault = INVALID_UTF8;
      return p;
    }
    stream.low = 0x80;
    stream.high = 0xbf;
    stream.codePoint = (stream.codePoint << 6) | (c & 0x3f);
    const isLast = stream.missing == 1;
    if (isLast) {
      stream.fault = isInName ? nameFault() : (stream.codePoint & 0x1ffffe) == 0xfffe ? ILLEGAL_CHARACTER : 0;
      if (stream.fault != 0) return p;
    }
    p = append(p, to);
    if (stream.fault != 0) return p;
    stream.missing--;
    if (isLast) return p;
  }
  return p;
}

/** Adds a byte to the name or the namespace name that is being read, if it is one. */
export function append(p: usize, to: usize): usize {
  const state = stream.state;
  if (state == ELEMENT_NAME || state == ATTRIBUTE_NAME) {
    if (stream.nameLength >= limits.maxNameBytes) {
      stream.fault = NAME_TOO_LONG;
      return p;
    }
    store<u8>(to + stream.nameLength, load<u8>(p));
    stream.nameLength++;
  } else if (state == NAMESPACE_VALUE) {
    if (stream.valueLength >= limits.maxNameBytes) {
      stream.fault = NAME_TOO_LONG;
      return p;
    }
    store<u8>(to + stream.valueLength, load<u8>(p));
    stream.valueLength++;
  }
  return p + 1;
}

function nameFault(): u32 {
  if (!stream.atPartStart) return isNameCharacter(stream.codePoint) ? 0 : MALFORMED_TAG;
  if (isNameStart(stream.codePoint)) return 0;
  return stream.colon > 0 ? MALFORMED_QUALIFIED_NAME : MALFORMED_TAG;
}
