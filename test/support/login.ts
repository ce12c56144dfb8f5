import type { Element } from "ltx";
import { createHash } from "node:crypto";
import type { Received } from "./stream-reader.js";
import { XmppStream } from "./xmpp-stream.js";

/** The accounts of the tests. */
export const passwords: Readonly<Record<string, string>> = { juliet: "r0m30", romeo: "jul13t", nurse: "4ng3l1c4" };

export interface LoginOptions {
  /** Is shown the features behind SASL. */
  readonly onFeatures?: (features: Element) => void;
  readonly port: number;
  readonly user: string;
  readonly domain?: string;
  readonly password?: string;
  readonly resource?: string;
  readonly transport?: "clear" | "starttls" | "direct";
  /** The trusted certificate, PEM; needed for TLS. */
  readonly ca?: string;
  /** `xml:lang` of the stream. */
  readonly lang?: string;
  /** An address of the loopback, 127.0.0.1 when absent. */
  readonly localAddress?: string;
  /** False: TLS is not told the domain, as many clients do with STARTTLS. */
  readonly namesDomain?: boolean;
}

/** The stream header of a client. */
export function clientHeader(domain: string, lang = "en"): string {
  return (
    `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xml:lang='${lang}' ` +
    `xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
  );
}

/** Logs in like a plain client: STARTTLS when asked to, SASL PLAIN, resource binding. Answers a stream with its `jid`. */
export async function login(options: LoginOptions): Promise<XmppStream> {
  const stream = await authenticate(options);
  const resource = options.resource ?? "balcony";
  const bound = await stream.ask(
    `<iq type='set' id='bind-1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
  );
  stream.jid = bound.element.getChild("bind")?.getChildText("jid") ?? "";
  if (stream.jid === "") throw new Error(`no resource bound: ${bound.raw}`);
  return stream;
}

/** Everything of a login before resource binding; the features after SASL have been taken. */
export async function authenticate(options: LoginOptions): Promise<XmppStream> {
  const { port, user, ca = "", transport = "clear", domain = "capulet.lit" } = options;
  const tls = { ca, servername: options.namesDomain === false ? undefined : domain };
  const header = clientHeader(domain, options.lang);
  const stream = await XmppStream.connect(port, transport === "direct" ? tls : undefined, user, options.localAddress);
  stream.domain = domain;
  await stream.open(header);
  let features = await stream.take((element) => element.getName() === "features", "stream features");
  if (transport === "starttls") {
    stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await stream.take((element) => element.getName() === "proceed", "proceed");
    await stream.secure(tls);
    await stream.open(header);
    features = await stream.take((element) => element.getName() === "features", "stream features");
  }
  if (!features.raw.includes(">PLAIN<")) throw new Error(`no PLAIN: ${features.raw}`);
  const secret = Buffer.from(`\0${user}\0${options.password ?? passwords[user] ?? ""}`).toString("base64");
  stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`);
  const outcome = await stream.take((element) => /^(success|failure)$/.test(element.getName()), "the outcome of SASL");
  if (outcome.element.getName() !== "success") throw new Error(`not authenticated: ${outcome.raw}`);
  await stream.open(header);
  const offered = await stream.take((element) => element.getName() === "features", "stream features");
  options.onFeatures?.(offered.element);
  return stream;
}

export interface ComponentOptions {
  readonly port: number;
  readonly jid: string;
  readonly secret: string;
  /** Is shown everything that comes, from the first element on, as `XmppStream.intercept`. */
  readonly intercept?: (received: Received, stream: XmppStream) => boolean;
}

/** The stream header of a component (XEP-0114 §3). */
export function componentHeader(jid: string): string {
  return (
    `<?xml version='1.0'?><stream:stream to='${jid}' xmlns='jabber:component:accept' ` +
    `xmlns:stream='http://etherx.jabber.org/streams'>`
  );
}

/** Connects a component and does the handshake of XEP-0114 §3; rejects when it is refused. */
export async function connectComponent(options: ComponentOptions): Promise<XmppStream> {
  const stream = await XmppStream.connect(options.port, undefined, options.jid);
  stream.jid = options.jid;
  const { intercept } = options;
  if (intercept !== undefined) stream.intercept = (received) => intercept(received, stream);
  await componentHandshake(stream, componentHeader(options.jid), options.secret);
  return stream;
}

/** Opens a component's stream and authenticates it. */
export async function componentHandshake(stream: XmppStream, header: string, secret: string): Promise<void> {
  const { attrs } = await stream.open(header);
  const digest = createHash("sha1").update(`${String(attrs["id"] ?? "")}${secret}`);
  stream.send(`<handshake>${digest.digest("hex")}</handshake>`);
  const outcome = await stream.take((element) => /^(handshake|error)$/.test(element.getName()), "the handshake");
  if (outcome.element.getName() !== "handshake") throw new Error(`no handshake: ${outcome.raw}`);
}
