import { addAttribute, attributeAt, clearSlots, forgetSlots, insertAll, isDeclaration } from "./attributes";
import { cdataStops, fillTables, isSpace, nameStops, startsName, textStops, valueStops } from "./characters";
import { readBeginning } from "./beginning";
import { closeElement, countPrefixed, goToRest, openElement, openElementAt, WHITESPACE } from "./elements";
import {
  CDATA_END_IN_TEXT,
  COMMENT,
  CONTENT_AFTER_END,
  DOCTYPE,
  ILLEGAL_CHARACTER,
  LT_IN_ATTRIBUTE,
  MALFORMED_MARKUP,
  MALFORMED_QUALIFIED_NAME,
  MALFORMED_TAG,
  MISMATCHED_END_TAG,
  PROCESSING_INSTRUCTION,
  TEXT_BETWEEN_ELEMENTS,
  TOO_DEEP,
  TOO_MANY_ATTRIBUTES,
  TOO_MANY_CHILDREN,
} from "./faults";
import { Area, INPUT, STREAM, STREAM_BYTES } from "./memory";
import { bindPredeclared, declare } from "./namespaces";
import { readName } from "./names";
import { beginReference, readNumeric, readReference } from "./references";
import {
  AFTER_VALUE,
  ATTRIBUTE_NAME,
  BANG,
  BEFORE_EQUALS,
  BEFORE_QUOTE,
  BETWEEN,
  BRACKETS,
  CDATA,
  CDATA_BRACKETS,
  CDATA_OPEN,
  ELEMENT_NAME,
  END_NAME,
  END_SPACE,
  ENDED,
  limits,
  NAMESPACE_VALUE,
  NUMERIC,
  pack,
  REFERENCE,
  SELF_CLOSE,
  stream,
  TAG,
  TAG_SPACE,
  TEXT,
  unpack as unpackStream,
  VALUE,
} from "./stream";
import { readEndTag, readStartTag } from "./tags";
import { beginReport, endFrame, finish, Report, stop } from "./report";
import { destination, readNamespace, Stopped } from "./values";
import { character, continueCharacter, passCharacters } from "./utf8";

export { layout } from "./memory";
export { pack };

/** Once, and whenever `layout` has moved the areas. */
export function initialize(): void {
  fillTables();
  forgetSlots();
}

export function unpack(): void {
  unpackStream();
  insertAll();
}

/** Where `pack` and `unpack` write and read. */
export function packedAt(): usize {
  return Area.packed;
}

/** A new stream. */
export function begin(content: u32): void {
  memory.fill(STREAM, 0, STREAM_BYTES);
  stream.content = content;
  bindPredeclared();
}

/** Back to between two frames, or behind the end of the stream. */
export function rest(isEnded: bool): void {
  goToRest();
  if (isEnded) stream.state = ENDED;
}

/**
 * Reads `length` bytes at INPUT, of which `held` earlier ones belong to the same frame, and lists the frames that end in
 * them. Returns their number. Stops early behind a stream header and when the list is full.
 */
