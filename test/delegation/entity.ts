import { EntityLink } from "../../src/delegation/index.js";
import { type Element, parseElement, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";

export const DOMAIN = "capulet.lit";
export const ENTITY = "pubsub.capulet.lit";
export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const JULIET = "juliet@capulet.lit/balcony";

export const rule = { namespace: PUBSUB, entity: ENTITY, filtering: [] };

const clientScope = new Map([
  ["", NS.client],
  ["stream", NS.streams],
]);
const componentScope = new Map([
  ["", NS.component],
  ["stream", NS.streams],
]);

export function clientStanza(text: string): Element {
  const bytes = Buffer.from(text);
  return parseElement(bytes, 0, bytes.length, clientScope);
}

export function componentStanza(bytes: Buffer | string): Element {
  const buffer = Buffer.from(bytes);
  return parseElement(buffer, 0, buffer.length, componentScope);
}

export function entityLink<T = string>(options = { tombstones: 100, tombstoneMs: 600_000 }): EntityLink<T> {
  return new EntityLink<T>(ENTITY, options);
}

/** What is asked for, and how; the rest is the usual. */
export interface Asked<T> {
  readonly token: T;
  readonly outerId?: string;
  readonly iq?: string;
  readonly requester?: string;
  readonly now?: number;
  readonly lang?: string;
}

/** Forwards a request; the token names what is not said. */
export function ask(link: EntityLink<string>, asked: Asked<string>): string {
  const { token, outerId = `W${token}`, iq, requester = JULIET, now = 0, lang } = asked;
  const bytes = link.forward({
    outerId,
    innerIdIfTaken: `unique-${token}`,
    iq: clientStanza(iq ?? `<iq type='get' id='h1'><pubsub xmlns='${PUBSUB}'><items node='mood'/></pubsub></iq>`),
    requester,
    domain: DOMAIN,
    lang,
    rule,
    token,
    now,
  });
  return bytes.toString();
}

/** The parts of a reply that a managing entity may get wrong; the usual ones are right for `ask`. */
export interface Reply {
  readonly outerId?: string;
  readonly outerType?: string;
  readonly outerFrom?: string;
  readonly outerTo?: string;
  /** Attributes of the inner iq, as text. */
  readonly inner?: string;
  readonly payload?: string;
  /** In place of everything within the wrapper. */
  readonly content?: string;
}

export function replyText(reply: Reply = {}): string {
  const { outerId = "W1", outerType = "result", outerFrom = ENTITY, outerTo = DOMAIN } = reply;
  const inner = reply.inner ?? `xmlns='jabber:client' type='result' id='h1' to='${JULIET}' from='juliet@capulet.lit'`;
  const content = reply.content ?? forwarded(`<iq ${inner}>${reply.payload ?? ""}</iq>`);
  return `<iq type='${outerType}' id='${outerId}' from='${outerFrom}' to='${outerTo}'>${content}</iq>`;
}

export function forwarded(iq: string): string {
  return `<delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'>${iq}</forwarded></delegation>`;
}

/** A tree as text in one spelling, however it was written. */
export function canonical(text: string, element: (text: string) => Element = clientStanza): string {
  return serialize(element(text));
}
