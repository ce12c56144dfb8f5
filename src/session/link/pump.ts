import { FrameKind, Framer } from "../../xml/index.js";
import type { FrameSink, FramerLimits, XmlFault } from "../../xml/index.js";
import type { LegName, Performer } from "./performer.js";

/** Who decides what becomes of the frames of a pump. */
export interface FrameJudge {
  /** True: the frame goes on as it came. False: the judge took it. */
  judge(pump: Pump, kind: FrameKind, bytes: Buffer, start: number, end: number): boolean;
  broken(pump: Pump, fault: XmlFault): void;
}

/** Frames of one direction, by kind; read when an operator asks. */
export interface FrameCounts {
  message: number;
  presence: number;
  iq: number;
  nonza: number;
}

/** Frames that a link has read, up (towards the server) and down. Plain numbers that grow. */
export interface LinkStats {
  readonly frames: { readonly up: Readonly<FrameCounts>; readonly down: Readonly<FrameCounts> };
}

/**
 * One direction of a link: bytes of one leg in, frames judged, runs of passed frames out to the opposite leg.
 *
 * Strategy. Passed frames that lie side by side in one chunk are one run, and a run is one `send` of a part of that
 * chunk: a chunk without a taken frame leaves as it came (less an unfinished frame at its end) and nothing is copied.
 * What the judge sends on the same leg itself goes through `inject`, so that order holds.
 */
export class Pump implements FrameSink {
  readonly framer: Framer;
  readonly from: LegName;
  readonly to: LegName;
  readonly counts: FrameCounts = { message: 0, presence: 0, iq: 0, nonza: 0 };
  readonly #judge: FrameJudge;
  readonly #performer: Performer;
  #runBytes: Buffer | undefined;
  #runStart = 0;
  #runEnd = 0;
  #state: "flowing" | "held" | "stopped" = "flowing";
  #unread: Buffer[] | undefined;
  #skipsWhitespace = false;

  constructor(
    legs: { readonly from: LegName; readonly to: LegName },
    options: { readonly contentNamespace: "jabber:client" | "jabber:component:accept"; readonly limits: FramerLimits },
    judge: FrameJudge,
    performer: Performer,
  ) {
    this.from = legs.from;
    this.to = legs.to;
    this.framer = new Framer(options);
    this.#judge = judge;
    this.#performer = performer;
  }

  /** Bytes that came and were not looked at, because the pump is held. */
  get hasUnread(): boolean {
    return this.#unread !== undefined;
  }

  /** The same, but for white space, which nobody can read as anything. */
  get hasUnreadContent(): boolean {
    return this.#unread?.some((chunk) => contentStart(chunk) < chunk.length) === true;
  }

  /** Reads a chunk. The chunk is the pump's from now on: the caller does not write into it again. */
  feed(chunk: Buffer): void {
    if (this.#state === "stopped") return;
    if (this.#state === "held") {
      (this.#unread ??= []).push(chunk);
      return;
    }
    const bytes = this.#skipsWhitespace ? this.#withoutWhitespace(chunk) : chunk;
    const consumed = this.framer.scan(bytes, this);
    this.flush();
    if (consumed < bytes.length && this.isHeld()) (this.#unread ??= []).push(bytes.subarray(consumed));
  }

  /**
   * The next byte begins a new stream. White space before it is dropped: some clients write a line end behind each
   * element, and the one behind SASL's last belongs to the old stream, wherever it arrives.
   * COMPAT(go-xmpp 0.0.1, a line end behind `<auth/>`): stays, since RFC 6120 §11.7 allows it.
   */
  restart(): void {
    this.framer.restart();
    this.#skipsWhitespace = true;
  }

  /** Looks at nothing behind the present frame until `release`. */
  hold(): void {
    if (this.#state !== "flowing") return;
    this.#state = "held";
    this.framer.halt();
  }

  /** Goes on where `hold` stopped. Not from within `judge`: one framer is not entered from another's sink. */
  release(): void {
    if (this.#state !== "held") return;
    this.#state = "flowing";
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const chunk of unread) this.feed(chunk);
  }

  /** Drops what was held and is not to be carried over, e.g. bytes behind `<starttls/>` (protocol.md A6). */
  discardUnread(): void {
    this.#unread = undefined;
  }

  /** Looks at nothing any more. What passed before still leaves. */
  stop(): void {
    if (this.#state === "flowing") this.framer.halt();
    this.#state = "stopped";
    this.#unread = undefined;
  }

  /** Lets the passed frames leave. */
  flush(): void {
    const bytes = this.#runBytes;
    if (bytes === undefined) return;
    this.#runBytes = undefined;
    const whole = this.#runStart === 0 && this.#runEnd === bytes.length;
    this.#performer.send(this.to, whole ? bytes : bytes.subarray(this.#runStart, this.#runEnd));
  }

  /** Sends on the opposite leg, behind everything that passed. */
  inject(bytes: Uint8Array): void {
    this.flush();
    this.#performer.send(this.to, bytes);
  }

  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void {
    if (this.#state === "stopped") return;
    switch (kind) {
      case FrameKind.message:
        this.counts.message++;
        break;
      case FrameKind.presence:
        this.counts.presence++;
        break;
      case FrameKind.iq:
        this.counts.iq++;
        break;
      case FrameKind.nonza:
        this.counts.nonza++;
        break;
      case FrameKind.streamHeader:
      case FrameKind.streamEnd:
      case FrameKind.whitespace:
        break;
      default:
        kind satisfies never;
    }
    // The judge may have ended the link over this frame; then nothing follows what was said last.
    if (!this.#judge.judge(this, kind, bytes, start, end) || this.isStopped()) return;
    if (this.#runBytes === bytes && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    this.flush();
    this.#runBytes = bytes;
    this.#runStart = start;
    this.#runEnd = end;
  }

  fault(fault: XmlFault): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.flush();
    this.#judge.broken(this, fault);
  }

  #withoutWhitespace(chunk: Buffer): Buffer {
    const start = contentStart(chunk);
    this.#skipsWhitespace = start === chunk.length;
    return chunk.subarray(start);
  }

  // Methods, because `scan` and the judge change the state behind the compiler's back.
  isStopped(): boolean {
    return this.#state === "stopped";
  }

  isHeld(): boolean {
    return this.#state === "held";
  }
}

/** Where the first byte stands that is no white space of XML; the length, if there is none. */
function contentStart(chunk: Buffer): number {
  let at = 0;
  while (at < chunk.length && WHITESPACE.has(chunk[at] ?? 0)) at++;
  return at;
}

const WHITESPACE: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20]);
