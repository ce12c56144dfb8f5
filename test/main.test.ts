import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { loadConfig, type Config } from "../src/config/index.js";
import { createLogger, type Logger } from "../src/log/index.js";
import { startProxy, type StreamProxy } from "../src/main.js";
import { takeHandover, writeHandover } from "../src/store/index.js";
import { makeCertificate, type Certificate } from "./support/certificate.js";
import { readUntil, sure, until } from "./relay/rig.js";

// The whole proxy in this process, in front of a server of a few lines. Ports are the system's choice.

let folder = "";
let certificate: Certificate;
const servers: Server[] = [];
const proxies: StreamProxy[] = [];
const sockets: Socket[] = [];
const logged: Record<string, unknown>[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-main-"));
  certificate = makeCertificate(folder, "capulet", ["capulet.lit"]);
  writeFileSync(join(folder, "secret"), "o-romeo", { mode: 0o600 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  for (const server of servers.splice(0)) server.close();
  logged.splice(0);
});

describe("starting", () => {
  test("opens the ports of the configuration and is ready", async () => {
    const proxy = await start();
    expect(proxy.addresses.map(({ kind, tls, host }) => [kind, tls, host])).toEqual([
      ["c2s", "starttls", "127.0.0.1"],
      ["c2s", "none", "127.0.0.1"],
      ["component", "none", "127.0.0.1"],
    ]);
    expect(proxy.readiness).toEqual({ ready: true, reasons: [] });
    expect((await ask(proxy, "/readyz")).status).toBe(200);
  });

  test("leaves nothing open when a port cannot be opened", async () => {
    const taken = await listening(createServer());
    const serverPort = await echoServer();
    const config = configOf(serverPort, { listen: [clear, { ...clear, port: portOf(taken) }] });
    await expect(startProxy(config, options())).rejects.toThrow(/another program has this port/);
    await expect(startProxy(config, options())).rejects.toThrow(/another program has this port/);
  });

  test("that fails leaves the streams of the process before it to the next one", async () => {
    const handoverFile = join(folder, "streams");
    const ledger = { senderAck: 0, receiverAck: 0, heard: 0, entries: [], repeats: [], repeatsLeft: 0 };
    const handed = {
      cid: "one.s",
      serverId: "s",
      domain: "capulet.lit",
      jid: "juliet@capulet.lit/balcony",
      namespace: "urn:xmpp:sm:3",
      management: { up: ledger, down: ledger, heldUp: [], heldDown: [] },
      questions: [],
    } as const;
    writeHandover(handoverFile, [handed, { ...handed, domain: "montague.lit" }], Date.now());
    const taken = await listening(createServer());
    const serverPort = await echoServer();
    const good = configOf(serverPort, { streamManagement: { handoverFile } });
    const early = { ...good, admin: { ...sure(good.admin), host: "192.0.2.1" } };
    await expect(startProxy(early, options())).rejects.toThrow();
    expect(logged.filter(({ event }) => event === "sessions-taken-over")).toEqual([]);
    const late = configOf(serverPort, {
      listen: [clear, { ...clear, port: portOf(taken) }],
      streamManagement: { handoverFile },
    });
    await expect(startProxy(late, options())).rejects.toThrow(/another program has this port/);
    const proxy = await start(serverPort, { streamManagement: { handoverFile } });
    expect(logged.filter(({ event }) => event === "sessions-taken-over").map(({ sessions }) => sessions)).toEqual([
      1, 1,
    ]);
    await proxy.close();
    expect(takeHandover(handoverFile, Date.now())?.sessions).toEqual([handed]);
  });

  test("relays a client's stream to the server behind", async () => {
    const proxy = await start();
    const client = await clientOf(proxy, 1);
    const header =
      "<stream:stream to='capulet.lit' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    const arrived = readUntil(client, "</message>");
    client.write(header);
    expect(await arrived).toContain("from='capulet.lit'");
  });
});

describe("docs/metrics.md", () => {
  test("describes every family that the program has, with its type and labels, and no other", async () => {
    const proxy = await start();
    const written = readFileSync(new URL("../docs/metrics.md", import.meta.url), "utf8");
    const described = [...written.matchAll(/^\| `([a-z_]+)` +\| (counter|gauge|histogram) +\| ([^|]*)\|/gm)].map(
      ([, name, type, labels]) => `${name} ${type} ${(labels ?? "").trim()}`,
    );
    const declared = proxy.families.map(
      ({ name, type, labels }) => `${name} ${type} ${labels.map((label) => `\`${label}\``).join(", ")}`,
    );
    expect(described.toSorted()).toEqual(declared.toSorted());
  });
});

describe("reloading", () => {
  test("replaces a certificate without dropping a connection", async () => {
    const serverPort = await echoServer();
    const proxy = await start(serverPort, { listen: [direct] });
    const before = await secureTo(proxy);
    const other = makeCertificate(folder, "capulet-new", ["capulet.lit"]);
    await proxy.reload(configOf(serverPort, { listen: [direct], tls: other }));
    const after = await secureTo(proxy);
    expect([before.destroyed, shown(before), shown(after)]).toEqual([false, certificate.pem.trim(), other.pem.trim()]);
    expect(await metric(proxy, 'caesura_config_reloads_total{outcome="success"}')).toBe(1);
  });

  test("a configuration whose port is taken changes nothing and is counted", async () => {
    const taken = await listening(createServer());
    const serverPort = await echoServer();
    const proxy = await start(serverPort, { listen: [clear] });
    const before = proxy.addresses;
    const worse = configOf(serverPort, { listen: [{ ...clear, port: portOf(taken) }], log: { level: "error" } });
    await expect(proxy.reload(worse)).rejects.toThrow(/another program has this port/);
    expect(proxy.addresses).toEqual(before);
    expect(proxy.readiness.ready).toBe(true);
    expect(await metric(proxy, 'caesura_config_reloads_total{outcome="failure"}')).toBe(1);
    expect(await metric(proxy, "caesura_config_last_reload_successful")).toBe(0);
  });

  test("a file that was refused before it came here is counted", async () => {
    const proxy = await start();
    proxy.reloadRefused([]);
    expect(await metric(proxy, 'caesura_config_reloads_total{outcome="failure"}')).toBe(1);
  });

  test("the samples of a rule that is deleted disappear", async () => {
    const serverPort = await echoServer();
    const mam = { "urn:xmpp:mam:2": { jid: "pubsub.capulet.lit" } };
    const proxy = await start(serverPort, {
      delegations: { ...mam, "jabber:iq:version": { jid: "pubsub.capulet.lit" } },
    });
    expect((await ask(proxy, "/metrics")).body).toContain('rule="jabber:iq:version"');
    await proxy.reload(configOf(serverPort, { delegations: mam }));
    const { body } = await ask(proxy, "/metrics");
    expect(body).not.toContain("jabber:iq:version");
    expect(body).toContain('rule="urn:xmpp:mam:2"');
  });

  test("two reloads at once happen one after the other, and the last one holds", async () => {
    const serverPort = await echoServer();
    const proxy = await start(serverPort, { listen: [clear] });
    await Promise.all([
      proxy.reload(configOf(serverPort, { listen: [clear, direct] })),
      proxy.reload(configOf(serverPort, { listen: [direct] })),
    ]);
    expect(proxy.addresses.map(({ tls }) => tls)).toEqual(["direct"]);
  });

  test("the administration port may move", async () => {
    const serverPort = await echoServer();
    const proxy = await start(serverPort);
    const before = sure(proxy.adminAddress).port;
    await proxy.reload(configOf(serverPort, { admin: { host: "127.0.0.2", port: await freePort() } }));
    expect((await ask(proxy, "/readyz")).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${before}/livez`)).rejects.toThrow();
  });
});

