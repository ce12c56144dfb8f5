import { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { readUntil, until } from "../relay/rig.js";
import { auth, Bench, bind, close, framing, open, plain, upgrade, type BenchOptions } from "./websocket-bench.js";

const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.stop()));
});

async function start(options?: BenchOptions): Promise<Bench> {
  const bench = await Bench.start(options);
  benches.push(bench);
  return bench;
}

const opened = `<open xmlns="${framing}" from="capulet.lit" id="s" version="1.0"/>`;
const features = '<stream:features xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"/>';
const closed = `<close xmlns='${framing}'/>`;
const presence = "<presence xmlns='jabber:client'/>";

/** A stream error as a message. */
function streamError(condition: string): string {
  return (
    `<stream:error xmlns="jabber:client" xmlns:stream='http://etherx.jabber.org/streams'>` +
    `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
  );
}

describe("a conversation", () => {
  test("goes from <open/> over SASL and a restart to a bound resource (RFC 7395 §3.4, §3.5)", async () => {
    const bench = await start();
    const client = await bench.client();
    client.send(open);
    expect([await client.next(), await client.next()]).toEqual([opened, features]);
    client.send(auth);
    expect(await client.next()).toBe("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.send(open);
    expect([await client.next(), await client.next()]).toEqual([opened, features]);
    client.send(bind);
    expect(await client.next()).toContain("<iq xmlns=\"jabber:client\" type='result' id='b'>");
    expect(bench.server.received[0]).toContain(`${auth}<stream:stream xmlns="jabber:client" `);
    expect(await bench.metric('caesura_connections{listener="websocket:127.0.0.1:0"}')).toBe(1);
  });

  test("messages that come in one segment while the server is connected to arrive in order", async () => {
    const bench = await start();
    const client = await bench.client();
    const numbered = Array.from({ length: 50 }, (_, at) => `<r xmlns='urn:xmpp:sm:3' n='${at}'/>`);
    client.send(open, ...numbered);
    await bench.server.hears("n='49'");
    expect(bench.server.received[0]).toContain(numbered.join(""));
  });

  test("ends with <close/> from both sides and the closing handshake (RFC 7395 §3.6)", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    client.send(close);
    expect(await client.rest()).toEqual({ messages: [closed], code: 1000 });
    expect(bench.server.received[0]).toMatch(/<\/stream:stream>$/);
    await bench.untilIdle();
    expect(
      await bench.metric('caesura_connections_closed_total{listener="websocket:127.0.0.1:0",reason="clean"}'),
    ).toBe(1);
  });

  test("the server's end is <close/>, and the WebSocket is closed behind it", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    bench.server.sockets[0]?.end("</stream:stream>");
    expect(await client.rest()).toEqual({ messages: [closed], code: 1000 });
    await bench.untilIdle();
  });

  test.each([
    ["closes the WebSocket", 1000],
    ["is cut off", undefined],
  ])("a client that %s without <close/> is lost: the server hears no end of the stream (R13)", async (_, code) => {
    const bench = await start();
    const client = await bench.boundClient();
    if (code === undefined) client.destroy();
    else client.socket.close(code);
    await until(() => bench.server.ended.has(0));
    expect(bench.server.received[0]).not.toContain("</stream:stream>");
    await bench.untilIdle();
    expect(
      await bench.metric('caesura_connections_closed_total{listener="websocket:127.0.0.1:0",reason="client_lost"}'),
    ).toBe(1);
  });

  test("a client whose goodbye is not followed by the end of its connection is not waited for (RFC 6455 §7.1.1)", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    // A close frame, masked with zeros, written past the library, which would hang up.
    const socket = rawSocketOf(client.socket);
    socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
    await until(() => bench.server.ended.has(0));
    await bench.untilIdle();
  });

  test("the server's see-other-host does not move the client past the proxy (R12)", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    bench.server.sockets[0]?.end(
      "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.lit</see-other-host></stream:error></stream:stream>",
    );
    const { messages } = await client.rest();
    expect(messages[0]).toContain("<reset ");
    expect(messages.join("")).not.toContain("evil.lit");
    expect(messages[1]).toBe(closed);
  });

  test("a server that cannot be reached is told by a stream of our own (RFC 7395 §3.4.1)", async () => {
    const bench = await start();
    bench.server.stop();
    const client = await bench.client();
    client.send(open);
    const { messages, code } = await client.rest();
    expect(messages[0]).toMatch(
      /^<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="capulet.lit" id="[^"]+" version="1.0" xml:lang="en"\/>$/,
    );
    expect(messages.slice(1)).toEqual([streamError("remote-connection-failed"), closed]);
    expect(code).toBe(1000);
  });

  test("a domain that is not served is host-unknown (RFC 6120 §4.9.3.6)", async () => {
    const bench = await start();
    const client = await bench.client();
    client.send(`<open xmlns='${framing}' to='montague.lit' version='1.0'/>`);
    expect((await client.rest()).messages.slice(1)).toEqual([streamError("host-unknown"), closed]);
  });

  test("without an <open/> the header deadline ends it with a stream error", async () => {
    const bench = await start({ timeouts: { header: "200ms" } });
    const client = await bench.client();
    expect((await client.rest()).messages.slice(1)).toEqual([streamError("connection-timeout"), closed]);
    await bench.untilIdle();
  });
});

describe("what is no stream gets a stream error, then the end, and is counted", () => {
  const cases: readonly Case[] = [
    {
      what: "a binary message (RFC 7395 §3.2)",
      message: Buffer.from(presence),
      condition: "bad-format",
      code: "message-binary",
      closeCode: 1003,
    },
    { what: "an empty message", message: "", condition: "not-well-formed", code: "message-empty" },
    { what: "white space alone", message: " \n", condition: "not-well-formed", code: "message-empty" },
    { what: "text", message: "hello", condition: "bad-format", code: "message-text" },
    { what: "two elements", message: presence + presence, condition: "not-well-formed", code: "message-crowded" },
    {
      what: "half an element",
      message: "<message xmlns='jabber:client'>",
      condition: "not-well-formed",
      code: "message-incomplete",
    },
    {
      what: "a prefix that no message declares",
      message: "<stream:error/>",
      condition: "bad-namespace-prefix",
      code: "unbound-prefix",
    },
    { what: "a comment", message: `<!-- -->${presence}`, condition: "restricted-xml", code: "comment" },
    {
      what: "an <open/> where no restart is due (RFC 7395 §3.5)",
      message: open,
      condition: "invalid-xml",
      code: "nested-stream-header",
    },
    {
      what: "an element that no standard knows",
      message: "<x xmlns='urn:x:unknown'/>",
      condition: "unsupported-stanza-type",
      code: "unknown-nonza",
    },
  ];

  test.each(cases)("$what", async ({ message, condition, code, closeCode = 1000 }) => {
    const bench = await start();
    const client = await bench.boundClient();
    client.send(message);
    expect(await client.rest()).toEqual({ messages: [streamError(condition), closed], code: closeCode });
    await until(() => bench.server.ended.has(0));
    expect(bench.server.received[0]).toMatch(/<\/stream:stream>$/);
    expect(await bench.faults(code)).toBe(1);
    await bench.untilIdle();
  });

  test("bytes that are no UTF-8, in a text message", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    client.socket.send(Buffer.from("<message xmlns='jabber:client'>\xe9</message>", "latin1"), { binary: false });
    expect((await client.rest()).messages).toEqual([streamError("unsupported-encoding"), closed]);
    expect(await bench.faults("invalid-utf8")).toBe(1);
  });

  test("something else than <open/> in the beginning (RFC 7395 §3.3.2)", async () => {
    const bench = await start();
    const client = await bench.client();
    client.send(presence);
    expect((await client.rest()).messages.slice(1)).toEqual([streamError("invalid-namespace"), closed]);
    expect(bench.server.received).toEqual([]);
    expect(await bench.faults("open-missing")).toBe(1);
  });

  test("behind others that are in order: they are delivered first", async () => {
    const bench = await start();
    const client = await bench.client();
    client.send(open, "<r xmlns='urn:xmpp:sm:3' n='1'/>", "");
    expect((await client.rest()).messages.slice(-2)).toEqual([streamError("not-well-formed"), closed]);
    expect(bench.server.received[0]).toContain("n='1'");
  });

  test("a message over the limit of an authenticated client is answered by WebSocket itself", async () => {
    const bench = await start({ limits: { stanza: "20KB" } });
    const client = await bench.boundClient();
    const filled = (bytes: number): string => `<message xmlns='jabber:client'>${"x".repeat(bytes - 41)}</message>`;
    expect(filled(20_000)).toHaveLength(20_000);
    client.send(filled(20_000));
    await bench.server.hears("</message>");
    client.send(filled(20_001));
    expect((await client.rest()).code).toBe(1009);
    expect(await bench.faults("message-too-large")).toBe(1);
    await bench.untilIdle();
  });

  test("an element over the limit of an unauthenticated client gets policy-violation", async () => {
    const bench = await start();
    const client = await bench.client();
    await client.open();
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${"A".repeat(20_000)}</auth>`);
    expect((await client.rest()).messages).toEqual([streamError("policy-violation"), closed]);
    expect(await bench.faults("frame-too-large")).toBe(1);
  });

  test("a message that never ends is cut short before authentication, long before the limit of others", async () => {
    const bench = await start({ limits: { stanza: "8MiB" } });
    const client = await bench.client();
    await client.open();
    // A frame that announces four million bytes and a mask; written past the library, which would finish it.
    const socket = rawSocketOf(client.socket);
    socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x3d, 0x09, 0, 0, 0, 0, 0]));
    socket.write(Buffer.alloc(200_000, 0x61));
    expect((await client.rest()).messages).toEqual([streamError("policy-violation"), closed]);
    expect(await bench.faults("message-too-large")).toBe(1);
  });

  test.each([
    ["a frame without mask", [0x81, 0x01, 0x61]],
    ["a reserved opcode", [0x83, 0x80, 0, 0, 0, 0]],
    ["a continuation of nothing", [0x80, 0x80, 0, 0, 0, 0]],
    ["a compressed frame, which was not agreed", [0xc1, 0x80, 0, 0, 0, 0]],
    ["a ping in fragments", [0x09, 0x80, 0, 0, 0, 0]],
  ])("%s (RFC 6455 §5)", async (_, frame) => {
    const bench = await start();
    const client = await bench.boundClient();
    rawSocketOf(client.socket).write(Buffer.from(frame));
    expect((await client.rest()).code).toBe(1002);
    expect(await bench.faults("websocket-frame")).toBe(1);
    await bench.untilIdle();
  });
});

