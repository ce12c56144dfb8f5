import type { Element } from "ltx";
import { type ComponentOptions, connectComponent } from "./login.js";
import type { Received } from "./stream-reader.js";
import type { XmppStream } from "./xmpp-stream.js";

const delegationNs = "urn:xmpp:delegation:2";
const forwardNs = "urn:xmpp:forward:0";

/** A wrapped request as the managing entity received it (XEP-0355 §4.3). */
export interface Wrapped {
  readonly raw: string;
  readonly outer: Element;
  readonly inner: Element;
  /** The child of the inner IQ. */
  readonly payload: Element;
}

/** What a reply says instead of the right thing; absent: the right thing, null: the attribute is left out. */
export interface ReplyChanges {
  readonly outerType?: string;
  readonly outerFrom?: string | null;
  readonly outerTo?: string | null;
  readonly outerId?: string | null;
  readonly innerType?: string | null;
  readonly innerFrom?: string | null;
  readonly innerTo?: string | null;
  readonly innerId?: string | null;
  readonly innerNamespace?: string | null;
  /** Children of the inner IQ. */
  readonly payload?: string;
  /** Instead of everything in the outer IQ. */
  readonly content?: string;
}

/** Reads a wrapper; undefined when the element is none. */
export function unwrap({ raw, element }: Received): Wrapped | undefined {
  if (element.getName() !== "iq" || element.attrs["type"] !== "set") return undefined;
  const inner = element
    .getChild("delegation", delegationNs)
    ?.getChild("forwarded", forwardNs)
    ?.getChild("iq", "jabber:client");
  const payload = inner?.getChildElements()[0];
  return inner === undefined || payload === undefined ? undefined : { raw, outer: element, inner, payload };
}

/** The reply to a wrapped request, right but for the changes. */
export function replyTo({ outer, inner }: Wrapped, changes: ReplyChanges = {}): string {
  const innerIq =
    `<iq${attribute("xmlns", pick(changes.innerNamespace, "jabber:client"))}` +
    attribute("type", pick(changes.innerType, "result")) +
    attribute("id", pick(changes.innerId, was(inner, "id"))) +
    attribute("from", pick(changes.innerFrom, was(inner, "to") ?? bareJid(was(inner, "from") ?? ""))) +
    attribute("to", pick(changes.innerTo, was(inner, "from"))) +
    `>${changes.payload ?? ""}</iq>`;
  const wrapped = `<delegation xmlns='${delegationNs}'><forwarded xmlns='${forwardNs}'>${innerIq}</forwarded></delegation>`;
  return (
    `<iq type='${changes.outerType ?? "result"}'` +
    attribute("from", pick(changes.outerFrom, was(outer, "to"))) +
    attribute("to", pick(changes.outerTo, was(outer, "from"))) +
    attribute("id", pick(changes.outerId, was(outer, "id"))) +
    `>${changes.content ?? wrapped}</iq>`
  );
}

function was(element: Element, name: string): string | undefined {
  const value: unknown = element.attrs[name];
  return typeof value === "string" ? value : undefined;
}

function attribute(name: string, value: string | null | undefined): string {
  return value === null || value === undefined ? "" : ` ${name}='${escapeAttribute(value)}'`;
}

function pick(change: string | null | undefined, right: string | undefined): string | null | undefined {
  return change === undefined ? right : change;
}

function escapeAttribute(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}

export function bareJid(jid: string): string {
  return jid.split("/")[0] ?? "";
}

/** A component that answers delegated requests, rightly or in whatever wrong way a test has in mind. */
export class ManagingEntity {
  readonly stream: XmppStream;

  constructor(stream: XmppStream) {
    this.stream = stream;
  }

  static async connect(options: ComponentOptions): Promise<ManagingEntity> {
    return new ManagingEntity(await connectComponent(options));
  }

  /** Takes the next advertisement (XEP-0355 §4.2). */
  async advertisement(deadlineMs?: number): Promise<Received> {
    return this.stream.take(isAdvertisement, "an advertisement", deadlineMs);
  }

  /** Takes the next wrapped request. */
  async request(deadlineMs?: number): Promise<Wrapped> {
    const received = await this.stream.take(
      (element) => unwrap({ raw: "", element }) !== undefined,
      "a wrapper",
      deadlineMs,
    );
    const wrapped = unwrap(received);
    if (wrapped === undefined) throw new Error("unreachable");
    return wrapped;
  }

  /** Wrapped requests that nobody has taken. */
  get waiting(): readonly Wrapped[] {
    return this.stream.unread.map(unwrap).filter((wrapped) => wrapped !== undefined);
  }

  /** What nobody has taken, but for the questions on what the entity offers (XEP-0355 §7.2), which it need not answer. */
  get unexpected(): readonly string[] {
    const isQuestion = (raw: string): boolean => raw.includes(`node="${delegationNs}:`) && raw.includes("disco#info");
    return this.stream.unread.map(({ raw }) => raw).filter((raw) => !isQuestion(raw));
  }

  send(bytes: string): void {
    this.stream.send(bytes);
  }

  /** Answers a wrapped request. */
  answer(wrapped: Wrapped, changes: ReplyChanges = {}): void {
    this.send(replyTo(wrapped, changes));
  }

  /** From now on answers each request with what `respond` makes of it; by default with an empty result. */
  answerAll(respond: (wrapped: Wrapped) => ReplyChanges = () => ({})): void {
    this.stream.intercept = (received) => {
      const wrapped = unwrap(received);
      if (wrapped === undefined) return false;
      this.answer(wrapped, respond(wrapped));
      return true;
    };
  }
}

function isAdvertisement(element: Element): boolean {
  return element.getName() === "message" && element.getChild("delegation", delegationNs) !== undefined;
}
