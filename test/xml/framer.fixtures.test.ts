import { describe, expect, test } from "vitest";
import { Framer, namespaceHash, xmlFaults } from "../../src/xml/index.js";
import { forEachCut } from "../support/for-each-cut.js";
import { PlainFramer } from "../support/plain-framer.js";
import type { FixtureInput } from "./framer-fixtures.js";
import { contentNamespaces, readFixtures } from "./framer-fixtures.js";
import type { FramerClass, RecordedFrame } from "./framer-record.js";
import { record } from "./framer-record.js";

const framers: readonly [name: string, FramerClass][] = [
  ["framer", Framer],
  ["plain framer", PlainFramer],
];
const fixtures = readFixtures();
const trailing = Buffer.from("<presence xmlns='urn:x' a=\"b\"/>\n");

describe.each(framers)("the %s", (_, FramerUnderTest) => {
  describe.each(contentNamespaces)("on a stream of %s, however it is cut", (content) => {
    test.each(fixtures.map((fixture) => [fixture.title, fixture] as const))("reads %s", (_title, fixture) => {
      const input = fixture.read(content);
      const framer = new FramerUnderTest({ contentNamespace: content, limits: fixture.limits });
      // The plain framer takes byte by byte whatever comes, so that few cuts tell all.
      const cuts = FramerUnderTest === PlainFramer ? forSomeCuts : forEachCut;
      cuts(
        input.bytes,
        (chunks, how) => {
          framer.restart();
          const { frames, fault } = record(framer, chunks);
          const first = input.fault === undefined ? (input.borders[0] ?? 0) : Infinity;
          const seen = frames.filter((frame) => frame.start >= first).map((frame) => withNames(frame, input));
          // Frames before the breach are marked too; what the broken frame holds is never reported.
          const outcome = {
            frames: seen.slice(0, input.frames.length),
            fault: fault && { code: fault.code, offset: fault.offset },
            end: frames.at(-1)?.end,
          };
          const end = input.fault === undefined ? lengthOf(chunks) : input.borders.at(-1);
          const wanted = { frames: expectedFrames(input), fault: input.fault, end };
          // The comparison of texts comes first because it is quick, and there are a hundred thousand cuts.
          if (JSON.stringify(outcome) !== JSON.stringify(wanted)) expect(outcome, how).toEqual(wanted);
        },
        trailingOf(input),
      );
    });
  });
});

test("every fault code has a fixture", () => {
  const shown = new Set(fixtures.map((fixture) => fixture.read("jabber:client").fault?.code));
  const codes = Object.values(xmlFaults).map((entry) => entry.code);
  expect(codes.filter((code) => !shown.has(code))).toEqual([]);
  expect(new Set(codes).size).toBe(codes.length);
});

function forSomeCuts(bytes: Buffer, check: (chunks: readonly Buffer[], how: string) => void, behind?: Buffer): void {
  const all = behind === undefined ? bytes : Buffer.concat([bytes, behind]);
  const middle = Math.floor(all.length / 2);
  check([bytes], "whole");
  check([all], "whole with trailing data");
  check([all.subarray(0, middle), all.subarray(middle)], "in two");
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** What a later packet brings, such that it makes no frame of the fixture longer. */
function trailingOf({ frames }: FixtureInput): Buffer | undefined {
  if (frames.at(-1) === "whitespace") return undefined;
  return frames.at(-1) === "streamEnd" ? Buffer.from(" \n") : trailing;
}

function expectedFrames(input: FixtureInput): { kind: string; start: number; end: number }[] {
  if (input.fault !== undefined) return [];
  return input.frames.map((kind, at) => ({ kind, start: input.borders[at] ?? -1, end: input.borders[at + 1] ?? -1 }));
}

/** An iq as fixtures write it: with the number of children, and the namespace of the first that they expect if its hash fits. */
function withNames(
  { kind, start, end, children }: RecordedFrame,
  input: FixtureInput,
): { kind: string; start: number; end: number } {
  if (children === undefined) return { kind, start, end };
  if (children.hash === 0) return { kind: `${kind} ${children.count}`, start, end };
  const named = input.frames.find((name) => {
    const match = /^iq \d+ (.*)$/s.exec(name);
    return match !== null && namespaceHash(match[1] ?? "") === children.hash;
  });
  return {
    kind: `${kind} ${children.count} ${named?.replace(/^iq \d+ /, "") ?? `(hash ${children.hash})`}`,
    start,
    end,
  };
}
