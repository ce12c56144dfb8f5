import type { FrameKind } from "../../xml/index.js";

/** A frame that waits, with what the framer said of it. */
export interface HeldFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly childCount: number;
  readonly childNamespaceHash: number;
}

/** Empty places before the oldest frame, at most. */
const MAX_GAPS = 64;

/** Stanzas that wait behind a blocking delegation, or behind too many pending ones, in stream order (D41). */
export class HeldFrames {
  #frames: (HeldFrame | undefined)[] = [];
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

  /** Places in memory, those that are empty already included. */
  get places(): number {
    return this.#frames.length;
  }

  peek(): HeldFrame | undefined {
    return this.#frames[this.#next];
  }

  shift(): HeldFrame | undefined {
    const frame = this.#frames[this.#next];
    if (frame === undefined) return undefined;
    // Let go of at once: the queue of a busy stream may never be empty.
    this.#frames[this.#next] = undefined;
    this.#next++;
    this.#bytes -= frame.bytes.length;
    if (this.isEmpty || this.#next > MAX_GAPS) {
      this.#frames = this.#frames.slice(this.#next);
      this.#next = 0;
    }
    return frame;
  }
}
