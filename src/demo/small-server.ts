import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import {
  Element,
  findChild,
  Framer,
  FrameKind,
  type FrameSink,
  parseElement,
  readHead,
  serialize,
} from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { ServerOptions } from "./prosody.js";

/**
 * An XMPP server in small, for a machine without Prosody: SASL PLAIN, resource binding, components (XEP-0114), stanzas
 * routed between them, ping (XEP-0199), disco#info (XEP-0030). It knows nothing of delegation. For the demonstration alone:
 * it listens on the loopback and has no TLS, no roster, no archive.
 */
export class SmallServer {
  readonly options: ServerOptions;
  /** Full JID of a client, or the component's JID → its connection. */
  readonly routes = new Map<string, Connection>();
  readonly #servers: readonly Server[];
  readonly #sockets = new Set<Socket>();

  private constructor(options: ServerOptions) {
    this.options = options;
    this.#servers = (["jabber:client", "jabber:component:accept"] as const).map((namespace) =>
      createServer((socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
        new Connection(this, socket, namespace).start();
      }),
    );
  }

  static async start(options: ServerOptions): Promise<SmallServer> {
    const server = new SmallServer(options);
    const ports = [options.c2sPort, options.componentPort];
    for (const [index, listener] of server.#servers.entries()) {
      await new Promise<void>((resolve, reject) => {
        listener.once("error", reject);
        listener.listen(ports[index], "127.0.0.1", resolve);
      });
    }
    return server;
  }

  stop(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes a stanza that carries its true `from` to where it belongs. */
  route(stanza: Element): void {
    const to = attribute(stanza, "to") ?? bare(attribute(stanza, "from") ?? "");
    const target = this.routes.get(to) ?? this.routes.get(bare(to));
    if (target !== undefined) {
      target.deliver(stanza);
      return;
    }
    const reply = stanza.name === "iq" ? answer(stanza, to === this.options.domain) : undefined;
    if (reply !== undefined) this.routes.get(attribute(reply, "to") ?? "")?.deliver(reply);
  }
}

type ContentNamespace = "jabber:client" | "jabber:component:accept";

/** One connection, read by the proxy's own framer. */
class Connection implements FrameSink {
  readonly #server: SmallServer;
  readonly #socket: Socket;
  readonly #namespace: ContentNamespace;
  readonly #framer: Framer;
  readonly #streamId = randomBytes(8).toString("hex");
  #user = "";
  #jid = "";

  constructor(server: SmallServer, socket: Socket, namespace: ContentNamespace) {
    this.#server = server;
    this.#socket = socket;
    this.#namespace = namespace;
    this.#framer = new Framer({ contentNamespace: namespace, limits });
  }

  start(): void {
    this.#socket.on("data", (chunk) => {
      this.#framer.scan(chunk, this);
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.once("close", () => {
      if (this.#server.routes.get(this.#jid) === this) this.#server.routes.delete(this.#jid);
    });
  }

  deliver(stanza: Element): void {
    stanza.attrs["xmlns"] = this.#namespace;
    this.#socket.write(serialize(stanza, this.#namespace));
  }

  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void {
    if (kind === FrameKind.whitespace) return;
    if (kind === FrameKind.streamEnd) {
      this.#socket.end("</stream:stream>");
      return;
    }
    if (kind === FrameKind.streamHeader) {
      this.#opened(readHead(bytes, start, end, this.#framer.scope).attributes.get("to") ?? "");
      return;
    }
    const element = parseElement(bytes, start, end, this.#framer.scope);
    if (element.name === "auth") this.#authenticate(element);
    else if (element.name === "handshake") this.#handshake(element);
    else if (kind !== FrameKind.nonza && findChild(element, "bind", NS.bind) !== undefined) this.#bind(element);
    else if (kind !== FrameKind.nonza && this.#jid !== "") {
      if (this.#namespace === NS.client) element.attrs["from"] = this.#jid;
      this.#server.route(element);
    }
  }

  fault(): void {
    this.#socket.end(
      "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    );
  }

  #opened(to: string): void {
    const { domain } = this.#server.options;
    const isClient = this.#namespace === NS.client;
    const offer =
      this.#user === ""
        ? `<mechanisms xmlns='${NS.sasl}'><mechanism>PLAIN</mechanism></mechanisms>`
        : `<bind xmlns='${NS.bind}'/>`;
    this.#socket.write(
      `<?xml version='1.0'?><stream:stream id='${this.#streamId}' from='${isClient ? domain : to}' ` +
        `${isClient ? "version='1.0' xml:lang='en' " : ""}xmlns='${this.#namespace}' xmlns:stream='${NS.streams}'>` +
        (isClient ? `<stream:features>${offer}</stream:features>` : ""),
    );
    if (!isClient) this.#user = to;
  }

  #authenticate(auth: Element): void {
    const [, user = "", password] = Buffer.from(auth.getText(), "base64").toString("utf8").split("\0");
    if (password === undefined || this.#server.options.users.get(user) !== password) {
      this.#socket.write(`<failure xmlns='${NS.sasl}'><not-authorized/></failure>`);
      return;
    }
    this.#user = user;
    this.#framer.restart();
    this.#socket.write(`<success xmlns='${NS.sasl}'/>`);
  }

