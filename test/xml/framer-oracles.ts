import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { SaxesParser } from "saxes";

/** What an independent parser says of a stream. */
export interface Reading {
  /** Undefined if it found nothing wrong. */
  readonly error: string | undefined;
  /** End of the stream header; 0 without one. */
  readonly header: number;
  /** The complete children of the root element. */
  readonly children: readonly ReadChild[];
}

export interface ReadChild {
  readonly start: number;
  readonly end: number;
  readonly namespace: string;
  readonly name: string;
  readonly childCount: number;
  readonly childNamespace: string | undefined;
  /** Without a prefix and not declarations. */
  readonly attributes: Readonly<Record<string, string>>;
}

const python = "/usr/bin/python3";

/** Expat, in a Python process that lives as long as the tests. */
export class Expat {
  static readonly isThere = existsSync(python);
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: ((answer: string) => void)[] = [];

  constructor() {
    const script = fileURLToPath(new URL("framer-expat.py", import.meta.url));
    this.#process = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#waiting.shift()?.(line));
    this.#process.once("exit", (code) => {
      for (const answer of this.#waiting.splice(0))
        answer(JSON.stringify({ error: `python ended with ${code}`, frames: [] }));
    });
  }

  async read(bytes: Buffer, isComplete: boolean): Promise<Reading> {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 0);
    head.writeUInt8(isComplete ? 1 : 0, 4);
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
      this.#process.stdin.write(Buffer.concat([head, bytes]));
    });
    const answer: unknown = JSON.parse(line);
    return readingOf(answer);
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.stdin.end();
    });
  }
}

/** Saxes, strict about namespaces. */
export function readWithSaxes(bytes: Buffer): Reading {
  const text = bytes.toString("utf8");
  const parser = new SaxesParser({ xmlns: true });
  const children: (ReadChild & { end: number })[] = [];
  const state: { error: string | undefined; header: number; depth: number } = { error: undefined, header: 0, depth: 0 };
  const offsetHere = byteOffsets(text, () => parser.position);
  let tagStart = 0;
  let childCount = 0;
  let childNamespace: string | undefined;
  parser.on("error", (error) => {
    state.error ??= error.message;
  });
  parser.on("opentagstart", () => {
    tagStart = parser.position;
  });
  parser.on("opentag", ({ uri, local, attributes }) => {
    state.depth++;
    if (state.depth === 1) state.header = offsetHere();
    else if (state.depth === 2) {
      const own = Object.values(attributes).filter(({ prefix, name }) => prefix === "" && name !== "xmlns");
      const named = Object.fromEntries(own.map(({ name, value }) => [name, value]));
      childCount = 0;
      childNamespace = undefined;
      children.push({
        start: tagStart,
        end: -1,
        namespace: uri,
        name: local,
        childCount,
        childNamespace,
        attributes: named,
      });
    } else if (state.depth === 3) {
      childCount++;
      childNamespace ??= uri;
    }
  });
  parser.on("closetag", () => {
    state.depth--;
    const child = children.at(-1);
    if (state.depth !== 1 || child === undefined) return;
    children[children.length - 1] = { ...child, end: offsetHere(), childCount, childNamespace };
  });
  parser.write(text);
  return { error: state.error, header: state.header, children: children.filter(({ end }) => end >= 0) };
}

/** Turns a growing position in UTF-16 units into bytes, without beginning anew each time. */
function byteOffsets(text: string, position: () => number): () => number {
  let units = 0;
  let bytes = 0;
  return () => {
    const here = position();
    bytes += Buffer.byteLength(text.slice(units, here));
    units = here;
    return bytes;
  };
}

function readingOf(answer: unknown): Reading {
  if (!isAnswer(answer)) throw new Error(`not an answer: ${JSON.stringify(answer)}`);
  const { error, header, frames } = answer;
  return {
    error: error ?? undefined,
    header,
    children: frames.map(([start, end, namespace, name, childCount, childNamespace, attributes]) => ({
      start,
      end,
      namespace,
      name,
      childCount,
      childNamespace: childNamespace ?? undefined,
      attributes: Object.fromEntries(Object.entries(attributes).filter(([key]) => !key.includes("\n"))),
    })),
  };
}

interface Answer {
  readonly error: string | null;
  readonly header: number;
  readonly frames: readonly [number, number, string, string, number, string | null, Record<string, string>][];
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && "frames" in value && Array.isArray(value.frames);
}
