import { Buffer } from "node:buffer";
import { UsageError } from "../xmpp/index.js";
import { maskedHead } from "./excerpt.js";
import { xmlFaults } from "./faults.js";
import type { FramerLimits, FrameSink, NamespaceScope } from "./frame.js";
import { FrameKind } from "./frame.js";
import { readHead } from "./head.js";
import { borrowBuffer, copyBytes, isLent, returnBuffer } from "./retained.js";
import { LIST_STRIDE, PIECE_BYTES, ScannedStream, scanner } from "./scanner.js";

export interface FramerOptions {
  readonly contentNamespace: "jabber:client" | "jabber:component:accept";
  readonly limits: FramerLimits;
}

const POOLED_BYTES = 4096;

/**
 * Cuts one stream into frames and refuses what is not restricted XML. Frames follow one another without a gap: each
 * byte of the stream belongs to one. White space behind `streamEnd` is reported as well.
 *
 * What it must guarantee: whatever it passes, every reader of the stream cuts in the same places and calls by the same
 * names; and it says the same however the stream was cut.
 *
 * The way chosen: a lexer in WebAssembly that looks at sixteen bytes at a time (`src/xml/wasm`) reads a copy of the chunk
 * and lists the frames that end in it; here the list is gone through. The lexer can stop at any byte and goes on from
 * there, so that no byte is looked at twice, but for what follows a frame in which the sink halts, restarts or changes
 * limits. There is one lexer for all streams (`scanner.ts`); a framer between two frames holds nothing but what the
 * stream header said, and that is shared.
 *
 * The way rejected: the same in plain JavaScript is half as quick (docs/decisions/0002). The plainest version of it, one
 * byte at a time, lives on in the tests, where both have to agree.
 */
export class Framer {
  readonly #stream: ScannedStream;
  #scope: NamespaceScope = emptyScope;
  #isBroken = false;
  #isScanning = false;
  /** What `sink.frame` asked for: the rest of the list is void then. */
  #isInterrupted = false;
  #isHalted = false;
  #isRestarted = false;
  /** Stream offset of the first byte of the chunk. */
  #chunkOffset = 0;
  #held: Buffer | undefined;
  #heldLength = 0;
  #childCount = 0;
  #childNamespaceHash = 0;
  #excerpt: string | undefined;

  constructor(options: FramerOptions) {
    this.#stream = new ScannedStream(options.contentNamespace === "jabber:client" ? 0 : 1, options.limits);
  }

  /** Declarations of the stream header; empty before it. */
  get scope(): NamespaceScope {
    return this.#scope;
  }

  /** Child elements of the iq that is being reported. Only inside `sink.frame` of kind iq. */
  get childCount(): number {
    return this.#childCount;
  }

  /** `namespaceHash` of the namespace of that iq's first child; 0 without one. Only inside `sink.frame` of kind iq. */
  get childNamespaceHash(): number {
    return this.#childNamespaceHash;
  }

  /** Bytes of an unfinished frame that are kept until the rest comes. */
  get retainedBytes(): number {
    return this.#heldLength;
  }

  /** The masked head of the frame in which the stream broke a rule; undefined before that. */
  get excerpt(): string | undefined {
    return this.#excerpt;
  }

  /** Ends the running `scan` behind the frame that is being reported. Only inside `sink.frame`. */
  halt(): void {
    this.#isInterrupted = true;
    this.#isHalted = true;
  }

