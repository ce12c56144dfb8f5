import { once } from "node:events";
import { afterEach, describe, expect, test, vi } from "vitest";
import { opposite, passing, readUntil, Rig, until, type RigOptions } from "./rig.js";

// Real sockets on loopback; time is fake where a deadline matters, so that nothing waits for it.

const open: Rig[] = [];

async function rigWith(options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.open(options);
  open.push(rig);
  return rig;
}

afterEach(async () => {
  vi.useRealTimers();
  for (const rig of open.splice(0)) await rig.close();
});

const mega = Buffer.alloc(1024 * 1024, "x");

describe("relaying", () => {
  test("passes bytes both ways in order, also from a peer that sends one at a time", async () => {
    const { client, server } = await bothEnds();
    const sent = "<message><body>Wherefore art thou</body></message>";
    const arrived = readUntil(server, "</message>");
    for (const character of sent) client.write(character);
    expect(await arrived).toBe(sent);
    const back = readUntil(client, "/>");
    for (const character of "<presence/>") server.write(character);
    expect(await back).toBe("<presence/>");
  });

  test("sends what was queued before the server leg is connected as soon as it is", async () => {
    const rig = await rigWith({
      script: {
        ...passing,
        open: (performer) => {
          performer.connect("capulet.lit");
          performer.send("server", Buffer.from("<stream>"));
        },
      },
    });
    expect(await readUntil(await rig.server(), ">")).toBe("<stream>");
  });

  test("passes a megabyte that arrives in pieces byte for byte", async () => {
    const { client, server } = await bothEnds();
    const bytes = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, index) => (index * 7919) & 0xff));
    const arrived = readUntil(server, undefined);
    for (let at = 0; at < bytes.length; at += 4321) client.write(bytes.subarray(at, at + 4321));
    client.end();
    expect(Buffer.from(await arrived, "latin1").equals(bytes)).toBe(true);
  });

  test("carries a half-close through and still delivers what the other side says afterwards", async () => {
    const { rig, client, server } = await bothEnds();
    client.end("last words");
    expect(await readUntil(server, undefined)).toBe("last words");
    const back = readUntil(client, undefined);
    server.end("farewell");
    expect(await back).toBe("farewell");
    await rig.gone;
    expect(rig.machine.told.slice(1, 3)).toEqual(["finished client", "finished server"]);
    expect(rig.machine.told.slice(3).sort()).toEqual(["closed client end", "closed server end"]);
  });

  test("counts bytes by leg and direction", async () => {
    const { rig, client, server } = await bothEnds();
    const arrived = readUntil(server, "12345");
    client.write("12345");
    await arrived;
    const back = readUntil(client, "123");
    server.write("123");
    await back;
    expect(rig.counters.near).toMatchObject({ receivedBytes: 5, sentBytes: 3 });
    expect(rig.counters.server).toMatchObject({ receivedBytes: 3, sentBytes: 5 });
  });
});

