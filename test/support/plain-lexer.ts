import { Buffer } from "node:buffer";
import { NS } from "../../src/xmpp/index.js";
import { declarationFault } from "../../src/xml/declaration.js";
import type { XmlFaultName } from "../../src/xml/faults.js";
import type { FramerLimits } from "../../src/xml/frame.js";
import { FrameKind } from "../../src/xml/frame.js";
import { isNameCharacter, isNameStart } from "../../src/xml/names.js";

/** Strings here are bytes: one character for each byte of UTF-8. `Buffer.from(text, "latin1")` gives them back. */
type Bytes = string;

type State =
  | "start"
  | "bom1"
  | "bom2"
  | "prolog"
  | "prologLt"
  | "declaration"
  | "between"
  | "ended"
  | "lt"
  | "elementName"
  | "tagSpace"
  | "afterValue"
  | "selfClose"
  | "attributeName"
  | "beforeEquals"
  | "beforeQuote"
  | "value"
  | "text"
  | "bang"
  | "cdataOpen"
  | "cdata"
  | "reference"
  | "numeric"
  | "endName"
  | "endSpace";

interface Attribute {
  name: Bytes;
  value: Bytes;
}

/** `0` wants more, `1` ends a frame, a string is a fault. */
export type Step = 0 | 1 | XmlFaultName;

/**
 * One byte at a time through one stream: well-formedness, namespaces, XMPP's restrictions, limits.
 * It knows no chunk, so that no cut can make a difference.
 */
export class PlainLexer {
  limits: FramerLimits;
  kind: FrameKind = FrameKind.streamHeader;
  childCount = 0;
  childNamespace: Bytes | undefined;
  /** Prefix and namespace, innermost last. The header's own come first. */
  bindings: { prefix: Bytes; namespace: Bytes }[] = [];

  readonly #content: Bytes;
  #state: State = "start";
  #declarationAllowed = true;
  #collected: Bytes = "";
  #rootName: Bytes | undefined;
  /** Open elements below the root. */
  #open: { name: Bytes; bindings: number }[] = [];
  #elements = 0;
  #elementName: Bytes = "";
  #name: Bytes = "";
  #partStart = true;
  #hasColon = false;
  #attributes: Attribute[] = [];
  #attribute: Attribute | undefined;
  #attributeNames = new Set<Bytes>();
  #quote = 0;
  #carriageReturn = false;
  #brackets = 0;
  #returnState: "text" | "value" = "text";
  #reference: Bytes = "";
  #number = -1;
  #hexadecimal = false;
  #expected: Bytes = "";
  #matched = 0;
  #need = 0;
  #low = 0x80;
  #high = 0xbf;
  #codePoint = 0;

  constructor(content: string, limits: FramerLimits) {
    this.#content = content;
    this.limits = limits;
  }

  /** Between two frames, where white space is a frame of its own. */
  get isBetween(): boolean {
    return this.#state === "between" || this.#state === "ended";
  }

