import type { FrameKind } from "../xml/index.js";

/** A frame that waits, with what the framer said of it. */
export interface HeldFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly childCount: number;
  readonly childNamespaceHash: number;
}

/** Stanzas that wait behind a blocking delegation, or behind too many pending ones, in stream order (D41). */
export class HeldFrames {
  readonly #frames: HeldFrame[] = [];
  #next = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy, so that a few held bytes do not pin the chunk that they came in. */
  push(frame: HeldFrame): void {
    this.#frames.push({ ...frame, bytes: Buffer.from(frame.bytes) });
    this.#bytes += frame.bytes.length;
  }

  peek(): HeldFrame | undefined {
    return this.#frames[this.#next];
  }

  shift(): HeldFrame | undefined {
    const frame = this.#frames[this.#next];
    if (frame === undefined) return undefined;
    this.#next++;
    this.#bytes -= frame.bytes.length;
    if (this.isEmpty) {
      this.#frames.length = 0;
      this.#next = 0;
    }
    return frame;
  }
}
