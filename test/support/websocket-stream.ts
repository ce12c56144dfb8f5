import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { withDeadline } from "./deadline.js";
import { type TlsOptions, XmppStream } from "./xmpp-stream.js";

const framing = "urn:ietf:params:xml:ns:xmpp-framing";
const clientNs = "jabber:client";
const streamsNs = "http://etherx.jabber.org/streams";

/** Connects over WebSocket (RFC 7395); what is sent and received reads as if it were TCP. One call of `send` is one element. */
export async function connectWebSocket(port: number, tls: TlsOptions | undefined, name: string): Promise<XmppStream> {
  const tcp = connectTcp({ port, host: "127.0.0.1" });
  const { ca = "", servername = "127.0.0.1" } = tls ?? {};
  const socket = tls === undefined ? tcp : connectTls({ socket: tcp, ca, servername });
  const scheme = tls === undefined ? "ws" : "wss";
  const webSocket = new WebSocket(`${scheme}://127.0.0.1:${String(port)}/xmpp-websocket`, ["xmpp"], {
    createConnection: () => socket,
    perMessageDeflate: false,
  });
  const stream = XmppStream.over(tcp, new Messages(webSocket, socket), name);
  try {
    await withDeadline(once(webSocket, "open"), 8_000, () => `${name}: no WebSocket`);
  } catch (error) {
    tcp.destroy();
    throw error;
  }
  return stream;
}

/** The messages of a WebSocket as the bytes of a stream over TCP. */
class Messages extends Duplex {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;

  constructor(webSocket: WebSocket, socket: Duplex) {
    super({ allowHalfOpen: true, decodeStrings: false });
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.on("message", (data: Buffer) => {
      if (!this.push(Buffer.from(asInStream(data.toString("utf8"))))) webSocket.pause();
    });
    webSocket.on("error", (error) => this.destroy(error));
    webSocket.on("close", () => {
      this.push(null);
      this.destroy();
    });
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(text: string, _encoding: string, done: (error?: Error | null) => void): void {
    // White space between elements, which keeps a connection alive over TCP, has no place here (RFC 7395 §3.8).
    if (this.#webSocket.readyState !== WebSocket.OPEN || text.trim() === "") {
      done();
      return;
    }
    // A piece of an element is the beginning of a message that never becomes complete.
    if (isComplete(text)) this.#webSocket.send(asMessage(text), () => done());
    else this.#socket.write(beginningOfMessage(text), () => done());
  }

  override _final(done: () => void): void {
    this.#webSocket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#webSocket.terminate();
    done(error);
  }
}

function asMessage(text: string): string {
  if (text === "</stream:stream>") return `<close xmlns='${framing}'/>`;
  const header = /<stream:stream([^>]*)>$/.exec(text)?.[1];
  if (header !== undefined)
    return `<open xmlns='${framing}'${header.replaceAll(/ xmlns(:stream)?=(["']).*?\2/g, "")}/>`;
  return text.replace(/^<(iq|message|presence)(?=[ />])(?![^>]* xmlns=)/, `<$1 xmlns='${clientNs}'`);
}

function asInStream(message: string): string {
  if (!message.includes(framing)) return message;
  if (message.startsWith("<close")) return "</stream:stream>";
  const attributes = (/^<open([^>]*?)\/?>/.exec(message)?.[1] ?? "").replace(/ xmlns=(["']).*?\1/, "");
  return `<stream:stream xmlns='${clientNs}' xmlns:stream='${streamsNs}'${attributes}>`;
}

function isComplete(text: string): boolean {
  const name = /^<([^\s/>]+)/.exec(text)?.[1] ?? "?";
  return text.endsWith("/>") || text.endsWith(`</${name}>`) || text.endsWith("</stream:stream>") || name === "?xml";
}

/** The first part of a masked frame (RFC 6455 §5.2) that promises more than comes. */
function beginningOfMessage(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), Buffer.from(text)]);
}
