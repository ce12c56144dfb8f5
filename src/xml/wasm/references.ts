import { isCharacter, startsName } from "./characters";
import { ILLEGAL_CHARACTER_REFERENCE, MALFORMED_REFERENCE, NAME_TOO_LONG, UNDEFINED_ENTITY } from "./faults";
import { limits, NAMESPACE_VALUE, NUMERIC, REFERENCE, stream } from "./stream";

/** Behind `&`. */
export function beginReference(): void {
  stream.outside = stream.state;
  stream.reference = 0;
  stream.digits = 0;
  stream.state = REFERENCE;
}

/** Reads on in the name of an entity; its letters are kept in the bytes of a number, as there are four at the most. */
export function readReference(from: usize, end: usize, to: usize): usize {
  for (let p = from; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c == 0x23 && stream.digits == 0) {
      stream.number = 0;
      stream.hexadecimal = 0;
      stream.state = NUMERIC;
      return p + 1;
    }
    if (c == 0x3b && stream.digits > 0) {
      const character = predefined(stream.reference);
      if (character == 0) stream.fault = UNDEFINED_ENTITY;
      return finish(p, character, to);
    }
    const isName = startsName(c) || (stream.digits > 0 && ((c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x2e));
    if (!isName || stream.digits == 4) {
      stream.fault = isName ? UNDEFINED_ENTITY : MALFORMED_REFERENCE;
      return p;
    }
    stream.reference = (stream.reference << 8) | c;
    stream.digits++;
  }
  return end;
}

/** Reads on in a character reference, behind `&#`. */
export function readNumeric(from: usize, end: usize, to: usize): usize {
  for (let p = from; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c == 0x78 && !stream.hexadecimal && stream.digits == 0) {
      stream.hexadecimal = 1;
      continue;
    }
    if (c == 0x3b && stream.digits > 0) {
      if (!isCharacter(stream.number)) stream.fault = ILLEGAL_CHARACTER_REFERENCE;
      return finish(p, stream.number, to);
    }
    const letter = c | 0x20;
    let digit: u32;
    if (c >= 0x30 && c <= 0x39) digit = c - 0x30;
    else if (stream.hexadecimal && letter >= 0x61 && letter <= 0x66) digit = letter - 0x57;
    else {
      stream.fault = MALFORMED_REFERENCE;
      return p;
    }
    stream.digits = 1;
    stream.number = stream.number * (stream.hexadecimal ? 16 : 10) + digit;
    if (stream.number > 0x10ffff) {
      stream.fault = ILLEGAL_CHARACTER_REFERENCE;
      return p;
    }
  }
  return end;
}

function finish(p: usize, character: u32, to: usize): usize {
  if (stream.fault != 0) return p;
  stream.state = stream.outside;
  if (stream.state != NAMESPACE_VALUE) return p + 1;
  if (character < 0x20) stream.hasControl = 1;
  const bytes: u32 = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  if (stream.valueLength + bytes > limits.maxNameBytes) {
    stream.fault = NAME_TOO_LONG;
    return p;
  }
  const at = to + stream.valueLength;
  if (bytes == 1) store<u8>(at, character);
  else {
    // RFC 3629 §3, from the last byte to the first.
    let rest = character;
    for (let index = bytes - 1; index > 0; index--) {
      store<u8>(at + index, 0x80 | (rest & 0x3f));
      rest >>= 6;
    }
    store<u8>(at, (0xf00 >> bytes) | rest);
  }
  stream.valueLength += bytes;
  return p + 1;
}

function predefined(name: u32): u32 {
  switch (name) {
    case 0x6c74:
      return 0x3c;
    case 0x6774:
      return 0x3e;
    case 0x616d70:
      return 0x26;
    case 0x61706f73:
      return 0x27;
    case 0x71756f74:
      return 0x22;
    default:
      return 0;
  }
}
