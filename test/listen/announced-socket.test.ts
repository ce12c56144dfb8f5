import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  Admission,
  Arrivals,
  Certificates,
  Listeners,
  listenerName,
  prepareCertificates,
  type ListenerSettings,
} from "../../src/listen/index.js";
import { Families } from "../../src/metrics/index.js";
import { Links, proxyHeader, RelayMetrics, Turns } from "../../src/relay/index.js";
import { makeCertificate } from "../support/certificate.js";
import { readUntil, ScriptedMachine, sure, until, type Script } from "../relay/rig.js";

const loopback = { from: [{ address: "127.0.0.1", prefix: 32 }] };
const clear: ListenerSettings = { kind: "c2s", tls: "none", host: "127.0.0.1", port: 0, proxyProtocol: loopback };
const direct: ListenerSettings = { ...clear, tls: "direct" };
const component: ListenerSettings = { ...clear, kind: "component" };

let folder = "";
let pair: { readonly cert: string; readonly key: string };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-announced-"));
  const { pem, keyFile } = makeCertificate(folder, "capulet", ["capulet.lit"]);
  pair = { cert: pem, key: readFileSync(keyFile, "utf8") };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const benches: Bench[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench.close();
});

const from = (address: string, port = 1000): Buffer => Buffer.from(`PROXY TCP4 ${address} 192.0.2.9 ${port} 5222\r\n`);
const local = proxyHeader("v2", undefined);
const v2 = proxyHeader("v2", {
  source: { address: "2001:db8::1", port: 1000 },
  destination: { address: "2001:db8::9", port: 5222 },
});

