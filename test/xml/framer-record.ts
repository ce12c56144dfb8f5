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

/**
 * Scans chunks and writes down what comes of it, with offsets in the whole stream. White space that a cut parted is
 * joined again. Throws where the framer breaks its own contract: gaps, bytes that are not those of the stream, calls
 * after a fault, a wrong number of consumed bytes.
 */
export function record(framer: AnyFramer, chunks: readonly Buffer[]): Recording {
  const stream = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
  const frames: RecordedFrame[] = [];
  let reached = 0;
  let fault: XmlFault | undefined;
  const sink: FrameSink = {
    frame(kind, bytes, start, end) {
      if (fault !== undefined) throw new Error("a frame after a fault");
      const length = end - start;
      if (length <= 0) throw new Error("an empty frame");
      if (stream.compare(bytes, start, end, reached, reached + length) !== 0)
        throw new Error("not the bytes of the stream");
      const last = frames.at(-1);
      if (kind === FrameKind.whitespace && last?.kind === "whitespace")
        frames[frames.length - 1] = { ...last, end: reached + length };
      else {
        const children =
          kind === FrameKind.iq ? { count: framer.childCount, hash: framer.childNamespaceHash } : undefined;
        const name = kindNames.get(kind) ?? "unknown";
        frames.push({
          kind: name,
          start: reached,
          end: reached + length,
          ...(children === undefined ? {} : { children }),
        });
      }
      reached += length;
    },
    fault(value) {
      if (fault !== undefined) throw new Error("two faults");
      fault = value;
    },
  };
  let offset = 0;
  for (const chunk of chunks) {
    const consumed = framer.scan(chunk, sink);
    if (fault !== undefined) {
      if (offset + consumed !== fault.offset + 1)
        throw new Error(`a fault at ${fault.offset}, consumed ${offset + consumed}`);
      if (framer.scan(Buffer.from("<a/>"), sink) !== 0) throw new Error("scans on after a fault");
      break;
    }
    if (consumed !== chunk.length) throw new Error(`consumed ${consumed} of ${chunk.length}`);
    offset += consumed;
    if (framer.retainedBytes !== offset - reached)
      throw new Error(`retains ${framer.retainedBytes}, not ${offset - reached}`);
  }
  return { frames, fault, retainedBytes: framer.retainedBytes };
}
