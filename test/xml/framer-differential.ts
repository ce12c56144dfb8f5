import { expect } from "vitest";
import type { FramerOptions } from "../../src/xml/index.js";
import { FrameKind, Framer, namespaceHash, readHead } from "../../src/xml/index.js";
import { PlainFramer } from "../support/plain-framer.js";
import { contentNamespaces, fixtureLimits } from "./framer-fixtures.js";
import type { Random } from "./framer-mutator.js";
import type { Recording } from "./framer-record.js";
import { record, Recorder } from "./framer-record.js";
import type { Expat, ReadChild, Reading } from "./framer-oracles.js";
import { readWithSaxes } from "./framer-oracles.js";

/** What only XMPP, or caution, forbids: a parser of XML need not complain. */
const stricter = new Set(
  [
    ["comment", "processing-instruction", "doctype", "text-between-elements", "malformed-namespace"],
    ["wrong-stream-namespace", "wrong-root-element", "self-closed-header", "nested-stream-header"],
    ["nested-stream-element", "frame-too-large", "too-deep", "too-many-attributes", "too-many-children"],
    ["name-too-long", "too-many-prefixes", "content-after-end"],
    // Expat reads these encodings, and any version, even none; it does not look into names for broken UTF-8.
    ["unsupported-encoding", "unsupported-xml-version", "standalone-no", "malformed-declaration", "invalid-utf8"],
  ].flat(),
);

const blank = "(?:\\s|&#x?[0-9A-Fa-f]+;)";
const trimmable = new RegExp(`xmlns[^=]*=\\s*(?:'${blank}|"${blank}|'[^']*${blank}'|"[^"]*${blank}")`);

const tight: FramerOptions["limits"] = {
  maxFrameBytes: 200,
  maxDepth: 4,
  maxAttributes: 3,
  maxNameBytes: 40,
  maxChildren: 6,
};

/** Holds one stream against the plain framer, against other cuts of it, and against two parsers of others. */
export async function compare(bytes: Buffer, random: Random, expat: Expat | undefined): Promise<Recording> {
  const contentNamespace = random.pick(contentNamespaces);
  const limits = random.next() < 0.1 ? tight : fixtureLimits;
  const options = { contentNamespace, limits };
  const shown = (): string =>
    `${contentNamespace} ${limits === tight ? "tight " : ""}${JSON.stringify(bytes.toString("latin1"))}`;
  const seen = record(new Framer(options), [bytes]);
  same(record(new PlainFramer(options), [bytes]), seen, () => `plain framer: ${shown()}`);
  for (let count = 0; count < 2; count++) {
    const chunks = cut(bytes, random);
    same(
      record(new Framer(options), chunks),
      seen,
      () => `cut at ${chunks.map(({ length }) => length).join()}: ${shown()}`,
    );
  }
  if (random.next() < 0.2) {
    const recordings = interleave([new Framer(options), new Framer(options)], bytes, random);
    for (const recording of recordings) same(recording, seen, () => `interleaved: ${shown()}`);
  }

  const passed = bytes.subarray(0, seen.frames.at(-1)?.end ?? 0);
  const isComplete = seen.frames.some(({ kind }) => kind === "streamEnd");
  const children = childrenOf(seen, bytes, options);
  // Saxes trims namespace names, which makes others of them.
  if (!trimmable.test(passed.toString("utf8"))) {
    agree(readWithSaxes(passed), seen, children, () => `saxes: ${shown()}`);
  }
  if (expat === undefined) return seen;
  agree(await expat.read(passed, isComplete), seen, children, () => `expat: ${shown()}`);
  if (seen.fault === undefined || stricter.has(seen.fault.code)) return seen;
  const { error } = await expat.read(bytes, true);
  if (error === undefined) expect.fail(`${seen.fault.code}, but expat reads it all: ${shown()}`);
  return seen;
}

function same(actual: Recording, wanted: Recording, what: () => string): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) expect(actual, what()).toEqual(wanted);
}

/** A parser must find nothing wrong with what was passed, and the same children in the same places. */
function agree(reading: Reading, seen: Recording, children: readonly ReadChild[], what: () => string): void {
  if (reading.error !== undefined) expect.fail(`${reading.error}: ${what()}`);
  const header = seen.frames.find(({ kind }) => kind === "streamHeader")?.end ?? 0;
  if (reading.header !== header) expect.fail(`header ends at ${reading.header}, not ${header}: ${what()}`);
  const found = reading.children.map((child, at) => comparable(child, children[at]));
  const wanted = children.map((child) => comparable(child, child));
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect(found, what()).toEqual(wanted);
}

/** Children and their namespace are told of iqs only. */
function comparable(child: ReadChild, known: ReadChild | undefined): unknown {
  const { end, namespace, name, attributes } = child;
  const entries = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (known === undefined || known.childCount < 0) return [end, namespace, name, entries];
  const hash = child.childNamespace === undefined ? 0 : namespaceHash(child.childNamespace);
  return [end, namespace, name, entries, child.childCount, known === child ? Number(child.childNamespace ?? 0) : hash];
}

function childrenOf(seen: Recording, bytes: Buffer, options: FramerOptions): ReadChild[] {
  const children: ReadChild[] = [];
  const framer = new Framer(options);
  let offset = 0;
  framer.scan(bytes, {
    frame(kind, frameBytes, start, end) {
      offset += end - start;
      if (kind === FrameKind.whitespace || kind === FrameKind.streamHeader || kind === FrameKind.streamEnd) return;
      const { namespace, name, attributes } = readHead(frameBytes, start, end, framer.scope);
      const own = [...attributes].filter(([key]) => key !== "xmlns" && !key.includes(":"));
      const isIq = kind === FrameKind.iq;
      const content = namespace === options.contentNamespace;
      if (content !== (kind !== FrameKind.nonza) && ["message", "presence", "iq"].includes(name)) {
        expect.fail(`{${namespace}}${name} is reported as ${kind}`);
      }
      children.push({
        start: offset - (end - start),
        end: offset,
        namespace,
        name,
        attributes: Object.fromEntries(own),
        childCount: isIq ? framer.childCount : -1,
        // The hash in the place of the name, which the framer does not tell.
        childNamespace: isIq ? String(framer.childNamespaceHash) : undefined,
      });
    },
    fault: () => undefined,
  });
  if (children.length > seen.frames.length) expect.fail("more frames than before");
  return children;
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const most = random.pick([1, 3, 20, 200]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(most);
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** Several framers read the same stream, in turns, so that each finds the scanner in the hands of another. */
function interleave(framers: readonly Framer[], bytes: Buffer, random: Random): Recording[] {
  const readers = framers.map((framer) => ({ chunks: cut(bytes, random), recorder: new Recorder(framer, bytes) }));
  while (readers.some(({ chunks }) => chunks.length > 0)) {
    for (const { chunks, recorder } of readers) {
      const chunk = chunks.shift();
      if (chunk !== undefined && !recorder.feed(chunk)) chunks.length = 0;
    }
  }
  return readers.map(({ recorder }) => recorder.recording);
}