describe("peers that misbehave", () => {
  test("a reset of the client is told as such and ends the link", async () => {
    const { rig, client } = await bothEnds();
    client.resetAndDestroy();
    await rig.machine.hears("closed client reset");
    expect(rig.link.endedBecause).toBe("client_lost");
  });

  test("a reset of the server is told as such and ends the link", async () => {
    const { rig, server } = await bothEnds();
    server.resetAndDestroy();
    await rig.machine.hears("closed server reset");
    expect(rig.link.endedBecause).toBe("server_lost");
  });

  test("a server that refuses the connection is told as refused and counted", async () => {
    const rig = await rigWith({ script: { ...passing, open: () => undefined } });
    await rig.stopServer();
    rig.link.connect("capulet.lit");
    await rig.machine.hears("closed server refused");
    expect(await rig.families.text()).toContain(
      'caesura_upstream_connects_total{domain="capulet.lit",link="c2s",outcome="failed"} 1',
    );
    expect(await rig.families.text()).toContain('caesura_upstream_up{domain="capulet.lit",link="c2s"} 0');
    expect(rig.logged).toContainEqual(
      expect.objectContaining({
        level: 40,
        event: "leg-failed",
        leg: "server",
        domain: "capulet.lit",
        code: "ECONNREFUSED",
      }),
    );
  });

  test("a domain that is not served is told as refused", async () => {
    const rig = await rigWith({ script: { ...passing, open: (performer) => performer.connect("montague.lit") } });
    await rig.machine.hears("closed server refused");
  });

  test("stops reading the server while the client is frozen, and holds little meanwhile", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let most = 0;
    const rig = await rigWith({
      frozen: true,
      timeouts: { drainMs: 1000 },
      script: {
        ...passing,
        records: false,
        bytes: (performer, leg, chunk) => {
          performer.send(opposite(leg), chunk);
          most = Math.max(most, performer.queuedBytes("client"));
        },
      },
    });
    const server = await rig.server();
    for (let count = 0; count < 64; count++) server.write(mega);
    await until(() => rig.counters.server.roomPauses > 0 && rig.link.queuedBytes("client") >= 64 * 1024);
    await settled(() => rig.counters.server.receivedBytes);
    // The rest waits in the server and in the kernel.
    expect(rig.counters.server.receivedBytes).toBeLessThan(32 * mega.length);
    expect(most).toBeLessThan(256 * 1024);
    vi.advanceTimersByTime(2000);
    await rig.machine.hears("closed client slow_peer");
    // The server is told by FIN, and has as long to take it.
    vi.advanceTimersByTime(2000);
    await rig.gone;
    expect(rig.link.endedBecause).toBe("slow_peer");
  });

  test("reads the server again when the client takes its bytes", async () => {
    const rig = await rigWith({ frozen: true, script: { ...passing, records: false } });
    const server = await rig.server();
    for (let count = 0; count < 32; count++) server.write(mega);
    server.end();
    await until(() => rig.counters.server.roomPauses > 0);
    let taken = 0;
    rig.client.on("data", (chunk: Buffer) => (taken += chunk.length));
    rig.client.resume();
    await once(rig.client, "end");
    expect(taken).toBe(32 * mega.length);
  });

  test("keeps a slow peer that takes something before each deadline, and ends it when it stops", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rig = await rigWith({ frozen: true, timeouts: { drainMs: 1000 }, script: { ...passing, records: false } });
    const server = await rig.server();
    for (let count = 0; count < 64; count++) server.write(mega);
    await until(() => rig.counters.server.roomPauses > 0);
    await settled(() => rig.counters.server.receivedBytes);
    for (let round = 0; round < 3; round++) {
      const before = rig.counters.server.receivedBytes;
      vi.advanceTimersByTime(900);
      rig.client.resume();
      await until(() => rig.counters.server.receivedBytes > before);
      rig.client.pause();
      await settled(() => rig.counters.server.receivedBytes);
      expect(rig.machine.told).not.toContain("closed client slow_peer");
    }
    vi.advanceTimersByTime(2500);
    await rig.machine.hears("closed client slow_peer");
  });

  test("a client that asks on and on without reading the answers is not read any more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const answer = Buffer.alloc(64 * 1024, "y");
    const rig = await rigWith({
      frozen: true,
      timeouts: { drainMs: 1000 },
      script: { ...passing, records: false, bytes: (performer) => performer.send("client", answer) },
    });
    for (let count = 0; count < 64; count++) rig.client.write(mega);
    await until(() => rig.link.queuedBytes("client") >= 256 * 1024);
    await settled(() => rig.counters.near.receivedBytes);
    expect(rig.counters.near.receivedBytes).toBeLessThan(32 * mega.length);
    expect(rig.link.queuedBytes("client")).toBeLessThan(1024 * 1024);
    vi.advanceTimersByTime(2000);
    await rig.machine.hears("closed client slow_peer");
  });
});