describe("stopping", () => {
  test("ends a client's stream with system-shutdown, then its connection (RFC 6120 §4.9.3.21)", async () => {
    const proxy = await start();
    const client = await clientOf(proxy, 1);
    client.write(
      "<stream:stream to='capulet.lit' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    );
    await readUntil(client, "</message>");
    const last = readUntil(client, undefined);
    client.once("end", () => client.end());
    await proxy.close();
    expect(await last).toMatch(/<system-shutdown .*<\/stream:stream>$/s);
    expect(proxy.connections).toBe(0);
  });

  test("is not ready while it drains, lives on, and is forced when the deadline passes", async () => {
    const serverPort = await echoServer();
    const proxy = await start(serverPort, { timeouts: { shutdown: "100ms" } });
    // A client that never hangs up.
    const client = await clientOf(proxy, 1);
    await until(() => proxy.connections === 1);
    const admin = sure(proxy.adminAddress).port;
    const closing = proxy.close();
    const answer = await fetch(`http://127.0.0.1:${admin}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { ready: false, reasons: ["draining", "not-listening"] },
    ]);
    expect((await fetch(`http://127.0.0.1:${admin}/livez`)).status).toBe(200);
    await closing;
    expect(logged).toContainEqual(expect.objectContaining({ event: "forced", connections: 1 }));
    client.destroy();
  });

  test("may be asked for twice", async () => {
    const proxy = await start();
    await Promise.all([proxy.close(), proxy.close()]);
    expect(proxy.readiness.reasons).toContain("closed");
  });

  test("refuses a reload afterwards", async () => {
    const serverPort = await echoServer();
    const proxy = await start(serverPort);
    await proxy.close();
    await expect(proxy.reload(configOf(serverPort))).rejects.toThrow(/being stopped/);
  });
});

const clear = { kind: "c2s", host: "127.0.0.1", port: 0, tls: "none" };
const direct = { ...clear, tls: "direct" };
const component = { kind: "component", host: "127.0.0.1", port: 0 };

interface Changes {
  readonly streamManagement?: Readonly<Record<string, unknown>>;
  readonly listen?: readonly Readonly<Record<string, unknown>>[];
  readonly tls?: Certificate;
  readonly delegations?: Readonly<Record<string, unknown>>;
  readonly admin?: { readonly host: string; readonly port: number };
  readonly timeouts?: Readonly<Record<string, string>>;
  readonly log?: { readonly level: string };
}

function configOf(serverPort: number, changes: Changes = {}): Config {
  const { cert, key } = { cert: (changes.tls ?? certificate).certFile, key: (changes.tls ?? certificate).keyFile };
  const written = {
    version: 1,
    domains: {
      "capulet.lit": {
        tls: { cert, key },
        server: { c2s: { host: "127.0.0.1", port: serverPort, tls: "none" } },
        components: { "pubsub.capulet.lit": { secretFile: join(folder, "secret") } },
        delegations: changes.delegations ?? {},
      },
    },
    listen: changes.listen ?? [{ ...clear, tls: "starttls" }, clear, component],
    admin: changes.admin ?? { host: "127.0.0.1", port: adminPort },
    timeouts: { drain: "1s", shutdown: "2s", ...changes.timeouts },
    log: changes.log ?? { level: "debug" },
    streamManagement: changes.streamManagement ?? {},
  };
  // JSON is YAML.
  const file = join(folder, "proxy.yaml");
  writeFileSync(file, JSON.stringify(written));
  const loaded = loadConfig(file, { env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

let adminPort = 0;

async function start(serverPort?: number, changes: Changes = {}): Promise<StreamProxy> {
  adminPort = await freePort();
  const proxy = await startProxy(configOf(serverPort ?? (await echoServer()), changes), options());
  proxies.push(proxy);
  return proxy;
}

function options(): { readonly log: Logger } {
  const write = (line: string): void => {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) logged.push({ ...value });
  };
  return { log: createLogger({ level: "debug", destination: { write } }) };
}

/** A server that answers any header with one of its own and a greeting. */
async function echoServer(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined).on("end", () => socket.end());
    socket.once("data", () =>
      socket.write(
        "<?xml version='1.0'?><stream:stream from='capulet.lit' id='s' version='1.0' xmlns='jabber:client' " +
          "xmlns:stream='http://etherx.jabber.org/streams'><stream:features/><message></message>",
      ),
    );
  });
  servers.push(server);
  return portOf(await listening(server));
}

async function clientOf(proxy: StreamProxy, index: number): Promise<Socket> {
  const { port } = sure(proxy.addresses[index]);
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

async function secureTo(proxy: StreamProxy): Promise<ReturnType<typeof connectTls>> {
  const { port } = sure(proxy.addresses[0]);
  const socket = connectTls({ port, host: "127.0.0.1", servername: "capulet.lit", rejectUnauthorized: false });
  sockets.push(socket);
  await once(socket, "secureConnect");
  return socket;
}

function shown(socket: ReturnType<typeof connectTls>): string {
  return sure(socket.getPeerX509Certificate()).toString().trim();
}

async function ask(proxy: StreamProxy, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const { address, port } = sure(proxy.adminAddress);
  const answer = await fetch(`http://${address}:${port}${path}`);
  return { status: answer.status, body: await answer.text() };
}

async function metric(proxy: StreamProxy, name: string): Promise<number> {
  const { body } = await ask(proxy, "/metrics");
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(sure(line).slice(name.length + 1));
}

async function listening(server: Server): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = await listening(createServer());
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}