describe("keepalive (RFC 7395 §3.8)", () => {
  const pinging = { listeners: [{ ...plain, ping: "100ms" }] };

  test("a silent client is pinged and stays while it answers", async () => {
    const bench = await start(pinging);
    const client = await bench.boundClient();
    await until(() => client.pings.length >= 4);
    expect(bench.proxy.connections).toBe(1);
  });

  test("one that does not answer is lost: the server hears no end of the stream", async () => {
    const bench = await start(pinging);
    const client = await bench.boundClient();
    client.socket.pause();
    await until(() => bench.server.ended.has(0));
    expect(bench.server.received[0]).not.toContain("</stream:stream>");
    await bench.untilIdle();
  });

  test("white space of the server's is a ping for the client", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    bench.server.sockets[0]?.write(" ");
    await until(() => client.pings.length === 1);
  });

  test("a ping of the client's is answered, and is white space for the server", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    let ponged = "";
    client.socket.on("pong", (data) => (ponged = data.toString()));
    client.socket.ping("are you there");
    await until(() => ponged === "are you there");
    await bench.server.hears("</iq> ");
  });

  test("pings of a client that does not read make no queue", { timeout: 30_000 }, async () => {
    const bench = await start();
    const client = await bench.boundClient();
    client.socket.pause();
    const masked = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125, 0x61)]);
    const flood = Buffer.concat(Array.from({ length: 200_000 }, () => masked));
    let isOut = false;
    rawSocketOf(client.socket).write(flood, () => (isOut = true));
    await until(() => isOut);
    const queued = await bench.metric('caesura_buffered_bytes{listener="websocket:127.0.0.1:0",leg="client"}');
    expect(queued).toBeLessThan(32 * 1024);
  });
});

