import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
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
import { Links, RelayMetrics, Turns } from "../../src/relay/index.js";
import { makeCertificate } from "../support/certificate.js";
import { readUntil, ScriptedMachine, sure, until, type Script } from "../relay/rig.js";

const starttls: ListenerSettings = { kind: "c2s", tls: "starttls", host: "127.0.0.1", port: 0 };
const direct: ListenerSettings = { ...starttls, tls: "direct" };
const clear: ListenerSettings = { ...starttls, tls: "none" };

let folder = "";
const pairs = new Map<string, { readonly cert: string; readonly key: string }>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-listen-"));
  for (const [name, domain] of [
    ["capulet", "capulet.lit"],
    ["capulet-new", "capulet.lit"],
    ["montague", "montague.lit"],
    ["buecher", "xn--bcher-kva.lit"],
  ] as const) {
    const { pem, keyFile } = makeCertificate(folder, name, [domain]);
    pairs.set(name, { cert: pem, key: readFileSync(keyFile, "utf8") });
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const benches: Bench[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench.close();
});

describe("certificates by name (RFC 6066 §3)", () => {
  test.each([
    ["capulet.lit", "capulet"],
    ["montague.lit", "montague"],
    ["MONTAGUE.lit", "montague"],
    ["xn--bcher-kva.lit", "buecher"],
    ["verona.lit", "capulet"],
    [undefined, "capulet"],
  ])("a client that asks for %s gets the certificate of %s", async (servername, name) => {
    const bench = await serve([direct]);
    const socket = await bench.secure(servername === undefined ? {} : { servername });
    expect(certificateOf(socket)).toBe(name);
  });

  test("a certificate that is replaced serves the next handshake and leaves connections alone", async () => {
    const bench = await serve([direct]);
    const before = await bench.secure({ servername: "capulet.lit" });
    bench.certificates.use(prepareCertificates([{ domain: "capulet.lit", ...pair("capulet-new") }]));
    const after = await bench.secure({ servername: "capulet.lit" });
    expect([certificateOf(before), certificateOf(after)]).toEqual(["capulet", "capulet-new"]);
    const echoed = readUntil(before, "still here");
    before.write("still here");
    expect(await echoed).toBe("still here");
  });

  test("a pair that does not fit is not taken", () => {
    const mixed = { cert: pair("capulet").cert, key: pair("montague").key };
    expect(() => prepareCertificates([{ domain: "capulet.lit", ...mixed }])).toThrow(/key values mismatch/);
  });

  test("tells when each certificate expires", () => {
    const { expiry } = prepareCertificates([{ domain: "capulet.lit", ...pair("capulet") }]);
    const days = (sure(expiry.get("capulet.lit")) - Date.now() / 1000) / 86_400;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThan(31);
  });
});

describe("protocols by ALPN (XEP-0368 §3)", () => {
  test("serves a client that offers xmpp-client", async () => {
    const bench = await serve([direct]);
    expect((await bench.secure({ ALPNProtocols: ["xmpp-client"] })).alpnProtocol).toBe("xmpp-client");
  });

  test("serves a client that offers xmpp-client among others", async () => {
    const bench = await serve([direct]);
    expect((await bench.secure({ ALPNProtocols: ["h2", "xmpp-client"] })).alpnProtocol).toBe("xmpp-client");
  });

  test("serves a client that offers nothing", async () => {
    const bench = await serve([direct]);
    expect((await bench.secure({})).alpnProtocol).toBe(false);
  });

  test("refuses a client that offers other protocols only", async () => {
    const bench = await serve([direct]);
    await expect(bench.secure({ ALPNProtocols: ["h2", "http/1.1"] })).rejects.toThrow(/no application protocol/);
  });
});

describe("limits", () => {
  test("refuses a connection beyond the limit by an orderly end, and counts it", async () => {
    const bench = await serve([clear], { connections: 1, connectionsPerAddress: 0 });
    const first = await bench.plain();
    const second = await bench.plain();
    second.resume();
    // An end, not a reset: `once` would reject with an error.
    await once(second, "end");
    expect(await bench.families.text()).toContain(
      `caesura_connections_rejected_total{listener="${listenerName(clear)}",reason="connections"} 1`,
    );
    first.destroy();
  });

  test("a client that has left makes room for another", async () => {
    const bench = await serve([clear], { connections: 1, connectionsPerAddress: 0 });
    const first = await bench.plain();
    await until(() => bench.links.size === 1);
    first.destroy();
    await until(() => bench.links.size === 0);
    const second = await bench.plain();
    const echoed = readUntil(second, "hello");
    second.write("hello");
    expect(await echoed).toBe("hello");
  });
});

