import { Buffer } from "node:buffer";

/**
 * Buffers for unfinished frames, so that such a frame pins no buffer of a socket.
 *
 * Most chunks end inside a frame, and making a buffer costs as much as reading a chunk of a packet's size. So small ones
 * are kept for the next; none holds more than twice what it has to, and a stream between two frames holds none.
 */
export function borrowBuffer(bytes: number): Buffer {
  if (bytes > LARGEST) return Buffer.allocUnsafeSlow(bytes);
  const sizeClass = classOf(bytes);
  return spare[sizeClass]?.pop() ?? Buffer.allocUnsafeSlow(SMALLEST << sizeClass);
}

/** Takes a buffer back that nobody else has seen. */
export function returnBuffer(buffer: Buffer): void {
  if (!isLent(buffer)) return;
  const buffers = spare[classOf(buffer.length)];
  if (buffers !== undefined && buffers.length < MOST_SPARE) buffers.push(buffer);
}

/** Whether a buffer is of those that come back; the others may be given away. */
export function isLent(buffer: Buffer): boolean {
  return buffer.length <= LARGEST;
}

/** Copies `source[start, end)` to `target` from `at` on. */
export function copyBytes(target: Uint8Array, at: number, source: Buffer, start: number, end: number): void {
  const length = end - start;
  // Below that a call out of JavaScript costs more than the bytes.
  if (length < 24) for (let index = 0; index < length; index++) target[at + index] = source[start + index] ?? 0;
  else target.set(length === source.length ? source : source.subarray(start, end), at);
}

const SMALLEST = 512;
const LARGEST = 16_384;
/** Of each size: half a megabyte of all together, for a whole process. */
const MOST_SPARE = 16;

const spare: readonly Buffer[][] = [[], [], [], [], [], []];

function classOf(bytes: number): number {
  return bytes <= SMALLEST ? 0 : 32 - Math.clz32((bytes - 1) >> 9);
}
