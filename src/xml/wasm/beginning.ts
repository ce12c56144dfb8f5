import { isSpace } from "./characters";
import {
  INVALID_UTF8,
  MALFORMED_DECLARATION,
  PROCESSING_INSTRUCTION,
  TEXT_BEFORE_HEADER,
  UNSUPPORTED_ENCODING,
} from "./faults";
import { DECLARATION, DECLARATION_BYTES } from "./memory";
import { IN_DECLARATION, MARK_1, MARK_2, PROLOG, PROLOG_TAG, START, stream, TAG } from "./stream";

/** The fault of what stands between `<?xml` and `?>`, or 0. It is read once in a stream, so it is left to src/xml. */
export declare function declarationFault(at: usize, length: u32): u32;

/** What stands before the root element: a byte order mark, an XML declaration, white space. One byte at a time. */
export function readBeginning(from: usize, end: usize): usize {
  let p = from;
  while (p < end) {
    const c: u32 = load<u8>(p);
    switch (stream.state) {
      case START:
        // RFC 6120 §11.6. UTF-16 is recognised by its mark or by the NUL beside the first `<`.
        if (c == 0 || c >= 0xfe) stream.fault = UNSUPPORTED_ENCODING;
        else if (c == 0xef) stream.state = MARK_1;
        else {
          stream.state = PROLOG;
          continue;
        }
        break;
      case MARK_1:
        if (c != 0xbb) stream.fault = INVALID_UTF8;
        stream.state = MARK_2;
        break;
      case MARK_2:
        if (c != 0xbf) stream.fault = INVALID_UTF8;
        stream.state = PROLOG;
        break;
      case PROLOG:
        if (isSpace(c)) stream.noDeclaration = 1;
        else if (c == 0x3c) stream.state = PROLOG_TAG;
        else stream.fault = TEXT_BEFORE_HEADER;
        break;
      case PROLOG_TAG:
        if (c == 0) stream.fault = UNSUPPORTED_ENCODING;
        else if (c == 0x3f && !stream.noDeclaration) {
          stream.noDeclaration = 1;
          stream.matched = 0;
          stream.state = IN_DECLARATION;
        } else {
          stream.state = TAG;
          return p;
        }
        break;
      case IN_DECLARATION:
        readDeclaration(c);
        break;
      default:
        unreachable();
    }
    if (stream.fault != 0) return p;
    p++;
  }
  return p;
}

function readDeclaration(c: u32): void {
  const length = stream.matched;
  if (length < 3 ? c != ((0x6c6d78 >> (length << 3)) & 0xff) : length == 3 && !isSpace(c)) {
    stream.fault = PROCESSING_INSTRUCTION;
  } else if (c == 0x3e && length > 3 && load<u8>(DECLARATION + length - 1) == 0x3f) {
    stream.fault = declarationFault(DECLARATION + 3, length - 4);
    stream.state = PROLOG;
  } else if (c == 0x3c || c == 0x3e || c >= 0x80 || (c < 0x20 && !isSpace(c)) || length == DECLARATION_BYTES) {
    stream.fault = MALFORMED_DECLARATION;
  } else {
    store<u8>(DECLARATION + length, c);
    stream.matched = length + 1;
  }
}
