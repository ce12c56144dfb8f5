// Where everything is in the linear memory. The first part is fixed, but for 512 bytes from 1024 on, where the compiler
// puts constants; the areas behind it grow with the limits, since what they hold is bounded by them.

/** Bits of each ASCII character: see characters.ts. */
export const CLASSES: usize = 64;
/** What a scan comes to, in words: bytes consumed, number of the fault, state. */
export const RESULT: usize = 320;
/** The five limits of the stream that is being read. */
export const LIMITS: usize = 336;
/** The stream that is being read, without its areas. */
export const STREAM: usize = 384;
export const STREAM_BYTES: usize = 192;
/** What stands between `<?xml` and `?>`. */
export const DECLARATION: usize = 640;
export const DECLARATION_BYTES: u32 = 256;
/** Constants of 16 bytes: see characters.ts. */
export const VECTORS: usize = 1536;
/** Frames that a scan found, four words each: kind, end, number of children, hash of the first one's namespace. */
export const FRAMES: usize = 2048;
export const FRAMES_END: usize = FRAMES + 16 * 2048;
/** The bytes to scan; a NUL and some room stand behind them. */
export const INPUT: usize = FRAMES_END;
export const INPUT_BYTES: u32 = 65536;
const FIXED_END: usize = INPUT + INPUT_BYTES + 64;

/** Room behind each area, because copies are made in blocks of 16 bytes. */
const SLACK: u64 = 64;

/** Prefixes in scope at one time, those of the header included: each use of a prefix looks through them. */
export const MAX_PREFIXES: u32 = 128;

/** Addresses of the areas. */
export class Area {
  /** `OpenElement`s, the root first. */
  static open: usize = 0;
  /** Names of the open elements, one behind the other, and then of the tag that is being read. */
  static names: usize = 0;
  /** `Binding`s in scope. */
  static bindings: usize = 0;
  /** Prefixes and names of the bindings, references expanded. */
  static namespaceNames: usize = 0;
  /** `Attribute`s of the tag that is being read. */
  static attributes: usize = 0;
  static attributeNames: usize = 0;
  /** Hash table of these, `Slot`s. */
  static slots: usize = 0;
  static slotMask: u32 = 0;
  /** Where the used parts of all of the above are put together for a stream that is laid aside. */
  static packed: usize = 0;
}

/** An open element: its name, and what held outside of it if it declares a namespace. */
@unmanaged
export class OpenElement {
  nameOffset: u32;
  nameLength: u32;
  declares: u32;
  bindings: u32;
  defaultBinding: u32;
  prefixes: u32;
  namespaceNamesEnd: u32;
  unused: u32;
}

/** A namespace declaration. A default namespace has a prefix of no bytes. */
@unmanaged
export class Binding {
  prefixKey: u64;
  prefixOffset: u32;
  prefixLength: u32;
  nameOffset: u32;
  nameLength: u32;
  /** One of those in namespaces.ts. */
  which: u32;
  unused: u32;
}

@unmanaged
export class Attribute {
  key: u64;
  nameOffset: u32;
  nameLength: u32;
  /** Place of the colon in the name, 0 without one. */
  colon: u32;
  /** Of the prefix. */
  binding: u32;
}

/** One place of the hash table. It is taken if the epoch is that of the tag. */
@unmanaged
export class Slot {
  epoch: u32;
  attribute: u32;
}

@unmanaged
export class Limits {
  maxFrameBytes: u32;
  maxDepth: u32;
  maxAttributes: u32;
  maxNameBytes: u32;
  maxChildren: u32;
}

/** Places the areas for limits that are at least as large as these; returns the bytes that are needed, or 0 if too many. */
export function layout(maxFrameBytes: u32, maxDepth: u32, maxAttributes: u32, maxNameBytes: u32): u32 {
  // Bytes of a frame are counted when a frame or the input ends, so an area may be overdrawn by one input.
  const frame: u64 = (maxFrameBytes as u64) + (INPUT_BYTES as u64);
  const depth: u64 = least(maxDepth as u64, frame / 3) + 2;
  const count: u64 = least(maxAttributes as u64, frame / 4) + 1;
  const name: u64 = least(maxNameBytes as u64, frame);
  const bindings: u64 = depth + (MAX_PREFIXES as u64) + 4;
  let slots: u64 = 128;
  while (slots < 2 * count) slots <<= 1;

  let at: u64 = FIXED_END as u64;
  Area.open = at as usize;
  at = behind(at, depth * (offsetof<OpenElement>() as u64));
  Area.names = at as usize;
  at = behind(at, least((depth + 1) * name, 2 * frame));
  Area.bindings = at as usize;
  at = behind(at, bindings * (offsetof<Binding>() as u64));
  Area.namespaceNames = at as usize;
  at = behind(at, least(2 * bindings * name, 2 * frame) + 256);
  Area.attributes = at as usize;
  at = behind(at, count * (offsetof<Attribute>() as u64));
  Area.attributeNames = at as usize;
  at = behind(at, least((count + 1) * name, 2 * frame));
  const areas: u64 = at - (FIXED_END as u64);
  Area.slots = at as usize;
  Area.slotMask = (slots as u32) - 1;
  at = behind(at, slots * (offsetof<Slot>() as u64));
  Area.packed = at as usize;
  at = behind(at, areas + 1024);
  return at < 0x7fff0000 ? (at as u32) : 0;
}

function least(a: u64, b: u64): u64 {
  return a < b ? a : b;
}

function behind(at: u64, bytes: u64): u64 {
  return (at + bytes + SLACK) & ~(15 as u64);
}