describe("a connection from a trusted proxy", () => {
  test.each<readonly [string, Buffer, string]>([
    ["v1", from("192.0.2.1"), "192.0.2.1"],
    ["v2", v2, "2001:db8::1"],
    ["v2 LOCAL", local, "127.0.0.1"],
    ["v1 UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), "127.0.0.1"],
  ])("is the client's that %s names, and what is behind the header is untouched", async (_, header, address) => {
    const bench = await serve(clear);
    const whole = await bench.plain();
    whole.write(Buffer.concat([header, Buffer.from("<stream>")]));
    expect(await readUntil(whole, ">")).toBe("<stream>");
    const pieces = await bench.plain();
    pieces.setNoDelay(true);
    for (const byte of [...header, ...Buffer.from("<stream>")]) {
      pieces.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await readUntil(pieces, ">")).toBe("<stream>");
    expect(bench.remotes).toEqual([address, address]);
    whole.write("PROXY TCP4 192.0.2.66 192.0.2.9 1 2\r\n");
    expect(await readUntil(whole, "\n")).toBe("PROXY TCP4 192.0.2.66 192.0.2.9 1 2\r\n");
  });

  test("may be a component's", async () => {
    const bench = await serve(component);
    const socket = await bench.plain();
    socket.write(Buffer.concat([v2, Buffer.from("<stream>")]));
    expect(await readUntil(socket, ">")).toBe("<stream>");
  });

  test.each([false, true])("goes on with TLS, also in the same packet (%s)", async (isOne) => {
    const bench = await serve(direct);
    const port = await bench.fronted(from("192.0.2.1"), isOne);
    const socket = connectTls({ port, host: "127.0.0.1", ca: pair.cert, servername: "capulet.lit" });
    bench.owns(socket);
    await once(socket, "secureConnect");
    socket.write("<stream>");
    expect(await readUntil(socket, ">")).toBe("<stream>");
    expect(bench.remotes).toEqual(["192.0.2.1"]);
  });

  test.each([0, 8, 1024 * 1024])("may carry %i bytes behind its header, and end there", async (length) => {
    const bench = await serve(clear);
    const socket = await bench.plain();
    const words = "w".repeat(length);
    socket.end(`${from("192.0.2.1").toString()}${words}`);
    expect(await readUntil(socket, undefined)).toBe(words);
  });

  test("counts against the limit of the client's address, not of the proxy's", async () => {
    const bench = await serve(clear, { connections: 100, connectionsPerAddress: 1 });
    const first = await bench.said(from("192.0.2.1"));
    await bench.said(from("192.0.2.2"));
    const third = await bench.plain();
    third.write(from("192.0.2.1"));
    third.resume();
    await once(third, "end");
    expect(await bench.rejected()).toEqual({ connections_per_address: 1 });
    first.destroy();
    await until(() => bench.links.size === 1);
    await bench.said(from("192.0.2.1"));
  });

  test("counts against the limit of all connections while its header is awaited", async () => {
    const bench = await serve(clear, { connections: 1, connectionsPerAddress: 0 });
    const silent = await bench.plain();
    silent.write("PROXY ");
    await until(() => bench.accepted === 1);
    const second = await bench.plain();
    second.resume();
    await once(second, "end");
    expect(await bench.rejected()).toEqual({ connections: 1 });
    silent.write("UNKNOWN\r\n<stream>");
    expect(await readUntil(silent, ">")).toBe("<stream>");
  });

  test("may come over IPv4 to a listener for both families", async () => {
    const bench = await serve({ ...clear, host: "::" });
    await bench.said(from("192.0.2.1"));
    expect(bench.remotes).toEqual(["192.0.2.1"]);
  });
});

describe("a connection is refused", () => {
  test.each<readonly [string, string]>([
    ["<?xml version='1.0'?><stream>", "proxy_missing"],
    ["\x16\x03\x01", "proxy_missing"],
    ["PROXY TCP4 192.0.2.1\r\n<stream>", "proxy_malformed"],
    ["\r\n\r\n\0\r\nQUIT\n\x11", "proxy_malformed"],
  ])("whose first bytes are %j, and is counted (%s)", async (bytes, reason) => {
    const bench = await serve(clear, { connections: 1, connectionsPerAddress: 0 });
    const socket = await bench.plain();
    socket.resume();
    socket.write(Buffer.from(bytes, "latin1"));
    await once(socket, "close");
    expect(await bench.rejected()).toEqual({ [reason]: 1 });
    expect(bench.logged).toMatchObject([{ level: 40, event: "rejected", reason, remote: "127.0.0.1" }]);
    // Nothing of it is left: the one place that there is is free.
    await bench.said(from("192.0.2.1"));
    expect(bench.remotes).toEqual(["192.0.2.1"]);
  });

  test.each(["P", "PROXY TCP4 192.0.2.1", "\r\n\r\n\0\r\nQUIT\n!"])("that ends behind %j", async (bytes) => {
    const bench = await serve(clear, { connections: 1, connectionsPerAddress: 0 });
    const socket = await bench.plain();
    socket.resume();
    socket.end(Buffer.from(bytes, "latin1"));
    await once(socket, "close");
    expect(await bench.rejected()).toEqual({ proxy_truncated: 1 });
    await bench.said(from("192.0.2.1"));
  });

  test.each(["", "PROXY TCP4", "PROXY UNKNOWN\r\n"])("that says %j and no more within the deadline", async (bytes) => {
    const bench = await serve(clear, { connections: 1, connectionsPerAddress: 0 }, 30);
    const socket = await bench.plain();
    socket.resume();
    socket.write(bytes);
    await once(socket, "close");
    expect(await bench.rejected()).toEqual({ proxy_timeout: 1 });
    await bench.said(from("192.0.2.1"));
  });

  test("that comes from elsewhere, whatever it says", async () => {
    const bench = await serve({ ...clear, proxyProtocol: { from: [{ address: "192.0.2.0", prefix: 24 }] } });
    const socket = await bench.plain();
    socket.on("error", () => undefined).resume();
    await once(socket, "close");
    expect(await bench.rejected()).toEqual({ proxy_untrusted: 1 });
    expect(bench.logged).toMatchObject([{ level: 40, reason: "proxy_untrusted", remote: "127.0.0.1" }]);
    expect(bench.remotes).toEqual([]);
  });
});

describe("a health check leaves no trace", () => {
  test.each<readonly [string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["LOCAL", local],
    ["UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n")],
  ])("that says %s and hangs up, in order or not", async (_, bytes) => {
    const bench = await serve(clear, { connections: 1, connectionsPerAddress: 0 });
    const orderly = await bench.plain();
    orderly.resume();
    orderly.end(bytes);
    await once(orderly, "close");
    const rude = await bench.plain();
    rude.write(bytes);
    await until(() => bench.accepted === 2);
    rude.resetAndDestroy();
    // The place is free again when the reset has been seen.
    for (;;) {
      const next = await bench.plain();
      next.write(Buffer.concat([from("192.0.2.1"), Buffer.from("<stream>")]));
      const answer = await Promise.race([readUntil(next, ">").catch(() => ""), once(next, "end").then(() => "")]);
      if (answer === "<stream>") break;
    }
    const { connections: _full, ...refused } = await bench.rejected();
    expect(refused).toEqual({});
    expect(bench.logged.filter(({ level }) => level !== 20)).toEqual([]);
    expect(bench.remotes).toEqual(["192.0.2.1"]);
  });
});

describe("a listener", () => {
  test("that is closed serves those whose header it awaits", async () => {
    const bench = await serve(clear);
    const socket = await bench.plain();
    socket.write("PROXY ");
    await until(() => bench.accepted === 1);
    bench.listeners.close();
    const settled = bench.arrivals.settled(60_000);
    socket.write("TCP4 192.0.2.1 192.0.2.2 5 5222\r\n<stream>");
    expect(await readUntil(socket, ">")).toBe("<stream>");
    await settled;
    expect(await bench.rejected()).toEqual({});
  });

  test("that is closed hangs up on those that take too long", async () => {
    const bench = await serve(clear);
    const socket = await bench.plain();
    socket.resume();
    socket.write("PROXY ");
    await until(() => bench.accepted === 1);
    bench.listeners.close();
    await bench.arrivals.settled(10);
    // In order or by a reset: what the peer said meanwhile may be unread.
    await new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    expect(await bench.rejected()).toEqual({});
  });

  test("may begin and cease to expect headers by a reload", async () => {
    const { proxyProtocol: _, ...without } = clear;
    const bench = await serve(without);
    const before = await bench.plain();
    before.write("<stream>");
    expect(await readUntil(before, ">")).toBe("<stream>");
    await bench.listeners.configure([clear]);
    await bench.said(from("192.0.2.1"));
    await bench.listeners.configure([without]);
    const after = await bench.plain();
    after.write("<stream>");
    expect(await readUntil(after, ">")).toBe("<stream>");
    expect(bench.remotes).toEqual(["127.0.0.1", "192.0.2.1", "127.0.0.1"]);
  });
});

