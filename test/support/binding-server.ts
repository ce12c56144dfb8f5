import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:tls";
import type { Certificate } from "./certificate.js";
import { passwords } from "./login.js";
import { endPointOf, ScramServer } from "./scram.js";
import { XmppStream } from "./xmpp-stream.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

export interface BindingServerOptions {
  readonly certificate: Certificate;
  /** What it says it can bind to (XEP-0440). It can bind to `tls-server-end-point` in truth. */
  readonly types: readonly string[];
}

/**
 * Stands in for a server behind direct TLS that binds logins to its certificate, which those of Debian 12 do not: SCRAM and
 * SCRAM-PLUS by `tls-server-end-point`, XEP-0440, resource binding. Further requests are answered with an error.
 */
export class BindingServer {
  readonly #server: Server;
  readonly #options: BindingServerOptions;
  readonly #streams: XmppStream[] = [];
  readonly #ended: Promise<void>[] = [];

  private constructor(options: BindingServerOptions) {
    this.#options = options;
    const { certFile, keyFile } = options.certificate;
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["xmpp-client"] };
    this.#server = createServer(tls, (socket) => {
      const stream = XmppStream.accept(socket, "binding server");
      this.#streams.push(stream);
      // A stream that ends, whenever it does, is all right.
      this.#ended.push(this.#serve(stream).catch(() => {}));
    });
  }

  static async start(options: BindingServerOptions): Promise<BindingServer> {
    const server = new BindingServer(options);
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

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.drop();
    await Promise.all(this.#ended);
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #serve(stream: XmppStream): Promise<void> {
    const header =
      "<?xml version='1.0'?><stream:stream id='s1' from='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    const mechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"].map((name) => `<mechanism>${name}</mechanism>`);
    const types = this.#options.types.map((type) => `<channel-binding type='${type}'/>`);
    const list = `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${types.join("")}</sasl-channel-binding>`;
    await stream.opened();
    stream.send(
      `${header}<stream:features><mechanisms xmlns='${sasl}'>${mechanisms.join("")}</mechanisms>${list}</stream:features>`,
    );
    while (!(await this.#isAuthenticated(stream))) stream.send(`<failure xmlns='${sasl}'><not-authorized/></failure>`);
    await stream.opened();
    stream.send(`${header}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>`);
    for (;;) {
      const { element } = await stream.take((one) => one.getName() === "iq", "a request", 60_000);
      const id = String(element.attrs["id"]);
      const resource = element.getChild("bind")?.getChildText("resource");
      stream.send(
        resource === undefined
          ? `<iq type='error' id='${id}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
          : `<iq type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/${String(resource)}</jid></bind></iq>`,
      );
    }
  }

  async #isAuthenticated(stream: XmppStream): Promise<boolean> {
    const { element } = await stream.take((one) => one.getName() === "auth", "a login", 60_000);
    const endPoint = endPointOf(this.#options.certificate.pem);
    const scram = new ScramServer("SCRAM-SHA-256", passwords["juliet"] ?? "", element.getText(), endPoint);
    if (scram.first === undefined) return false;
    stream.send(`<challenge xmlns='${sasl}'>${scram.first}</challenge>`);
    const response = await stream.take((one) => one.getName() === "response", "a response");
    const last = scram.final(response.element.getText());
    if (last === undefined) return false;
    stream.restart();
    stream.send(`<success xmlns='${sasl}'>${last}</success>`);
    return true;
  }
}