  #bind(request: Element): void {
    const { domain } = this.#server.options;
    const resource = findChild(request, "bind", NS.bind)?.getChildText("resource") ?? randomBytes(4).toString("hex");
    this.#jid = `${this.#user}@${domain}/${resource}`;
    this.#server.routes.set(this.#jid, this);
    const bind = new Element("bind", { xmlns: NS.bind }).c("jid").t(this.#jid).root();
    this.deliver(result(request, undefined, bind));
  }

  #handshake(handshake: Element): void {
    const { jid, secret } = this.#server.options.component;
    const expected = createHash("sha1").update(`${this.#streamId}${secret}`).digest("hex");
    if (this.#user !== jid || handshake.getText() !== expected) {
      this.#socket.end(
        "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
      );
      return;
    }
    this.#jid = jid;
    this.#server.routes.set(jid, this);
    this.#socket.write("<handshake/>");
  }
}

const limits = { maxFrameBytes: 262_144, maxDepth: 128, maxAttributes: 100, maxNameBytes: 1_000, maxChildren: 10_000 };

/** What the server itself answers to an IQ; undefined for a result or an error (RFC 6120 §8.2.3). */
function answer(stanza: Element, isForDomain: boolean): Element | undefined {
  const type = attribute(stanza, "type");
  if (type !== "get" && type !== "set") return undefined;
  if (findChild(stanza, "ping", "urn:xmpp:ping") !== undefined) return result(stanza, attribute(stanza, "to"));
  if (findChild(stanza, "query", NS.discoInfo) !== undefined && isForDomain) {
    const info = new Element("query", { xmlns: NS.discoInfo });
    info.c("identity", { category: "server", type: "im", name: "A small server" });
    info.c("feature", { var: NS.discoInfo });
    info.c("feature", { var: "urn:xmpp:ping" });
    return result(stanza, attribute(stanza, "to"), info);
  }
  const reply = result(stanza, attribute(stanza, "to"));
  reply.attrs["type"] = "error";
  reply.c("error", { type: "cancel" }).c("service-unavailable", { xmlns: NS.stanzaErrors });
  return reply;
}

function result(request: Element, from: string | undefined, payload?: Element): Element {
  const to = attribute(request, "from");
  const reply = new Element("iq", { xmlns: NS.client, type: "result", id: attribute(request, "id") ?? "" });
  if (from !== undefined) reply.attrs["from"] = from;
  if (to !== undefined) reply.attrs["to"] = to;
  if (payload !== undefined) reply.cnode(payload);
  return reply;
}

function attribute(element: Element, name: string): string | undefined {
  const value: unknown = element.attrs[name];
  return typeof value === "string" ? value : undefined;
}

function bare(jid: string): string {
  return jid.split("/")[0] ?? "";
}
