import type { Element } from "ltx";
import { type DiscoInfo, readDiscoInfo } from "../../src/discovery/index.js";
import { parseElement } from "../../src/xml/index.js";
import type { Received } from "./stream-reader.js";
import type { XmppStream } from "./xmpp-stream.js";

// Service discovery (XEP-0030) as tests ask and answer it.

export const infoNs = "http://jabber.org/protocol/disco#info";
export const itemsNs = "http://jabber.org/protocol/disco#items";
export const capsNs = "http://jabber.org/protocol/caps";

let asked = 0;

/** A request of XEP-0030; `to` absent: the sender's own account. */
export function disco(ns: string, to?: string, node?: string, from?: string): string {
  const attributes = Object.entries({ to, from }).map(([name, value]) =>
    value === undefined ? "" : ` ${name}='${value}'`,
  );
  return (
    `<iq type='get' id='disco-${String(++asked)}'${attributes.join("")}>` +
    `<query xmlns='${ns}'${node === undefined ? "" : ` node='${node}'`}/></iq>`
  );
}

export const feature = (name: string): string => `<feature var='${name}'/>`;
export const features = (...names: readonly string[]): string => names.map(feature).join("");

/** A form of XEP-0128 with one field. */
export function form(formType: string, name = "lines", value = "14"): string {
  return (
    `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${formType}</value></field>` +
    `<field var='${name}'><value>${value}</value></field></x>`
  );
}

/** Reads an answer to disco#info; it is an error of the test if there is none. */
export function infoOf({ raw }: Pick<Received, "raw">): DiscoInfo {
  const bytes = Buffer.from(raw);
  const iq = parseElement(bytes, 0, bytes.length, new Map([["", "jabber:client"]]));
  const query = iq.getChild("query", infoNs);
  if (query === undefined) throw new Error(`no answer to disco#info: ${raw}`);
  return readDiscoInfo(query);
}

/** What an entity says of a node of Caesura's: the content of the answer, null for an error, undefined for silence. */
export type EntityDisco = (node: string) => string | null | undefined;

/** Answers questions about nodes of namespace delegation (XEP-0355 §7.2). Returns whether the element was one. */
export function answerDisco(element: Element, stream: Pick<XmppStream, "send">, say: EntityDisco): boolean {
  const query = element.getChild("query", infoNs);
  if (query === undefined || element.attrs["type"] !== "get") return false;
  const { node = "" } = query.attrs as Record<string, string>;
  if (!node.startsWith("urn:xmpp:delegation:2:")) return false;
  const { from = "", to = "", id = "" } = element.attrs as Record<string, string>;
  const content = say(node);
  const addresses = `from='${to}' to='${from}' id='${id}'`;
  if (content === null) {
    stream.send(
      `<iq type='error' ${addresses}><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    );
  } else if (content !== undefined) {
    stream.send(`<iq type='result' ${addresses}><query xmlns='${infoNs}' node='${node}'>${content}</query></iq>`);
  }
  return true;
}
