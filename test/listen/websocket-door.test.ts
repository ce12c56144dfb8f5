import { request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { readUntil, until } from "../relay/rig.js";
import { Bench, open, plain, type BenchOptions, upgrade } from "./websocket-bench.js";

const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.stop()));
});

async function start(options?: BenchOptions): Promise<Bench> {
  const bench = await Bench.start(options);
  benches.push(bench);
  return bench;
}

const secure = { ...plain, tls: "direct" } as const;
const announced = { ...plain, proxyProtocol: { from: ["127.0.0.1"] } } as const;

/** Sends bytes, and gives all that comes back until the end. */
async function talk(bench: Bench, bytes: string): Promise<string> {
  const socket = await bench.raw();
  const answer = readUntil(socket, undefined);
  socket.write(bytes);
  return answer;
}

/** What a request for a path is answered. */
async function ask(
  bench: Bench,
  path: string,
  { host = "capulet.lit", method = "GET" } = {},
): Promise<{
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}> {
  const asked = request({ port: bench.port, host: "127.0.0.1", path, method, agent: false, headers: { Host: host } });
  asked.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once("response", resolve).once("error", reject);
  });
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode, headers: response.headers, body };
}

describe("the handshake (RFC 6455 §4.2, RFC 7395 §3.1)", () => {
  test("agrees on the subprotocol xmpp, and on no extension", async () => {
    const bench = await start();
    const { socket } = await bench.client({ protocols: ["other", "xmpp"], perMessageDeflate: true });
    expect([socket.protocol, socket.extensions]).toEqual(["xmpp", ""]);
  });

  test("a client may send its <open/> behind the request, in one segment", async () => {
    const bench = await start();
    const socket = await bench.raw();
    const mask = Buffer.from([0, 0, 0, 0]);
    socket.write(
      Buffer.concat([Buffer.from(upgrade), Buffer.from([0x81, 0x80 | open.length]), mask, Buffer.from(open)]),
    );
    const answer = await readUntil(socket, "<stream:features");
    expect(answer).toContain("HTTP/1.1 101 Switching Protocols\r\n");
    expect(answer).toContain("<open ");
  });

  test.each<readonly [string, Parameters<Bench["client"]>[0], BenchOptions["listeners"], number, string]>([
    ["another path", { path: "/ws" }, [plain], 404, "http_not_found"],
    ["another subprotocol", { protocols: ["mqtt"] }, [plain], 400, "websocket_protocol"],
    ["no subprotocol", { protocols: [] }, [plain], 400, "websocket_protocol"],
    [
      "an origin that is not in the list",
      { origin: "https://evil.lit" },
      [{ ...plain, origins: ["https://chat.capulet.lit"] }],
      403,
      "websocket_origin",
    ],
    [
      "the origin of a local file, with a list",
      { origin: "null" },
      [{ ...plain, origins: ["https://chat.capulet.lit"] }],
      403,
      "websocket_origin",
    ],
  ])("%s is refused, and counted by reason", async (_, options, listeners = [], status, reason) => {
    const bench = await start({ listeners });
    await expect(bench.client(options)).rejects.toThrow(`Unexpected server response: ${status}`);
    expect(await bench.rejected(reason)).toBe(1);
    expect(bench.logged).toContainEqual(expect.objectContaining({ event: "rejected", reason, remote: "127.0.0.1" }));
    expect(bench.proxy.connections).toBe(0);
  });

  test.each([
    ["an origin of the list, in other letters", { origin: "https://CHAT.capulet.lit" }],
    ["no origin, as of a program", {}],
    ["a query behind the path", { path: "/xmpp-websocket?x=1" }],
  ])("%s is let in", async (_, options) => {
    const bench = await start({ listeners: [{ ...plain, origins: ["https://Chat.Capulet.lit"] }] });
    const client = await bench.client(options);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  test.each([
    ["no HTTP", "<stream:stream to='capulet.lit'>\r\n\r\n", "400", "http_malformed"],
    ["a request without Host", "GET /xmpp-websocket HTTP/1.1\r\n\r\n", "400", undefined],
    ["headers without end", `GET / HTTP/1.1\r\nX: ${"x".repeat(10_000)}`, "431", "http_malformed"],
    ["another version of WebSocket", upgrade.replace(": 13", ": 7"), "400", "websocket_malformed"],
    ["a key that is none", upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", "x"), "400", "websocket_malformed"],
    ["another method", upgrade.replace("GET", "POST"), "400", "websocket_malformed"],
    ["another protocol", upgrade.replace("Upgrade: websocket", "Upgrade: h2c"), "400", "websocket_malformed"],
    ["a plain request", "GET /xmpp-websocket HTTP/1.1\r\nHost: capulet.lit\r\n\r\n", "426", "websocket_malformed"],
    ["a request for something else", "GET / HTTP/1.1\r\nHost: capulet.lit\r\n\r\n", "404", "http_not_found"],
  ])("%s is answered with an error and the end of the connection", async (_, bytes, status, reason) => {
    const bench = await start();
    expect(await talk(bench, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (reason !== undefined) expect(await bench.rejected(reason)).toBe(1);
  });

  test("one connection has one request", async () => {
    const bench = await start();
    const one = "GET / HTTP/1.1\r\nHost: capulet.lit\r\n\r\n";
    const answer = await talk(bench, one + one + upgrade);
    expect(answer.match(/HTTP\/1\.1 404/g)).toHaveLength(1);
    expect(answer).not.toContain("101");
    expect(bench.proxy.connections).toBe(0);
  });

  test("who says nothing in time is closed, and so is who goes on saying a little", async () => {
    const bench = await start({ timeouts: { header: "200ms" } });
    const [silent, slow] = [await bench.raw(), await bench.raw()];
    slow.write("GET /xmpp-websocket HTTP/1.1\r\nX: ");
    const trickle = setInterval(() => slow.write("x"), 20);
    silent.resume();
    // Who writes on when the connection was closed may be told so by a reset.
    slow.resume().on("error", () => undefined);
    await Promise.all([silent, slow].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    clearInterval(trickle);
    expect(await bench.rejected("http_timeout")).toBe(2);
  });

  test("who reads no answer is closed at the deadline", async () => {
    const bench = await start({ timeouts: { header: "200ms" } });
    const socket = await bench.raw();
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nHost: capulet.lit\r\n\r\n");
    await until(() => bench.logged.some(({ event }) => event === "rejected"));
    await once(socket.resume(), "close");
  });
});

describe("limits", () => {
  test("connections count before and after the handshake, once each, and make room when they end", async () => {
    const bench = await start({ limits: { connections: 2 } });
    const first = await bench.raw();
    const client = await bench.client();
    await expect(bench.client()).rejects.toThrow();
    expect(await bench.rejected("connections")).toBe(1);
    first.destroy();
    await untilAdmitted(bench);
    client.destroy();
    await bench.untilIdle();
    await untilAdmitted(bench);
    await untilAdmitted(bench);
  });

  /** Lets clients in until one is; it leaves at once. */
  async function untilAdmitted(bench: Bench): Promise<void> {
    for (;;) {
      try {
        const client = await bench.client();
        client.destroy();
        return;
      } catch {
        // Not yet.
      }
    }
  }

  test("the address that a proxy in front tells is the one that counts", async () => {
    const bench = await start({ listeners: [announced], limits: { connectionsPerAddress: 1 } });
    const header = (address: string): string => `PROXY TCP4 ${address} 192.0.2.1 40000 443\r\n`;
    const first = await bench.raw();
    const greeted = readUntil(first, "\r\n\r\n");
    first.write(header("198.51.100.1") + upgrade);
    expect(await greeted).toContain("101");
    expect(await talk(bench, header("198.51.100.1") + upgrade)).toBe("");
    expect(await bench.rejected("connections_per_address")).toBe(1);
    const second = await bench.raw();
    const again = readUntil(second, "\r\n\r\n");
    second.write(header("198.51.100.2") + upgrade);
    expect(await again).toContain("101");
  });
});

describe("TLS", () => {
  async function handshake(bench: Bench, options: ConnectionOptions): Promise<ReturnType<typeof connectTls>> {
    const socket = connectTls({ port: bench.port, host: "127.0.0.1", ca: bench.certificate.pem, ...options });
    bench.owns(socket);
    await once(socket, "secureConnect");
    return socket;
  }

  test("a client is served over wss with the domain's certificate", async () => {
    const bench = await start({ listeners: [secure] });
    const client = await bench.client({ ca: bench.certificate.pem, servername: "capulet.lit" });
    await client.login();
    expect(await bench.metric('caesura_tls_handshakes_total{leg="client",outcome="done"}')).toBe(1);
  });

  test.each([
    [["http/1.1"], "http/1.1"],
    [["h2", "http/1.1"], "http/1.1"],
    [undefined, false],
  ])("a client that offers %s by ALPN gets %s (RFC 7301)", async (offered, chosen) => {
    const bench = await start({ listeners: [secure] });
    const socket = await handshake(bench, offered === undefined ? {} : { ALPNProtocols: offered });
    expect(socket.alpnProtocol).toBe(chosen);
  });

  test("a client that offers XMPP or HTTP/2 alone is refused, so that no protocol is taken for another", async () => {
    const bench = await start({ listeners: [secure] });
    await expect(handshake(bench, { ALPNProtocols: ["xmpp-client", "h2"] })).rejects.toThrow(/no application protocol/);
    expect(await bench.rejected("tls_failed")).toBe(1);
  });

  test.each([
    ["no TLS", "GET / HTTP/1.1\r\n\r\n", false],
    ["nothing but the end", "", true],
  ])("%s is refused and counted", async (_, bytes, ends) => {
    const bench = await start({ listeners: [secure] });
    const socket = await bench.raw();
    socket.resume();
    socket.write(bytes);
    if (ends) socket.end();
    await once(socket, "close");
    expect(await bench.rejected("tls_failed")).toBe(1);
    expect(await bench.metric('caesura_tls_handshakes_total{leg="client",outcome="failed"}')).toBe(1);
  });

  test("a PROXY header goes before TLS, and names the client in the log", async () => {
    const bench = await start({ listeners: [{ ...announced, tls: "direct" }] });
    const socket = await bench.raw();
    socket.write("PROXY TCP4 198.51.100.1 192.0.2.1 40000 443\r\n");
    const tls = connectTls({ socket, ca: bench.certificate.pem, servername: "capulet.lit" });
    bench.owns(tls);
    const greeted = readUntil(tls, "\r\n\r\n");
    tls.write(upgrade);
    expect(await greeted).toContain("101");
    tls.destroy();
    await bench.untilIdle();
    expect(bench.logged).toContainEqual(expect.objectContaining({ event: "ended", remote: "198.51.100.1" }));
  });
});

describe("the host's metadata (XEP-0156)", () => {
  test("is answered as XRD and as JSON, for scripts of every origin", async () => {
    const bench = await start();
    const xrd = await ask(bench, "/.well-known/host-meta");
    expect(xrd.body).toBe(
      "<?xml version='1.0' encoding='utf-8'?>\n" +
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">' +
        '<Link rel="urn:xmpp:alt-connections:websocket" href="wss://capulet.lit/xmpp-websocket"/></XRD>\n',
    );
    const json = await ask(bench, "/.well-known/host-meta.json");
    expect(JSON.parse(json.body)).toEqual({
      links: [{ rel: "urn:xmpp:alt-connections:websocket", href: "wss://capulet.lit/xmpp-websocket" }],
    });
    expect(
      [xrd, json].map(({ status, headers }) => [
        status,
        headers["content-type"],
        headers["access-control-allow-origin"],
      ]),
    ).toEqual([
      [200, "application/xrd+xml", "*"],
      [200, "application/json", "*"],
    ]);
    expect(
      await bench.metric('caesura_host_meta_requests_total{listener="websocket:127.0.0.1:0",outcome="answered"}'),
    ).toBe(2);
  });

  test.each([
    ["another host", "montague.lit"],
    ["something behind the host", "capulet.lit.evil.lit"],
    ["markup", "capulet.lit'/><x"],
    ["no host", ""],
  ])("%s is answered with 404 and never repeated", async (_, host) => {
    const bench = await start();
    const { status, body } = await ask(bench, "/.well-known/host-meta", { host });
    expect([status, body]).toEqual([404, ""]);
    expect(
      await bench.metric('caesura_host_meta_requests_total{listener="websocket:127.0.0.1:0",outcome="unknown_host"}'),
    ).toBe(1);
  });

  test("of the host asked for, the port is not repeated", async () => {
    const bench = await start();
    const { body } = await ask(bench, "/.well-known/host-meta.json", { host: "CAPULET.lit:1337" });
    expect(body).toContain('"wss://capulet.lit/xmpp-websocket"');
  });

  test("with TLS here the port is that of the listener; behind a proxy, the one that it tells", async () => {
    const direct = await start({ listeners: [secure] });
    const socket = connectTls({ port: direct.port, host: "127.0.0.1", ca: direct.certificate.pem });
    direct.owns(socket);
    const answer = readUntil(socket, undefined);
    socket.write("GET /.well-known/host-meta.json HTTP/1.1\r\nHost: capulet.lit\r\n\r\n");
    expect(await answer).toContain(`"wss://capulet.lit:${direct.port}/xmpp-websocket"`);

    const behind = await start({ listeners: [announced] });
    expect(
      await talk(
        behind,
        "PROXY TCP4 198.51.100.1 192.0.2.1 40000 8443\r\nGET /.well-known/host-meta.json HTTP/1.1\r\nHost: capulet.lit\r\n\r\n",
      ),
    ).toContain('"wss://capulet.lit:8443/xmpp-websocket"');
  });

  test("publicUrl is what it names then, whichever host is asked for", async () => {
    const publicUrl = "wss://chat.capulet.lit/ws?a=1&b=2";
    const bench = await start({ listeners: [{ ...plain, publicUrl }] });
    const { body } = await ask(bench, "/.well-known/host-meta", { host: "montague.lit" });
    expect(body).toContain('href="wss://chat.capulet.lit/ws?a=1&amp;b=2"');
  });

  test("HEAD gets the headers, other methods 405", async () => {
    const bench = await start();
    expect(await ask(bench, "/.well-known/host-meta", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
    expect(await ask(bench, "/.well-known/host-meta", { method: "POST" })).toMatchObject({ status: 405 });
  });

  test("can be switched off", async () => {
    const bench = await start({ listeners: [{ ...plain, hostMeta: false }] });
    expect((await ask(bench, "/.well-known/host-meta")).status).toBe(404);
  });
});