describe("endings", () => {
  test("close delivers what is queued, then FIN, and is over when the peer closes too", async () => {
    const { rig, client } = await bothEnds();
    const heard = readUntil(client, undefined);
    rig.link.send("client", Buffer.from("<stream:error/>"));
    rig.link.send("client", Buffer.from("</stream:stream>"));
    rig.link.close("client");
    expect(await heard).toBe("<stream:error/></stream:stream>");
    client.end();
    await rig.machine.hears("closed client end");
  });

  test("close waits for the peer until the drain deadline only, and reports no more bytes", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { rig, client } = await bothEnds({ timeouts: { drainMs: 1000 } });
    const heard = readUntil(client, undefined);
    rig.link.close("client");
    await heard;
    client.write("too late");
    await until(() => rig.counters.near.receivedBytes > 0);
    expect(rig.machine.received.client).toBe("");
    vi.advanceTimersByTime(1001);
    await rig.machine.hears("closed client end");
  });

  test("close gives up a peer that does not take the last words within the drain deadline", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rig = await rigWith({ frozen: true, timeouts: { drainMs: 1000 } });
    for (let count = 0; count < 16; count++) rig.link.send("client", mega);
    rig.link.close("client");
    vi.advanceTimersByTime(1001);
    await rig.machine.hears("closed client slow_peer");
  });

  test("close gives up a server leg that is still being connected", async () => {
    const rig = await rigWith({ script: { ...passing, open: () => undefined } });
    rig.link.connect("capulet.lit");
    rig.link.send("server", Buffer.from("<stream>"));
    rig.link.close("server");
    await rig.machine.hears("closed server end");
  });

  test("abort drops what is queued and is told as the end of the leg", async () => {
    const rig = await rigWith({ frozen: true });
    for (let count = 0; count < 16; count++) rig.link.send("client", mega);
    rig.link.abort("client");
    await rig.machine.hears("closed client end");
    expect(rig.link.queuedBytes("client")).toBe(0);
  });

  test("leaves no socket, timer or entry behind, and counts exactly one reason", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { rig, client, server } = await bothEnds();
    for (const timer of ["header", "authentication", "drain", "connect", "tls"] as const) rig.link.setTimer(timer);
    expect(vi.getTimerCount()).toBe(5);
    rig.link.clearTimer("tls");
    expect(vi.getTimerCount()).toBe(4);
    const ends = Promise.all([once(client, "close"), once(server, "close")]);
    client.resume().once("end", () => client.end());
    server.resume().once("end", () => server.end());
    rig.link.report({ kind: "ended", reason: "timeout" });
    rig.link.report({ kind: "ended", reason: "clean" });
    await ends;
    await rig.gone;
    expect(vi.getTimerCount()).toBe(0);
    expect(rig.links.size).toBe(0);
    expect(rig.counters.current).toBe(0);
    const closed = (await rig.families.text()).match(/caesura_connections_closed_total\{.* [1-9].*/g);
    expect(closed).toEqual(['caesura_connections_closed_total{listener="c2s:127.0.0.1:5222",reason="timeout"} 1']);
  });

  test("balances the books when a machine lets both legs go without a word, and says so in the log", async () => {
    const { rig, client, server } = await bothEnds({ script: { ...passing, closed: () => undefined } });
    client.destroy();
    server.destroy();
    await rig.gone;
    expect(rig.logged.some(({ event }) => event === "unreported-end")).toBe(true);
    expect(rig.counters.current).toBe(0);
  });

  test("ends every link on shutdown, by force when the deadline passes", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { rig } = await bothEnds({ timeouts: { drainMs: 5000 } });
    const over = rig.links.drain({ farewell: { condition: "system-shutdown" }, spreadMs: 0, deadlineMs: 1000 });
    expect(rig.machine.told).toContain("shutdown system-shutdown");
    vi.advanceTimersByTime(1001);
    expect(await over).toEqual({ forced: 1 });
    expect(rig.link.endedBecause).toBe("shutdown");
  });
});

describe("timers", () => {
  test("a timer set again starts anew, and fires once", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { rig } = await bothEnds({ timeouts: { headerMs: 1000 } });
    rig.link.setTimer("header");
    vi.advanceTimersByTime(900);
    rig.link.setTimer("header");
    vi.advanceTimersByTime(900);
    expect(rig.machine.told).not.toContain("expired header");
    vi.advanceTimersByTime(5000);
    expect(rig.machine.told.filter((line) => line === "expired header")).toHaveLength(1);
  });

  test("the idle timer counts from the last byte of either leg", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { rig, client, server } = await bothEnds({ timeouts: { idleMs: 1000 } });
    rig.link.setTimer("idle");
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      vi.advanceTimersByTime(900);
      const arrived = readUntil(to, " ");
      from.write(" ");
      await arrived;
    }
    vi.advanceTimersByTime(999);
    expect(rig.machine.told).not.toContain("expired idle");
    vi.advanceTimersByTime(1);
    expect(rig.machine.told).toContain("expired idle");
  });

  test("a length of 0 means for ever", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { rig } = await bothEnds({ timeouts: { idleMs: 0 } });
    rig.link.setTimer("idle");
    expect(vi.getTimerCount()).toBe(0);
  });
});

async function bothEnds(options: RigOptions = {}): Promise<{
  readonly rig: Rig;
  readonly client: Rig["client"];
  readonly server: Awaited<ReturnType<Rig["server"]>>;
}> {
  const rig = await rigWith(options);
  const server = await rig.server();
  await rig.machine.hears("connected");
  return { rig, client: rig.client, server };
}

/** Resolves when `read` has not changed for many rounds of the event loop, which is when the kernel is full. */
async function settled(read: () => number): Promise<void> {
  let last = read();
  for (let same = 0; same < 300; same++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (read() !== last) same = 0;
    last = read();
  }
}
