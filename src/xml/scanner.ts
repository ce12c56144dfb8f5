import { Buffer } from "node:buffer";
import { UsageError } from "../xmpp/index.js";
import { declarationFault } from "./declaration.js";
import { xmlFaults } from "./faults.js";
import type { FramerLimits } from "./frame.js";
import { isNameCharacter, isNameStart } from "./names.js";
import { copyBytes } from "./retained.js";
import { scannerCode } from "./scanner-code.js";

/** A stream that the scanner reads: what is known of it while nobody reads it. */
export class ScannedStream {
  readonly content: 0 | 1;
  limits: FramerLimits;
  /** Known from the stream header on. */
  context: StreamContext | undefined;
  isEnded = false;
  /** What is known inside an unfinished frame, while another stream is read. */
  laidAside: Uint8Array | undefined;
  /** The list of frames, if another scan has overwritten it while this stream still goes through it. */
  keptList: Int32Array | undefined;

  constructor(content: 0 | 1, limits: FramerLimits) {
    this.content = content;
    this.limits = limits;
  }
}

/** What a stream header says, as the scanner keeps it. Streams with the same header share one. */
export interface StreamContext {
  readonly state: Uint8Array;
}

/** Fields of the list of frames, four numbers for each. */
export const LIST_STRIDE = 4;

/**
 * The lexer in WebAssembly; one for the process, since it keeps nothing between two frames. What is known of a stream in
 * the middle of a frame stays inside as long as no other stream is read, and is laid aside then.
 */
class Scanner {
  readonly #module = new WebAssembly.Module(Buffer.from(scannerCode, "base64"));
  #memory = new Memory(FIRST_PAGES);
  #code = this.#instantiate();
  /** How large the limits may be that the areas in the memory are laid out for. */
  #room: FramerLimits = { maxFrameBytes: 0, maxDepth: 0, maxAttributes: 0, maxNameBytes: 0, maxChildren: 0 };
  #limits: FramerLimits | undefined;
  #context: StreamContext | undefined;
  #owner: ScannedStream | undefined;
  /** The stream that goes through the list of frames now. */
  #walker: ScannedStream | undefined;

  /** The frames of the last scan: kind, end, number of children, hash of the first one's namespace, and so on. */
  get list(): Int32Array {
    return this.#memory.list;
  }

  /** Bytes that the last scan consumed. */
  get consumed(): number {
    return this.#memory.result[0] ?? 0;
  }

  /** 0, or one more than the place in `xmlFaults`. */
  get fault(): number {
    return this.#memory.result[1] ?? 0;
  }

  /** Whether the last scan ended between two frames or behind the end. */
  get isBetween(): boolean {
    const state = this.#memory.result[2];
    return state === BETWEEN || state === ENDED;
  }

