// P1, P2 and P11: how quick the framer is, with all of its checks, against the parsers that one would take instead, and that
// no input makes it slow.
//
// Everything runs in this process, in turns; a turn is the CPU time, user and system, for reading the whole corpus once, cut
// into chunks beforehand. The parsers of others that read text are given it as a decoder of Node makes it from the bytes.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Framer } from "../src/xml/index.js";
import { corpusFigures, makeCorpus } from "./framer-corpus.js";
import type { Contender } from "./framer-peers.js";
import { benchLimits, caesura, expatPeer, ltxPeer, saxesPeer, saxPeer } from "./framer-peers.js";
import { describeMachine } from "./support/machine.js";
import type { Figure } from "./support/report.js";
import { publish } from "./support/report.js";
import type { Summary } from "./support/statistics.js";
import { ratios, summarise } from "./support/statistics.js";

const CORPUS_BYTES = 50e6;
const REPETITIONS = 7;
/** What a socket of Node gives at most in one go from a TLS record, and what fits into one packet. */
const LARGE = 16_384;
const SMALL = 1_400;

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

const corpus = makeCorpus(CORPUS_BYTES);
const header = Buffer.from(corpus.header);
const expat = expatPeer();

interface Turn {
  readonly name: string;
  readonly contender: Contender;
  readonly chunks: readonly Buffer[];
  /** How often the chunks are read in a turn: quick ones take many, or the clock's grain would show. */
  readonly times: number;
  /** How many streams read the chunks, all in one go. */
  readonly streams: number;
  /** Nanoseconds of CPU for a byte, of each repetition. */
  readonly cost: number[];
}

const large = cut(corpus.body, LARGE);
const ours = turn("Caesura, 16 KB", caesura(), large, 10);
const oursSmall = turn("Caesura, 1.4 KB", caesura(), cut(corpus.body, SMALL), 10);
const sax = turn("sax (strict, xmlns), 16 KB", saxPeer, large, 1);
const saxes = turn("saxes (xmlns), 16 KB", saxesPeer, large, 1);
const ltx = turn("ltx, a tree per stanza, 16 KB", ltxPeer, large, 1);
const nodeExpat = expat === undefined ? undefined : turn("node-expat, 16 KB", expat.contender, large, 1);
const saxSmall = turn("sax (strict, xmlns), 1.4 KB", saxPeer, oursSmall.chunks, 1);
const turns = [ours, oursSmall, sax, saxes, ltx, nodeExpat, saxSmall].filter((each) => each !== undefined);

const hostile = hostileInputs();
for (const each of [...turns, ...hostile]) warmUp(each);
for (let repetition = 0; repetition < REPETITIONS; repetition++) {
  // Slow peers have our turn on both sides of them, in effect: before them and after the last of them.
  for (const each of [...turns, ...hostile]) take(each);
}

const figures: Figure[] = [
  figure("P1 sax", "MB/s in 16 KB chunks, times sax (strict, xmlns)", ratios(sax.cost, ours.cost), 15, 28),
  figure("P1 saxes", "times saxes (xmlns)", ratios(saxes.cost, ours.cost), 6, 11),
  figure("P1 ltx", "times ltx with a tree per stanza", ratios(ltx.cost, ours.cost), 9, 17),
  ...(nodeExpat === undefined
    ? []
    : [figure("P1 node-expat", "times node-expat", ratios(nodeExpat.cost, ours.cost), 9, 18)]),
  figure("P2", "MB/s in 1.4 KB chunks, times sax", ratios(saxSmall.cost, oursSmall.cost), 12, 18),
  ...hostile.map((each): Figure => ({
    name: "P11",
    meaning: `CPU per byte, times that of the corpus: ${each.name}`,
    ratio: ratios(each.cost, ours.cost),
    goal: { kind: "at most", value: each.name.startsWith("chunks of 1 byte") ? 60 : 20 },
  })),
];

const shape = corpusFigures(corpus);
publish({
  name: "framer",
  title: "The framer against parsers of XML",
  command: "npm run bench:framer",
  machine: describeMachine({}),
  figures,
  columns: ["MB/s", "ns per byte"],
  rows: [...turns, ...hostile].map((each) => ({
    name: each.name,
    values: [summarise(each.cost.map((cost) => 1000 / cost)), summarise(each.cost)],
  })),
  notes: [
    `Corpus: ${Math.round(shape.bytes / 1e6)} MB, ${shape.stanzas} stanzas, mean ${shape.mean} bytes, median ${shape.median}, ` +
      `a tenth under ${shape.tenth}, a hundredth over ${shape.hundredth}, the largest ${shape.largest}; a tag in ` +
      `${shape.bytesPerTag} bytes; ${shape.nonAsciiPercent} % of the bytes not ASCII. The same bytes on every machine.`,
    `${REPETITIONS} repetitions in turns, in one process; CPU time of that process. Ratios are taken within a repetition.`,
    "The framer makes no objects; sax, saxes and node-expat give events to handlers that count them; ltx builds elements.",
    expat === undefined
      ? "node-expat could not be built here, so it is missing."
      : `node-expat ${expat.version}, built in a cache folder.`,
  ],
});

