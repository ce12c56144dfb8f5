// P1, P2 and P11: how quick the framer is, with all of its checks, against the parsers that one would take instead, and that
// no input makes it slow.
//
// Each contender has a process of its own, since what one does to the compiler and the heap is nobody else's. They run in
// turns; a turn is the CPU time of that process, all of its threads, for reading a fifth of the corpus, cut into chunks
// beforehand. The parsers of others that read text are given it as a decoder of Node makes it from the bytes.

import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Framer } from "../src/xml/index.js";
import { corpusFigures, makeCorpus } from "./framer-corpus.js";
import type { Contender } from "./framer-peers.js";
import { benchLimits, caesura, expatPeer, ltxPeer, saxesPeer, saxPeer } from "./framer-peers.js";
import { describeMachine } from "./support/machine.js";
import type { Figure } from "./support/report.js";
import { publish } from "./support/report.js";
import type { Summary } from "./support/statistics.js";
import { ratios, summarise } from "./support/statistics.js";

const SECTION_BYTES = 10e6;
const SECTIONS = 5;
const REPETITIONS = 9;
/** What a socket of Node gives at most in one go from a TLS record, and what fits into one packet. */
const LARGE = 16_384;
const SMALL = 1_400;

interface Turn {
  readonly name: string;
  readonly contender: Contender;
  /** What is read, a part in each repetition. */
  readonly parts: readonly (readonly Buffer[])[];
  /** How often the part is read in a turn: quick ones take many, or the clock's grain would show. */
  readonly times: number;
  /** How many streams read the chunks, all in one go. */
  readonly streams: number;
}

/** A turn as seen from here. */
interface Measured {
  readonly name: string;
  /** Nanoseconds of CPU for a byte, of each repetition. */
  readonly cost: number[];
}

async function measureAll(): Promise<void> {
  const shared = mkdtempSync(join(tmpdir(), "caesura-bench-"));
  const children: ChildProcess[] = [];
  try {
    const sections = Array.from({ length: SECTIONS }, (_, index) => makeCorpus(SECTION_BYTES, index + 1));
    for (const [index, { header, body }] of sections.entries()) {
      writeFileSync(join(shared, "header"), header);
      writeFileSync(join(shared, `section${index}`), body);
    }
    const expat = expatPeer();
    const start = async (group: Group): Promise<Measured[]> => {
      const child = fork(fileURLToPath(import.meta.url), [group], {
        env: { ...process.env, CAESURA_BENCH_FOLDER: shared },
      });
      children.push(child);
      const names = await answer(child);
      return names.map((name) => ({ name: String(name), cost: [] }));
    };
    const groups: Measured[][] = [];
    for (const group of groupNames) if (group !== "expat" || expat !== undefined) groups.push(await start(group));
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      for (const [index, child] of children.entries()) {
        const costs = answer(child);
        child.send(repetition);
        for (const [at, cost] of (await costs).entries()) groups[index]?.[at]?.cost.push(Number(cost));
      }
    }
    report(groups, sections, expat?.version);
  } finally {
    for (const child of children) child.kill();
    rmSync(shared, { recursive: true });
  }
}

async function answer(child: ChildProcess): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null): void => reject(new Error(`a contender ended with ${code}`));
    child.once("exit", fail);
    child.once("message", (message) => {
      child.off("exit", fail);
      resolve(Array.isArray(message) ? message : []);
    });
  });
}

const groupNames = ["caesura", "sax", "saxes", "ltx", "expat", "hostile"] as const;
type Group = (typeof groupNames)[number];

/** In the process of a contender: says what it reads, then reads a part for each message. */
function serve(shared: string): void {
  const header = readFileSync(join(shared, "header"));
  const bodies = Array.from({ length: SECTIONS }, (_, index) => readFileSync(join(shared, `section${index}`)));
  const turns = turnsOf(process.argv[2], bodies);
  for (const each of turns) warmUp(each, header);
  process.on("message", (repetition) => process.send?.(turns.map((each) => take(each, header, Number(repetition)))));
  process.send?.(turns.map(({ name }) => name));
}

function turnsOf(group: string | undefined, bodies: readonly Buffer[]): Turn[] {
  const large = bodies.map((body) => cut(body, LARGE));
  const small = (): Turn["parts"] => bodies.map((body) => cut(body, SMALL));
  switch (group) {
    case "caesura":
      return [turn("Caesura, 16 KB", caesura(), large, 20), turn("Caesura, 1.4 KB", caesura(), small(), 15)];
    case "sax":
      return [turn(`${saxPeer.name}, 16 KB`, saxPeer, large, 1), turn(`${saxPeer.name}, 1.4 KB`, saxPeer, small(), 1)];
    case "saxes":
      return [turn(`${saxesPeer.name}, 16 KB`, saxesPeer, large, 2)];
    case "ltx":
      return [turn(`${ltxPeer.name}, 16 KB`, ltxPeer, large, 1)];
    case "expat": {
      const contender = expatPeer()?.contender;
      return contender === undefined ? [] : [turn("node-expat, 16 KB", contender, large, 1)];
    }
    default:
      return hostileInputs(bodies[0] ?? Buffer.alloc(0));
  }
}

