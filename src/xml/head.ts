import type { Buffer } from "node:buffer";
import { NS } from "../xmpp/index.js";
import type { NamespaceScope } from "./frame.js";

/** What can be known of a frame without a tree: its root start tag. */
export interface Head {
  readonly namespace: string;
  /** Local name. */
  readonly name: string;
  /** Qualified name as written → value with references expanded and white space normalised (XML 1.0 §3.3.3). */
  readonly attributes: ReadonlyMap<string, string>;
}

/**
 * Reads the root start tag of a frame that the framer has passed; nothing is checked again.
 *
 * Shape   `bytes[start, end)` as given to `FrameSink.frame`. A stream header may begin with a byte order mark, an XML
 *         declaration and white space. `scope` is that of the framer.
 */
export function readHead(bytes: Buffer, start: number, end: number, scope: NamespaceScope): Head {
  let at = start;
  while (at < end && (bytes[at] !== LT || bytes[at + 1] === QUESTION)) at++;
  const tagStart = at + 1;
  let quote = 0;
  let all = 0;
  let isPlain = true;
  for (at = tagStart; at < end; at++) {
    const byte = bytes[at] ?? 0;
    all |= byte;
    if (byte === AMP || byte < 0x20) isPlain = false;
    if (quote !== 0) {
      if (byte === quote) quote = 0;
    } else if (byte === 0x22 || byte === 0x27) quote = byte;
    else if (byte === GT) break;
  }
  if (bytes[at - 1] === SLASH) at--;
  // The tag becomes text in one call out of JavaScript; each name and value would be one otherwise.
  return parseTag(bytes.toString(all < 0x80 ? "latin1" : "utf8", tagStart, at), isPlain, scope);
}

/** `tag` without its angle brackets; it is plain if nothing in it has to be expanded. */
function parseTag(tag: string, isPlain: boolean, scope: NamespaceScope): Head {
  let at = 0;
  while (at < tag.length && !isSpace(tag.charCodeAt(at))) at++;
  const qualifiedName = tag.slice(0, at);
  const colon = qualifiedName.indexOf(":");
  const prefix = colon < 0 ? "" : qualifiedName.slice(0, colon);

  const attributes = new Map<string, string>();
  while (true) {
    while (isSpace(tag.charCodeAt(at))) at++;
    if (at >= tag.length) break;
    const equals = tag.indexOf("=", at);
    let keyEnd = equals;
    while (isSpace(tag.charCodeAt(keyEnd - 1))) keyEnd--;
    let opening = equals + 1;
    while (isSpace(tag.charCodeAt(opening))) opening++;
    const closing = tag.indexOf(tag.charAt(opening), opening + 1);
    const value = tag.slice(opening + 1, closing);
    attributes.set(tag.slice(at, keyEnd), isPlain ? value : expand(value));
    at = closing + 1;
  }

  const declared = attributes.get(colon < 0 ? "xmlns" : `xmlns:${prefix}`);
  return {
    namespace: declared ?? scope.get(prefix) ?? (prefix === "xml" ? NS.xml : ""),
    name: colon < 0 ? qualifiedName : qualifiedName.slice(colon + 1),
    attributes,
  };
}

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const AMP = 0x26;
const QUESTION = 0x3f;

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

/** XML 1.0 §3.3.3: white space reads as spaces, CR LF as one (§2.11); then the references, which no longer are white space. */
function expand(value: string): string {
  let expanded = "";
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === "\r" || character === "\n" || character === "\t") {
      if (character === "\r" && value.charAt(at + 1) === "\n") at++;
      expanded += " ";
    } else if (character === "&") {
      const semicolon = value.indexOf(";", at);
      expanded += reference(value.slice(at + 1, semicolon));
      at = semicolon;
    } else expanded += character;
  }
  return expanded;
}

function reference(name: string): string {
  if (name.startsWith("#x")) return String.fromCodePoint(parseInt(name.slice(2), 16));
  if (name.startsWith("#")) return String.fromCodePoint(parseInt(name.slice(1), 10));
  switch (name) {
    case "lt":
      return "<";
    case "gt":
      return ">";
    case "amp":
      return "&";
    case "apos":
      return "'";
    default:
      return '"';
  }
}
