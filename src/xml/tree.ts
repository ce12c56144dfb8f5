import { escapeXML } from "ltx";
import sax from "sax";
import { NS, UsageError } from "../xmpp/index.js";
import { Element } from "./element.js";
import type { NamespaceScope } from "./frame.js";
import { type ElementEvents, readPlain } from "./plain-reader.js";

/**
 * Builds the tree of one frame that the framer has passed.
 *
 * Shape   normal form: names are local, prefixes gone. `attrs.xmlns` stands on the root and on each element whose
 *         namespace is not its parent's. Prefixed attributes keep their names, declarations of prefixes stay where they
 *         are, and those that only the stream header (`scope`) makes are added to the root, so that the tree stands by
 *         itself. Neighbouring text and CDATA are one string. Only elements in the namespace of XML itself keep their
 *         prefix: that one cannot be a default namespace.
 *         Values are those of XML 1.0: references expanded, line ends LF (§2.11), a literal TAB or LF in an attribute a
 *         space (§3.3.3).
 * Units   `start` and `end` are bytes.
 * Cost    one copy of the text; a few microseconds for a common IQ, ten times that with prefixes or CDATA.
 * Errors  UsageError for anything that is not exactly one valid element: the framer must not have passed it.
 * Source  design.md decision 1; XML 1.0 names §5, §6; protocol.md X4, X9.
 */
export function parseElement(bytes: Buffer, start: number, end: number, scope: NamespaceScope): Element {
  const text = bytes.toString("utf8", start, end);
  const source = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
  const plain = new TreeBuilder(scope);
  if (readPlain(source, plain)) return plain.result();
  return parseWithSax(source, scope);
}

/**
 * The same for any element, by sax alone. Exported for the test that holds both readers to the same tree.
 *
 * sax finds the pieces. What it gets wrong is kept away from it:
 * - It does not normalise white space in attributes, so tags are normalised before it sees them.
 * - It keeps bindings and attributes in plain objects, where `__proto__` gets lost; attributes are taken from the events
 *   and prefixes resolved in the tree.
 * - It refuses values above 64 KiB and cuts text there, but looks at its buffers only behind a `write`. A frame is one
 *   `write`, in which every value ends.
 * - It forgets nothing after an error, so each frame gets a parser of its own.
 */
export function parseWithSax(source: string, scope: NamespaceScope): Element {
  const builder = new TreeBuilder(scope);
  // `position` would count characters for messages that nobody reads; `strictEntities` keeps out those of HTML.
  const options = { xmlns: true, position: false, strictEntities: true };
  const parser = new sax.SAXParser(true, options);
  listen(parser, builder);
  // What the stream header declares is in scope; sax learns it from a root of our own.
  parser.write(`${rootTag(scope)}${withNormalTags(source)}</root>`).close();
  return builder.result();
}

function listen(parser: sax.SAXParser, builder: TreeBuilder): void {
  let attributes: string[] = [];
  let depth = 0;
  parser.onopentagstart = () => {
    attributes = [];
  };
  parser.onattribute = ({ name, value }) => {
    attributes.push(name, value);
  };
  parser.onopentag = ({ name }) => {
    if (depth++ > 0) builder.start(name, attributes);
  };
  parser.onclosetag = () => {
    if (--depth > 0) builder.end();
  };
  parser.ontext = (text) => builder.text(text);
  parser.oncdata = (text) => builder.text(text);
  // The borders of CDATA mean nothing, bindings are read from the attributes, and the end is told by `result`.
  parser.onopencdata = ignore;
  parser.onclosecdata = ignore;
  parser.onopennamespace = ignore;
  parser.onclosenamespace = ignore;
  parser.onready = ignore;
  parser.onend = ignore;
  // RFC 6120 §11.1: none of these can be here.
  parser.oncomment = refuse;
  parser.onprocessinginstruction = refuse;
  parser.ondoctype = refuse;
  parser.onsgmldeclaration = refuse;
  parser.onscript = refuse;
  parser.onerror = refuse;
}

function ignore(): void {}

function refuse(): never {
  throw new UsageError("the framer passed what is not restricted XML");
}

function rootTag(scope: NamespaceScope): string {
  let tag = "<root";
  for (const [prefix, namespace] of scope) {
    if (prefix !== "xml" && prefix !== "xmlns") tag += ` xmlns${prefix && ":"}${prefix}="${escapeXML(namespace)}"`;
  }
  return `${tag}>`;
}