  /** Scans `chunk[start, end)`, at most `PIECE_BYTES`; `held` earlier bytes belong to the same frame. */
  scan(stream: ScannedStream, chunk: Buffer, start: number, end: number, held: number): number {
    if (this.#walker !== undefined) this.#walker.keptList = this.list.slice();
    if (this.#limits !== stream.limits) this.#setLimits(stream.limits);
    if (this.#owner !== stream) this.#take(stream);
    const { input } = this.#memory;
    const length = end - start;
    copyBytes(input, 0, chunk, start, end);
    this.#walker = stream;
    return this.#code.scan(length, held);
  }

  /** The list of frames is not needed any more. */
  leaveList(): void {
    this.#walker = undefined;
  }

  /** What is known of this stream is void: it is broken, begins anew, or goes back to between two frames. */
  release(stream: ScannedStream): void {
    if (this.#owner === stream) this.#owner = undefined;
    stream.laidAside = undefined;
  }

  /** What the stream header said; only directly after the scan that found it. */
  takeContext(): StreamContext {
    const state = this.#pack();
    const key = Buffer.from(state.buffer, state.byteOffset, state.length).toString("latin1");
    let context = contexts.get(key);
    if (context === undefined) {
      context = { state };
      contexts.set(key, context);
      const [oldest] = contexts.keys();
      if (contexts.size > MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
    }
    this.#context = context;
    return context;
  }

  #take(stream: ScannedStream): void {
    this.#layAside();
    this.#owner = stream;
    const { context } = stream;
    if (stream.laidAside !== undefined) {
      this.#unpack(stream.laidAside);
      stream.laidAside = undefined;
      this.#context = context;
    } else if (context === undefined) {
      this.#code.begin(stream.content);
      this.#context = undefined;
    } else {
      // What the header said lies below all that a frame adds, so it is there still if the last stream had the same.
      if (this.#context !== context) this.#unpack(context.state);
      this.#context = context;
      this.#code.rest(stream.isEnded ? 1 : 0);
    }
  }

  #layAside(): void {
    const owner = this.#owner;
    if (owner !== undefined && !this.isBetween) owner.laidAside = this.#pack();
    this.#owner = undefined;
  }

  #pack(): Uint8Array {
    const bytes = this.#code.pack();
    return this.#memory.bytes.slice(this.#code.packedAt(), this.#code.packedAt() + bytes);
  }

  #unpack(state: Uint8Array): void {
    this.#memory.bytes.set(state, this.#code.packedAt());
    this.#code.unpack();
  }

  /** Without loops: the two directions of a link have limits of their own, so this comes with every other chunk. */
  #setLimits(limits: FramerLimits): void {
    const maxFrameBytes = Math.min(limits.maxFrameBytes, MOST);
    const maxDepth = Math.min(limits.maxDepth, MOST);
    const maxAttributes = Math.min(limits.maxAttributes, MOST);
    const maxNameBytes = Math.min(limits.maxNameBytes, MOST);
    const maxChildren = Math.min(limits.maxChildren, MOST);
    const room = this.#room;
    if (
      maxFrameBytes > room.maxFrameBytes ||
      maxDepth > room.maxDepth ||
      maxAttributes > room.maxAttributes ||
      maxNameBytes > room.maxNameBytes ||
      maxChildren > room.maxChildren
    ) {
      this.#makeRoom(limits);
    }
    const into = this.#memory.limits;
    into[0] = maxFrameBytes;
    into[1] = maxDepth;
    into[2] = maxAttributes;
    into[3] = maxNameBytes;
    into[4] = maxChildren;
    this.#limits = limits;
  }

  #makeRoom(limits: FramerLimits): void {
    this.#layAside();
    const room = { ...this.#room };
    for (const name of limitNames) room[name] = Math.min(Math.max(room[name], limits[name]), MOST);
    let bytes = this.#layOut(room);
    if (bytes > this.#memory.bytes.length) {
      // Growing a memory would detach its buffer, and engines read all typed arrays slower once any has been detached.
      this.#memory = new Memory(Math.ceil(bytes / PAGE_BYTES));
      this.#code = this.#instantiate();
      bytes = this.#layOut(room);
    }
    this.#code.initialize();
    this.#room = room;
    this.#context = undefined;
  }

  #layOut({ maxFrameBytes, maxDepth, maxAttributes, maxNameBytes }: FramerLimits): number {
    const bytes = this.#code.layout(maxFrameBytes, maxDepth, maxAttributes, maxNameBytes);
    if (bytes === 0) throw new UsageError("limits of a framer are too large");
    return bytes;
  }

  #instantiate(): ScannerExports {
    const { exports } = new WebAssembly.Instance(this.#module, {
      env: { memory: this.#memory.memory },
      utf8: { isNameStart, isNameCharacter },
      beginning: { declarationFault: (at: number, length: number) => this.#declarationFault(at, length) },
    });
    return exports;
  }

  #declarationFault(at: number, length: number): number {
    const fault = declarationFault(Buffer.from(this.#memory.memory.buffer, at, length).toString("latin1"));
    return fault === undefined ? 0 : faultNames.indexOf(fault) + 1;
  }
}

export const PIECE_BYTES = 65_536;

// Addresses and numbers of src/xml/wasm/memory.ts and stream.ts.
const RESULT = 320;
const LIMITS = 336;
const FRAMES = 2048;
const LIST_FRAMES = 2048;
const INPUT = FRAMES + 16 * LIST_FRAMES;
const BETWEEN = 14;
const ENDED = 22;

const PAGE_BYTES = 65_536;
/** Enough for the limits that one has; what is not touched is not resident. */
const FIRST_PAGES = 64;
const MOST = 0x3000_0000;
const MAX_CONTEXTS = 64;

const contexts = new Map<string, StreamContext>();
const faultNames: readonly string[] = Object.keys(xmlFaults);
const limitNames = ["maxFrameBytes", "maxDepth", "maxAttributes", "maxNameBytes", "maxChildren"] as const;

/** The linear memory and views of it. */
class Memory {
  readonly memory: WebAssemblyMemory;
  readonly bytes: Uint8Array;
  readonly input: Uint8Array;
  readonly list: Int32Array;
  readonly result: Int32Array;
  readonly limits: Uint32Array;

  constructor(pages: number) {
    this.memory = new WebAssembly.Memory({ initial: pages });
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.input = new Uint8Array(buffer, INPUT, PIECE_BYTES);
    this.list = new Int32Array(buffer, FRAMES, LIST_STRIDE * LIST_FRAMES);
    this.result = new Int32Array(buffer, RESULT, 3);
    this.limits = new Uint32Array(buffer, LIMITS, limitNames.length);
  }
}

interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
}

interface ScannerExports {
  layout(maxFrameBytes: number, maxDepth: number, maxAttributes: number, maxNameBytes: number): number;
  initialize(): void;
  begin(content: number): void;
  rest(isEnded: number): void;
  pack(): number;
  packedAt(): number;
  unpack(): void;
  scan(length: number, held: number): number;
}

/** What of the global is used here; the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number }) => WebAssemblyMemory;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: ScannerExports };
};

export const scanner = new Scanner();
