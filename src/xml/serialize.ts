import { escapeXML, escapeXMLText } from "ltx";
import type { Element } from "./element.js";
import { namespaceOf } from "./navigate.js";

/**
 * Writes a tree as XML 1.0 that every conforming reader reads back as the same tree.
 *
 * Shape   `contextNamespace` is the default namespace of the place where the text is put; the root names its own
 *         namespace unless it is that one. A subtree may be given: the namespace that it inherits is written out.
 *         `replaced` holds attributes that the root gets in place of its own or besides, `xmlns` among them.
 * Cost    one pass; a value without special characters is copied.
 * Source  protocol.md X9. XML 1.0 §2.11 and §3.3.3 oblige a reader to turn CR into LF, and TAB and LF in an attribute
 *         into a space, unless they are written as references.
 */
export function serialize(
  element: Element,
  contextNamespace = "",
  replaced: Readonly<Record<string, string>> = NOTHING,
): string {
  const namespace = replaced["xmlns"] ?? namespaceOf(element);
  // The prefix `xml` needs no declaration, and must not get one as the default namespace (XML 1.0 names §3).
  const isDeclared = namespace === contextNamespace || element.name.startsWith("xml:");
  return write(element, isDeclared ? undefined : namespace, replaced);
}

const NOTHING: Readonly<Record<string, string>> = {};

/**
 * About how long `serialize` would write an element, in characters; what must be escaped is not counted. A namespace that
 * a prefix bound once is written in full wherever it begins, so that a stanza can grow a hundredfold.
 *
 * Shape   `Infinity` for an element with so many prefixes in force at one place that it might not be read in another stream,
 *         whose header declares some as well. `prefixes`: how many there are around it.
 * Cost    one pass, nothing is copied.
 */
export function writtenLength({ name, attrs, children }: Element, prefixes = 0): number {
  let length = 2 * name.length + 5;
  let inForce = prefixes;
  for (const attribute in attrs) {
    const value: unknown = attrs[attribute];
    length += attribute.length + 4 + (typeof value === "string" ? value.length : 0);
    if (attribute.startsWith("xmlns:")) inForce++;
  }
  if (inForce > MAX_PREFIXES_WRITTEN) return Infinity;
  for (const child of children) length += typeof child === "string" ? child.length : writtenLength(child, inForce);
  return length;
}

/** Half of what the framer reads. */
const MAX_PREFIXES_WRITTEN = 64;

function write(element: Element, namespace: string | undefined, replaced: Readonly<Record<string, string>>): string {
  const { name, attrs, children } = element;
  let out = `<${name}`;
  if (namespace !== undefined) out += ` xmlns="${escapeAttribute(namespace)}"`;
  for (const attribute in replaced) {
    if (attribute !== "xmlns") out += ` ${attribute}="${escapeAttribute(replaced[attribute] ?? "")}"`;
  }
  for (const attribute in attrs) {
    if (attribute === "xmlns" || (replaced !== NOTHING && Object.hasOwn(replaced, attribute))) continue;
    const value: unknown = attrs[attribute];
    if (typeof value === "string") out += ` ${attribute}="${escapeAttribute(value)}"`;
    else if (typeof value === "number") out += ` ${attribute}="${value}"`;
  }
  if (children.length === 0) return `${out}/>`;
  out += ">";
  for (const child of children) {
    if (typeof child === "string") {
      out += escapeText(child);
    } else {
      const declared: unknown = child.attrs["xmlns"];
      out += write(child, typeof declared === "string" ? declared : undefined, NOTHING);
    }
  }
  return `${out}</${name}>`;
}

/** ltx escapes the five characters of markup, `>` included, so that no `]]>` remains. White space is ours. */
function escapeAttribute(value: string): string {
  if (!SPECIAL_IN_ATTRIBUTE.test(value)) return value;
  return escapeXML(value).replaceAll(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function escapeText(text: string): string {
  if (!SPECIAL_IN_TEXT.test(text)) return text;
  return escapeXMLText(text).replaceAll("\r", "&#13;");
}

const SPECIAL_IN_ATTRIBUTE = /[\t\n\r"&'<>]/;
const SPECIAL_IN_TEXT = /[\r&<>]/;
