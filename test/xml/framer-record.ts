import type { FramerLimits, FramerOptions, FrameSink, NamespaceScope, XmlFault } from "../../src/xml/index.js";
import { FrameKind } from "../../src/xml/index.js";

/** What both framers have in common: the one that is used, and the plain one that it is held against. */
export interface AnyFramer {
  scan(chunk: Buffer, sink: FrameSink): number;
  halt(): void;
  restart(): void;
  setLimits(limits: FramerLimits): void;
  readonly scope: NamespaceScope;
  readonly childCount: number;
  readonly childNamespaceHash: number;
  readonly retainedBytes: number;
}
export type FramerClass = new (options: FramerOptions) => AnyFramer;

export interface RecordedFrame {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  /** Of an iq. */
  readonly children?: { readonly count: number; readonly hash: number };
}

export interface Recording {
  readonly frames: readonly RecordedFrame[];
  readonly fault: XmlFault | undefined;
  readonly retainedBytes: number;
}

const kindNames = new Map<number, string>(Object.entries(FrameKind).map(([name, kind]) => [kind, name]));

/** Scans chunks and writes down what comes of it. */
export function record(framer: AnyFramer, chunks: readonly Buffer[]): Recording {
  const [first] = chunks;
  const recorder = new Recorder(framer, first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
  for (const chunk of chunks) if (!recorder.feed(chunk)) break;
  return recorder.recording;
}

/**
 * Writes down what comes of a stream, with offsets in the whole of it. White space that a cut parted is joined again.
 * Throws where the framer breaks its own contract: gaps, bytes that are not those of the stream, calls after a fault, a
 * wrong number of consumed or of retained bytes.
 */
export class Recorder {
  readonly #framer: AnyFramer;
  readonly #stream: Buffer;
  readonly #frames: RecordedFrame[] = [];
  #fault: XmlFault | undefined;
  #reached = 0;
  #offset = 0;

  constructor(framer: AnyFramer, stream: Buffer) {
    this.#framer = framer;
    this.#stream = stream;
  }

  get recording(): Recording {
    return { frames: this.#frames, fault: this.#fault, retainedBytes: this.#framer.retainedBytes };
  }

  /** False once there is a fault. */
  feed(chunk: Buffer): boolean {
    const framer = this.#framer;
    const sink: FrameSink = {
      frame: (kind, bytes, start, end) => this.#frame(kind, bytes, start, end),
      fault: (fault) => {
        if (this.#fault !== undefined) throw new Error("two faults");
        this.#fault = fault;
      },
    };
    const consumed = framer.scan(chunk, sink);
    const fault = this.#fault;
    if (fault !== undefined) {
      if (this.#offset + consumed !== fault.offset + 1) {
        throw new Error(`a fault at ${fault.offset}, consumed ${this.#offset + consumed}`);
      }
      if (framer.scan(Buffer.from("<a/>"), sink) !== 0) throw new Error("scans on after a fault");
      return false;
    }
    if (consumed !== chunk.length) throw new Error(`consumed ${consumed} of ${chunk.length}`);
    this.#offset += consumed;
    const retained = this.#offset - this.#reached;
    if (framer.retainedBytes !== retained) throw new Error(`retains ${framer.retainedBytes}, not ${retained}`);
    return true;
  }

  #frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void {
    const framer = this.#framer;
    const frames = this.#frames;
    const reached = this.#reached;
    const length = end - start;
    if (this.#fault !== undefined) throw new Error("a frame after a fault");
    if (length <= 0) throw new Error("an empty frame");
    if (this.#stream.compare(bytes, start, end, reached, reached + length) !== 0) {
      throw new Error("not the bytes of the stream");
    }
    this.#reached += length;
    const last = frames.at(-1);
    if (kind === FrameKind.whitespace && last?.kind === "whitespace") {
      frames[frames.length - 1] = { ...last, end: this.#reached };
      return;
    }
    const frame = { kind: kindNames.get(kind) ?? "unknown", start: reached, end: this.#reached };
    if (kind !== FrameKind.iq) frames.push(frame);
    else frames.push({ ...frame, children: { count: framer.childCount, hash: framer.childNamespaceHash } });
  }
}
