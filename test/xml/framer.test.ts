import { describe, expect, test } from "vitest";
import type { FrameSink, XmlFault } from "../../src/xml/index.js";
import { FrameKind, Framer, namespaceHash } from "../../src/xml/index.js";
import { PlainFramer } from "../support/plain-framer.js";
import { fixtureLimits, headerOf } from "./framer-fixtures.js";
import type { FramerClass } from "./framer-record.js";
import { record } from "./framer-record.js";

const framers: readonly [name: string, FramerClass][] = [
  ["framer", Framer],
  ["plain framer", PlainFramer],
];
const header = headerOf("jabber:client");
const options = { contentNamespace: "jabber:client", limits: fixtureLimits } as const;

describe.each(framers)("the %s", (_, FramerUnderTest) => {
  const opened = (): InstanceType<FramerClass> => {
    const framer = new FramerUnderTest(options);
    framer.scan(Buffer.from(header), new Log());
    return framer;
  };

  test("gives the declarations of the stream header as scope, references expanded", () => {
    const framer = new FramerUnderTest(options);
    expect([...framer.scope]).toEqual([]);
    framer.scan(
      Buffer.from(
        "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber&#58;client' xmlns:é='urn:&lt;€' to='x'>",
      ),
      new Log(),
    );
    expect([...framer.scope]).toEqual([
      ["s", "http://etherx.jabber.org/streams"],
      ["", "jabber:client"],
      ["é", "urn:<€"],
    ]);
    framer.restart();
    expect([...framer.scope]).toEqual([]);
  });

  test("gives a frame inside the chunk itself when it is whole, and in a copy of its own when it was cut", () => {
    const framer = opened();
    const log = new Log();
    const chunk = Buffer.from("<message/><iq><a");
    framer.scan(chunk, log);
    expect(log.calls).toEqual(["message <message/>"]);
    expect(log.buffers[0]).toBe(chunk);
    expect(framer.retainedBytes).toBe(6);
    chunk.fill(0x58); // The socket's buffer is written again.
    const rest = Buffer.from(" xmlns='urn:x'/></iq>");
    framer.scan(rest, log);
    expect(log.calls).toEqual(["message <message/>", "iq <iq><a xmlns='urn:x'/></iq>"]);
    expect(log.buffers[1]).not.toBe(rest);
    expect(framer.retainedBytes).toBe(0);
  });

  test("never writes again into the copy that it gave", () => {
    const framer = opened();
    const log = new Log();
    for (const chunk of ["<message>", "one</message><message>t", "wo</message><message>thre", "e</message>"]) {
      framer.scan(Buffer.from(chunk), log);
    }
    expect(log.buffers.map((buffer, at) => buffer.toString("utf8", log.starts[at], log.ends[at]))).toEqual([
      "<message>one</message>",
      "<message>two</message>",
      "<message>three</message>",
    ]);
  });

  test("holds no more than a frame needs, twice as much at the most", () => {
    const framer = opened();
    const log = new Log();
    framer.scan(Buffer.from("<message><body>"), log);
    for (let at = 0; at < 5_000; at++) framer.scan(Buffer.from("x"), log);
    expect(framer.retainedBytes).toBe(5_015);
    framer.scan(Buffer.from("</body></message>"), log);
    expect(log.buffers[0]?.length).toBeLessThanOrEqual(2 * 5_032);
    expect(log.buffers[0]?.buffer.byteLength).toBe(log.buffers[0]?.length);
  });

  test("tells children of an iq only while it is reported, also of each of several", () => {
    const framer = opened();
    const seen: unknown[] = [];
    framer.scan(Buffer.from("<iq><a xmlns='urn:x'/><b/></iq><iq/><message><c/></message><iq><d/></iq>"), {
      frame: (kind) => {
        if (kind === FrameKind.iq) seen.push([framer.childCount, framer.childNamespaceHash]);
      },
      fault: unexpected,
    });
    expect(seen).toEqual([
      [2, namespaceHash("urn:x")],
      [0, 0],
      [1, namespaceHash("jabber:client")],
    ]);
  });

  describe("halt", () => {
    test("ends the scan behind the frame, and the rest can be given again", () => {
      const framer = opened();
      const chunk = Buffer.from("<message/><iq/> <presence/><mess");
      const log = new Log((kind) => {
        if (kind === FrameKind.iq) framer.halt();
      });
      expect(framer.scan(chunk, log)).toBe(15);
      expect(framer.retainedBytes).toBe(0);
      expect(log.calls).toEqual(["message <message/>", "iq <iq/>"]);
      expect(framer.scan(chunk.subarray(15), log)).toBe(chunk.length - 15);
      expect(log.calls.slice(2)).toEqual(["whitespace  ", "presence <presence/>"]);
      expect(framer.retainedBytes).toBe(5);
      expect(framer.scan(Buffer.from("age></message><presence>"), log)).toBe(24);
      expect(log.calls.at(-1)).toBe("message <message></message>");
    });

    test("ends the scan behind a frame that began in an earlier chunk", () => {
      const framer = opened();
      const log = new Log(() => framer.halt());
      framer.scan(Buffer.from("<message><body"), log);
      expect(framer.scan(Buffer.from("/></message><iq></iq>"), log)).toBe(12);
      expect(log.calls).toEqual(["message <message><body/></message>"]);
      expect(framer.retainedBytes).toBe(0);
    });

    test("ends the scan before a breach behind the frame, which is told when the rest is scanned, at its offset", () => {
      const framer = opened();
      const log = new Log(() => framer.halt());
      const chunk = Buffer.from("<iq/><!-- -->");
      expect(framer.scan(chunk, log)).toBe(5);
      expect(log.faults).toEqual([]);
      expect(framer.scan(chunk.subarray(5), log)).toBe(3);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([["comment", header.length + 7]]);
    });

    test("holds for one scan", () => {
      const framer = opened();
      let isFirst = true;
      const log = new Log(() => {
        if (isFirst) framer.halt();
        isFirst = false;
      });
      framer.scan(Buffer.from("<iq/>"), log);
      expect(framer.scan(Buffer.from("<iq/><iq/>"), log)).toBe(10);
      expect(log.calls.length).toBe(3);
    });
  });

  describe("restart (RFC 6120 §4.3.3)", () => {
    test("begins a new stream with the next byte, declaration and all", () => {
      const framer = opened();
      const log = new Log();
      framer.scan(Buffer.from("<message/>"), log);
      framer.restart();
      framer.scan(Buffer.from(`\uFEFF${header}<iq/>`), log);
      expect(log.calls.map((call) => call.split(" ", 1)[0])).toEqual(["message", "streamHeader", "iq"]);
    });

    test("inside a frame begins it with the byte behind that frame, in the same chunk (XEP-0305)", () => {
      const framer = opened();
      const log = new Log((_kind, text) => {
        if (text.startsWith("<success")) framer.restart();
      });
      const other = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>";
      const chunk = Buffer.from(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>${other}<c:iq/><iq/>`);
      expect(framer.scan(chunk, log)).toBe(chunk.length);
      expect(log.calls.slice(1)).toEqual([`streamHeader ${other}`, "iq <c:iq/>", "nonza <iq/>"]);
      expect([...framer.scope.keys()]).toEqual(["", "c"]);
    });

    test("inside a frame that began in an earlier chunk", () => {
      const framer = opened();
      const log = new Log((kind) => {
        if (kind === FrameKind.nonza) framer.restart();
      });
      const stream = `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>x</success>${header}<iq/>`;
      for (let at = 0; at < stream.length; at += 11) framer.scan(Buffer.from(stream.slice(at, at + 11)), log);
      expect(log.calls.slice(1)).toEqual([`streamHeader ${header}`, "iq <iq/>"]);
    });

    test("counts offsets of faults from the start of the new stream", () => {
      const framer = opened();
      const log = new Log((kind) => {
        if (kind === FrameKind.nonza) framer.restart();
      });
      framer.scan(Buffer.from(`<success/>${header}<iq/>`), log);
      framer.scan(Buffer.from("<iq/>x"), log);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([
        ["text-between-elements", header.length + 10],
      ]);
    });

    test("together with halt leaves the rest of the chunk to whoever asked for it (RFC 6120 §5.4.3.3)", () => {
      const framer = opened();
      const log = new Log(() => {
        framer.halt();
        framer.restart();
      });
      const chunk = Buffer.from("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq/>");
      expect(framer.scan(chunk, log)).toBe(chunk.length - 5);
      expect(framer.scan(Buffer.from(`${header}<iq/>`), log)).toBe(header.length);
      expect(log.faults).toEqual([]);
    });

    test("forgets a frame that has begun, and a fault", () => {
      const framer = opened();
      framer.scan(Buffer.from("<message><body a='"), new Log());
      framer.restart();
      expect(framer.retainedBytes).toBe(0);
      const log = new Log();
      framer.scan(Buffer.from("x"), log);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([["text-before-header", 0]]);
      framer.restart();
      framer.scan(Buffer.from(header), log);
      expect(log.calls).toEqual([`streamHeader ${header}`]);
    });
  });

  describe("setLimits", () => {
    test("holds at once, also for a frame that has begun", () => {
      const framer = opened();
      const log = new Log();
      framer.scan(Buffer.from("<message><body>x"), log);
      framer.setLimits({ ...fixtureLimits, maxFrameBytes: 20 });
      framer.scan(Buffer.from("xxxxxx"), log);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([["frame-too-large", header.length + 20]]);
    });

    test("finds a frame that is too large already with its next byte", () => {
      const framer = opened();
      const log = new Log();
      framer.scan(Buffer.from("<message><body>xxxxxxxxxxxxxxx"), log);
      framer.setLimits({ ...fixtureLimits, maxFrameBytes: 20 });
      framer.scan(Buffer.from("x"), log);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([["frame-too-large", header.length + 30]]);
    });

    test("inside a frame holds for the frames behind it in the same chunk", () => {
      const framer = opened();
      const log = new Log(() => framer.setLimits({ ...fixtureLimits, maxDepth: 1 }));
      framer.scan(Buffer.from("<iq><a/></iq><iq/><iq><a/></iq>"), log);
      expect(log.calls).toEqual(["iq <iq><a/></iq>", "iq <iq/>"]);
      expect(log.faults.map(({ code, offset }) => [code, offset])).toEqual([["too-deep", header.length + 23]]);
    });

    test("wider limits let a longer frame pass", () => {
      const framer = new FramerUnderTest({ ...options, limits: { ...fixtureLimits, maxFrameBytes: 200 } });
      framer.setLimits({
        ...fixtureLimits,
        maxFrameBytes: 300_000,
        maxNameBytes: 100_000,
        maxDepth: 5_000,
        maxAttributes: 9_000,
      });
      const attributes = Array.from({ length: 9_000 }, (__, at) => ` a${at}=''`).join("");
      const stanza = `<message>${"<a>".repeat(4_999)}${"</a>".repeat(4_999)}<${"n".repeat(100_000)}/><b${attributes}/></message>`;
      const { frames, fault } = record(framer, [Buffer.from(header + stanza)]);
      expect(fault).toBeUndefined();
      expect(frames.map(({ kind }) => kind)).toEqual(["streamHeader", "message"]);
      framer.restart();
      const chunks = [header, ...(stanza.match(/[^]{1,777}/g) ?? [])].map((text) => Buffer.from(text));
      expect(record(framer, chunks).frames).toEqual(frames);
    });
  });

  test("keeps several streams apart, whichever of them is fed", () => {
    const streams = [
      `${header}<iq><a xmlns='urn:x' b='1' c='2'><d/></a></iq><message>x</message>`,
      "<s xmlns='http://etherx.jabber.org/streams'/>",
      `<t:stream xmlns:t='http://etherx.jabber.org/streams' xmlns:é='jabber:client'><é:iq><t a='a' b='&amp;'>€]]</t></é:iq></t:stream>`,
      `${header}<message><a b='1' b='2'/></message>`,
    ].map((stream) => Array.from(stream, (character) => Buffer.from(character)));
    const alone = streams.map((chunks) => record(new FramerUnderTest(options), chunks));
    const framersFed = streams.map(() => new FramerUnderTest(options));
    const logs = streams.map(() => new Log());
    for (let at = 0; at < Math.max(...streams.map(({ length }) => length)); at++) {
      for (const [index, chunks] of streams.entries()) {
        const chunk = chunks[at];
        const log = logs[index];
        if (chunk !== undefined && log !== undefined) framersFed[index]?.scan(chunk, log);
      }
    }
    expect(logs.map((log) => log.calls.map((call) => call.split(" ", 1)[0]))).toEqual(
      alone.map(({ frames }) => frames.map(({ kind }) => kind)),
    );
    expect(logs.map((log) => log.faults[0])).toEqual(alone.map(({ fault }) => fault));
  });

  test("lets the sink feed another stream, and end its own, while it is told of a frame", () => {
    const framer = opened();
    const inner = new Log();
    const nested = opened();
    const log = new Log((kind) => {
      nested.scan(Buffer.from("<iq><a/></iq><message><body>half of"), inner);
      nested.scan(Buffer.from(" it</body></message>"), inner);
      if (kind === FrameKind.presence) framer.halt();
    });
    const chunk = Buffer.from("<iq><b/><c/></iq><message/><presence/><iq/><a");
    expect(framer.scan(chunk, log)).toBe(38);
    expect(framer.scan(chunk.subarray(38), log)).toBe(7);
    expect(framer.scan(Buffer.from("></a>"), log)).toBe(5);
    expect(log.calls).toEqual([
      "iq <iq><b/><c/></iq>",
      "message <message/>",
      "presence <presence/>",
      "iq <iq/>",
      "nonza <a></a>",
    ]);
    expect(inner.calls.length).toBe(10);
    expect([...inner.faults, ...log.faults]).toEqual([]);
  });

  test("reads a chunk that is larger than any socket gives", () => {
    const framer = opened();
    const stanza = "<message><body>Good night, good night! Parting is such sweet sorrow</body></message>";
    const log = new Log();
    framer.setLimits({ ...fixtureLimits, maxFrameBytes: 400_000 });
    const text = stanza.repeat(5_000) + `<message>${"x".repeat(300_000)}</message>`;
    expect(framer.scan(Buffer.from(text), log)).toBe(text.length);
    expect(log.calls.length).toBe(5_001);
    expect(log.calls.join("").length).toBe(text.length + 5_001 * "message ".length);
  });

  test("takes an empty chunk", () => {
    const framer = opened();
    expect(framer.scan(Buffer.alloc(0), new Log())).toBe(0);
  });
});

const names = Object.keys(FrameKind);

/** Writes down calls as `kind text`, keeps what was given. */
class Log implements FrameSink {
  readonly calls: string[] = [];
  readonly faults: XmlFault[] = [];
  readonly buffers: Buffer[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly #then: ((kind: FrameKind, text: string) => void) | undefined;

  constructor(then?: (kind: FrameKind, text: string) => void) {
    this.#then = then;
  }

  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString("utf8", start, end);
    this.calls.push(`${names[kind] ?? "?"} ${text}`);
    this.buffers.push(bytes);
    this.starts.push(start);
    this.ends.push(end);
    this.#then?.(kind, text);
  }

  fault(fault: XmlFault): void {
    this.faults.push(fault);
  }
}

function unexpected(fault: XmlFault): never {
  throw new Error(fault.code);
}
