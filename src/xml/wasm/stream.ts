import {
  Area,
  Attribute,
  Binding,
  DECLARATION,
  DECLARATION_BYTES,
  Limits,
  LIMITS,
  OpenElement,
  STREAM,
  STREAM_BYTES,
} from "./memory";

// What the next byte belongs to. Zero is the beginning, so that a stream that is all zeros is a new one.
export const START: u32 = 0;
export const TEXT: u32 = 1;
export const TAG: u32 = 2;
export const ELEMENT_NAME: u32 = 3;
export const TAG_SPACE: u32 = 4;
export const ATTRIBUTE_NAME: u32 = 5;
export const BEFORE_EQUALS: u32 = 6;
export const BEFORE_QUOTE: u32 = 7;
export const VALUE: u32 = 8;
export const NAMESPACE_VALUE: u32 = 9;
export const AFTER_VALUE: u32 = 10;
export const SELF_CLOSE: u32 = 11;
export const END_NAME: u32 = 12;
export const END_SPACE: u32 = 13;
export const BETWEEN: u32 = 14;
export const BRACKETS: u32 = 15;
export const BANG: u32 = 16;
export const CDATA_OPEN: u32 = 17;
export const CDATA: u32 = 18;
export const CDATA_BRACKETS: u32 = 19;
export const REFERENCE: u32 = 20;
export const NUMERIC: u32 = 21;
export const ENDED: u32 = 22;
export const MARK_1: u32 = 23;
export const MARK_2: u32 = 24;
export const PROLOG: u32 = 25;
export const PROLOG_TAG: u32 = 26;
export const IN_DECLARATION: u32 = 27;

/**
 * The stream that is being read. It lies in the memory at a fixed place, which is as quick as variables are, and is packed
 * by copying it.
 */
@unmanaged
export class Stream {
  state: u32;
  /** 0 `jabber:client`, 1 `jabber:component:accept`. */
  content: u32;
  fault: u32;

  /** Open elements, the root included. */
  depth: u32;
  namesEnd: u32;
  bindings: u32;
  /** Index of the default namespace's binding. */
  defaultBinding: u32;
  prefixes: u32;
  namespaceNamesEnd: u32;

  // The same between two frames.
  restNamesEnd: u32;
  restBindings: u32;
  restDefaultBinding: u32;
  restPrefixes: u32;
  restNamespaceNamesEnd: u32;

  // The frame.
  kind: u32;
  elements: u32;
  children: u32;
  childHash: u32;

  // The tag. `nameLength` and `colon` are those of the name that is being read: the element's, then each attribute's.
  nameLength: u32;
  colon: u32;
  elementLength: u32;
  elementColon: u32;
  attributes: u32;
  attributeNamesEnd: u32;
  prefixedAttributes: u32;
  /** 1 once the tag declares a namespace; then what held before. */
  declares: u32;
  outerBindings: u32;
  outerDefaultBinding: u32;
  outerPrefixes: u32;
  outerNamespaceNamesEnd: u32;
  quote: u32;
  /** Of the namespace name that is being read. */
  valueLength: u32;
  /** 1 once a reference put a control character into it. */
  hasControl: u32;
  carriageReturn: u32;
  /** How many bytes of the end tag's name, of `CDATA[` or of the declaration have come. */
  matched: u32;
  brackets: u32;
  /** 1 if a declaration may not stand here any more. */
  noDeclaration: u32;

  // A reference: where it stands, the name or the number so far.
  outside: u32;
  reference: u32;
  number: u32;
  digits: u32;
  hexadecimal: u32;

  // A character of several bytes: how many are missing, bounds of the next, what has come.
  missing: u32;
  low: u32;
  high: u32;
  codePoint: u32;
  atPartStart: u32;
}

export const stream = changetype<Stream>(STREAM);
export const limits = changetype<Limits>(LIMITS);

/** Puts everything that is known of the stream together at `Area.packed`; returns how many bytes that is. */
export function pack(): u32 {
  return exchange(true);
}

/** The reverse: reads what was put at `Area.packed`. Attributes have to be put into their table again. */
export function unpack(): void {
  exchange(false);
}

function exchange(isPacking: bool): u32 {
  let at = move(Area.packed, STREAM, STREAM_BYTES as u32, isPacking);
  // A name that is being read is part of the area that it will stay in.
  const inAttribute = stream.state == ATTRIBUTE_NAME;
  const elementName = stream.state == ELEMENT_NAME ? stream.nameLength : stream.elementLength;
  at = move(at, Area.open, stream.depth * (offsetof<OpenElement>() as u32), isPacking);
  at = move(at, Area.names, stream.namesEnd + elementName, isPacking);
  at = move(at, Area.bindings, stream.bindings * (offsetof<Binding>() as u32), isPacking);
  at = move(at, Area.namespaceNames, stream.namespaceNamesEnd + stream.valueLength, isPacking);
  at = move(at, Area.attributes, stream.attributes * (offsetof<Attribute>() as u32), isPacking);
  at = move(at, Area.attributeNames, stream.attributeNamesEnd + (inAttribute ? stream.nameLength : 0), isPacking);
  if (stream.state == IN_DECLARATION) at = move(at, DECLARATION, DECLARATION_BYTES, isPacking);
  return (at - Area.packed) as u32;
}

function move(at: usize, area: usize, bytes: u32, isPacking: bool): usize {
  if (isPacking) memory.copy(at, area, bytes);
  else memory.copy(area, at, bytes);
  return at + bytes;
}
