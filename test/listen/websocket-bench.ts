import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { join } from "node:path";
import { WebSocket, type ClientOptions } from "ws";
import { loadConfig, type Config } from "../../src/config/index.js";
import { createLogger } from "../../src/log/index.js";
import { startProxy, type StreamProxy } from "../../src/main.js";
import { sure, until } from "../relay/rig.js";
import { makeCertificate, type Certificate } from "../support/certificate.js";

// The whole proxy in this process, with WebSocket in front and a server of a few lines behind.

export const framing = "urn:ietf:params:xml:ns:xmpp-framing";
export const open = `<open xmlns='${framing}' to='capulet.lit' version='1.0'/>`;
export const close = `<close xmlns='${framing}'/>`;
const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
export const auth = `<auth xmlns='${sasl}' mechanism='PLAIN'>AGp1bGlldABy</auth>`;
export const bind = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/** A request that opens a WebSocket. */
export const upgrade =
  "GET /xmpp-websocket HTTP/1.1\r\nHost: capulet.lit\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n";

export interface BenchOptions {
  readonly listeners?: readonly Readonly<Record<string, unknown>>[];
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly timeouts?: Readonly<Record<string, unknown>>;
  readonly drain?: Readonly<Record<string, unknown>>;
}

export const plain = { kind: "websocket", host: "127.0.0.1", port: 0, tls: "none" } as const;