function report(
  groups: readonly (readonly Measured[])[],
  sections: readonly ReturnType<typeof makeCorpus>[],
  expatVersion: string | undefined,
): void {
  const all = groups.flat();
  const costOf = (name: string): readonly number[] => all.find((each) => each.name.startsWith(name))?.cost ?? [];
  const ours = costOf("Caesura, 16 KB");
  const hostile = groups.at(-1) ?? [];
  const figures: Figure[] = [
    figure(
      "P1 sax",
      "MB/s in 16 KB chunks, times sax (strict, xmlns)",
      ratios(costOf("sax (strict, xmlns), 16"), ours),
      15,
      28,
    ),
    figure("P1 saxes", "times saxes (xmlns)", ratios(costOf("saxes"), ours), 6, 11),
    figure("P1 ltx", "times ltx with a tree per stanza", ratios(costOf("ltx"), ours), 9, 17),
    ...(expatVersion === undefined
      ? []
      : [figure("P1 node-expat", "times node-expat", ratios(costOf("node-expat"), ours), 9, 18)]),
    figure(
      "P2",
      "MB/s in 1.4 KB chunks, times sax",
      ratios(costOf("sax (strict, xmlns), 1.4"), costOf("Caesura, 1.4 KB")),
      12,
      18,
    ),
    ...hostile.map((each): Figure => ({
      name: "P11",
      meaning: `CPU per byte, times that of the corpus: ${each.name}`,
      ratio: ratios(each.cost, ours),
      goal: { kind: "at most", value: each.name.startsWith("chunks of 1 byte") ? 60 : 20 },
    })),
  ];
  const shape = corpusFigures({
    header: "",
    body: Buffer.concat(sections.map(({ body }) => body)),
    sizes: sections.flatMap(({ sizes }) => sizes),
  });
  publish({
    name: "framer",
    title: "The framer against parsers of XML",
    command: "npm run bench:framer",
    machine: describeMachine({}),
    figures,
    columns: ["MB/s", "ns per byte"],
    rows: all.map(({ name, cost }) => ({
      name,
      values: [summarise(cost.map((nanoseconds) => 1000 / nanoseconds)), summarise(cost)],
    })),
    notes: [
      `Corpus: ${Math.round(shape.bytes / 1e6)} MB, ${shape.stanzas} stanzas, mean ${shape.mean} bytes, median ${shape.median}, ` +
        `a tenth under ${shape.tenth}, a hundredth over ${shape.hundredth}, the largest ${shape.largest}; a tag in ` +
        `${shape.bytesPerTag} bytes; ${shape.nonAsciiPercent} % of the bytes not ASCII. The same bytes on every machine.`,
      `${REPETITIONS} repetitions in turns; CPU time of each contender's process. Ratios are taken within a repetition.`,
      "The framer makes no objects; sax, saxes and node-expat give events to handlers that count them; ltx builds elements.",
      expatVersion === undefined
        ? "node-expat could not be built here, so it is missing."
        : `node-expat ${expatVersion}, built in a cache folder.`,
    ],
  });
}

function figure(name: string, meaning: string, ratio: Summary, goal: number, next: number): Figure {
  return { name, meaning, ratio, goal: { kind: "at least", value: goal }, next: { kind: "at least", value: next } };
}

function turn(name: string, contender: Contender, parts: Turn["parts"], times: number): Turn {
  return { name, contender, parts, times, streams: 1 };
}

function warmUp({ contender, parts }: Turn, header: Buffer): void {
  const chunks = parts[0] ?? [];
  // Nobody minds that the last stanza of these is not complete.
  const some = chunks.slice(0, Math.max(1, Math.floor(chunks.length / 2)));
  for (let time = 0; time < 2; time++) contender.read(header, some);
}

/** Nanoseconds of CPU for a byte. */
function take({ contender, parts, times, streams }: Turn, header: Buffer, repetition: number): number {
  const chunks = parts[repetition % parts.length] ?? [];
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  const before = process.cpuUsage();
  for (let time = 0; time < times; time++) contender.read(header, chunks);
  const { user, system } = process.cpuUsage(before);
  return (1000 * (user + system)) / (bytes * times * streams);
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

/** Inputs that are allowed and that a careless framer would take long for (P11). */
function hostileInputs(corpus: Buffer): Turn[] {
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
  const single = turn("chunks of 1 byte", caesura(), [cut(corpus.subarray(0, 300_000), 1)], 5);
  const made = cases.map(([name, stanza, size, contender = caesura()]) => {
    const bytes = Buffer.from(stanza.repeat(Math.max(1, Math.ceil(4e6 / Buffer.byteLength(stanza)))));
    return turn(name, contender, [cut(bytes, size)], 5);
  });
  const crowd = crowdOfStreams(100);
  const chunks = cut(corpus.subarray(0, 50_000), SMALL);
  const name = "100 streams in turns, each cut inside a stanza, 1.4 KB";
  return [single, ...made, { ...turn(name, crowd, [chunks], 4), streams: 100 }];
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

const folder = process.env["CAESURA_BENCH_FOLDER"];
if (folder === undefined) await measureAll();
else serve(folder);
