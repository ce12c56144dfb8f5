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
  while (bytes[at] !== LT || bytes[at + 1] === QUESTION) at++;
  const nameStart = ++at;
  let colon = -1;
  for (; !isNameEnd(bytes[at]); at++) if (bytes[at] === COLON) colon = at;
  const name = bytes.toString("utf8", colon < 0 ? nameStart : colon + 1, at);
  const prefix = colon < 0 ? "" : bytes.toString("utf8", nameStart, colon);

  const attributes = new Map<string, string>();
  while (at < end) {
    while (isSpace(bytes[at])) at++;
    if (bytes[at] === GT || bytes[at] === SLASH) break;
    const keyStart = at;
    while (!isNameEnd(bytes[at])) at++;
    const key = bytes.toString("utf8", keyStart, at);
    while (bytes[at] !== 0x22 && bytes[at] !== 0x27) at++;
    const quote = bytes[at];
    const valueStart = ++at;
    let isPlain = true;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      if (byte === AMP || byte === 0x0d || byte === 0x0a || byte === 0x09) isPlain = false;
    }
    const value = bytes.toString("utf8", valueStart, at);
    attributes.set(key, isPlain ? value : expand(value));
    at++;
  }

  const declared = attributes.get(prefix === "" ? "xmlns" : `xmlns:${prefix}`);
  return { namespace: declared ?? scope.get(prefix) ?? (prefix === "xml" ? NS.xml : ""), name, attributes };
}

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const AMP = 0x26;
const COLON = 0x3a;
const QUESTION = 0x3f;

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

function isNameEnd(c: number | undefined): boolean {
  return c === 0x20 || c === 0x3d || c === GT || c === SLASH || c === 0x0a || c === 0x0d || c === 0x09;
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
