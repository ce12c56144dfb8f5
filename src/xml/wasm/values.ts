import { valueStops } from "./characters";
import { NAME_TOO_LONG } from "./faults";
import { Area } from "./memory";
import { ATTRIBUTE_NAME, ELEMENT_NAME, limits, NUMERIC, REFERENCE, stream } from "./stream";
import { character } from "./utf8";

/** Where `readNamespace` stopped. */
export class Stopped {
  static at: usize = 0;
}

/** Reads on in a namespace name, copying it as it is to be understood. Returns the byte at which it stopped. */
export function readNamespace(from: usize, end: usize): u32 {
  const to = destination();
  const quotes = i8x16.splat(stream.quote as i8);
  let p = from;
  let c: u32 = 0;
  while (true) {
    let run: u32;
    do {
      const stops = valueStops(p, quotes);
      run = stops == 0 ? 32 : ctz(stops);
      v128.store(to + stream.valueLength, v128.load(p));
      v128.store(to + stream.valueLength, v128.load(p, 16), 16);
      if (stream.valueLength + run > limits.maxNameBytes) {
        stream.fault = NAME_TOO_LONG;
        Stopped.at = p + (limits.maxNameBytes - stream.valueLength);
        return 0;
      }
      stream.valueLength += run;
      p += run;
      if (run > 0) stream.carriageReturn = 0;
    } while (run == 32);
    c = load<u8>(p);
    if (c == 0x0a || c == 0x0d || c == 0x09) {
      // XML 1.0 §3.3.3, §2.11: white space reads as a space, and CR LF is one of it.
      if (c != 0x0a || !stream.carriageReturn) {
        if (stream.valueLength >= limits.maxNameBytes) {
          stream.fault = NAME_TOO_LONG;
          break;
        }
        store<u8>(to + stream.valueLength, 0x20);
        stream.valueLength++;
      }
      stream.carriageReturn = c == 0x0d ? 1 : 0;
      p++;
    } else if (c >= 0x80) {
      stream.carriageReturn = 0;
      p = character(p, end, to);
      if (stream.fault != 0 || stream.missing > 0) break;
    } else break;
  }
  Stopped.at = p;
  return c;
}

/** Where bytes of the name or the namespace name that is being read are put. */
export function destination(): usize {
  const state = stream.state == REFERENCE || stream.state == NUMERIC ? stream.outside : stream.state;
  if (state == ELEMENT_NAME) return Area.names + stream.namesEnd;
  return state == ATTRIBUTE_NAME
    ? Area.attributeNames + stream.attributeNamesEnd
    : Area.namespaceNames + stream.namespaceNamesEnd;
}
