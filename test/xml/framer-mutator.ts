import { contentNamespaces, headerOf, readFixtures } from "./framer-fixtures.js";

/** The same numbers for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }
}

/** Makes streams, most of them nearly well-formed: from the fixtures, from a grammar, and from both by mutation. */
export class Mutator {
  readonly #random: Random;
  readonly #corpus: readonly Buffer[];

  constructor(random: Random) {
    this.#random = random;
    this.#corpus = readFixtures()
      .flatMap((fixture) => contentNamespaces.map((content) => fixture.read(content).bytes))
      .filter((bytes) => bytes.length < 1_500);
  }

  next(): Buffer {
    const share = this.#random.next();
    let bytes = share < 0.45 ? this.#random.pick(this.#corpus) : Buffer.from(makeStream(this.#random));
    const mutations = share > 0.9 ? 0 : 1 + this.#random.below(3);
    for (let count = 0; count < mutations; count++) bytes = this.#mutate(bytes);
    return bytes.length > 0 ? bytes : Buffer.from("<");
  }

  #mutate(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    const length = Math.min(1 + random.below(random.next() < 0.7 ? 6 : 60), bytes.length - at);
    switch (random.below(8)) {
      case 0: {
        const flipped = Buffer.from(bytes);
        if (at < bytes.length) flipped[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        return flipped;
      }
      case 1:
        return splice(bytes, at, at + length, Buffer.alloc(0));
      case 2:
        return splice(bytes, at, at, bytes.subarray(at, at + length));
      case 3: {
        const other = random.pick(this.#corpus);
        const from = random.below(other.length);
        return splice(bytes, at, at, other.subarray(from, from + 1 + random.below(80)));
      }
      case 4: {
        const other = random.pick(this.#corpus);
        return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length))]);
      }
      case 5:
        return splice(bytes, at, at + random.below(3), random.pick(tokens));
      default:
        return splice(bytes, at, at, random.pick(tokens));
    }
  }
}

function splice(bytes: Buffer, start: number, end: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]);
}

/** A well-formed stream that no rule of XMPP forbids. */
export function makeStream(random: Random): string {
  const content = random.pick(contentNamespaces);
  const parts = [headerOf(content)];
  for (let count = random.below(5); count > 0; count--) {
    parts.push(makeElement(random, 0, content), random.pick(["", "", " ", "\n", "\r\n\t"]));
  }
  if (random.next() < 0.7) parts.push("</stream:stream>");
  return parts.join("");
}

function makeElement(random: Random, depth: number, content: string): string {
  const isPrefixed = random.next() < 0.2;
  const local = depth === 0 ? random.pick(["message", "presence", "iq", "r", "features"]) : random.pick(locals);
  const name = isPrefixed ? `p:${local}` : local;
  const names = new Set<string>();
  let attributes = "";
  const add = (attribute: string, value: string): void => {
    if (names.has(attribute)) return;
    names.add(attribute);
    const quote = random.pick(["'", '"']);
    const equals = random.pick(["=", "=", "=", " =", "= ", "\n=\t"]);
    attributes += `${random.pick([" ", " ", " ", "\n", "  ", "\r\n"])}${attribute}${equals}${quote}${value}${quote}`;
  };
  if (isPrefixed) add("xmlns:p", random.pick([content, "urn:p", "urn:a"]));
  if (random.next() < 0.3)
    add("xmlns", random.pick([content, "urn:a", "urn:é&amp;", "", " urn:a\n", "jabber&#58;client"]));
  for (let count = random.below(4); count > 0; count--) add(random.pick(attributeNames), makeText(random, values));
  if (isPrefixed && random.next() < 0.5) add("p:id", "1");
  const space = random.pick(["", "", "", " ", "\n"]);
  if (random.next() < 0.3) return `<${name}${attributes}${space}/>`;
  let inside = "";
  for (let count = depth > 4 ? 0 : random.below(4); count > 0; count--) {
    const share = random.next();
    if (share < 0.5) inside += makeElement(random, depth + 1, content);
    else inside += share < 0.9 ? makeText(random, texts) : `<![CDATA[${makeText(random, cdata)}]]>`;
  }
  return `<${name}${attributes}${space}>${inside}</${name}${space}>`;
}

function makeText(random: Random, pieces: readonly string[]): string {
  let made = "";
  for (let count = random.below(5); count > 0; count--) made += random.pick(pieces);
  // In text `]]>` is a fault, and in CDATA it is the end.
  made = made.replaceAll("]]>", "]] >");
  return made.endsWith("]") ? `${made}.` : made;
}

const locals = [
  "a",
  "body",
  "query",
  "élan",
  "x-1.2_3",
  "names-of-sixteen",
  "names-of-seventee",
  "iq",
  "message",
  "一",
];
const attributeNames = [
  "id",
  "to",
  "from",
  "type",
  "xml:lang",
  "é",
  "a-rather-long-name",
  "a-rather-long-namf",
  "eight-ch",
];
const values = [
  "a",
  "romeo@montague.lit",
  "&amp;",
  "&#x20AC;",
  "é",
  "€",
  "😀",
  ">",
  "]]>",
  " ",
  "\t",
  "a long value, longer than two blocks",
];
const texts = [
  "a",
  "But, soft! what light through yonder window breaks?",
  "&lt;",
  "&#10;",
  "é",
  "€",
  "😀",
  "]",
  "]]",
  ">",
  "\r\n",
  " ",
  "'\"",
];
const cdata = ["<iq/>", "&", "]", "x", "€", ">", "\n"];

const written = [
  "<>/='\"&;:?!-][ \t\r\n\0\u0001\u007f\u0085\ufeff\uffff\ufffeé€·\u0300×一".split(""),
  ["]]>", "<![CDATA[", "<!--", "-->", "<!DOCTYPE a>", "<?xml version='1.0'?>", "<?a?>", "<!", "</", "/>", " \t\r\n"],
  ["<a>", "</a>", "<a/>", "<message>", "</message>", "<iq><a/></iq>", "<stream:error/>", "<stream:stream>"],
  ["</stream:stream>", "&amp;", "&lt;", "&#60;", "&#x3C;", "&#0;", "&#xD800;", "&#xFFFE;", "&nbsp;", "&amp", "&#"],
  ["&#x110000;", "&#9;", "&#13;&#10;", " xmlns=''", " xmlns='urn:a'", " xmlns='jabber:client'", " xmlns:p='urn:p'"],
  [" xmlns:q='urn:p'", " p:a=''", " q:a=''", " xmlns:xml='http://www.w3.org/XML/1998/namespace'"],
  [" xmlns='http://etherx.jabber.org/streams'", " xmlns='&#10;'", " id='1'", ' id="1"', " a=b", " a", "p:", "stream:"],
  ["😀", "𐐀"],
].flat();
const broken = ["c0bc", "e282", "eda080", "f4908080", "f888808080", "ff", "80", "c3", "f09f", "efbf"];
const tokens = [
  written.map((token) => Buffer.from(token)),
  broken.map((hexadecimal) => Buffer.from(hexadecimal, "hex")),
].flat();
