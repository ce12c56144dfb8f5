import { randomUUID } from "node:crypto";
import { clientHeader } from "../support/login.js";
import { bind2, plain, resumeSm } from "../support/sasl2.js";
import { connectWebSocket } from "../support/websocket-stream.js";
import { XmppStream } from "../support/xmpp-stream.js";

export const smNs = "urn:xmpp:sm:3";

export type DoorKind = "clear" | "starttls" | "direct" | "websocket" | "websocket-secure";

/** Where a client connects. */
export interface Door {
  readonly kind: DoorKind;
  readonly port: number;
  /** PEM; empty where there is no TLS. */
  readonly ca: string;
}

/** Who comes, and how its program logs in. */
export interface Person {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  readonly sasl: 1 | 2;
  readonly management: "none" | "counted" | "resumable";
}

/** The old session, and what the client has of it. */
export interface Resumption {
  readonly cid: string;
  readonly h: number;
}

/** Opens a stream up to the features in which SASL is offered. */
export async function openStream(door: Door, { user, domain }: Person): Promise<XmppStream> {
  const { kind, port, ca } = door;
  const tls = ca === "" ? undefined : { ca, servername: domain };
  const name = `${user}@${domain}`;
  const stream = kind.startsWith("websocket")
    ? await connectWebSocket(port, tls, name)
    : await XmppStream.connect(port, kind === "direct" ? tls : undefined, name);
  stream.domain = domain;
  try {
    // mod_sasl2_fast wants to know who is coming.
    const header = clientHeader(domain).replace(" to=", ` from='${name}' to=`);
    await stream.open(header);
    await takeFeatures(stream);
    if (kind === "starttls" && tls !== undefined) {
      stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await stream.take((element) => element.getName() === "proceed", "proceed");
      await stream.secure(tls);
      await stream.open(header);
      await takeFeatures(stream);
    }
  } catch (error) {
    stream.drop();
    throw error;
  }
  return stream;
}

/** SASL by PLAIN, and the stream behind it up to the features in which binding is offered (RFC 6120 §6). */
export async function authenticate(stream: XmppStream, { user, domain, password }: Person): Promise<void> {
  const secret = Buffer.from(`\0${user}\0${password}`).toString("base64");
  stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`);
  const { raw } = await stream.take((element) => /^(success|failure)$/.test(element.getName()), "the outcome of SASL");
  if (!raw.startsWith("<success")) throw new Error(`not authenticated: ${raw}`);
  await stream.open(clientHeader(domain));
  await takeFeatures(stream);
}

/** Everything in one step (XEP-0388, XEP-0386, XEP-0198 §9). */
export function authenticateInline({ user, password, management }: Person, resume: Resumption | undefined): string {
  const enable = management === "none" ? "" : enableElement(management);
  const content = (resume === undefined ? "" : resumeSm(resume.cid, resume.h)) + bind2(enable);
  // Prosody makes the resource of this id, and each new session is to have a name of its own.
  return plain(user, content, password).replace(/(?<=<user-agent id=')[^']*/, randomUUID());
}

export function enableElement(management: "counted" | "resumable"): string {
  return `<enable xmlns='${smNs}'${management === "resumable" ? " resume='true'" : ""}/>`;
}

export function bindRequest(resource: string): string {
  return `<iq type='set' id='bind-1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;
}

async function takeFeatures(stream: XmppStream): Promise<void> {
  await stream.take((element) => element.getName() === "features", "stream features");
}