const echo: Script = {
  bytes: (performer, leg, chunk) => performer.send(leg, chunk),
  finished: (performer) => performer.report({ kind: "ended", reason: "clean" }),
  closed: (performer) => performer.report({ kind: "ended", reason: "clean" }),
};

class Bench {
  readonly families = new Families();
  readonly listeners: Listeners;
  readonly logged: Record<string, unknown>[] = [];
  /** Where the clients of the links were, in the order in which these began. */
  readonly remotes: string[] = [];
  readonly links = new (class extends Links {
    readonly #remotes: string[];
    constructor(remotes: string[]) {
      super();
      this.#remotes = remotes;
    }
    override add(link: Parameters<Links["add"]>[0]): void {
      this.#remotes.push(link.remoteAddress);
      super.add(link);
    }
  })(this.remotes);
  readonly arrivals = new Arrivals();
  readonly #admission: CountingAdmission;
  readonly #settings: ListenerSettings;
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  constructor(
    settings: ListenerSettings,
    limits: { readonly connections: number; readonly connectionsPerAddress: number },
    headerMs: number,
  ) {
    this.#settings = settings;
    this.#admission = new CountingAdmission(limits);
    const metrics = new RelayMetrics(this.families);
    const certificates = new Certificates();
    const timeouts = { tlsMs: 0, headerMs, connectMs: 0, authenticationMs: 0, drainMs: 60_000, idleMs: 0 };
    const log = pino({ level: "debug" }, { write: (text: string) => void this.logged.push(parsed(text)) });
    this.listeners = new Listeners(
      {
        surroundings: { turns: new Turns(), metrics, log, timeouts, upstream: () => undefined },
        links: this.links,
        admission: this.#admission,
        arrivals: this.arrivals,
        certificates,
        limits: () => {
          throw new Error("only WebSocket asks for them");
        },
        openMachine: (_settings, performer) => new ScriptedMachine(performer, echo),
      },
      metrics,
    );
    certificates.use(prepareCertificates([{ domain: "capulet.lit", ...pair }]));
  }

  /** Connections that were let in so far. */
  get accepted(): number {
    return this.#admission.entered;
  }

  owns(socket: Socket): void {
    this.#sockets.push(socket);
  }

  async plain(): Promise<Socket> {
    const socket = connect({ port: sure(this.listeners.addresses[0]).port, host: "127.0.0.1" });
    this.owns(socket);
    await once(socket, "connect");
    return socket;
  }

  /** A connection that began with a header and is served. */
  async said(header: Buffer): Promise<Socket> {
    const socket = await this.plain();
    socket.write(Buffer.concat([header, Buffer.from("<stream>")]));
    expect(await readUntil(socket, ">")).toBe("<stream>");
    return socket;
  }

  /** A port of a small proxy that writes `header`, alone or in one packet with the client's first bytes. */
  async fronted(header: Buffer, isOne: boolean): Promise<number> {
    const { port } = sure(this.listeners.addresses[0]);
    const server = createServer((client) => {
      const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
      this.owns(client);
      this.owns(upstream);
      upstream.pipe(client);
      if (!isOne) upstream.write(header);
      client.once("data", (first) => {
        upstream.write(isOne ? Buffer.concat([header, first]) : first);
        client.pipe(upstream);
      });
    });
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  /** Reason → refused connections, less those that did not happen. */
  async rejected(): Promise<Readonly<Record<string, number>>> {
    const text = await this.families.text();
    const name = listenerName(this.#settings).replaceAll("[", "\\[").replaceAll("]", "\\]");
    const samples = text.matchAll(
      new RegExp(`^caesura_connections_rejected_total\\{listener="${name}",reason="(\\w+)"\\} (\\d+)$`, "gm"),
    );
    return Object.fromEntries(
      [...samples].flatMap(([, reason = "", count]) => (count === "0" ? [] : [[reason, Number(count)]])),
    );
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    this.listeners.close();
  }
}

class CountingAdmission extends Admission {
  entered = 0;
  override enter(address?: string): ReturnType<Admission["enter"]> {
    const refusal = super.enter(address);
    if (refusal === undefined) this.entered++;
    return refusal;
  }
}

async function serve(
  settings: ListenerSettings,
  limits = { connections: 100, connectionsPerAddress: 0 },
  headerMs = 60_000,
): Promise<Bench> {
  const bench = new Bench(settings, limits, headerMs);
  benches.push(bench);
  await bench.listeners.configure([settings]);
  return bench;
}

function parsed(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