export function scan(length: u32, held: u32): u32 {
  const end = INPUT + length;
  let p = INPUT;
  // Every run below ends at a NUL. There is one behind the input; whether it was met there is asked afterwards.
  store<u8>(end, 0);
  beginReport(limits.maxFrameBytes > held ? INPUT + (limits.maxFrameBytes - held) : INPUT);
  if (stream.missing > 0) {
    p = continueCharacter(p, end, destination());
    if (stream.fault != 0 || stream.missing > 0) return finish(p);
  }

  while (true) {
    switch (stream.state) {
      case TEXT: {
        let c: u32 = load<u8>(p);
        // Tag follows upon tag so often that it pays to ask first.
        if (c != 0x3c) {
          let stops = textStops(p);
          while (stops == 0) {
            p += 32;
            stops = textStops(p);
          }
          p += ctz(stops);
          c = load<u8>(p);
        }
        if (c != 0x3c) {
          if (c == 0x0a || c == 0x0d || c == 0x09) p++;
          else if (c >= 0x80) {
            p = passCharacters(p, end);
            if (stream.fault != 0 || stream.missing > 0) return finish(p);
          } else if (c == 0x26) {
            beginReference();
            p++;
          } else if (c == 0x5d) {
            stream.brackets = 0;
            stream.state = BRACKETS;
          } else return stop(p, end, ILLEGAL_CHARACTER);
          continue;
        }
        p++;
        stream.state = TAG;
      }
      // The tag follows in the same breath.
      case TAG: {
        const c: u32 = load<u8>(p);
        if (c == 0x2f) {
          if (stream.depth == 0) return stop(p, end, MALFORMED_TAG);
          p = readEndTag(p + 1);
          if (stream.state == TEXT) continue;
          if (stream.state != END_NAME && endFrame(p, stream.kind)) return finish(p);
          continue;
        }
        if (startsName(c) && stream.depth > 0) {
          p = readStartTag(p);
          if (stream.fault != 0) return finish(p);
          if (stream.state == TEXT) continue;
          if (stream.state == BETWEEN && endFrame(p, stream.kind)) return finish(p);
          if (stream.state != TAG) continue;
        } else if (!startsName(c) && c < 0x80) {
          if (c == 0x21) {
            p++;
            stream.state = BANG;
            continue;
          }
          if (c == 0x3f) return stop(p, end, PROCESSING_INSTRUCTION);
          return stop(p, end, c == 0x3a ? MALFORMED_QUALIFIED_NAME : MALFORMED_TAG);
        }
        if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) return finish(character(p, end, 0));
        if (stream.depth > 0) {
          if (stream.depth > limits.maxDepth) return stop(p, end, TOO_DEEP);
          // The first is the stanza itself.
          if (stream.elements > limits.maxChildren) return stop(p, end, TOO_MANY_CHILDREN);
          stream.elements++;
        }
        stream.nameLength = 0;
        stream.colon = 0;
        stream.declares = 0;
        stream.state = ELEMENT_NAME;
      }
      // The name follows in the same breath.
      case ELEMENT_NAME: {
        p = readName(p, end, Area.names + stream.namesEnd);
        if (stream.fault != 0 || stream.missing > 0 || p == end) return finish(p);
        p = afterElementName(p, end);
        if (stream.fault != 0) return finish(p);
        continue;
      }
      case TAG_SPACE: {
        let c: u32 = load<u8>(p);
        while (isSpace(c)) c = load<u8>(++p);
        if (c == 0x3e) {
          p++;
          stream.fault = openElement(false);
          if (stream.fault != 0) return finish(p - 1);
          if (stream.state == TEXT) continue;
          if (endFrame(p, stream.kind)) return finish(p);
          continue;
        }
        if (c == 0x2f) {
          p++;
          stream.state = SELF_CLOSE;
          continue;
        }
        if (!startsName(c) && c < 0x80) {
          return stop(p, end, c == 0x3a ? MALFORMED_QUALIFIED_NAME : MALFORMED_TAG);
        }
        if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) return finish(character(p, end, 0));
        if (stream.attributes == 0) {
          clearSlots();
          stream.prefixedAttributes = 0;
          stream.attributeNamesEnd = 0;
        }
        if (stream.attributes >= limits.maxAttributes) return stop(p, end, TOO_MANY_ATTRIBUTES);
        stream.nameLength = 0;
        stream.colon = 0;
        stream.state = ATTRIBUTE_NAME;
        const bytes = v128.load(p);
        const run: u32 = ctz(nameStops(bytes) | 0x10000);
        const next: u32 = load<u8>(p + run);
        if (next == 0x3d && run <= limits.maxNameBytes) {
          v128.store(Area.attributeNames + stream.attributeNamesEnd, bytes);
          stream.nameLength = run;
          p += run;
        }
      }
      case ATTRIBUTE_NAME: {
        if (
          load<u8>(p) != 0x3d ||
          stream.nameLength == 0 ||
          (stream.colon > 0 && stream.nameLength == stream.colon + 1)
        ) {
          p = readName(p, end, Area.attributeNames + stream.attributeNamesEnd);
          if (stream.fault != 0 || stream.missing > 0 || p == end) return finish(p);
        }
        const c: u32 = load<u8>(p);
        if (c != 0x3d && !isSpace(c)) return stop(p, end, MALFORMED_TAG);
        stream.fault = addAttribute();
        if (stream.fault != 0) return finish(p);
        if (stream.colon > 0) countPrefixed();
        stream.state = BEFORE_EQUALS;
      }
      case BEFORE_EQUALS: {
        let c: u32 = load<u8>(p);
        while (isSpace(c)) c = load<u8>(++p);
        if (c != 0x3d) return stop(p, end, MALFORMED_TAG);
        p++;
        stream.state = BEFORE_QUOTE;
      }
      case BEFORE_QUOTE: {
        let c: u32 = load<u8>(p);
        while (isSpace(c)) c = load<u8>(++p);
        if (c != 0x22 && c != 0x27) return stop(p, end, MALFORMED_TAG);
        p++;
        stream.quote = c;
        stream.state = VALUE;
        if (isDeclaration(attributeAt(stream.attributes - 1))) {
          stream.carriageReturn = 0;
          stream.valueLength = 0;
          stream.hasControl = 0;
          stream.state = NAMESPACE_VALUE;
          continue;
        }
      }
      case VALUE: {
        const quotes = i8x16.splat(stream.quote as i8);
        let stops = valueStops(p, quotes);
        while (stops == 0) {
          p += 32;
          stops = valueStops(p, quotes);
        }
        p += ctz(stops);
        const c: u32 = load<u8>(p);
        if (c != stream.quote) {
          if (c == 0x0a || c == 0x0d || c == 0x09) p++;
          else if (c >= 0x80) {
            p = passCharacters(p, end);
            if (stream.fault != 0 || stream.missing > 0) return finish(p);
          } else if (c == 0x26) {
            beginReference();
            p++;
          } else return stop(p, end, c == 0x3c ? LT_IN_ATTRIBUTE : ILLEGAL_CHARACTER);
          continue;
        }
        p++;
        stream.state = AFTER_VALUE;
      }
      case AFTER_VALUE: {
        const c: u32 = load<u8>(p);
        if (c == 0x3e || isSpace(c)) {
          // TAG_SPACE does the same with a `>`.
          stream.state = TAG_SPACE;
          continue;
        }
        if (c != 0x2f) return stop(p, end, MALFORMED_TAG);
        p++;
        stream.state = SELF_CLOSE;
      }
      case SELF_CLOSE: {
        if (load<u8>(p) != 0x3e) return stop(p, end, MALFORMED_TAG);
        p++;
        stream.fault = openElement(true);
        if (stream.fault != 0) return finish(p - 1);
        if (stream.state == TEXT) continue;
        if (endFrame(p, stream.kind)) return finish(p);
        continue;
      }
      case NAMESPACE_VALUE: {
        const c = readNamespace(p, end);
        p = Stopped.at;
        if (stream.fault != 0 || stream.missing > 0) return finish(p);
        if (c == stream.quote) {
          stream.fault = declare(attributeAt(stream.attributes - 1));
          if (stream.fault != 0) return finish(p);
          stream.valueLength = 0;
          p++;
          stream.state = AFTER_VALUE;
        } else if (c == 0x26) {
          stream.carriageReturn = 0;
          beginReference();
          p++;
        } else return stop(p, end, c == 0x3c ? LT_IN_ATTRIBUTE : ILLEGAL_CHARACTER);
        continue;
      }
      case END_NAME: {
        const element = openElementAt(stream.depth - 1);
        const name = Area.names + element.nameOffset;
        const length = element.nameLength;
        if (length <= 16 && stream.matched == 0) {
          const same: u32 = i8x16.bitmask(i8x16.eq(v128.load(p), v128.load(name)));
          const run: u32 = ctz(~same);
          if (run >= length) {
            p += length;
            stream.matched = length;
          }
        }
        while (stream.matched < length) {
          const c = load<u8>(p);
          if (c != load<u8>(name + stream.matched)) return stop(p, end, MISMATCHED_END_TAG);
          stream.matched++;
          p++;
        }
        const c: u32 = load<u8>(p);
        if (c != 0x3e && !isSpace(c)) return stop(p, end, MISMATCHED_END_TAG);
        stream.state = END_SPACE;
      }
      case END_SPACE: {
        let c: u32 = load<u8>(p);
        while (isSpace(c)) c = load<u8>(++p);
        if (c != 0x3e) return stop(p, end, MALFORMED_TAG);
        p++;
        closeElement();
        if (stream.state == TEXT) continue;
        if (endFrame(p, stream.kind)) return finish(p);
        continue;
      }
      case BETWEEN:
      case ENDED: {
        Report.limit = usize.MAX_VALUE;
        let c: u32 = load<u8>(p);
        if (isSpace(c)) {
          while (isSpace(c)) c = load<u8>(++p);
          if (endFrame(p, WHITESPACE)) return finish(p);
          continue;
        }
        if (stream.state == ENDED) return stop(p, end, CONTENT_AFTER_END);
        if (c != 0x3c) return stop(p, end, TEXT_BETWEEN_ELEMENTS);
        Report.limit = p + limits.maxFrameBytes;
        p++;
        stream.elements = 0;
        stream.children = 0;
        stream.childHash = 0;
        stream.state = TAG;
        continue;
      }
      case BRACKETS: {
        // XML 1.0 §2.4: `]]>` does not stand in text.
        let c: u32 = load<u8>(p);
        while (c == 0x5d) {
          if (stream.brackets < 2) stream.brackets++;
          c = load<u8>(++p);
        }
        if (c == 0 && p == end) return finish(p);
        if (c == 0x3e && stream.brackets == 2) return stop(p, end, CDATA_END_IN_TEXT);
        stream.state = TEXT;
        continue;
      }
      case BANG: {
        const c: u32 = load<u8>(p);
        if (c == 0x2d) return stop(p, end, COMMENT);
        if (c == 0x44) return stop(p, end, DOCTYPE);
        if (c != 0x5b || stream.depth == 0) return stop(p, end, MALFORMED_MARKUP);
        if (stream.depth == 1) return stop(p, end, TEXT_BETWEEN_ELEMENTS);
        p++;
        stream.matched = 0;
        stream.state = CDATA_OPEN;
      }
      case CDATA_OPEN: {
        // `CDATA[`
        while (stream.matched < 6) {
          const expected: u64 = (0x5b4154414443 >> (stream.matched << 3)) & 0xff;
          if ((load<u8>(p) as u64) != expected) return stop(p, end, MALFORMED_MARKUP);
          stream.matched++;
          p++;
        }
        stream.brackets = 0;
        stream.state = CDATA;
        continue;
      }
      case CDATA: {
        let stops = cdataStops(v128.load(p));
        while (stops == 0) {
          p += 16;
          stops = cdataStops(v128.load(p));
        }
        p += ctz(stops);
        const c: u32 = load<u8>(p);
        if (c == 0x0a || c == 0x0d || c == 0x09) p++;
        else if (c >= 0x80) {
          p = passCharacters(p, end);
          if (stream.fault != 0 || stream.missing > 0) return finish(p);
        } else if (c == 0x5d) {
          stream.brackets = 0;
          stream.state = CDATA_BRACKETS;
        } else return stop(p, end, ILLEGAL_CHARACTER);
        continue;
      }
      case CDATA_BRACKETS: {
        let c: u32 = load<u8>(p);
        while (c == 0x5d) {
          if (stream.brackets < 2) stream.brackets++;
          c = load<u8>(++p);
        }
        if (c == 0 && p == end) return finish(p);
        stream.state = CDATA;
        if (c == 0x3e && stream.brackets == 2) {
          p++;
          stream.state = TEXT;
        }
        continue;
      }
      case REFERENCE: {
        p = readReference(p, end, destination());
        if (stream.fault != 0 || stream.state == REFERENCE) return finish(p);
        continue;
      }
      case NUMERIC: {
        p = readNumeric(p, end, destination());
        if (stream.fault != 0 || stream.state == NUMERIC) return finish(p);
        continue;
      }
      default: {
        p = readBeginning(p, end);
        if (stream.fault != 0 || p == end) return finish(p);
        continue;
      }
    }
  }
}

function afterElementName(p: usize, end: usize): usize {
  stream.elementLength = stream.nameLength;
  stream.elementColon = stream.colon;
  stream.nameLength = 0;
  stream.state = TAG_SPACE;
  const c: u32 = load<u8>(p);
  if (c == 0x2f) {
    stream.state = SELF_CLOSE;
    return p + 1;
  }
  if (c != 0x3e && !isSpace(c)) stream.fault = MALFORMED_TAG;
  return p;
}
