import { UsageError } from "../xmpp/index.js";
import { expandReferences } from "./references.js";

// Most stanzas use neither prefixes nor CDATA, and since the framer has validated them, finding their pieces is a matter of
// `indexOf`. What is not of that shape is left to sax, at many times the cost (docs/decisions/0005). Property tests hold
// both readers to the same tree.

/** Who is told of the pieces of an element, in document order. */
export interface ElementEvents {
  /** `attributes` holds names and values in turn; it is used again after the call. */
  start(name: string, attributes: readonly string[]): void;
  text(value: string): void;
  end(): void;
}

/**
 * Reads one element without prefixes (but `xml:`) and without CDATA.
 *
 * Shape   `source` has LF line ends.
 * Returns false as soon as it meets a prefix or CDATA; what was reported until then is void.
 * Cost    every character is looked at once or twice, most by `indexOf`.
 * Errors  UsageError for what it cannot read. It is no validator: that was the framer.
 */
export function readPlain(source: string, events: ElementEvents): boolean {
  if (source.includes("<!")) return false;
  const hasReferences = source.includes("&");
  const hasSpace = source.includes("\n") || source.includes("\t");
  const attributes: string[] = [];
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf("<", at);
    if (open < 0) throw new UsageError("the framer passed text behind an element");
    if (open > at) {
      const text = source.slice(at, open);
      events.text(hasReferences ? expandReferences(text) : text);
    }

    let c = source.charCodeAt(open + 1);
    if (c === SLASH) {
      at = source.indexOf(">", open) + 1;
      if (at === 0) throw broken();
      events.end();
      continue;
    }

    let end = open + 1;
    while (!isSpace(c) && c !== SLASH && c !== GREATER) {
      if (c === COLON) return false;
      if (end >= source.length) throw broken();
      c = source.charCodeAt(++end);
    }
    const name = source.slice(open + 1, end);
    attributes.length = 0;
    for (;;) {
      while (isSpace(c)) c = source.charCodeAt(++end);
      if (c === SLASH || c === GREATER) break;
      const equals = source.indexOf("=", end);
      if (equals < 0) throw broken();
      let opening = equals + 1;
      while (isSpace(source.charCodeAt(opening))) opening++;
      const closing = source.indexOf(source.charCodeAt(opening) === APOSTROPHE ? "'" : '"', opening + 1);
      if (closing < 0) throw broken();
      let last = equals;
      while (isSpace(source.charCodeAt(last - 1))) last--;
      const attribute = source.slice(end, last);
      if (attribute.includes(":") && !attribute.startsWith("xml:")) return false;
      let value = source.slice(opening + 1, closing);
      // XML 1.0 §3.3.3: a literal TAB or LF is a space, a reference to one is not.
      if (hasSpace) value = value.replaceAll(/[\t\n]/g, " ");
      if (hasReferences) value = expandReferences(value);
      attributes.push(attribute, value);
      end = closing + 1;
      c = source.charCodeAt(end);
    }
    events.start(name, attributes);
    if (c === SLASH) {
      events.end();
      at = end + 2;
    } else {
      at = end + 1;
    }
  }
  return true;
}

const APOSTROPHE = 0x27;
const SLASH = 0x2f;
const COLON = 0x3a;
const GREATER = 0x3e;

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x09;
}

function broken(): UsageError {
  return new UsageError("the framer passed a broken tag");
}
