import { connect as connectTcp, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { Element } from "ltx";
import { withDeadline } from "./deadline.js";
import { type Received, StreamReader } from "./stream-reader.js";

const patienceMs = 8_000;

/** How a TCP connection is turned to TLS, or is TLS from the start. */
export interface TlsOptions {
  /** The one certificate that is trusted, PEM. */
  readonly ca: string;
  /** What is named to the server (SNI) and expected in the certificate; undefined: nothing is named, any name is taken. */
  readonly servername: string | undefined;
  readonly alpn?: readonly string[];
}

/** How a connection came to its end. */
export type Ending = "end" | "reset";

/**
 * One XMPP stream of a test, as a peer sees it that may write what it likes: sends any bytes, keeps all bytes of both
 * directions, and waits for elements with a deadline.
 */
export class XmppStream {
  /** The full JID once bound, or the component's. */
  jid = "";
  /** The domain that the server at the other end serves. */
  domain = "capulet.lit";
  /** Is shown each element first, and may take it by returning true. */
  intercept: ((received: Received) => boolean) | undefined;
  /** Is called when the connection is over. */
  whenOver: (() => void) | undefined;
  readonly #name: string;
  /** The connection itself, below TLS. */
  readonly #tcp: Socket;
  #socket: Duplex;
  #decoder = new StringDecoder("utf8");
  #reader = new StreamReader();
  #received = "";
  #unread: Received[] = [];
  #ending: Ending | undefined;
  #fault: Error | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(name: string, tcp: Socket, socket: Duplex = tcp) {
    this.#name = name;
    this.#tcp = tcp;
    this.#socket = socket;
    this.#listen();
  }

  /** Connects to a port of the loopback, from any of its addresses; with `tls` as direct TLS. */
  static async connect(
    port: number,
    tls?: TlsOptions,
    name = `port ${String(port)}`,
    localAddress = "127.0.0.1",
  ): Promise<XmppStream> {
    const tcp = connectTcp({ port, host: "127.0.0.1", localAddress });
    const socket = tls === undefined ? tcp : secured(tcp, tls);
    await connected(socket, tls === undefined ? "connect" : "secureConnect");
    return new XmppStream(name, tcp, socket);
  }

  /** A stream over whatever carries its bytes above `tcp`. */
  static over(tcp: Socket, carrier: Duplex, name: string): XmppStream {
    return new XmppStream(name, tcp, carrier);
  }

  /** Takes over a connection that a test's server has accepted. */
  static accept(socket: Socket, name: string): XmppStream {
    return new XmppStream(name, socket);
  }

  /** Everything that came, since the beginning or the last turn to TLS. */
  get received(): string {
    return this.#received;
  }

  get header(): Element | undefined {
    return this.#reader.header;
  }

  /** What came and nobody has taken yet. */
  get unread(): readonly Received[] {
    return this.#unread;
  }

  /** Why what came could not be read. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  get hasEnded(): boolean {
    return this.#reader.hasEnded;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The certificate that the peer showed: its SHA-256 fingerprint. */
  get fingerprint(): string | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket.getPeerCertificate().fingerprint256 : undefined;
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Sends and waits until the kernel has taken it, so that the next piece is likely a chunk of its own. */
  async sendPieces(pieces: readonly (string | Buffer)[]): Promise<void> {
    this.#tcp.setNoDelay(true);
    for (const piece of pieces) {
      await new Promise<void>((resolve) => {
        this.#socket.write(piece, () => {
          setImmediate(resolve);
        });
      });
    }
  }

  /** Starts a stream, the first or, after SASL, the next, and waits for the peer's header. */
  async open(header: string): Promise<Element> {
    this.restart();
    this.send(header);
    return this.opened();
  }

  /** Expects a new stream header from the peer next. */
  restart(): void {
    this.#reader = new StreamReader();
  }

  /** Waits for the peer's stream header. */
  async opened(): Promise<Element> {
    await this.#until(() => this.#reader.header !== undefined, "the stream header");
    const root = this.#reader.header;
    if (root === undefined) throw new Error("unreachable");
    return root;
  }

  /** Takes the first element, old or new, that satisfies the condition; the others stay. */
  async take(
    condition: (element: Element) => boolean,
    what = "an element",
    deadlineMs = patienceMs,
  ): Promise<Received> {
    const find = (): number => this.#unread.findIndex(({ element }) => condition(element));
    await this.#until(() => find() >= 0, what, deadlineMs);
    const [found] = this.#unread.splice(find(), 1);
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  /** Takes the next element, whatever it is. */
  async next(deadlineMs = patienceMs): Promise<Received> {
    return this.take(() => true, "any element", deadlineMs);
  }

  /** Sends an IQ and takes the answer: the iq of type result or error with its id. */
  async ask(iq: string, deadlineMs = patienceMs): Promise<Received> {
    const id = /\bid=(["'])(.*?)\1/.exec(iq)?.[2];
    this.send(iq);
    return this.answer(id ?? "", deadlineMs);
  }

  /** Takes the iq of type result or error with this id. */
  async answer(id: string, deadlineMs = patienceMs): Promise<Received> {
    return this.take(
      (element) =>
        element.getName() === "iq" &&
        element.attrs["id"] === id &&
        (element.attrs["type"] === "result" || element.attrs["type"] === "error"),
      `the answer to ${id}`,
      deadlineMs,
    );
  }

  /**
   * Waits until the server at the other end has handled everything that was sent before: a ping to it is answered in order
   * (RFC 6120 §10.1). Whatever has not come until then is not caused by what was sent before.
   */
  async settle(): Promise<void> {
    const id = `settle-${String(++settled)}`;
    // A component names itself in each stanza (XEP-0114 §3); a client need not.
    const from = this.jid.includes("@") ? "" : ` from='${this.jid}'`;
    await this.ask(`<iq type='get' id='${id}'${from} to='${this.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  /** Waits for `<stream:error/>` and returns its condition (RFC 6120 §4.9.3). */
  async streamError(): Promise<string> {
    const { element } = await this.take((one) => one.getName() === "error", "a stream error");
    return conditionOf(element);
  }

  /** Waits for `</stream:stream>`. */
  async streamEnd(): Promise<void> {
    await this.#until(() => this.#reader.hasEnded, "the end of the stream");
  }

  /** Waits until the peer has closed the connection. */
  async closed(deadlineMs = patienceMs): Promise<Ending> {
    await this.#until(() => this.#ending !== undefined, "the end of the connection", deadlineMs);
    return this.#ending ?? "reset";
  }

  /** Turns the connection to TLS. */
  async secure(tls: TlsOptions): Promise<void> {
    this.#socket.removeAllListeners("data");
    const socket = secured(this.#tcp, tls);
    await connected(socket, "secureConnect");
    this.#socket = socket;
    this.#decoder = new StringDecoder("utf8");
    this.#received = "";
    this.#listen();
  }

  /** Ends the stream in an orderly way and waits for the end of the connection. */
  async close(): Promise<void> {
    if (this.#ending === undefined) {
      this.send("</stream:stream>");
      this.#socket.end();
      await this.closed();
    }
    this.#socket.destroy();
  }

  /** Half-closes the connection (FIN) without ending the stream. */
  finish(): void {
    this.#socket.end();
  }

  /** Stops and restarts reading from the socket: a frozen peer. */
  freeze(): void {
    this.#socket.pause();
  }

  thaw(): void {
    this.#socket.resume();
  }

  /** Drops the connection without a word: FIN, no `</stream:stream>`. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Drops the connection with RST. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.#read(this.#decoder.write(chunk));
    });
    this.#socket.once("end", () => {
      this.#over("end");
    });
    this.#socket.on("error", () => {
      this.#over("reset");
    });
    this.#socket.once("close", () => {
      this.#over("end");
    });
  }

  #read(text: string): void {
    this.#received += text;
    try {
      for (const received of this.#reader.read(text)) {
        if (this.intercept?.(received) !== true) this.#unread.push(received);
      }
    } catch (error) {
      this.#fault ??= error instanceof Error ? error : new Error(String(error));
    }
    this.#wake();
  }

  #over(ending: Ending): void {
    const isFirst = this.#ending === undefined;
    this.#ending ??= ending;
    this.#wake();
    if (isFirst) this.whenOver?.();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #until(condition: () => boolean, what: string, deadlineMs = patienceMs): Promise<void> {
    let wake: (() => void) | undefined;
    const happened = new Promise<void>((resolve, reject) => {
      wake = () => {
        if (this.#fault !== undefined) reject(new Error(`${this.#name}: ${this.#fault.message}\n${this.#received}`));
        else if (condition()) resolve();
        else if (this.#ending !== undefined) reject(new Error(this.#story(`ended (${this.#ending}) before ${what}`)));
      };
      this.#waiting.add(wake);
      wake();
    });
    try {
      await withDeadline(happened, deadlineMs, () => this.#story(`${what} did not come`));
    } finally {
      if (wake !== undefined) this.#waiting.delete(wake);
    }
  }

  #story(what: string): string {
    return `${this.#name}: ${what}. Received at last:\n${this.#received.slice(-2_000)}`;
  }
}

let settled = 0;

function secured(socket: Socket, tls: TlsOptions): Socket {
  return connectTls({
    socket,
    ca: tls.ca,
    ...(tls.servername === undefined ? { checkServerIdentity: () => undefined } : { servername: tls.servername }),
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
  });
}

async function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  const happened = new Promise<void>((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
    socket.once("close", () => {
      reject(new Error("closed during the connect"));
    });
  });
  try {
    await withDeadline(happened, patienceMs, () => "no connection");
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The defined condition of a stream error or of a stanza's `<error/>`. */
export function conditionOf(element: Element): string {
  const error = element.getName() === "error" ? element : element.getChild("error");
  const condition = error?.getChildElements().find((child) => /urn:ietf:params:xml:ns:xmpp-/.test(child.getNS() ?? ""));
  return condition?.getName() ?? "";
}
