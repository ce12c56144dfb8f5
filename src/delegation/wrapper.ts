import { attributeOf, childElements, Element, findChild, namespaceOf, serialize } from "../xml/index.js";
import { NS, parseJid } from "../xmpp/index.js";
import type { BreachCode } from "./breach.js";

/** What goes into a wrapper, and what its reply is held against. */
export interface Forwarded {
  /** The managing entity, as it is addressed. */
  readonly entity: string;
  readonly domain: string;
  /** Who asked: full JID as bound, or a component's address. */
  readonly requester: string;
  /** Whom was asked, as written; undefined for the requester's own account. */
  readonly to: string | undefined;
  /** The id under which the entity knows the request. */
  readonly innerId: string;
  /** The id under which the requester knows it. */
  readonly originalId: string;
}

/**
 * Writes the wrapper of a request.
 *
 * Shape   `iq` is the request in normal form; what is put inside differs from it in `from`, `id`, and in `xml:lang`, which
 *         a stanza inherits from the stream that it is taken out of. Bytes for a component stream.
 * Source  XEP-0355 §4.3, XEP-0297 §3.2; protocol.md D20, D21, D24, R7.
 */
export function wrap(iq: Element, outerId: string, forwarded: Forwarded, lang: string | undefined): Buffer {
  const { domain, entity: to, requester: from, innerId: id } = forwarded;
  const wrapper = serialize(new Element("iq", { type: "set", from: domain, to, id: outerId })).slice(0, -"/>".length);
  const isSilent = lang === undefined || attributeOf(iq, "xml:lang") !== undefined;
  const inner = isSilent ? { xmlns: NS.client, id, from } : { xmlns: NS.client, id, from, "xml:lang": lang };
  return Buffer.from(`${wrapper}${OPENING}${serialize(iq, NS.forward, inner)}${CLOSING}`);
}

const OPENING = `><delegation xmlns="${NS.delegation}"><forwarded xmlns="${NS.forward}">`;
const CLOSING = "</forwarded></delegation></iq>";

export type Unwrapped =
  { readonly type: "result" | "error"; readonly reply: Element; readonly code?: never } | { readonly code: BreachCode };

/**
 * Takes the reply out of a wrapper of type `result`, if it is the one that the request calls for.
 *
 * Shape   the reply stands by itself, in `jabber:client`: the id, `to` and `from` that the requester expects, the
 *         payload, and `xml:lang`. Nothing of the wrapper or of the component's stream is left. The payload is moved, not
 *         copied.
 * Errors  a code of `breaches`; the first that applies.
 * Source  XEP-0355 §4.3; protocol.md D30 to D32, D35, R3.
 */
export function unwrap(wrapper: Element, forwarded: Forwarded): Unwrapped {
  const addresses = addressBreach(wrapper, forwarded);
  if (addresses !== undefined) return { code: addresses };

  const delegation = findChild(wrapper, "delegation", NS.delegation);
  if (delegation === undefined) return { code: "reply-without-delegation" };
  const carrier = findChild(delegation, "forwarded", NS.forward);
  if (carrier === undefined) return { code: "reply-without-forwarded" };
  const inner = findChild(carrier, "iq", NS.client);
  if (inner === undefined) return { code: "reply-without-iq" };
  // XEP-0297 §3.2 recommends a delay beside the stanza, and it says nothing about the reply.
  const delay = findChild(carrier, "delay", NS.delay);
  if (!holdsOnly(wrapper, delegation) || !holdsOnly(delegation, carrier) || !holdsOnly(carrier, inner, delay)) {
    return { code: "reply-with-extra-content" };
  }

  if (attributeOf(inner, "id") !== forwarded.innerId) return { code: "reply-inner-id" };
  const type = attributeOf(inner, "type");
  if (type !== "result" && type !== "error") return { code: "reply-inner-type" };
  if (!isSameAddress(attributeOf(inner, "to"), forwarded.requester)) return { code: "reply-inner-to" };
  const from = senderOfReply(attributeOf(inner, "from"), forwarded);
  if (from === undefined) return { code: "reply-inner-from" };
  const payload = childElements(inner);
  if (inner.children.some(isWords)) return { code: "reply-with-extra-content" };
  const broken = payloadBreach(type, payload);
  if (broken !== undefined) return { code: broken };

  const levels = [inner, carrier, delegation, wrapper];
  const reply = new Element("iq", { xmlns: NS.client, type, id: forwarded.originalId, to: forwarded.requester, from });
  const lang = levels.map((level) => attributeOf(level, "xml:lang")).find((one) => one !== undefined);
  if (lang !== undefined) reply.attrs["xml:lang"] = lang;
  const bindings = bindingsOf(levels);
  for (const child of payload) {
    bindPrefixes(child, bindings);
    reply.cnode(child);
  }
  return { type, reply };
}

