import { attributeOf, childElements, copyOf, Element, namespaceOf, writtenLength } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { type DiscoForm, readForm } from "./form.js";

export type { DiscoForm };

/** What an entity is (XEP-0030 §3.1). */
export interface Identity {
  readonly category: string;
  readonly type: string;
  /** As the identity itself says it; undefined where it is inherited. */
  readonly lang: string | undefined;
  readonly name: string | undefined;
}

/** An answer to disco#info as a value. Nothing stands in it twice, and everything in the order of the answer. */
export interface DiscoInfo {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  readonly forms: readonly DiscoForm[];
  /** Elements that are none of these; each stands by itself. */
  readonly others: readonly Element[];
  /** The language of names that say none: that of the query, the stanza or the stream. */
  readonly lang: string | undefined;
  readonly leftOut: LeftOut;
}

/** How many elements of an answer were not read. Any of them makes a hash of the answer impossible. */
export interface LeftOut {
  /** A feature, an identity or a form's FORM_TYPE for the second time (XEP-0115 §5.4). */
  readonly repeated: number;
  /** A feature without `var`, an identity without category or type. */
  readonly malformed: number;
  /** What came when a limit was reached. */
  readonly beyondLimits: number;
}

/** How much of an answer is read. */
export interface DiscoLimits {
  readonly maxIdentities: number;
  readonly maxFeatures: number;
  readonly maxForms: number;
  /** Elements of other kinds. */
  readonly maxOthers: number;
  /** Of everything that is kept, as it would be written. */
  readonly maxCharacters: number;
}

/** Real servers answer with about a hundred features. What is read here is written into each client's answer. */
export const discoLimits: DiscoLimits = {
  maxIdentities: 100,
  maxFeatures: 1000,
  maxForms: 50,
  maxOthers: 50,
  maxCharacters: 65_536,
};

export interface ReadOptions {
  readonly limits?: DiscoLimits;
  /** The language of the stream that the answer came on (RFC 6120 §4.7.4). */
  readonly lang?: string | undefined;
}

/**
 * Reads an answer to disco#info.
 *
 * Shape   `query` is the `{http://jabber.org/protocol/disco#info}query`, in its stanza if it has one: the language may be
 *         said there. Nothing of the tree is kept, and nothing of it changed.
 * Errors  none: what cannot be used, comes again or exceeds a limit is left out and counted.
 * Source  XEP-0030 §3.1, XEP-0128 §2; protocol.md D54.
 */
export function readDiscoInfo(query: Element, { limits = discoLimits, lang }: ReadOptions = {}): DiscoInfo {
  const identities = new Map<string, Identity>();
  const features = new Set<string>();
  const forms: DiscoForm[] = [];
  const others: Element[] = [];
  const formTypes = new Set<string>();
  let [repeated, malformed, beyondLimits, characters] = [0, 0, 0, 0];

  const read = (child: Element): "kept" | "repeated" | "malformed" | "beyond" => {
    const part = partOf(child);
    switch (part.kind) {
      case "feature": {
        if (part.name === undefined) return "malformed";
        if (features.has(part.name)) return "repeated";
        if (features.size >= limits.maxFeatures) return "beyond";
        features.add(part.name);
        return "kept";
      }
      case "identity": {
        if (part.identity === undefined) return "malformed";
        const key = identityKey(part.identity);
        if (identities.has(key)) return "repeated";
        if (identities.size >= limits.maxIdentities) return "beyond";
        identities.set(key, part.identity);
        return "kept";
      }
      case "form": {
        if (forms.length >= limits.maxForms) return "beyond";
        const form = readForm(child);
        if (form.formType !== undefined && formTypes.has(form.formType)) return "repeated";
        if (form.formType !== undefined) formTypes.add(form.formType);
        forms.push(form);
        return "kept";
      }
      case "other": {
        if (others.length >= limits.maxOthers) return "beyond";
        others.push(copyOf(child));
        return "kept";
      }
      default:
        return part satisfies never;
    }
  };

  for (const child of childElements(query)) {
    const length = writtenLength(child);
    const outcome = characters + length > limits.maxCharacters ? "beyond" : read(child);
    if (outcome === "kept") characters += length;
    else if (outcome === "repeated") repeated++;
    else if (outcome === "malformed") malformed++;
    else beyondLimits++;
  }
  return {
    identities: [...identities.values()],
    features: [...features],
    forms,
    others,
    lang: languageOf(query) ?? lang,
    leftOut: { repeated, malformed, beyondLimits },
  };
}

