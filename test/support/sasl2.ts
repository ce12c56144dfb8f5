import { createHmac } from "node:crypto";
import { clientHeader, passwords } from "./login.js";
import { type Received } from "./stream-reader.js";
import { type TlsOptions, XmppStream } from "./xmpp-stream.js";

// A client of SASL2 (XEP-0388), Bind 2 (XEP-0386), inline stream management (XEP-0198 §9) and FAST (XEP-0484).

export const sasl2Ns = "urn:xmpp:sasl:2";
export const smNs = "urn:xmpp:sm:3";

/** One installation of a client: tokens of FAST are bound to it (XEP-0388 §2.3). */
export const userAgent =
  "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Verona</software></user-agent>";

export interface Sasl2Options {
  readonly port: number;
  readonly user: string;
  readonly domain?: string;
  /** For direct TLS. */
  readonly tls?: TlsOptions;
}

/** Opens a stream that says who is coming, as FAST needs it, and takes its features. */
export async function openSasl2(options: Sasl2Options): Promise<{ stream: XmppStream; features: Received }> {
  const { port, user, domain = "capulet.lit", tls } = options;
  const stream = await XmppStream.connect(port, tls, user);
  stream.domain = domain;
  await stream.open(clientHeader(domain).replace(" to=", ` from='${user}@${domain}' to=`));
  const features = await stream.take((element) => element.getName() === "features", "stream features");
  return { stream, features };
}

/** `<authenticate/>` by PLAIN. `content`: what is asked for inline. */
export function plain(user: string, content = "", password = passwords[user] ?? ""): string {
  return authenticate("PLAIN", `\0${user}\0${password}`, content);
}

/** `<authenticate/>` with the proof of a token that is bound to nothing (draft-schmaus-kitten-sasl-ht §3). */
export function withToken(user: string, token: string, content = "", mechanism = "HT-SHA-256-NONE"): string {
  const proof = createHmac("sha256", token).update("Initiator").digest();
  const response = Buffer.concat([Buffer.from(`${user}\0`), proof]);
  return authenticate(mechanism, response, `<fast xmlns='urn:xmpp:fast:0'/>${content}`);
}

export function authenticate(mechanism: string, response: string | Buffer, content: string): string {
  const text = Buffer.from(response).toString("base64");
  return `<authenticate xmlns='${sasl2Ns}' mechanism='${mechanism}'><initial-response>${text}</initial-response>${userAgent}${content}</authenticate>`;
}

export const requestToken = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";

/** Binding a resource inline; `content`: features of the session. */
export function bind2(content = "", namespace = "urn:xmpp:bind:0"): string {
  return `<bind xmlns='${namespace}'><tag>verona</tag>${content}</bind>`;
}

export const enableSm = `<enable xmlns='${smNs}' resume='true'/>`;

export function resumeSm(previd: string, h: number): string {
  return `<resume xmlns='${smNs}' previd='${previd}' h='${String(h)}'/>`;
}

/** Takes the outcome; the stream gets the JID that it names. */
export async function outcome(stream: XmppStream): Promise<Received> {
  const received = await stream.take(
    (element) => /^(success|failure)$/.test(element.getName()),
    "the outcome of SASL2",
  );
  const jid = received.element.getChildText("authorization-identifier") ?? "";
  if (jid.includes("/")) stream.jid = jid;
  return received;
}