/** Whether what the wrapper says of its sender and its addressee is wrong; of errors and results alike. */
export function addressBreach(wrapper: Element, { entity, domain }: Forwarded): BreachCode | undefined {
  if (!isSameAddress(attributeOf(wrapper, "from"), entity)) return "reply-from-elsewhere";
  if (!isSameAddress(attributeOf(wrapper, "to"), domain)) return "reply-to-elsewhere";
  return undefined;
}

/** Addresses are compared as a server would, since the entity may have prepared them (protocol.md D4). */
function isSameAddress(address: string | undefined, expected: string): boolean {
  if (address === undefined) return false;
  if (address === expected) return true;
  const key = parseJid(address)?.fullKey;
  return key !== undefined && key === parseJid(expected)?.fullKey;
}

/**
 * What `from` of the reply is to say, or undefined if it says something else. XEP-0355 omits it in its own examples (4,
 * 28, 32, 36), so an absent one is filled in with what the request was addressed to; some clients need it (R3).
 */
function senderOfReply(from: string | undefined, { to, requester }: Forwarded): string | undefined {
  if (from === to && to !== undefined) return to;
  const account = parseJid(requester)?.bare();
  if (account === undefined) return undefined;
  const expected = to ?? account;
  return from === undefined || isSameAddress(from, expected) ? expected : undefined;
}

function payloadBreach(type: "result" | "error", payload: readonly Element[]): BreachCode | undefined {
  // RFC 6120 §8.2.3: a result has no or one child, an error the error and at most the payload of the request.
  if (type === "result") return payload.length > 1 ? "reply-several-payloads" : undefined;
  const errors = payload.filter((child) => child.name === "error" && namespaceOf(child) === NS.client);
  if (errors.length !== 1) return "reply-error-without-error";
  return payload.length > 2 ? "reply-several-payloads" : undefined;
}

/** Whether an element holds these children, white space, and nothing else. */
function holdsOnly(element: Element, only: Element, orElse?: Element): boolean {
  return element.children.every((child) =>
    typeof child === "string" ? !isWords(child) : child === only || child === orElse,
  );
}

function isWords(child: Element | string): boolean {
  return typeof child === "string" && !/^[ \t\n\r]*$/.test(child);
}

/** What prefixes mean within the innermost of some elements, each of which holds the one before it. */
function bindingsOf(levels: readonly Element[]): ReadonlyMap<string, string> {
  const bindings = new Map<string, string>();
  for (const level of levels) {
    for (const prefix of declaredBy(level)) {
      if (!bindings.has(prefix)) bindings.set(prefix, attributeOf(level, `xmlns:${prefix}`) ?? "");
    }
  }
  return bindings;
}

/** Declares on a payload the prefixes that its attributes use and that were declared further out, and no others. */
function bindPrefixes(payload: Element, bindings: ReadonlyMap<string, string>): void {
  if (bindings.size === 0) return;
  for (const prefix of unboundPrefixes(payload, new Set())) {
    const namespace = bindings.get(prefix);
    if (namespace !== undefined) payload.attrs[`xmlns:${prefix}`] = namespace;
  }
}

function unboundPrefixes(element: Element, bound: ReadonlySet<string>, found = new Set<string>()): Set<string> {
  const declared = declaredBy(element);
  const within = declared.length === 0 ? bound : new Set([...bound, ...declared]);
  for (const attribute in element.attrs) {
    const colon = attribute.indexOf(":");
    const prefix = attribute.slice(0, Math.max(colon, 0));
    if (prefix !== "" && prefix !== "xmlns" && !within.has(prefix)) found.add(prefix);
  }
  for (const child of childElements(element)) unboundPrefixes(child, within, found);
  return found;
}

function declaredBy(element: Element): readonly string[] {
  return Object.keys(element.attrs)
    .filter((attribute) => attribute.startsWith("xmlns:"))
    .map((attribute) => attribute.slice("xmlns:".length));
}