  step(c: number): Step {
    if (this.#need > 0) return this.#continuation(c);
    switch (this.#state) {
      case "start":
        if (c === 0xef) return this.#to("bom1");
        if (c === 0 || c >= 0xfe) return "unsupportedEncoding";
        this.#state = "prolog";
        return this.#prolog(c);
      case "bom1":
        return c === 0xbb ? this.#to("bom2") : "invalidUtf8";
      case "bom2":
        return c === 0xbf ? this.#to("prolog") : "invalidUtf8";
      case "prolog":
        return this.#prolog(c);
      case "prologLt":
        if (c === 0) return "unsupportedEncoding";
        if (c !== QUESTION || !this.#declarationAllowed) return this.#afterLt(c);
        this.#collected = "";
        return this.#to("declaration");
      case "declaration":
        return this.#declaration(c);
      case "between":
        if (isSpace(c)) return 0;
        if (c !== LT) return "textBetweenElements";
        this.#elements = -1;
        this.childCount = 0;
        this.childNamespace = undefined;
        return this.#to("lt");
      case "ended":
        return isSpace(c) ? 0 : "contentAfterEnd";
      case "lt":
        return this.#afterLt(c);
      case "elementName":
        return this.#nameByte(c, false) ?? this.#afterElementName(c);
      case "tagSpace":
        if (isSpace(c)) return 0;
        if (c === GT) return this.#startTag(false);
        if (c === SLASH) return this.#to("selfClose");
        return this.#attributeStart(c);
      case "afterValue":
        if (isSpace(c)) return this.#to("tagSpace");
        if (c === GT) return this.#startTag(false);
        return c === SLASH ? this.#to("selfClose") : "malformedTag";
      case "selfClose":
        return c === GT ? this.#startTag(true) : "malformedTag";
      case "attributeName":
        return this.#nameByte(c, false) ?? this.#afterAttributeName(c);
      case "beforeEquals":
        if (isSpace(c)) return 0;
        return c === EQUALS ? this.#to("beforeQuote") : "malformedTag";
      case "beforeQuote":
        if (isSpace(c)) return 0;
        if (c !== 0x22 && c !== 0x27) return "malformedTag";
        this.#quote = c;
        this.#carriageReturn = false;
        return this.#to("value");
      case "value":
        return this.#value(c);
      case "text":
        return this.#text(c);
      case "bang":
        if (c === 0x2d) return "comment";
        if (c === 0x44) return "doctype";
        if (c !== 0x5b || this.#open.length === 0)
          return c === 0x5b && this.#rootName !== undefined ? "textBetweenElements" : "malformedMarkup";
        this.#collected = "";
        return this.#to("cdataOpen");
      case "cdataOpen":
        if (c !== "CDATA[".charCodeAt(this.#collected.length)) return "malformedMarkup";
        this.#collected += String.fromCharCode(c);
        this.#brackets = 0;
        return this.#collected.length === 6 ? this.#to("cdata") : 0;
      case "cdata":
        if (c === GT && this.#brackets === 2) {
          this.#brackets = 0;
          return this.#to("text");
        }
        this.#brackets = c === 0x5d ? Math.min(2, this.#brackets + 1) : 0;
        return this.#character(c);
      case "reference":
        return this.#referenceByte(c);
      case "numeric":
        return this.#numeric(c);
      case "endName":
        if (this.#matched < this.#expected.length) {
          if (c !== this.#expected.charCodeAt(this.#matched)) return "mismatchedEndTag";
          this.#matched++;
          return 0;
        }
        if (isSpace(c)) return this.#to("endSpace");
        return c === GT ? this.#endTag() : "mismatchedEndTag";
      case "endSpace":
        if (isSpace(c)) return 0;
        return c === GT ? this.#endTag() : "malformedTag";
      default:
        return this.#state satisfies never;
    }
  }

  #to(state: State): Step {
    this.#state = state;
    return 0;
  }

  #prolog(c: number): Step {
    if (isSpace(c)) {
      this.#declarationAllowed = false;
      return 0;
    }
    return c === LT ? this.#to("prologLt") : "textBeforeHeader";
  }

  #declaration(c: number): Step {
    const at = this.#collected.length;
    if (at < 3 && c !== "xml".charCodeAt(at)) return "processingInstruction";
    if (at === 3 && !isSpace(c)) return "processingInstruction";
    if (c === GT && this.#collected.endsWith("?")) {
      this.#declarationAllowed = false;
      return declarationFault(this.#collected.slice(3, -1)) ?? this.#to("prolog");
    }
    if (c === LT || c === GT || c >= 0x80 || (c < 0x20 && !isSpace(c)) || at === MAX_DECLARATION_BYTES)
      return "malformedDeclaration";
    this.#collected += String.fromCharCode(c);
    return 0;
  }

  #afterLt(c: number): Step {
    if (c === QUESTION) return "processingInstruction";
    if (c === 0x21) return this.#to("bang");
    if (c === SLASH) {
      if (this.#rootName === undefined) return "malformedTag";
      this.#expected = this.#open.at(-1)?.name ?? this.#rootName;
      this.#matched = 0;
      return this.#to("endName");
    }
    this.#name = "";
    this.#partStart = true;
    this.#hasColon = false;
    this.#attributes = [];
    this.#attributeNames.clear();
    const fault = this.#nameByte(c, true);
    if (fault === undefined) return "malformedTag";
    if (fault === 0) this.#state = "elementName";
    return fault;
  }

  /** Adds a byte to the name being read; `undefined` when it cannot belong to a name. */
  #nameByte(c: number, isElementStart: boolean): Step | undefined {
    const isFirst = this.#partStart && !this.#hasColon;
    if (c >= 0x80) {
      if (!this.#lead(c)) return "invalidUtf8";
    } else if (c === COLON) {
      if (this.#hasColon || this.#partStart) return "malformedQualifiedName";
    } else if (this.#partStart) {
      if (!isAsciiNameStart(c)) return isFirst ? "malformedTag" : "malformedQualifiedName";
    } else if (!isAsciiNameStart(c) && !(c >= 0x30 && c <= 0x39) && c !== 0x2d && c !== 0x2e) {
      return undefined;
    }
    if (isElementStart && this.#rootName !== undefined) {
      if (this.#open.length >= this.limits.maxDepth) return "tooDeep";
      if (this.#elements + 1 > this.limits.maxChildren) return "tooManyChildren";
      this.#elements++;
    }
    const fault = this.#appendToName(c);
    if (c < 0x80) this.#partStart = c === COLON;
    if (c === COLON) this.#hasColon = true;
    return fault;
  }

  #appendToName(c: number): Step {
    if (this.#name.length >= this.limits.maxNameBytes) return "nameTooLong";
    this.#name += String.fromCharCode(c);
    return 0;
  }

  #afterElementName(c: number): Step {
    this.#elementName = this.#name;
    if (isSpace(c)) return this.#to("tagSpace");
    if (c === GT) return this.#startTag(false);
    return c === SLASH ? this.#to("selfClose") : "malformedTag";
  }

  #attributeStart(c: number): Step {
    this.#name = "";
    this.#partStart = true;
    this.#hasColon = false;
    if (c < 0x80 && !isAsciiNameStart(c)) return c === COLON ? "malformedQualifiedName" : "malformedTag";
    if (c >= 0x80 && !this.#lead(c)) return "invalidUtf8";
    this.#need = 0;
    if (this.#attributes.length >= this.limits.maxAttributes) return "tooManyAttributes";
    this.#attribute = { name: "", value: "" };
    this.#attributes.push(this.#attribute);
    const fault = this.#nameByte(c, false) ?? "malformedTag";
    if (fault === 0) this.#state = "attributeName";
    return fault;
  }

  #afterAttributeName(c: number): Step {
    if (!isSpace(c) && c !== EQUALS) return "malformedTag";
    const attribute = this.#attribute;
    if (attribute === undefined) return "malformedTag";
    attribute.name = this.#name;
    if (this.#attributeNames.has(attribute.name)) return "duplicateAttribute";
    this.#attributeNames.add(attribute.name);
    return this.#to(c === EQUALS ? "beforeQuote" : "beforeEquals");
  }

  #value(c: number): Step {
    if (c === this.#quote) {
      this.#state = "afterValue";
      return this.#attribute === undefined ? 0 : this.#valueFault(this.#attribute);
    }
    if (c === LT) return "ltInAttribute";
    if (c === AMP) {
      this.#carriageReturn = false;
      return this.#startReference("value");
    }
    if (isSpace(c)) {
      // XML 1.0 §3.3.3, §2.11: white space reads as a space, and CR LF is one of it.
      const isSecond = c === 0x0a && this.#carriageReturn;
      this.#carriageReturn = c === 0x0d;
      return isSecond ? 0 : this.#append(" ");
    }
    this.#carriageReturn = false;
    const step = this.#character(c);
    return step === 0 ? this.#append(String.fromCharCode(c)) : step;
  }

  #valueFault(attribute: Attribute): Step {
    if (!isDeclaration(attribute)) return 0;
    const fault = namespaceFault(attribute);
    if (fault !== 0 || attribute.name === "xmlns") return fault;
    const declared = this.#attributes.filter(({ name }) => name.startsWith("xmlns:")).length;
    const inScope = this.bindings.filter(({ prefix }) => prefix !== "").length;
    return inScope + declared > MAX_PREFIXES ? "tooManyPrefixes" : 0;
  }

  #append(text: Bytes): Step {
    if (this.#attribute === undefined) return "malformedTag";
    if (isDeclaration(this.#attribute) && this.#attribute.value.length + text.length > this.limits.maxNameBytes) {
      return "nameTooLong";
    }
    this.#attribute.value += text;
    return 0;
  }

  #text(c: number): Step {
    const brackets = this.#brackets;
    this.#brackets = c === 0x5d ? Math.min(2, brackets + 1) : 0;
    if (c === LT) return this.#to("lt");
    if (c === AMP) return this.#startReference("text");
    if (c === GT && brackets === 2) return "cdataEndInText";
    return this.#character(c);
  }

  #character(c: number): Step {
    if (c >= 0x80) return this.#lead(c) ? 0 : "invalidUtf8";
    return c >= 0x20 || isSpace(c) ? 0 : "illegalCharacter";
  }

  #startReference(from: "text" | "value"): Step {
    this.#returnState = from;
    this.#reference = "";
    return this.#to("reference");
  }

  #referenceByte(c: number): Step {
    if (c === 0x23 && this.#reference === "") {
      this.#number = -1;
      this.#hexadecimal = false;
      return this.#to("numeric");
    }
    if (c === 0x3b && this.#reference !== "") {
      const text = predefined.get(this.#reference);
      if (text === undefined) return "undefinedEntity";
      this.#state = this.#returnState;
      return this.#returnState === "value" ? this.#append(text) : 0;
    }
    const isName =
      isAsciiNameStart(c) || (this.#reference !== "" && ((c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x2e));
    if (!isName) return "malformedReference";
    if (this.#reference.length === 4) return "undefinedEntity";
    this.#reference += String.fromCharCode(c);
    return 0;
  }

  #numeric(c: number): Step {
    if (c === 0x78 && !this.#hexadecimal && this.#number < 0) {
      this.#hexadecimal = true;
      return 0;
    }
    if (c === 0x3b && this.#number >= 0) {
      if (!isXmlCharacter(this.#number)) return "illegalCharacterReference";
      if (this.#returnState === "value") {
        this.#state = "value";
        return this.#append(Buffer.from(String.fromCodePoint(this.#number), "utf8").toString("latin1"));
      }
      return this.#to("text");
    }
    const digit = digitOf(c, this.#hexadecimal);
    if (digit < 0) return "malformedReference";
    this.#number = Math.max(this.#number, 0) * (this.#hexadecimal ? 16 : 10) + digit;
    return this.#number > 0x10ffff ? "illegalCharacterReference" : 0;
  }

  #lead(c: number): boolean {
    this.#low = c === 0xe0 ? 0xa0 : c === 0xf0 ? 0x90 : 0x80;
    this.#high = c === 0xed ? 0x9f : c === 0xf4 ? 0x8f : 0xbf;
    this.#need = c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    this.#codePoint = c & (c < 0xe0 ? 0x1f : c < 0xf0 ? 0x0f : 0x07);
    return this.#need > 0;
  }

  #continuation(c: number): Step {
    if (c < this.#low || c > this.#high) return "invalidUtf8";
    this.#low = 0x80;
    this.#high = 0xbf;
    this.#codePoint = (this.#codePoint << 6) | (c & 0x3f);
    this.#need--;
    const isComplete = this.#need === 0;
    if (this.#state === "elementName" || this.#state === "attributeName") {
      if (isComplete && this.#partStart) {
        if (!isNameStart(this.#codePoint)) return this.#hasColon ? "malformedQualifiedName" : "malformedTag";
        this.#partStart = false;
      } else if (isComplete && !isNameCharacter(this.#codePoint)) return "malformedTag";
      return this.#appendToName(c);
    }
    if (isComplete && (this.#codePoint & 0x1ffffe) === 0xfffe) return "illegalCharacter";
    return this.#state === "value" ? this.#append(String.fromCharCode(c)) : 0;
  }

  #startTag(isSelfClosed: boolean): Step {
    const outer = this.bindings.length;
    for (const { name, value } of this.#attributes) {
      if (name === "xmlns") this.bindings.push({ prefix: "", namespace: value });
      else if (name.startsWith("xmlns:")) this.bindings.push({ prefix: name.slice(6), namespace: value });
    }
    const [prefix, local] = splitName(this.#elementName);
    const namespace = this.#resolve(prefix);
    if (namespace === undefined) return "unboundPrefix";
    const fault = this.#attributesFault();
    if (fault !== undefined) return fault;
    if (this.#rootName === undefined) return this.#header(namespace, local, isSelfClosed);

    const depth = this.#open.length;
    if (depth === 0) {
      if (namespace === NS.streams && local === "stream") return "nestedStreamHeader";
      this.kind = namespace === this.#content ? (stanzas.get(local) ?? FrameKind.nonza) : FrameKind.nonza;
    } else if (namespace === NS.streams) return "nestedStreamElement";
    if (depth === 1) {
      this.childCount++;
      this.childNamespace ??= namespace;
    }
    this.#brackets = 0;
    this.#state = "text";
    if (!isSelfClosed) {
      this.#open.push({ name: this.#elementName, bindings: outer });
      return 0;
    }
    this.bindings.length = outer;
    if (depth > 0) return 0;
    this.#state = "between";
    return 1;
  }

  #attributesFault(): XmlFaultName | undefined {
    const expanded = new Set<Bytes>();
    for (const { name } of this.#attributes) {
      const [prefix, local] = splitName(name);
      if (prefix === "" || prefix === "xmlns") continue;
      const namespace = this.#resolve(prefix);
      if (namespace === undefined) return "unboundPrefix";
      if (expanded.has(`${local} ${namespace}`)) return "duplicateExpandedAttribute";
      expanded.add(`${local} ${namespace}`);
    }
    return undefined;
  }

  #header(namespace: Bytes, local: Bytes, isSelfClosed: boolean): Step {
    if (namespace !== NS.streams) return "wrongStreamNamespace";
    if (local !== "stream") return "wrongRootElement";
    if (isSelfClosed) return "selfClosedHeader";
    this.#rootName = this.#elementName;
    this.kind = FrameKind.streamHeader;
    this.#state = "between";
    return 1;
  }

  #endTag(): Step {
    const element = this.#open.pop();
    if (element === undefined) {
      this.kind = FrameKind.streamEnd;
      this.#state = "ended";
      return 1;
    }
    this.bindings.length = element.bindings;
    this.#brackets = 0;
    this.#state = this.#open.length > 0 ? "text" : "between";
    return this.#open.length > 0 ? 0 : 1;
  }

  #resolve(prefix: Bytes): Bytes | undefined {
    if (prefix === "xml") return NS.xml;
    for (let at = this.bindings.length - 1; at >= 0; at--) {
      const binding = this.bindings[at];
      if (binding?.prefix === prefix) return binding.namespace;
    }
    return prefix === "" ? "" : undefined;
  }
}

const MAX_PREFIXES = 128;
const MAX_DECLARATION_BYTES = 256;

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const COLON = 0x3a;
const AMP = 0x26;
const QUESTION = 0x3f;

const stanzas = new Map<string, FrameKind>([
  ["message", FrameKind.message],
  ["presence", FrameKind.presence],
  ["iq", FrameKind.iq],
]);

const predefined = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["apos", "'"],
  ["quot", '"'],
]);

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d;
}

function isAsciiNameStart(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c === 0x5f;
}

function digitOf(c: number, isHexadecimal: boolean): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return isHexadecimal && lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isXmlCharacter(codePoint: number): boolean {
  if (codePoint < 0x20) return isSpace(codePoint);
  return codePoint < 0xd800 || (codePoint > 0xdfff && codePoint !== 0xfffe && codePoint !== 0xffff);
}

function splitName(name: Bytes): [prefix: Bytes, local: Bytes] {
  const colon = name.indexOf(":");
  return colon < 0 ? ["", name] : [name.slice(0, colon), name.slice(colon + 1)];
}

function isDeclaration({ name }: Attribute): boolean {
  return name === "xmlns" || name.startsWith("xmlns:");
}

/** Namespaces in XML 1.0 §3, §5: what may be declared at all; known when the value ends. */
function namespaceFault({ name, value }: Attribute): Step {
  const prefix = name.slice(6);
  // A line end can only come from a reference here. Parsers that join names with one would be misled (CVE-2022-25236).
  for (let at = 0; at < value.length; at++) if (value.charCodeAt(at) < 0x20) return "malformedNamespace";
  if (prefix === "xmlns" || value === NS.xmlns) return "reservedNamespace";
  if ((prefix === "xml") !== (value === NS.xml)) return "reservedNamespace";
  return name !== "xmlns" && value === "" ? "undeclaredPrefix" : 0;
}