/** Whether everything of the answer was read, so that it can be spoken for. */
export function isComplete({ leftOut }: DiscoInfo): boolean {
  return leftOut.repeated + leftOut.malformed + leftOut.beyondLimits === 0;
}

/**
 * Writes an answer to disco#info.
 *
 * Shape   a tree of its own: identities, features, forms, then what else there was; `node` as it was asked for. A
 *         language that names inherited is written on the query, where they inherit it still (XEP-0390 §6.2.1).
 * Source  XEP-0030 §3.1, §3.2.
 */
export function writeDiscoInfo(info: DiscoInfo, node?: string): Element {
  const query = new Element("query", { xmlns: NS.discoInfo });
  if (node !== undefined) query.attrs["node"] = node;
  if (info.lang !== undefined && info.identities.some(inheritsLanguage)) query.attrs["xml:lang"] = info.lang;
  for (const identity of info.identities) query.cnode(writeIdentity(identity));
  for (const feature of info.features) query.cnode(writeFeature(feature));
  for (const { element } of info.forms) query.cnode(copyOf(element));
  for (const element of info.others) query.cnode(copyOf(element));
  return query;
}

/** A name has a language; without a name there is nothing that could be in one. */
export function inheritsLanguage({ name, lang }: Identity): boolean {
  return name !== undefined && lang === undefined;
}

export function writeIdentity({ category, type, lang, name }: Identity): Element {
  const identity = new Element("identity", { category, type });
  if (lang !== undefined) identity.attrs["xml:lang"] = lang;
  if (name !== undefined) identity.attrs["name"] = name;
  return identity;
}

export function writeFeature(feature: string): Element {
  return new Element("feature", { var: feature });
}

/** What a child of a query is. */
export type Part =
  | { readonly kind: "feature"; readonly name: string | undefined }
  | { readonly kind: "identity"; readonly identity: Identity | undefined }
  | { readonly kind: "form" }
  | { readonly kind: "other" };

export function partOf(child: Element): Part {
  const namespace = namespaceOf(child);
  if (namespace === NS.dataForms && child.name === "x") return { kind: "form" };
  if (namespace !== NS.discoInfo) return { kind: "other" };
  if (child.name === "feature") return { kind: "feature", name: attributeOf(child, "var") };
  if (child.name === "identity") return { kind: "identity", identity: identityOf(child) };
  return { kind: "other" };
}

function identityOf(element: Element): Identity | undefined {
  const category = attributeOf(element, "category");
  const type = attributeOf(element, "type");
  if (category === undefined || type === undefined || category === "" || type === "") return undefined;
  return { category, type, lang: attributeOf(element, "xml:lang"), name: attributeOf(element, "name") };
}

/** Equal for the identities that XEP-0115 §5.4 takes for the same. NUL cannot stand in XML. */
export function identityKey({ category, type, lang = "", name = "" }: Identity): string {
  return `${category}\0${type}\0${lang}\0${name}`;
}

/** The language that an element's content is in, as far as the tree says it (XML 1.0 §2.12). */
export function languageOf(element: Element): string | undefined {
  for (let at: Element | null = element; at !== null; at = at.parent) {
    const lang = attributeOf(at, "xml:lang");
    if (lang !== undefined) return lang;
  }
  return undefined;
}
