import { type DiscoInfo, type NestedNamespace, readDiscoInfo } from "../../src/discovery/index.js";
import { type Element, findChild, parseElement, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";

export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const OWNER = `${PUBSUB}#owner`;
export const MAM = "urn:xmpp:mam:2";

const scope = new Map([
  ["", NS.client],
  ["stream", NS.streams],
]);

/** A stanza or a child of the stream as a tree. */
export function element(text: string): Element {
  const bytes = Buffer.from(text);
  return parseElement(bytes, 0, bytes.length, scope);
}

/** The query of an answer with this content. */
export function query(content: string, attributes = ""): Element {
  return element(`<query xmlns='${NS.discoInfo}' ${attributes}>${content}</query>`);
}

/** The query within a whole result. */
export function queryOf(iq: string): Element {
  const found = findChild(element(iq), "query", NS.discoInfo);
  if (found === undefined) throw new Error("no query");
  return found;
}

export function info(content: string): DiscoInfo {
  return readDiscoInfo(query(content));
}

export function feature(name: string): string {
  return `<feature var='${name}'/>`;
}

export function features(...names: readonly string[]): string {
  return names.map(feature).join("");
}

export function form(formType: string, fields = "", type = "hidden"): string {
  return (
    `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='${type}'><value>${formType}</value></field>` +
    `${fields}</x>`
  );
}

export function delegation(
  namespace: string,
  content: string | undefined,
  more: Partial<NestedNamespace> = {},
): NestedNamespace {
  return {
    namespace,
    entity: "pubsub.capulet.lit",
    identities: [],
    info: content === undefined ? undefined : info(content),
    ...more,
  };
}

/** The content of a query as text. */
export function contentOf(tree: Element): string {
  return serialize(tree)
    .replace(/^<query[^>]*>/, "")
    .replace(/<\/query>$/, "")
    .replaceAll('"', "'");
}
