import * as fc from "fast-check";
import { type Element, namespaceOf } from "../../src/xml/index.js";

/** What a tree means, without how it was written. Attribute names are `local` or `{namespace}local`. */
export interface Model {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (Model | string)[];
}

const XML = "http://www.w3.org/XML/1998/namespace";

/** What a tree in normal form means; prefixes of attributes are resolved as the tree itself declares them. */
export function modelOf(element: Element): Model {
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries<string>(element.attrs)) {
    if (name === "xmlns" || name.startsWith("xmlns:")) continue;
    const [prefix, local] = name.includes(":") ? name.split(":") : [undefined, name];
    const namespace = prefix === undefined ? undefined : prefix === "xml" ? XML : bound(element, prefix);
    attributes.set(namespace === undefined ? name : `{${namespace}}${local}`, value);
  }
  return {
    namespace: namespaceOf(element),
    name: element.name.replace(/^xml:/, ""),
    attributes,
    children: element.children.map((child) => (typeof child === "string" ? child : modelOf(child))),
  };
}

function bound(element: Element, prefix: string): string {
  for (let at: Element | null = element; at !== null; at = at.parent) {
    if (Object.hasOwn(at.attrs, `xmlns:${prefix}`)) return String(at.attrs[`xmlns:${prefix}`]);
  }
  throw new Error(`the tree does not bind ${prefix}`);
}

const name = fc.constantFrom("a", "b", "query", "_x", "é", "o.k-1", "__proto__", "constructor", "text");
const namespace = fc.constantFrom(
  "jabber:client",
  "urn:x",
  "urn:y?a=1&b='<\">",
  "",
  "http://etherx.jabber.org/streams",
);
const attributeName = fc.oneof(
  fc.constantFrom("id", "to", "node", "é", "__proto__", "hasOwnProperty", "valueOf"),
  fc.constantFrom(`{${XML}}lang`, `{${XML}}space`, "{urn:x}id", "{urn:z}k", "{http://etherx.jabber.org/streams}s"),
);
/** Characters that XML allows, the difficult ones often. */
const character = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("&", "<", ">", '"', "'", "\t", "\n", "\r", " ", "]", "]]>", "&amp;", "\u0085"),
  },
  { weight: 2, arbitrary: fc.constantFrom("a", "b", "é", "\u{1f339}", "\u{10ffff}", "\ufffd", "\u2028", "\ue000") },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 5 }) },
);
const value = fc.array(character, { maxLength: 8 }).map((characters) => characters.join(""));

/** Any tree that XML can write: no empty text, no two texts side by side. */
export const element: fc.Arbitrary<Model> = fc.letrec<{ element: Model }>((tie) => ({
  element: fc.record({
    namespace,
    name,
    attributes: fc
      .uniqueArray(fc.tuple(attributeName, value), { selector: ([key]) => key, maxLength: 4 })
      .map((all) => new Map(all)),
    children: fc
      .array(fc.oneof({ maxDepth: 4, depthSize: "small" }, value, tie("element")), { maxLength: 4 })
      .map((children) =>
        children.filter(
          (child, at) => child !== "" && !(typeof child === "string" && typeof children[at - 1] === "string"),
        ),
      )
      .map(joined),
  }),
})).element;

function joined(children: readonly (Model | string)[]): (Model | string)[] {
  const result: (Model | string)[] = [];
  for (const child of children) {
    const before = result.at(-1);
    if (typeof child === "string" && typeof before === "string") result[result.length - 1] = before + child;
    else result.push(child);
  }
  return result;
}

/**
 * Writes a model in one of the many ways in which XML lets it be written: with prefixes or without, with either quote,
 * with references, CDATA, and white space where it counts for nothing. `chances` decides.
 */
export function render(model: Model, byDefault: string, chances: Iterator<number>): string {
  const chance = (of: number) => Number(chances.next().value) % of;
  const space = () => [" ", " ", " ", "\n", "\t ", "\r\n"][chance(6)] ?? " ";
  const reference = (c: string) => `&#${chance(2) === 0 ? c.codePointAt(0) : `x${c.codePointAt(0)?.toString(16)}`};`;
  const markup = (c: string) => {
    const named = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" }[c];
    return named !== undefined && chance(2) === 0 ? named : reference(c);
  };

  const attributeText = (text: string): string => {
    const quote = chance(2) === 0 ? "'" : '"';
    let out = "";
    for (const c of text) {
      // XML 1.0 §3.3.3: any literal white space is read as a space, so that is what a space may be written as.
      if (c === " ") out += [" ", " ", "\t", "\n", "\r\n", "\r "][chance(5)] ?? " ";
      else if ("\t\n\r".includes(c) || c === "&" || c === "<" || c === quote) out += markup(c);
      else out += chance(20) === 0 ? reference(c) : c;
    }
    return `${quote}${out}${quote}`;
  };

  const bodyText = (text: string): string => {
    if (chance(5) === 0 && !text.includes("]]>") && !text.includes("\r")) return `<![CDATA[${text}]]>`;
    let out = "";
    for (const c of text) {
      if (c === "\n") out += ["\n", "\r\n"][chance(2)] ?? "\n";
      else if (c === "\r" || c === "&" || c === "<" || c === ">") out += markup(c);
      else out += chance(20) === 0 ? reference(c) : c;
    }
    return out;
  };

  const write = (one: Model, inherited: string): string => {
    const declarations: string[] = [];
    let byDefaultHere = inherited;
    let tag = one.name;
    if (one.namespace !== "" && chance(4) === 0) {
      const isStreams = one.namespace === "http://etherx.jabber.org/streams";
      const prefix = ["p", "q", isStreams ? "stream" : "r", "__proto__", "toString"][chance(5)] ?? "p";
      tag = `${prefix}:${one.name}`;
      if (prefix !== "stream" || chance(2) === 0) {
        declarations.push(`xmlns:${prefix}${chance(2) === 0 ? " = " : "="}${attributeText(one.namespace)}`);
      }
      if (chance(3) === 0) {
        byDefaultHere = ["urn:x", "urn:other", ""][chance(3)] ?? "";
        declarations.push(`xmlns=${attributeText(byDefaultHere)}`);
      }
    } else if (one.namespace !== inherited || chance(5) === 0) {
      byDefaultHere = one.namespace;
      declarations.push(`xmlns=${attributeText(one.namespace)}`);
    }
    let number = 0;
    for (const [key, attribute] of one.attributes) {
      const expanded = /^\{(.*)\}(.*)$/.exec(key);
      let attributeTag = key;
      if (expanded?.[1] === XML) {
        attributeTag = `xml:${expanded[2]}`;
      } else if (expanded !== null) {
        attributeTag = `n${++number}:${expanded[2]}`;
        declarations.push(`xmlns:n${number}=${attributeText(expanded[1] ?? "")}`);
      }
      declarations.push(`${attributeTag}=${attributeText(attribute)}`);
    }
    if (chance(2) === 0) declarations.reverse();
    const open = `<${tag}${declarations.map((one_) => space() + one_).join("")}${chance(4) === 0 ? space() : ""}`;
    if (one.children.length === 0 && chance(2) === 0) return `${open}/>`;
    const inside = one.children.map((child) =>
      typeof child === "string" ? bodyText(child) : write(child, byDefaultHere),
    );
    return `${open}>${inside.join("")}</${tag}${chance(4) === 0 ? space() : ""}>`;
  };
  return write(model, byDefault);
}