describe("back-pressure", () => {
  const message = `<message><body>${"x".repeat(10_000)}</body></message>`;

  test(
    "a client that does not read stops the reading of the server, and gets everything in order later",
    { timeout: 30_000 },
    async () => {
      const bench = await start();
      const client = await bench.boundClient();
      client.socket.pause();
      const server = bench.server.sockets[0];
      const count = 3000;
      for (let at = 0; at < count; at++) server?.write(`<message id='${at}'>${message.slice("<message>".length)}`);
      const label = 'listener="websocket:127.0.0.1:0",leg="server"';
      await bench.untilMetric(`caesura_backpressure_pauses_total{${label}}`, (pauses) => pauses > 0);
      const queued = await bench.metric('caesura_buffered_bytes{listener="websocket:127.0.0.1:0",leg="client"}');
      expect(queued).toBeGreaterThan(64 * 1024);
      expect(queued).toBeLessThan(1024 * 1024);
      client.socket.resume();
      for (let at = 0; at < count; at++) expect(await client.next()).toContain(` id='${at}'>`);
    },
  );

  test(
    "a client that accepts nothing within the drain deadline is closed, and the server keeps the session",
    { timeout: 30_000 },
    async () => {
      const bench = await start({ timeouts: { drain: "200ms" } });
      const client = await bench.boundClient();
      client.socket.pause();
      const server = bench.server.sockets[0];
      for (let at = 0; at < 3000; at++) server?.write(message);
      await bench.untilIdle();
      expect(bench.server.received[0]).not.toContain("</stream:stream>");
      expect(
        await bench.metric('caesura_connections_closed_total{listener="websocket:127.0.0.1:0",reason="slow_peer"}'),
      ).toBe(1);
    },
  );

  test("a server that does not read stops the reading of the client", { timeout: 30_000 }, async () => {
    const bench = await start();
    const client = await bench.boundClient();
    bench.server.sockets[0]?.pause();
    const sent = message.replace("<message", "<message xmlns='jabber:client'");
    const count = 1500;
    for (let at = 0; at < count; at++) client.send(sent);
    client.send("<r xmlns='urn:xmpp:sm:3' n='last'/>");
    const label = 'listener="websocket:127.0.0.1:0",leg="client"';
    await bench.untilMetric(`caesura_backpressure_pauses_total{${label}}`, (pauses) => pauses > 0);
    expect(await bench.metric('caesura_buffered_bytes{listener="websocket:127.0.0.1:0",leg="server"}')).toBeLessThan(
      1024 * 1024,
    );
    bench.server.sockets[0]?.resume();
    await bench.server.hears("n='last'");
    expect(bench.server.received[0]?.split("</message>")).toHaveLength(count + 1);
  });
});

