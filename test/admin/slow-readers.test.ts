import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { AdminServer, Live, Sampler, Taps, type AccessRefusal, type AdminParts } from "../../src/admin/index.js";
import type { DelegatedRequest } from "../../src/session/index.js";
import { Element } from "../../src/xml/index.js";
import { until } from "../relay/rig.js";
import { model, parts } from "./rig.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

describe("a reader of the page that never reads", () => {
  test("is dropped at a bound and counted, and others are served", async () => {
    const refused: AccessRefusal[] = [];
    const { live, sample, listeners } = rig(refused);
    const port = await opened({ live });
    const frozen = await reading(port, "/live");
    frozen.pause();
    const gone = once(frozen, "close");
    await until(() => listeners.size === 1);
    for (let times = 0; times < 200 && refused.length === 0; times++) {
      sample();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(refused).toEqual(["slow_reader"]);
    frozen.resume();
    await gone;
    const other = await reading(port, "/live");
    expect(await textOf(other, "event: now")).toContain("text/event-stream");
    other.destroy();
  });

  test("there are at most sixteen: the next one takes the place of the oldest, which is told so", async () => {
    const refused: AccessRefusal[] = [];
    const { live } = rig(refused);
    const port = await opened({ live });
    const readers: Socket[] = [];
    for (let index = 0; index < 17; index++) {
      const reader = await reading(port, "/live");
      await textOf(reader, "event: now");
      readers.push(reader);
    }
    expect(refused).toEqual(["readers"]);
    const [oldest] = readers;
    if (oldest === undefined) throw new Error("unreachable");
    expect(await textOf(oldest, "event: replaced")).toContain("event: replaced");
  });

  test("who has the samples already is sent those behind them", async () => {
    const { live, asked } = rig([]);
    const port = await opened({ live });
    await textOf(await reading(port, "/live?window=3600&after=12.5"), "event: now");
    await textOf(await reading(port, "/live?window=3601&after=x"), "event: now");
    expect(asked).toEqual([
      [3600, 12.5],
      [300, 0],
    ]);
  });

  test("what costs much to put together is put together less often, and samples come all the same", async () => {
    const { live, sample, made } = rig([], { msOfEach: 2000, rows: 1 });
    const port = await opened({ live });
    const reader = await reading(port, "/live");
    await textOf(reader, "event: now");
    const before = made();
    for (let times = 0; times < 40; times++) sample();
    expect(made() - before).toBeGreaterThanOrEqual(1);
    expect(made() - before).toBeLessThanOrEqual(3);
    expect((await textOf(reader, "nothing", 39)).match(/event: now/g)?.length).toBeGreaterThanOrEqual(39);
  });

  test("is put together once for all who look at the same", async () => {
    const { live, sample, made } = rig([]);
    const port = await opened({ live });
    for (let index = 0; index < 8; index++)
      await textOf(await reading(port, `/live?window=${index % 2 === 0 ? "300" : "900"}`), "event: now");
    const before = made();
    sample();
    expect(made() - before).toBe(1);
  });

  test("when the last one goes nothing is put together any more", async () => {
    const { live, listeners } = rig([]);
    const port = await opened({ live });
    const reader = await reading(port, "/live");
    await until(() => listeners.size === 1);
    reader.destroy();
    await until(() => listeners.size === 0);
  });
});

describe("an operator who looks at delegated requests and reads slowly", () => {
  test("loses events, is told how many, and costs the others nothing", async () => {
    const taps = new Taps();
    const port = await opened({ taps }, "socket");
    const slow = await reading(port, "/api/tap?payload=true");
    slow.pause();
    await until(() => taps.size === 1);
    const iq = new Element("iq", { xmlns: "jabber:client", type: "get", id: "a" });
    iq.cnode(new Element("query", { xmlns: "urn:example:verse", long: "x".repeat(10_000) }));
    for (let times = 0; times < 3000 && taps.lost < 5; times++) {
      taps.observer?.requested(requestOf(times), iq);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(taps.lost).toBe(5);
    slow.resume();
    const told = await textOf(slow, '"lostAltogether":5');
    const lost = [...told.matchAll(/"lost":(\d+)/g)].map(([, count]) => Number(count));
    expect(lost.reduce((sum, count) => sum + count, 0)).toBe(5);
  });

  test("there are at most eight, and while there is none nothing is observed", async () => {
    const taps = new Taps();
    expect(taps.observer).toBeUndefined();
    const port = await opened({ taps }, "socket");
    const readers: Socket[] = [];
    for (let index = 0; index < 8; index++) readers.push(await reading(port, "/api/tap"));
    await until(() => taps.size === 8);
    expect(await textOf(await reading(port, "/api/tap"), "look already")).toContain(" 429 ");
    for (const reader of readers) reader.destroy();
    await until(() => taps.observer === undefined);
  });
});

function requestOf(index: number): DelegatedRequest {
  return {
    outerId: String(index),
    requester: { connection: "0001", answer: () => undefined },
    from: "juliet@capulet.lit/balcony",
    id: "a",
    to: undefined,
    domain: "capulet.lit",
    rule: {
      namespace: "urn:example:verse",
      entity: "verse.capulet.lit",
      filtering: [],
      timeoutMs: 1000,
      blocking: false,
      foreignTargets: "delegate",
      identities: [],
    },
    startedMs: 0,
  };
}

interface Rig {
  readonly live: Live;
  readonly sample: () => void;
  readonly listeners: ReadonlySet<unknown>;
  /** Windows and times that samples were asked for. */
  readonly asked: unknown[];
  /** How often the page was put together. */
  readonly made: () => number;
}

/** A page whose samples come when the test wants them, two seconds apart, each with much to show. */
function rig(refused: AccessRefusal[], { msOfEach = 0, rows: length = 500 } = {}): Rig {
  const sampler = new Sampler({ stanzas: () => 0, sessions: () => 0, connections: () => 0 });
  ends.push(() => sampler.close());
  const listeners = new Set<Parameters<Sampler["listen"]>[0]>();
  const asked: unknown[] = [];
  const watched = {
    last: undefined,
    failing: undefined,
    history: (...wanted: readonly unknown[]) => {
      asked.push(wanted);
      return sampler.history();
    },
    listen: (listener: Parameters<Sampler["listen"]>[0]) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  let round = 0;
  let nowMs = 0;
  const rows = () => {
    round++;
    nowMs += msOfEach;
    return Array.from({ length }, (_, nth) => ({
      ...session,
      connection: String(nth),
      jid: `${String(round)}${"x".repeat(100)}`,
    }));
  };
  const live = new Live({
    model: { ...model, sessions: () => ({ total: 1, rows: rows() }) },
    version: "1.2.3",
    sampler: watched,
    refused: (reason) => refused.push(reason),
    now: () => nowMs,
  });
  const rates = { at: 0, stanzas: 0, delegations: 0, failures: 0, p50: null, p95: null, p99: null };
  const one = { ...rates, loopP50: 0, loopP99: 0, rss: 0, heap: 0, sessions: 0, connections: 0 };
  const sample = (): void => {
    nowMs += 2000;
    for (const listener of listeners) listener(one);
  };
  return { live, listeners, asked, made: () => round, sample };
}

const session = {
  connection: "0001",
  jid: "",
  domain: "capulet.lit",
  remote: "192.0.2.1",
  state: "connected",
  secure: true,
  managed: false,
  seconds: 1,
  pending: 0,
  heldBytes: 0,
} as const;

async function opened(changes: Partial<AdminParts>, served: "page" | "socket" = "page"): Promise<number> {
  const server = new AdminServer(parts({ serves: () => new Set([served]), ...changes }));
  ends.push(() => server.close());
  await server.open("127.0.0.1", 0);
  return server.address?.port ?? 0;
}

async function reading(port: number, path: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  ends.push(() => socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  return socket;
}

/** What comes until `end` is there, or so many events. */
async function textOf(socket: Socket, end: string, events = Infinity): Promise<string> {
  let text = "";
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (text.includes(end) || (text.match(/event: now/g)?.length ?? 0) >= events) return text;
  }
  return text;
}
