import type { Element } from "ltx";
import type { XmppStream } from "./xmpp-stream.js";

// Requests of XEP-0060 and XEP-0163 as the tests of a PEP service send them, and what is looked for in the answers.

export const pubsubNs = "http://jabber.org/protocol/pubsub";
export const ownerNs = `${pubsubNs}#owner`;
export const eventNs = `${pubsubNs}#event`;
const atomNs = "http://www.w3.org/2005/Atom";

/** An IQ with one request to a PEP service; `to` absent: the sender's own account. */
export function request(type: "get" | "set", id: string, payload: string, to?: string, ns = pubsubNs): string {
  return `<iq type='${type}' id='${id}'${to === undefined ? "" : ` to='${to}'`}><pubsub xmlns='${ns}'>${payload}</pubsub></iq>`;
}

/** An item that holds a title. */
export function entry(id: string, title: string): string {
  return `<item id='${id}'><entry xmlns='${atomNs}'><title>${title}</title></entry></item>`;
}

/** Publishes one item (XEP-0060 §7.1); the access model is told with the first (§7.1.5). */
export function publish(id: string, node: string, item: string, accessModel?: string): string {
  const options =
    accessModel === undefined
      ? ""
      : `<publish-options>${submission("publish-options", { "pubsub#access_model": accessModel })}</publish-options>`;
  return request("set", id, `<publish node='${node}'>${item}</publish>${options}`);
}

/** A form of XEP-0060 §16.4 as a client submits it. The entity reads its FORM_TYPE only when that is hidden. */
export function submission(form: string, values: Readonly<Record<string, string>>): string {
  const fields = Object.entries(values).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  const formType = `<field var='FORM_TYPE' type='hidden'><value>${pubsubNs}#${form}</value></field>`;
  return `<x xmlns='jabber:x:data' type='submit'>${formType}${fields.join("")}</x>`;
}

/** Asks for the items of a node (XEP-0060 §6.5). */
export function items(id: string, node: string, to?: string): string {
  return request("get", id, `<items node='${node}'/>`, to);
}

/** The titles of the items in an answer, in their order. */
export function titles(element: Element): readonly string[] {
  const list = element.getChild("pubsub", pubsubNs)?.getChild("items");
  return (list?.getChildren("item") ?? []).map((item) => item.getChild("entry", atomNs)?.getChildText("title") ?? "");
}

/** Whether an element is the notification of something in a node (XEP-0060 §12.1). */
export function isEventOf(node: string): (element: Element) => boolean {
  return (element) => element.getChild("event", eventNs)?.getChildElements()[0]?.attrs["node"] === node;
}

/** Makes two accounts see each other's presence (RFC 6121 §3.1), and waits until the server says so to both. */
export async function befriend(one: XmppStream, other: XmppStream): Promise<void> {
  const bare = (stream: XmppStream): string => stream.jid.split("/")[0] ?? "";
  for (const stream of [one, other]) {
    await stream.ask(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
    stream.send("<presence/>");
    await stream.settle();
  }
  for (const [asks, grants] of [
    [one, other],
    [other, one],
  ] as const) {
    asks.send(`<presence type='subscribe' to='${bare(grants)}'/>`);
    await grants.take((element) => element.attrs["type"] === "subscribe", "a request for a subscription");
    grants.send(`<presence type='subscribed' to='${bare(asks)}'/>`);
    await asks.take((element) => element.attrs["type"] === "subscribed", "the subscription");
    await grants.settle();
  }
}