describe("the life of a listener", () => {
  test("a reload that takes it away leaves connections alone", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    const { port } = bench;
    await bench.reload({ listeners: [{ kind: "c2s", host: "127.0.0.2", port: 0, tls: "none" }] });
    client.send(presence);
    await bench.server.hears("<presence");
    await expect(bench.client({ port })).rejects.toThrow("ECONNREFUSED");
    expect(bench.proxy.connections).toBe(1);
  });

  test("a new limit on messages holds for the next connection", async () => {
    const bench = await start();
    (await bench.client()).destroy();
    await bench.reload({ limits: { stanza: "20KB" } });
    const client = await bench.boundClient();
    client.send(`<message xmlns='jabber:client'>${"x".repeat(20_000)}</message>`);
    expect((await client.rest()).code).toBe(1009);
  });

  test("when the proxy is stopped clients hear system-shutdown, and handshakes that take too long are dropped", async () => {
    const bench = await start();
    const client = await bench.boundClient();
    const early = await bench.raw();
    early.resume();
    const isDropped = new Promise((resolve) => early.on("close", resolve));
    await bench.proxy.close();
    expect((await client.rest()).messages).toEqual([streamError("system-shutdown"), closed]);
    await isDropped;
  });

  test("one that is being opened when the proxy is stopped is opened, and told so too (RFC 7395 §3.4.1)", async () => {
    const bench = await start({ timeouts: { shutdown: "4s" } });
    const early = await bench.raw();
    // Whoever comes later is accepted later, so `early` has been.
    expect((await fetch(`http://127.0.0.1:${bench.port}/`)).status).toBe(404);
    const stopped = bench.proxy.close();
    early.write(upgrade);
    const answer = await readUntil(early, closed);
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    expect(answer).toContain(streamError("system-shutdown"));
    early.destroy();
    await stopped;
  });

  test("a place that the configuration names for them is what they hear of, and no error (RFC 7395 §3.6.1)", async () => {
    const seeOtherUri = "wss://other.capulet.lit/ws?a=1&b=2";
    const bench = await start({ drain: { tell: "see-other-host", seeOtherUri } });
    const [bound, early] = [await bench.boundClient(), await bench.client()];
    await bench.proxy.close();
    const moved = `<close xmlns='${framing}' see-other-uri="${seeOtherUri.replace("&", "&amp;")}"/>`;
    expect(await bound.rest()).toEqual({ messages: [moved], code: 1000 });
    const { messages } = await early.rest();
    expect(messages).toEqual([expect.stringMatching(/^<open /), moved]);
  });
});

interface Case {
  readonly what: string;
  readonly message: string | Buffer;
  readonly condition: string;
  readonly code: string;
  readonly closeCode?: number;
}

/** The connection under a WebSocket of `ws`, for what no library would send. */
function rawSocketOf(socket: object): Socket {
  const { _socket: raw } = socket as { readonly _socket?: unknown };
  if (!(raw instanceof Socket)) throw new Error("ws keeps its socket elsewhere");
  return raw;
}