/** Makes literal TAB and LF within tags spaces: in values XML 1.0 §3.3.3 says so, between attributes it is all one. */
function withNormalTags(source: string): string {
  if (!/[\t\n]/.test(source)) return source;
  return source.replaceAll(/<!\[CDATA\[[^]*?\]\]>|<(?:[^"'>]+|"[^"]*"|'[^']*')*>/g, (piece) =>
    piece.startsWith("<!") ? piece : piece.replaceAll(/[\t\n]/g, " "),
  );
}

/** Makes the normal form out of what a reader finds: resolves prefixes and joins text. */
class TreeBuilder implements ElementEvents {
  readonly #scope: NamespaceScope;
  #root: Element | undefined;
  #current: Element | undefined;
  /** Of the open elements, innermost last: the namespace of the element, and the default namespace within it. */
  readonly #namespaces: string[] = [];
  readonly #defaults: string[] = [];
  /** What the open elements declare each prefix to be, innermost last; looking up parents would cost their number. */
  readonly #bindings = new Map<string, string[]>();

  constructor(scope: NamespaceScope) {
    this.#scope = scope;
  }

  start(name: string, attributes: readonly string[]): void {
    const parent = this.#current;
    if (parent === undefined && this.#root !== undefined) throw new UsageError("the framer passed two elements");
    const element = new Element(name);
    let byDefault = this.#defaults.at(-1) ?? this.#scope.get("") ?? "";
    let hasPrefixes = false;
    for (let i = 0; i < attributes.length; i += 2) {
      const attribute = attributes[i] ?? "";
      const value = attributes[i + 1] ?? "";
      if (attribute === "xmlns") {
        byDefault = value;
        continue;
      }
      setAttribute(element, attribute, value);
      hasPrefixes ||= attribute.includes(":");
      if (attribute.startsWith(XMLNS)) this.#bind(attribute.slice(XMLNS.length), value);
    }
    element.parent = parent ?? null;
    this.#root ??= element;
    this.#current = element;

    const colon = name.indexOf(":");
    const namespace = colon < 0 ? byDefault : this.#resolve(name.slice(0, colon));
    if (namespace !== NS.xml) {
      if (colon >= 0) element.name = name.slice(colon + 1);
      if (parent === undefined || namespace !== this.#namespaces.at(-1)) element.attrs["xmlns"] = namespace;
    } else {
      element.name = `xml:${name.slice(colon + 1)}`;
    }
    this.#namespaces.push(namespace);
    this.#defaults.push(byDefault);
    parent?.children.push(element);
    if (hasPrefixes) {
      for (let i = 0; i < attributes.length; i += 2) this.#bindOnRoot(attributes[i] ?? "");
    }
  }

  text(value: string): void {
    const children = this.#current?.children;
    if (children === undefined) throw new UsageError("the framer passed text beside an element");
    const before = children.at(-1);
    if (typeof before === "string") children[children.length - 1] = before + value;
    else children.push(value);
  }

  end(): void {
    if (this.#current === undefined) throw new UsageError("the framer passed an end without a start");
    this.#namespaces.pop();
    this.#defaults.pop();
    for (const attribute in this.#current.attrs) {
      if (attribute.startsWith(XMLNS)) this.#bindings.get(attribute.slice(XMLNS.length))?.pop();
    }
    this.#current = this.#current.parent ?? undefined;
  }

  result(): Element {
    if (this.#root === undefined || this.#current !== undefined) throw new UsageError("the framer passed no element");
    return this.#root;
  }

  /** What a prefix means in the current element. */
  #resolve(prefix: string): string {
    const namespace = this.#bound(prefix) ?? (prefix === "xml" ? NS.xml : this.#scope.get(prefix));
    if (namespace === undefined) throw new UsageError("the framer passed an unbound prefix");
    return namespace;
  }

  #bound(prefix: string): string | undefined {
    return this.#bindings.get(prefix)?.at(-1);
  }

  #bind(prefix: string, namespace: string): void {
    const bindings = this.#bindings.get(prefix);
    if (bindings === undefined) this.#bindings.set(prefix, [namespace]);
    else bindings.push(namespace);
  }

  /** A prefixed attribute whose prefix only the stream header binds: bind it on the root. */
  #bindOnRoot(attribute: string): void {
    const colon = attribute.indexOf(":");
    const prefix = attribute.slice(0, Math.max(colon, 0));
    if (prefix === "" || prefix === "xml" || prefix === "xmlns" || this.#bound(prefix) !== undefined) return;
    if (this.#root === undefined) return;
    const namespace = this.#resolve(prefix);
    setAttribute(this.#root, `${XMLNS}${prefix}`, namespace);
    // Outermost of all: wherever the prefix is in use now, it is bound further in.
    this.#bindings.set(prefix, [namespace, ...(this.#bindings.get(prefix) ?? [])]);
  }
}

/** How a declaration of a prefix begins. */
const XMLNS = "xmlns:";

/** `__proto__` is a lawful name, which a plain assignment would lose. */
export function setAttribute(element: Element, name: string, value: string): void {
  if (name === "__proto__") {
    Object.defineProperty(element.attrs, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    element.attrs[name] = value;
  }
}
