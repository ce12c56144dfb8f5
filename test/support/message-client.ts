import { once } from "node:events";
import { type Element, parse } from "ltx";
import { WebSocket, type ClientOptions } from "ws";
import { withDeadline } from "./deadline.js";

const framing = "urn:ietf:params:xml:ns:xmpp-framing";
const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

/** A client that speaks RFC 7395 by hand, and holds every message to being a document by itself. */
export class MessageClient {
  readonly #socket: WebSocket;
  readonly #unread: Element[] = [];
  #wake: () => void = () => undefined;
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (!/^<[^>]* xmlns=/.test(text)) throw new Error(`no document by itself: ${text}`);
      this.#unread.push(parse(text));
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  /** Rejects when it is not opened. */
  static async connect(url: string, options: ClientOptions = {}): Promise<MessageClient> {
    const client = new MessageClient(new WebSocket(url, ["xmpp"], options));
    await once(client.#socket, "open");
    client.#socket.on("close", () => {
      client.#isClosed = true;
      client.#wake();
    });
    return client;
  }

  /** Everything that came and was not taken. */
  get unread(): string {
    return this.#unread.join("\n");
  }

  send(message: string): void {
    this.#socket.send(message);
  }

  /** The first unread message for which `isWanted` holds; those before it stay. */
  async take(isWanted: (element: Element) => boolean): Promise<Element> {
    const found = async (): Promise<Element> => {
      for (;;) {
        const at = this.#unread.findIndex(isWanted);
        const [element] = at < 0 ? [] : this.#unread.splice(at, 1);
        if (element !== undefined) return element;
        if (this.#isClosed) throw new Error(`closed behind ${this.unread}`);
        await new Promise<void>((wake) => (this.#wake = wake));
      }
    };
    return withDeadline(found(), 10_000, () => `not among ${this.#unread.join("\n")}`);
  }

  async authenticate(user: string, password: string): Promise<void> {
    await this.#open();
    const secret = Buffer.from(`\0${user}\0${password}`).toString("base64");
    this.send(`<auth xmlns='${sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await this.take((element) => element.getName() === "success");
    await this.#open();
  }

  async bind(): Promise<void> {
    this.send("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    await this.take((element) => element.attrs["id"] === "b");
  }

  /** Cuts the connection. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Closes the WebSocket, and says nothing of the stream in it. */
  async goAway(): Promise<void> {
    this.#socket.close(1001);
    await once(this.#socket, "close");
  }

  async #open(): Promise<void> {
    this.send(`<open xmlns='${framing}' to='capulet.lit' version='1.0'/>`);
    await this.take((element) => element.name === "open" && element.attrs["xmlns"] === framing);
    await this.take((element) => element.getName() === "features");
  }
}
