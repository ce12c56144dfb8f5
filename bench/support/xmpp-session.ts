import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { readFileSync } from "node:fs";

import { DOMAIN } from "./stanzas.js";

/** Where sessions are opened, and how. */
export interface Door {
  readonly port: number;
  /** Certificate to trust; present: direct TLS 1.3 with ALPN `xmpp-client` (XEP-0368). Absent: clear text. */
  readonly certificate?: string;
}

const OPEN_MS = 60_000;

/** One client of the generator: a bound stream, whose bytes go to `onData`. */
export class Session {
  readonly socket: Socket;
  readonly number: number;
  onData: (chunk: Buffer) => void = () => {};
  /** The number of bytes or the text that the load has received of the answer that it waits for. */
  received = 0;
  text = "";
  sentAt = 0;
  sent = 0;

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.onData(chunk));
    socket.on("error", () => socket.destroy());
  }

  /** The TLS version and cipher, for the comparison of two proxies. */
  get protection(): string {
    const { socket } = this;
    return socket instanceof TLSSocket ? `${socket.getProtocol() ?? ""} ${socket.getCipher().name}` : "none";
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once("close", () => resolve());
      this.socket.destroy();
    });
  }
}

/** Opens a session of user `user<number>`: stream, SASL PLAIN, stream, resource binding. Rejects with what the server said instead. */
export async function openSession(door: Door, number: number): Promise<Session> {
  const session = new Session(await connected(door), number);
  const say = (text: string): void => {
    session.socket.write(text);
  };
  const header =
    `<?xml version='1.0'?><stream:stream to='${DOMAIN}' version='1.0' xml:lang='en' xmlns='jabber:client' ` +
    `xmlns:stream='http://etherx.jabber.org/streams'>`;
  const credentials = Buffer.from(`\0user${number}\0secret`).toString("base64");
  say(header);
  await heard(session, /<\/stream:features>/);
  say(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`);
  await heard(session, /<success[^>]*>(<\/success>)?$/);
  say(header);
  await heard(session, /<\/stream:features>/);
  say(
    `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r${number}</resource></bind></iq>`,
  );
  await heard(session, /<jid>.*<\/iq>/);
  session.onData = () => {};
  return session;
}

const contexts = new Map<string, SecureContext>();

function connected(door: Door): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const at = { port: door.port, host: "127.0.0.1" };
    const socket =
      door.certificate === undefined
        ? connect(at, () => resolve(socket))
        : connectTls(
            {
              ...at,
              servername: DOMAIN,
              ALPNProtocols: ["xmpp-client"],
              minVersion: "TLSv1.3",
              secureContext: contextOf(door.certificate),
            },
            () => resolve(socket),
          );
    socket.once("error", reject);
  });
}

function contextOf(certificate: string): SecureContext {
  let context = contexts.get(certificate);
  if (context === undefined) {
    context = createSecureContext({ ca: readFileSync(certificate), minVersion: "TLSv1.3" });
    contexts.set(certificate, context);
  }
  return context;
}

function heard(session: Session, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    const stop = (): void => {
      clearTimeout(timer);
      session.socket.off("close", fail);
    };
    const fail = (): void => {
      stop();
      reject(new Error(`client ${session.number} waited for ${pattern.source} and got ${JSON.stringify(text)}`));
    };
    const timer = setTimeout(fail, OPEN_MS);
    session.socket.once("close", fail);
    session.onData = (chunk) => {
      text += chunk.toString();
      if (/<stream:error|<failure|type=['"]error/.test(text)) fail();
      else if (pattern.test(text)) {
        stop();
        resolve();
      }
    };
  });
}