  /** The next byte begins a new stream (RFC 6120 §4.3.3). Inside `sink.frame`: the byte behind that frame. */
  restart(): void {
    this.#isInterrupted = true;
    this.#isRestarted = true;
    this.#isBroken = false;
    this.#scope = emptyScope;
    this.#stream.context = undefined;
    this.#stream.isEnded = false;
    scanner.release(this.#stream);
    this.#chunkOffset = 0;
    this.#dropHeld();
  }

  /** Holds from the next byte on, also for a frame that has begun. */
  setLimits(limits: FramerLimits): void {
    this.#isInterrupted = true;
    this.#stream.limits = limits;
  }

  /**
   * Reads the next chunk of one stream and reports each frame that it completes, in stream order.
   *
   * Shape   `chunk` is cut anywhere, also inside a tag or a UTF-8 sequence. A frame that began in an earlier chunk is
   *         given in a joined copy, which nobody writes into again.
   * Returns bytes consumed: all of the chunk, or up to the end of the frame in which `halt` was called, or up to and
   *         including the byte that broke a rule; 0 after a fault, until `restart`.
   * Cost    every byte is looked at once, however the stream is cut; no object is made for a frame.
   * Errors  never throws on peer input. A breach is one call of `sink.fault`, the last.
   * Source  RFC 6120 §4.2 (header), §11.1 (restricted XML), §11.6 (UTF-8), §13.12 (size).
   */
  scan(chunk: Buffer, sink: FrameSink): number {
    if (this.#isBroken) return 0;
    if (this.#isScanning) throw new UsageError("a framer is scanned from within its own sink");
    this.#isScanning = true;
    this.#isHalted = false;
    this.#isRestarted = false;
    const stream = this.#stream;
    /** Where the unfinished frame begins in the chunk, and where scanning has come to. */
    let start = 0;
    let at = 0;
    while (at < chunk.length && !this.#isHalted) {
      const piece = at;
      const end = Math.min(chunk.length, piece + PIECE_BYTES);
      const count = scanner.scan(stream, chunk, piece, end, this.#heldLength + piece - start);
      at = piece + scanner.consumed;
      const { fault } = scanner;
      this.#isInterrupted = false;
      for (let index = 0; index < count; index++) {
        const list = stream.keptList ?? scanner.list;
        const entry = index * LIST_STRIDE;
        const kind = kinds[list[entry] ?? 0] ?? FrameKind.nonza;
        const frameEnd = piece + (list[entry + 1] ?? 0);
        if (kind === FrameKind.iq) {
          this.#childCount = list[entry + 2] ?? 0;
          this.#childNamespaceHash = (list[entry + 3] ?? 0) >>> 0;
        } else if (kind === FrameKind.streamHeader) stream.context = scanner.takeContext();
        else if (kind === FrameKind.streamEnd) stream.isEnded = true;
        this.#report(kind, chunk, start, frameEnd, sink);
        start = frameEnd;
        if (!this.#isInterrupted) continue;
        at = frameEnd;
        if (this.#isRestarted) this.#chunkOffset = -at;
        this.#isRestarted = false;
        scanner.release(stream);
        break;
      }
      scanner.leaveList();
      stream.keptList = undefined;
      if (fault > 0 && !this.#isInterrupted) {
        this.#isScanning = false;
        this.#excerpt = maskedHead([this.#held?.subarray(0, this.#heldLength), chunk.subarray(start, at)]);
        this.#break(fault, at, sink);
        return at + 1;
      }
    }
    if (start < at) this.#hold(chunk, start);
    this.#chunkOffset += at;
    this.#isScanning = false;
    return at;
  }

  #report(kind: FrameKind, chunk: Buffer, start: number, end: number, sink: FrameSink): void {
    if (this.#held === undefined) {
      if (kind === FrameKind.streamHeader) this.#scope = scopeOf(chunk, start, end);
      sink.frame(kind, chunk, start, end);
      return;
    }
    const joined = this.#join(this.#held, chunk, start, end);
    this.#held = undefined;
    this.#heldLength = 0;
    if (kind === FrameKind.streamHeader) this.#scope = scopeOf(joined, 0, joined.length);
    sink.frame(kind, joined, 0, joined.length);
  }

  /** What was kept of a frame and its rest, in a buffer that is the sink's. */
  #join(held: Buffer, chunk: Buffer, start: number, end: number): Buffer {
    const length = this.#heldLength + end - start;
    if (!isLent(held) && held.length >= length) {
      copyBytes(held, this.#heldLength, chunk, start, end);
      return held.subarray(0, length);
    }
    // Only small frames come from Node's own pool, however large a version of Node makes that: a part keeps all of it.
    const joined = length < POOLED_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
    copyBytes(joined, 0, held, 0, this.#heldLength);
    copyBytes(joined, this.#heldLength, chunk, start, end);
    returnBuffer(held);
    return joined;
  }

  #break(fault: number, at: number, sink: FrameSink): void {
    this.#isBroken = true;
    this.#dropHeld();
    scanner.release(this.#stream);
    const entry = faultEntries[fault - 1];
    if (entry === undefined) throw new UsageError(`the scanner knows a fault ${fault}`);
    sink.fault({ kind: "xml", ...entry, offset: this.#chunkOffset + at });
  }

  /** Keeps the end of a chunk. */
  #hold(chunk: Buffer, start: number): void {
    const length = this.#heldLength + chunk.length - start;
    const held = this.#held;
    if (held === undefined) this.#held = borrowBuffer(length);
    else if (held.length < length) {
      const larger = borrowBuffer(Math.max(length, 2 * held.length));
      copyBytes(larger, 0, held, 0, this.#heldLength);
      returnBuffer(held);
      this.#held = larger;
    }
    if (this.#held !== undefined) copyBytes(this.#held, this.#heldLength, chunk, start, chunk.length);
    this.#heldLength = length;
  }

  #dropHeld(): void {
    if (this.#held !== undefined) returnBuffer(this.#held);
    this.#held = undefined;
    this.#heldLength = 0;
  }
}

const emptyScope: NamespaceScope = new Map();
const kinds = Object.values(FrameKind);
const faultEntries = Object.values(xmlFaults);

/** The declarations of a stream header. */
function scopeOf(bytes: Buffer, start: number, end: number): NamespaceScope {
  const scope = new Map<string, string>();
  for (const [name, value] of readHead(bytes, start, end, emptyScope).attributes) {
    if (name === "xmlns") scope.set("", value);
    else if (name.startsWith("xmlns:")) scope.set(name.slice("xmlns:".length), value);
  }
  return scope;
}