describe("addresses", () => {
  test("a port that another program has is an error that says so", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = addressOf(other.address());
    await expect(serve([{ ...clear, port }])).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: another program has this port`,
    );
    other.close();
  });

  test("an address that this machine does not have is an error that says so", async () => {
    await expect(serve([{ ...clear, host: "192.0.2.1" }])).rejects.toThrow(/no such address/);
  });

  test("a reload opens what is new, closes what is gone and touches no connection", async () => {
    const bench = await serve([clear]);
    const [old] = bench.listeners.addresses;
    const connected = await bench.plain();
    const added = { ...clear, host: "127.0.0.2" };
    await bench.listeners.configure([added]);
    expect(bench.listeners.addresses.map(({ host }) => host)).toEqual(["127.0.0.2"]);
    await expect(bench.plain(sure(old).port)).rejects.toThrow(/ECONNREFUSED/);
    const echoed = readUntil(connected, "still here");
    connected.write("still here");
    expect(await echoed).toBe("still here");
  });

  test("a reload that cannot open a port leaves everything as it was", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = addressOf(other.address());
    const bench = await serve([clear]);
    const before = bench.listeners.addresses;
    await expect(
      bench.listeners.configure([
        { ...clear, host: "127.0.0.2" },
        { ...clear, port },
      ]),
    ).rejects.toThrow();
    expect(bench.listeners.addresses).toEqual(before);
    (await bench.plain()).destroy();
    other.close();
  });

  test("a reload may move a port to another address", async () => {
    const bench = await serve([{ ...clear, host: "0.0.0.0", port: await freePort() }]);
    const [before] = bench.listeners.addresses;
    await bench.listeners.configure([{ ...clear, port: sure(before).port }]);
    expect(bench.listeners.addresses).toMatchObject([{ host: "127.0.0.1", port: sure(before).port }]);
    (await bench.plain()).destroy();
  });

  test("a reload may change how a port is served", async () => {
    const bench = await serve([clear]);
    await bench.listeners.configure([direct]);
    expect(certificateOf(await bench.secure({}))).toBe("capulet");
  });

  test("closing stops new connections and touches no other", async () => {
    const bench = await serve([clear]);
    const [address] = bench.listeners.addresses;
    const connected = await bench.plain();
    bench.listeners.close();
    await expect(bench.plain(sure(address).port)).rejects.toThrow(/ECONNREFUSED/);
    const echoed = readUntil(connected, "still here");
    connected.write("still here");
    expect(await echoed).toBe("still here");
  });
});

const echo: Script = {
  bytes: (performer, leg, chunk) => performer.send(leg, chunk),
  finished: (performer) => performer.report({ kind: "ended", reason: "clean" }),
  closed: (performer) => performer.report({ kind: "ended", reason: "clean" }),
};

class Bench {
  readonly families = new Families();
  readonly links = new Links();
  readonly certificates = new Certificates();
  readonly listeners: Listeners;
  readonly #sockets: Socket[] = [];

  constructor(limits: { readonly connections: number; readonly connectionsPerAddress: number }) {
    const metrics = new RelayMetrics(this.families);
    const forever = { tlsMs: 0, headerMs: 0, connectMs: 0, authenticationMs: 0, drainMs: 60_000, idleMs: 0 };
    this.listeners = new Listeners(
      {
        surroundings: {
          turns: new Turns(),
          metrics,
          log: pino({ enabled: false }),
          timeouts: forever,
          upstream: () => undefined,
        },
        links: this.links,
        admission: new Admission(limits),
        arrivals: new Arrivals(),
        certificates: this.certificates,
        limits: () => {
          throw new Error("only WebSocket asks for them");
        },
        openMachine: (_settings, performer) => new ScriptedMachine(performer, echo),
      },
      metrics,
    );
    this.certificates.use(
      prepareCertificates([
        { domain: "capulet.lit", ...pair("capulet") },
        { domain: "montague.lit", ...pair("montague") },
        { domain: "xn--bcher-kva.lit", ...pair("buecher") },
      ]),
    );
  }

  /** Connects to the first listener, or to another port of this machine. */
  async plain(port = sure(this.listeners.addresses[0]).port): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1" });
    this.#sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  async secure(options: ConnectionOptions): Promise<TLSSocket> {
    const { port } = sure(this.listeners.addresses[0]);
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
    this.#sockets.push(socket);
    await once(socket, "secureConnect");
    return socket;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.listeners.close();
  }
}

async function serve(
  settings: readonly ListenerSettings[],
  limits = { connections: 100, connectionsPerAddress: 0 },
): Promise<Bench> {
  const bench = new Bench(limits);
  benches.push(bench);
  await bench.listeners.configure(settings);
  return bench;
}

function pair(name: string): { readonly cert: string; readonly key: string } {
  return sure(pairs.get(name));
}

/** The name under which the certificate that a server showed was made. */
function certificateOf(socket: TLSSocket): string | undefined {
  const shown = sure(socket.getPeerX509Certificate()).toString().trim();
  return [...pairs].find(([, { cert }]) => cert.trim() === shown)?.[0];
}

function addressOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): { readonly port: number } {
  if (address === null || typeof address === "string") throw new Error("no port");
  return address;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const { port } = addressOf(server.address());
  server.close();
  await once(server, "close");
  return port;
}
