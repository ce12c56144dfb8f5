import { Buffer } from "node:buffer";
import { xmlFaults } from "../../src/xml/faults.js";
import type { FramerOptions } from "../../src/xml/framer.js";
import type { FramerLimits, FrameSink, NamespaceScope } from "../../src/xml/frame.js";
import { FrameKind } from "../../src/xml/frame.js";
import { namespaceHash } from "../../src/xml/hash.js";
import { PlainLexer } from "./plain-lexer.js";

/**
 * Cuts one stream into frames and refuses what is not restricted XML. Frames follow one another without a gap: each
 * byte of the stream belongs to one. The white space after `streamEnd` is reported as well.
 */
export class PlainFramer {
  readonly #contentNamespace: FramerOptions["contentNamespace"];
  #limits: FramerLimits;
  #lexer: PlainLexer;
  #scope: NamespaceScope = emptyScope;
  #isBroken = false;
  #isHalted = false;
  /** Stream offset of the first byte of the chunk. */
  #chunkOffset = 0;
  #held: Buffer | undefined;
  #heldLength = 0;

  constructor(options: FramerOptions) {
    this.#contentNamespace = options.contentNamespace;
    this.#limits = options.limits;
    this.#lexer = new PlainLexer(options.contentNamespace, options.limits);
  }

  /** Declarations of the stream header; empty before it. */
  get scope(): NamespaceScope {
    return this.#scope;
  }

  /** Child elements of the iq that is being reported. Only inside `sink.frame` of kind iq. */
  get childCount(): number {
    return this.#lexer.childCount;
  }

  /** `namespaceHash` of the namespace of that iq's first child; 0 without one. Only inside `sink.frame` of kind iq. */
  get childNamespaceHash(): number {
    const namespace = this.#lexer.childNamespace;
    return namespace === undefined ? 0 : namespaceHash(Buffer.from(namespace, "latin1").toString("utf8"));
  }

  /** Bytes of an unfinished frame that are kept until the rest comes. */
  get retainedBytes(): number {
    return this.#heldLength;
  }

  /** Ends the running `scan` behind the frame that is being reported. Only inside `sink.frame`. */
  halt(): void {
    this.#isHalted = true;
  }

  /** The next byte begins a new stream (RFC 6120 §4.3.3). Inside `sink.frame`: the byte behind that frame. */
  restart(): void {
    this.#lexer = new PlainLexer(this.#contentNamespace, this.#limits);
    this.#scope = emptyScope;
    this.#isBroken = false;
    this.#chunkOffset = 0;
    this.#held = undefined;
    this.#heldLength = 0;
  }

  /** Holds from the next byte on, also for a frame that has begun. */
  setLimits(limits: FramerLimits): void {
    this.#limits = limits;
    this.#lexer.limits = limits;
  }

  /**
   * Reads the next chunk of one stream and reports each frame that it completes, in stream order.
   *
   * Shape   `chunk` is cut anywhere, also inside a tag or a UTF-8 sequence. A frame that began in an earlier chunk is
   *         given in a joined copy, which nobody writes into again.
   * Returns bytes consumed: all of the chunk, or up to the end of the frame in which `halt` was called, or up to and
   *         including the byte that broke a rule; 0 after a fault, until `restart`.
   * Errors  never throws on peer input. A breach is one call of `sink.fault`, the last.
   * Source  RFC 6120 §4.2 (header), §11.1 (restricted XML), §11.6 (UTF-8), §13.12 (size).
   */
  scan(chunk: Buffer, sink: FrameSink): number {
    if (this.#isBroken) return 0;
    this.#isHalted = false;
    let start = 0;
    let at = 0;
    while (at < chunk.length && !this.#isHalted) {
      const lexer = this.#lexer;
      const isWhitespace = lexer.isBetween && isSpace(chunk[at]);
      const isFull = !isWhitespace && this.#heldLength + at - start >= this.#limits.maxFrameBytes;
      const step = isFull ? "frameTooLarge" : lexer.step(chunk[at] ?? 0);
      at++;
      if (typeof step === "string") {
        this.#isBroken = true;
        this.#held = undefined;
        this.#heldLength = 0;
        sink.fault({ kind: "xml", ...xmlFaults[step], offset: this.#chunkOffset + at - 1 });
        return at;
      }
      if (isWhitespace) {
        while (at < chunk.length && isSpace(chunk[at])) at++;
        sink.frame(FrameKind.whitespace, chunk, start, at);
      } else if (step === 1) this.#frame(chunk, start, at, lexer.kind, sink);
      else continue;
      if (this.#lexer !== lexer) this.#chunkOffset = -at;
      start = at;
    }
    if (start < at) this.#hold(chunk, start);
    this.#chunkOffset += at;
    return at;
  }

  #frame(chunk: Buffer, start: number, end: number, kind: FrameKind, sink: FrameSink): void {
    if (kind === FrameKind.streamHeader) this.#scope = scopeOf(this.#lexer);
    if (this.#held === undefined) {
      sink.frame(kind, chunk, start, end);
      return;
    }
    this.#hold(chunk.subarray(0, end), start);
    const joined = this.#held;
    const length = this.#heldLength;
    this.#held = undefined;
    this.#heldLength = 0;
    sink.frame(kind, joined, 0, length);
  }

  #hold(chunk: Buffer, start: number): void {
    const length = this.#heldLength + chunk.length - start;
    if (this.#held === undefined || this.#held.length < length) {
      const larger = Buffer.allocUnsafeSlow(
        this.#held === undefined ? length : Math.max(length, 2 * this.#held.length),
      );
      this.#held?.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldLength, start);
    this.#heldLength = length;
  }
}

const emptyScope: NamespaceScope = new Map();

function scopeOf(lexer: PlainLexer): NamespaceScope {
  return new Map(
    lexer.bindings.map(({ prefix, namespace }) => [
      Buffer.from(prefix, "latin1").toString("utf8"),
      Buffer.from(namespace, "latin1").toString("utf8"),
    ]),
  );
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d;
}
