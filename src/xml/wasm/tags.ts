import { addAttribute, attributeAt, clearSlots } from "./attributes";
import { keyOf, nameStops, quotesIn, specialsIn, startsName, valueStops } from "./characters";
import { closeElement, openElement, openElementAt } from "./elements";
import { NAME_TOO_LONG, TOO_DEEP, TOO_MANY_CHILDREN } from "./faults";
import { Area } from "./memory";
import { declare } from "./namespaces";
import { AFTER_VALUE, END_NAME, limits, NAMESPACE_VALUE, SELF_CLOSE, stream, TAG, TAG_SPACE, VALUE } from "./stream";

// Tags as nearly all are: names of up to 15 ASCII characters, one space before each attribute, nothing special in values.
// Whatever is different, or not there yet, is left to the general machine in `scan`, at the very byte that it begins with:
// nothing is read twice but a name.

const XMLNS: u64 = 0x736e6c6d78;

/** From the first letter of a start tag's name. Sets the state in which it leaves the stream; `stream.fault` with a fault. */
export function readStartTag(from: usize): usize {
  if (stream.depth > limits.maxDepth) {
    stream.fault = TOO_DEEP;
    return from;
  }
  // The first is the stanza itself.
  if (stream.elements > limits.maxChildren) {
    stream.fault = TOO_MANY_CHILDREN;
    return from;
  }
  const bytes = v128.load(from);
  const run: u32 = ctz(nameStops(bytes) | 0x10000);
  let p = from + run;
  let c: u32 = load<u8>(p);
  if (run == 16 || run > limits.maxNameBytes || c == 0x3a || c - 1 >= 0x7f) {
    stream.state = TAG;
    return from;
  }
  v128.store(Area.names + stream.namesEnd, bytes);
  stream.elements++;
  stream.elementLength = run;
  stream.elementColon = 0;
  stream.nameLength = 0;
  stream.colon = 0;
  stream.declares = 0;

  const most = min<u32>(limits.maxNameBytes, 15);
  while (true) {
    if (c == 0x3e) {
      stream.fault = openElement(false);
      return stream.fault != 0 ? p : p + 1;
    }
    if (c == 0x2f) {
      if (load<u8>(p + 1) == 0x3e) {
        stream.fault = openElement(true);
        return stream.fault != 0 ? p + 1 : p + 2;
      }
      stream.state = SELF_CLOSE;
      return p + 1;
    }
    if (c != 0x20) break;
    p++;
    // Both quotes are looked for at once with the name, so that the next attribute need not wait for either.
    const name = v128.load(p);
    const behind = v128.load(p, 16);
    const quotes = quotesIn(name, behind);
    const opening: u32 = ctz(quotes);
    const length: u32 = ctz(nameStops(name) | 0x10000);
    if (length + 1 != opening || load<u8>(p + length) != 0x3d) break;
    const quote: u32 = load<u8>(p + opening);
    if (length > most || stream.attributes >= limits.maxAttributes || !startsName(load<u8>(p))) break;
    if (stream.attributes == 0) {
      clearSlots();
      stream.prefixedAttributes = 0;
    }
    v128.store(Area.attributeNames + stream.attributeNamesEnd, name);
    stream.nameLength = length;
    stream.fault = addAttribute();
    if (stream.fault != 0) return p + length;
    stream.quote = quote;
    const isNamespace = length == 5 && keyOf(p, 5) == XMLNS;
    const value = p + opening + 1;
    const others = quotes & (quotes - 1);
    const closing: u32 = ctz(others);
    // Zero has 32 zeros at its end, which is beyond these bytes.
    if (closing < 32 && load<u8>(p + closing) == quote && ctz(specialsIn(name, behind)) > closing) p += closing;
    else {
      p = value;
      const mark = i8x16.splat(quote as i8);
      let stops = valueStops(p, mark);
      while (stops == 0) {
        p += 32;
        stops = valueStops(p, mark);
      }
      p += ctz(stops);
    }
    if (isNamespace) {
      const bytes = (p - value) as u32;
      if (bytes > limits.maxNameBytes) {
        stream.fault = NAME_TOO_LONG;
        return value + limits.maxNameBytes;
      }
      copyBlocks(Area.namespaceNames + stream.namespaceNamesEnd, value, bytes);
      stream.valueLength = bytes;
      if (load<u8>(p) != quote) {
        stream.carriageReturn = 0;
        stream.hasControl = 0;
        stream.state = NAMESPACE_VALUE;
        return p;
      }
      stream.hasControl = 0;
      stream.fault = declare(attributeAt(stream.attributes - 1));
      if (stream.fault != 0) return p;
      stream.valueLength = 0;
    } else if (load<u8>(p) != quote) {
      stream.state = VALUE;
      return p;
    }
    c = load<u8>(++p);
    if (c != 0x3e && c != 0x2f && c != 0x20) {
      stream.state = AFTER_VALUE;
      return p;
    }
  }
  stream.state = TAG_SPACE;
  return p;
}

/** Also writes up to 15 bytes more, for which there is room behind each area. */
function copyBlocks(to: usize, from: usize, bytes: u32): void {
  for (let at: u32 = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
}

/** From the byte behind `</`. Sets the state in which it leaves the stream. */
export function readEndTag(from: usize): usize {
  const element = openElementAt(stream.depth - 1);
  const length = element.nameLength;
  const same: u32 = i8x16.bitmask(i8x16.eq(v128.load(from), v128.load(Area.names + element.nameOffset)));
  if (length <= 16 && (ctz(~same) as u32) >= length && load<u8>(from + length) == 0x3e) {
    closeElement();
    return from + length + 1;
  }
  stream.matched = 0;
  stream.state = END_NAME;
  return from;
}