export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), "caesura-websocket-"));
  readonly certificate: Certificate = makeCertificate(this.folder, "capulet", ["capulet.lit"]);
  readonly server = new SmallServer();
  readonly logged: Record<string, unknown>[] = [];
  readonly #clients: { destroy(): void }[] = [];
  #proxy: StreamProxy | undefined;
  #adminPort = 0;

  static async start(options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench();
    await bench.server.start();
    bench.#adminPort = await freePort();
    const log = createLogger({
      level: "debug",
      destination: { write: (line) => void bench.logged.push(parsed(line)) },
    });
    bench.#proxy = await startProxy(bench.#config(options), { log });
    return bench;
  }

  get proxy(): StreamProxy {
    return sure(this.#proxy);
  }

  get port(): number {
    return sure(this.proxy.addresses[0]).port;
  }

  reload(options: BenchOptions): Promise<void> {
    return this.proxy.reload(this.#config(options));
  }

  /** Opens a WebSocket; rejects with the status of a refusal. */
  async client(
    options: ClientOptions &
      ConnectionOptions & { readonly port?: number; readonly path?: string; readonly protocols?: string[] } = {},
  ): Promise<Client> {
    const { port = this.port, path = "/xmpp-websocket", protocols = ["xmpp"], ...rest } = options;
    const scheme = rest.ca === undefined && rest.rejectUnauthorized === undefined ? "ws" : "wss";
    const socket = new WebSocket(`${scheme}://127.0.0.1:${port}${path}`, protocols, rest);
    const client = new Client(socket);
    this.#clients.push(client);
    await once(socket, "open");
    return client;
  }

  /** A client whose resource is bound. */
  async boundClient(): Promise<Client> {
    const client = await this.client();
    await client.login();
    return client;
  }

  async raw(): Promise<Socket> {
    const socket = connect({ port: this.port, host: "127.0.0.1" });
    this.owns(socket);
    await once(socket, "connect");
    return socket;
  }

  owns(socket: Socket): void {
    socket.on("error", () => undefined);
    this.#clients.push(socket);
  }

  async metric(line: string): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/metrics`);
    const found = (await answer.text()).split("\n").find((one) => one.startsWith(`${line} `));
    return Number(found?.slice(line.length + 1) ?? Number.NaN);
  }

  /** Waits until a metric has a value; the test's deadline bounds it. */
  async untilMetric(line: string, isRight: (value: number) => boolean): Promise<void> {
    while (!isRight(await this.metric(line)));
  }

  /** How many were refused for `reason` by the first listener, which has port 0 in its name. */
  rejected(reason: string): Promise<number> {
    return this.metric(`caesura_connections_rejected_total{listener="websocket:127.0.0.1:0",reason="${reason}"}`);
  }

  faults(code: string): Promise<number> {
    return this.metric(`caesura_stream_faults_total{leg="client",code="${code}"}`);
  }

  /** Waits until no link owns a socket. */
  async untilIdle(): Promise<void> {
    await until(() => this.proxy.connections === 0);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.#proxy?.close();
    this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #config({ listeners = [plain], limits = {}, timeouts = {}, drain = {} }: BenchOptions): Config {
    const file = join(this.folder, "proxy.yaml");
    const { certFile: cert, keyFile: key } = this.certificate;
    const settings = {
      version: 1,
      domains: {
        "capulet.lit": { tls: { cert, key }, server: { c2s: { host: "127.0.0.1", port: this.server.port } } },
      },
      listen: listeners,
      admin: { host: "127.0.0.1", port: this.#adminPort },
      limits,
      drain,
      log: { level: "debug" },
      timeouts: { shutdown: "100ms", drain: "5s", ...timeouts },
    };
    writeFileSync(file, JSON.stringify(settings));
    const loaded = loadConfig(file, { env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, undefined, 2));
    return loaded.config;
  }
}

/** A WebSocket client that keeps what it was sent in order. */
export class Client {
  readonly socket: WebSocket;
  readonly pings: string[] = [];
  readonly #messages: string[] = [];
  #closeCode: number | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer) => {
      this.#messages.push(data.toString());
      this.#wake();
    });
    socket.on("ping", (data) => this.pings.push(data.toString()));
    socket.on("close", (code) => {
      this.#closeCode = code;
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  send(...messages: readonly (string | Buffer)[]): void {
    for (const message of messages) this.socket.send(message, { binary: typeof message !== "string" });
  }

  /** The next message; the test's deadline bounds the wait. */
  async next(): Promise<string> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#closeCode !== undefined) throw new Error(`closed with ${this.#closeCode}`);
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Everything that is still to come, and the code of the end. */
  async rest(): Promise<{ readonly messages: readonly string[]; readonly code: number }> {
    while (this.#closeCode === undefined) await new Promise<void>((wake) => (this.#wake = wake));
    return { messages: this.#messages.splice(0), code: this.#closeCode };
  }

  async open(): Promise<void> {
    this.send(open);
    await this.next();
    await this.next();
  }

  async login(): Promise<void> {
    await this.open();
    this.send(auth);
    await this.next();
    await this.open();
    this.send(bind);
    await this.next();
  }

  destroy(): void {
    this.socket.terminate();
  }
}

const header =
  "<?xml version='1.0'?><stream:stream from='capulet.lit' id='s' version='1.0' xmlns='jabber:client' " +
  "xmlns:stream='http://etherx.jabber.org/streams'>";

/** As a server to a client that does everything right: greets, authenticates, binds, says goodbye. */
export class SmallServer {
  /** What each connection sent, in the order in which they came. */
  readonly received: string[] = [];
  readonly ended = new Set<number>();
  readonly sockets: Socket[] = [];
  readonly #server: Server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));

  get port(): number {
    return portOf(this.#server);
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Waits until connection `index` sent `text`. */
  async hears(text: string, index = 0): Promise<void> {
    await until(() => this.received[index]?.includes(text) === true);
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }

  #accept(socket: Socket): void {
    const index = this.sockets.push(socket) - 1;
    this.received.push("");
    let unread = "";
    socket.on("error", () => undefined);
    socket.on("end", () => {
      this.ended.add(index);
      socket.end();
    });
    socket.on("data", (chunk) => {
      this.received[index] += chunk.toString();
      unread += chunk.toString();
      for (const [pattern, answer] of answers) {
        const match = pattern.exec(unread);
        if (match === null) continue;
        unread = unread.slice(match.index + match[0].length);
        socket.write(answer);
        if (answer.startsWith("</")) socket.end();
      }
      // Longer than what is answered.
      unread = unread.slice(-1000);
    });
  }
}

const answers: readonly (readonly [RegExp, string])[] = [
  [/<stream:stream [^>]*>/, `${header}<stream:features/>`],
  [/<auth [^>]*>[^<]*<\/auth>/, `<success xmlns='${sasl}'/>`],
  [
    /<iq [^>]*id='b'.*?<\/iq>/s,
    "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/b</jid></bind></iq>",
  ],
  [/<\/stream:stream>/, "</stream:stream>"],
];

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

function parsed(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
