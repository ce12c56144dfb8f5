import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Framer, FrameKind } from "../../src/xml/index.js";
import { maskedHead } from "../../src/xml/excerpt.js";

const masked = (text: string): string => maskedHead([undefined, Buffer.from(text)]);

describe("the masked head of a frame", () => {
  test.each([
    ["<message to='romeo@montague.lit'><body>Wherefore art thou?</body>", "<message to='…'><body>…</body>"],
    ["<iq type='set' id='a1'><query xmlns='urn:xmpp:mam:2' queryid='q1'>", "<iq type='set' id='…'><query xmlns='…' …>"],
    [
      "<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'/>",
      "<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'/>",
    ],
    [
      "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABy",
      "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>…",
    ],
    ["<rosemary herb='remembrance'>", "<… …>"],
    ["<message type='love'><!-- but soft -->", "<message type='…'>…"],
    ["<iq type='get' id='a", "<iq type='get'…"],
    ["what light", "…"],
    ["", ""],
  ])("shows the words of the standards alone: %s", (text, shown) => {
    expect(masked(text)).toBe(shown);
  });

  test("holds nothing else that a peer wrote, whatever it wrote", () => {
    const secret = fc.stringMatching(/^[a-z]{12,20}$/);
    const piece = fc.constantFrom(
      "<",
      ">",
      "'",
      '"',
      "=",
      " ",
      "/",
      "iq",
      "body",
      "to=",
      "<auth ",
      "</body>",
      "]]>",
      "&",
    );
    fc.assert(
      fc.property(secret, fc.array(piece), fc.array(piece), (word, before, after) => {
        expect(masked([...before, word, ...after].join(""))).not.toContain(word);
      }),
      { numRuns: 2000 },
    );
  });

  test("looks at 512 bytes and no more", () => {
    expect(masked(`<message>${"x".repeat(100_000)}</message>`)).toBe("<message>…");
  });

  test("is kept by the framer that found the fault, however the stream was cut", () => {
    const text = "<message to='romeo@montague.lit'><body>but soft <!-- what light --></body></message>";
    const header =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    const bytes = Buffer.from(header + text);
    for (let cut = 1; cut < bytes.length; cut++) {
      const limits = { maxFrameBytes: 10_000, maxDepth: 10, maxAttributes: 10, maxNameBytes: 100, maxChildren: 100 };
      const framer = new Framer({ contentNamespace: "jabber:client", limits });
      const codes: string[] = [];
      const kinds: FrameKind[] = [];
      const sink = {
        frame: (kind: FrameKind) => void kinds.push(kind),
        fault: ({ code }: { code: string }) => void codes.push(code),
      };
      framer.scan(bytes.subarray(0, cut), sink);
      framer.scan(bytes.subarray(cut), sink);
      expect(kinds).toEqual([FrameKind.streamHeader]);
      expect(codes).toEqual(["comment"]);
      expect(framer.excerpt).toBe("<message to='…'><body>…");
      expect(framer.excerpt).not.toContain("soft");
    }
  });
});
