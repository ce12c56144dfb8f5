import { createServer, type Server } from "node:net";
import { withDeadline } from "./deadline.js";
import { XmppStream } from "./xmpp-stream.js";

export interface RecordingServerOptions {
  readonly domain?: string;
  /** What the stream features of the first stream hold; PLAIN alone when absent. */
  readonly features?: string;
  /** What the stream features of the second stream hold; resource binding alone when absent. */
  readonly boundFeatures?: string;
}

/**
 * Stands in for the XMPP server where a test wants to see every byte that the proxy lets through, or to send what no real
 * server sends. It accepts connections; what it says on them is up to the test, or to `welcome` for the usual beginning.
 */
export class RecordingServer {
  readonly #server: Server;
  readonly #options: RecordingServerOptions;
  readonly #streams: XmppStream[] = [];
  readonly #all: XmppStream[] = [];
  readonly #wanted: ((stream: XmppStream) => void)[] = [];

  private constructor(options: RecordingServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const stream = XmppStream.accept(socket, "recording server");
      this.#all.push(stream);
      const wanted = this.#wanted.shift();
      if (wanted === undefined) this.#streams.push(stream);
      else wanted(stream);
    });
  }

  static async start(options: RecordingServerOptions = {}): Promise<RecordingServer> {
    const server = new RecordingServer(options);
    await new Promise<void>((resolve) => {
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return address.port;
  }

  /** The next connection that nobody has taken. */
  async connection(deadlineMs = 8_000): Promise<XmppStream> {
    const there = this.#streams.shift();
    if (there !== undefined) return there;
    let wanted: ((stream: XmppStream) => void) | undefined;
    const next = new Promise<XmppStream>((resolve) => {
      wanted = resolve;
      this.#wanted.push(resolve);
    });
    try {
      return await withDeadline(next, deadlineMs, () => "no connection to the recording server");
    } finally {
      // Who waits no longer must not be given a later one.
      const place = this.#wanted.findIndex((one) => one === wanted);
      if (place >= 0) this.#wanted.splice(place, 1);
    }
  }

  /** Connections that nobody has taken. */
  get untaken(): number {
    return this.#streams.length;
  }

  /** Takes the next connection and leads it through SASL PLAIN and binding; any password is right. */
  async welcome(): Promise<XmppStream> {
    const stream = await this.connection();
    const domain = this.#options.domain ?? "capulet.lit";
    const header =
      `<?xml version='1.0'?><stream:stream id='s1' from='${domain}' version='1.0' xml:lang='en' ` +
      `xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
    const plain = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    await stream.opened();
    stream.send(`${header}<stream:features>${this.#options.features ?? plain}</stream:features>`);
    const auth = await stream.take((element) => element.getName() === "auth", "SASL");
    const user = Buffer.from(auth.element.getText(), "base64").toString("utf8").split("\0")[1] ?? "";
    stream.restart();
    stream.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await stream.opened();
    stream.send(`${header}<stream:features>${this.#options.boundFeatures ?? bind}</stream:features>`);
    const request = await stream.take((element) => element.getChild("bind") !== undefined, "the request to bind");
    const resource = request.element.getChild("bind")?.getChildText("resource") ?? "server-made";
    stream.jid = `${user}@${domain}/${resource}`;
    stream.send(
      `<iq type='result' id='${String(request.element.attrs["id"])}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>` +
        `<jid>${stream.jid}</jid></bind></iq>`,
    );
    return stream;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      for (const stream of this.#all) stream.drop();
    });
  }
}
