import { nameStops, startsName } from "./characters";
import { MALFORMED_QUALIFIED_NAME, MALFORMED_TAG, NAME_TOO_LONG } from "./faults";
import { limits, stream } from "./stream";
import { append, character } from "./utf8";

/**
 * Reads on in a qualified name, from anywhere in it, and copies it to `to`. Returns where it stopped: at the first byte
 * that is not of the name, at the end of the input, or at the byte that broke a rule.
 */
export function readName(from: usize, end: usize, to: usize): usize {
  let p = from;
  while (true) {
    let c: u32 = load<u8>(p);
    if (isPartStart() && c < 0x80 && !startsName(c)) {
      if (c == 0 && p == end) return p;
      // Namespaces in XML 1.0 §4: one colon at the most, and a name on both sides of it.
      stream.fault = stream.nameLength > 0 || c == 0x3a ? MALFORMED_QUALIFIED_NAME : MALFORMED_TAG;
      return p;
    }
    let run: u32;
    do {
      const bytes = v128.load(p);
      run = ctz(nameStops(bytes) | 0x10000);
      v128.store(to + stream.nameLength, bytes);
      if (stream.nameLength + run > limits.maxNameBytes) {
        stream.fault = NAME_TOO_LONG;
        return p + (limits.maxNameBytes - stream.nameLength);
      }
      stream.nameLength += run;
      p += run;
    } while (run == 16);
    c = load<u8>(p);
    if (c == 0x3a) {
      if (stream.colon > 0) {
        stream.fault = MALFORMED_QUALIFIED_NAME;
        return p;
      }
      stream.colon = stream.nameLength;
      p = append(p, to);
      if (stream.fault != 0) return p;
    } else if (c >= 0x80) {
      stream.atPartStart = isPartStart() ? 1 : 0;
      p = character(p, end, to);
      if (stream.fault != 0 || stream.missing > 0) return p;
    } else return p;
  }
}

function isPartStart(): bool {
  return stream.nameLength == 0 || (stream.colon > 0 && stream.nameLength == stream.colon + 1);
}
