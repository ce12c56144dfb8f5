import { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { LegOwner } from "../../src/relay/leg.js";
import { Leg } from "../../src/relay/leg.js";
import { LegTraffic } from "../../src/relay/traffic.js";
import { Turns } from "../../src/relay/turn.js";

describe("a turn", () => {
  test("writes one piece as it is, the very object that was sent", () => {
    const { turns, leg, owner, writes } = legOfNobody();
    const piece = Buffer.from("<presence/>");
    turns.begin(owner);
    leg.send(piece);
    expect(writes).toEqual([]);
    turns.end();
    expect(writes).toHaveLength(1);
    expect(writes[0]?.[0]).toBe(piece);
  });

  test("joins many pieces in one write, in order", () => {
    const { turns, leg, owner, writes } = legOfNobody();
    turns.begin(owner);
    for (const text of ["<iq/>", "<message/>", "<presence/>"]) leg.send(Buffer.from(text));
    turns.end();
    expect(writes.map((pieces) => pieces.map(String))).toEqual([["<iq/>", "<message/>", "<presence/>"]]);
  });

  test("an inner turn leaves the writing to the outermost one", () => {
    const { turns, leg, owner, writes } = legOfNobody();
    turns.begin(owner);
    turns.begin({});
    leg.send(Buffer.from("a"));
    turns.end();
    expect(writes).toEqual([]);
    leg.send(Buffer.from("b"));
    turns.end();
    expect(writes.map((pieces) => pieces.map(String))).toEqual([["a", "b"]]);
  });

  test("what other links send to a leg leaves in one write at the end of the round", async () => {
    const { turns, leg, writes } = legOfNobody();
    for (const text of ["one", "two", "three"]) {
      turns.begin({});
      leg.send(Buffer.from(text));
      turns.end();
    }
    expect(writes).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.map((pieces) => pieces.map(String))).toEqual([["one", "two", "three"]]);
  });

  test("keeps the order when a leg is written by another link first and by its own then", async () => {
    const { turns, leg, owner, writes } = legOfNobody();
    turns.begin({});
    leg.send(Buffer.from("first"));
    turns.end();
    turns.begin(owner);
    leg.send(Buffer.from("second"));
    leg.finish();
    turns.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.flat().map(String)).toEqual(["first", "second"]);
  });

  test("an empty piece is not written", () => {
    const { turns, leg, owner, writes } = legOfNobody();
    turns.begin(owner);
    leg.send(Buffer.alloc(0));
    turns.end();
    expect(writes).toEqual([]);
  });
});

/** A leg whose socket is connected to nothing and remembers what it would have written. */
function legOfNobody(): {
  readonly turns: Turns;
  readonly leg: Leg;
  readonly owner: LegOwner;
  readonly writes: readonly (readonly Buffer[])[];
} {
  const writes: Buffer[][] = [];
  class Nowhere extends Socket {
    override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
      writes.push([chunk]);
      done();
    }
    override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
      writes.push(chunks.map(({ chunk }) => chunk));
      done();
    }
  }
  const ignore = (): void => undefined;
  const turns = new Turns();
  const traffic = new LegTraffic();
  const owner: LegOwner = {
    turns,
    drainMs: 1000,
    trafficOf: () => traffic,
    legBytes: ignore,
    legFinished: ignore,
    legConnected: ignore,
    legSecured: ignore,
    legFilled: ignore,
    legDrained: ignore,
    legFailed: ignore,
    legClosed: ignore,
  };
  const leg = Leg.accepted("client", owner, new Nowhere());
  return { turns, leg, owner, writes };
}