function figure(name: string, meaning: string, ratio: Summary, goal: number, next: number): Figure {
  return { name, meaning, ratio, goal: { kind: "at least", value: goal }, next: { kind: "at least", value: next } };
}

function turn(name: string, contender: Contender, chunks: readonly Buffer[], times: number): Turn {
  return { name, contender, chunks, times, streams: 1, cost: [] };
}

function warmUp({ contender, chunks }: Turn): void {
  // Nobody minds that the last stanza of these is not complete.
  const some = chunks.slice(0, Math.max(1, Math.floor(chunks.length / 5)));
  for (let time = 0; time < 2; time++) contender.read(header, some);
}

function take({ contender, chunks, times, streams, cost }: Turn): void {
  if (typeof collectGarbage === "function") collectGarbage();
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  const before = process.cpuUsage();
  for (let time = 0; time < times; time++) contender.read(header, chunks);
  const { user, system } = process.cpuUsage(before);
  cost.push((1000 * (user + system)) / (bytes * times * streams));
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

/** Inputs that are allowed and that a careless framer would take long for (P11). */
function hostileInputs(): Turn[] {
  const wide = caesura({ ...benchLimits, maxAttributes: 10_000 });
  const attributes = Array.from({ length: 10_000 }, (_, at) => ` a${at}=''`).join("");
  const prefixed = Array.from({ length: 120 }, (_, at) => ` xmlns:p${at}='urn:p'`).join("");
  const cyrillic = "Что за свет блеснул в окне? ".repeat(40);
  const cases: readonly [name: string, stanza: string, chunk: number, contender?: Contender][] = [
    ["an attribute of 100 KB", `<message id='${"x".repeat(100_000)}'/>`, LARGE],
    ["an attribute of 100 KB, of references", `<message id='${"&amp;".repeat(20_000)}'/>`, LARGE],
    ["10 000 attributes", `<message${attributes}/>`, LARGE, wide],
    ["10 000 attributes, chunks of 100 bytes", `<message${attributes}/>`, 100, wide],
    ["128 levels", `<message>${"<a>".repeat(127)}${"</a>".repeat(127)}</message>`, LARGE],
    ["10 000 children", `<message>${"<a/>".repeat(10_000)}</message>`, LARGE],
    ["10 000 children that declare a namespace", `<message>${"<a xmlns='u'/>".repeat(10_000)}</message>`, LARGE],
    ["120 prefixes, the first in use", `<message${prefixed}>${"<p0:a/>".repeat(10_000)}</message>`, LARGE],
    ["120 prefixed attributes of one namespace name", prefixedAttributes(), LARGE],
    ["text of references", `<message>${"&#65;".repeat(20_000)}</message>`, LARGE],
    ["text of two-byte characters", `<message>${cyrillic}</message>`, LARGE],
    ["text of brackets", `<message>${"]".repeat(50_000)}</message>`, LARGE],
    ["text of line breaks", `<message>${"\n".repeat(50_000)}</message>`, LARGE],
    ["stanzas of four bytes", "<a/>".repeat(20_000), LARGE],
    ["white space between stanzas of four bytes", "<a/>\n".repeat(20_000), LARGE],
  ];
  const single = turn("chunks of 1 byte", caesura(), cut(corpus.body.subarray(0, 500_000), 1), 2);
  const made = cases.map(([name, stanza, size, contender = caesura()]) => {
    const bytes = Buffer.from(stanza.repeat(Math.max(1, Math.ceil(4e6 / Buffer.byteLength(stanza)))));
    return turn(name, contender, cut(bytes, size), 2);
  });
  const crowd = crowdOfStreams(100);
  const chunks = cut(corpus.body.subarray(0, 100_000), SMALL);
  const name = "100 streams in turns, each cut inside a stanza, 1.4 KB";
  return [single, ...made, { ...turn(name, crowd, chunks, 2), streams: 100 }];
}

function prefixedAttributes(): string {
  const declared = Array.from({ length: 120 }, (_, at) => ` xmlns:p${at}='urn:a-namespace-name:${at}'`).join("");
  const used = Array.from({ length: 120 }, (_, at) => ` p${at}:id=''`).join("");
  return `<message${declared}${used}/>`;
}

/** Each chunk goes to every stream, so that every one finds the scanner in the hands of another. */
function crowdOfStreams(count: number): Contender {
  return {
    name: "Caesura",
    read(streamHeader, chunks) {
      let frames = 0;
      const sink = {
        frame(): void {
          frames++;
        },
        fault({ code }: { code: string }): never {
          throw new Error(code);
        },
      };
      const framers = Array.from(
        { length: count },
        () => new Framer({ contentNamespace: "jabber:client", limits: benchLimits }),
      );
      for (const framer of framers) framer.scan(streamHeader, sink);
      for (const chunk of chunks) for (const framer of framers) framer.scan(chunk, sink);
      return frames;
    },
  };
}
