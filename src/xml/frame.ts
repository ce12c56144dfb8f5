/** The kinds of frame that a stream is cut into. Numbers, because one is handed over for every stanza. */
export const FrameKind = {
  /** An optional XML declaration and the start tag of the root element, `<stream:stream …>` (RFC 6120 §4.2). */
  streamHeader: 0,
  /** The end tag of the root element, `</stream:stream>` (RFC 6120 §4.4). */
  streamEnd: 1,
  /** `{content namespace}message`, `presence`, `iq`: the stanzas (RFC 6120 §8). */
  message: 2,
  presence: 3,
  iq: 4,
  /** Any other complete child of the root element: features, errors, SASL, STARTTLS, acknowledgements (XEP-0360). */
  nonza: 5,
  /** White space between two children of the root element: a keepalive (RFC 6120 §4.6.1). */
  whitespace: 6,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Who is told of the frames of one stream, in stream order. Called from within `Framer.scan` only. */
export interface FrameSink {
  /**
   * A complete and valid frame: `bytes[start, end)`. `bytes` is the scanned chunk itself, or, for a frame that began in
   * an earlier chunk, one joined copy. It may be kept or sent on after the call; nobody writes into it again.
   */
  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void;
  /** The stream broke a rule. The last call; the framer accepts no more bytes until `restart`. */
  fault(fault: XmlFault): void;
}

/** A peer's breach of XML or of XMPP's restrictions on it. A value, never thrown; carries no content of the peer. */
export interface XmlFault {
  readonly kind: "xml";
  /** Stable, kebab-case, listed in `docs/errors.md`. */
  readonly code: string;
  /** The stream error condition that goes on the wire (RFC 6120 §4.9.3). */
  readonly condition: XmlFaultCondition;
  /** Document and section that is broken, e.g. `RFC 6120 §11.1`. */
  readonly source: string;
  /** Bytes from the start of the stream to the byte that proves the breach. */
  readonly offset: number;
}

export type XmlFaultCondition =
  | "bad-format"
  | "bad-namespace-prefix"
  | "invalid-namespace"
  | "invalid-xml"
  | "not-well-formed"
  | "policy-violation"
  | "restricted-xml"
  | "unsupported-encoding"
  | "unsupported-version";

/** Limits on what one frame may be. Units are bytes and counts; sources in protocol.md R8 and X10. */
export interface FramerLimits {
  readonly maxFrameBytes: number;
  readonly maxDepth: number;
  readonly maxAttributes: number;
  readonly maxNameBytes: number;
  readonly maxChildren: number;
}

/** The namespace declarations of a stream header, in scope in every frame below it. `""` is the default namespace. */
export type NamespaceScope = ReadonlyMap<string, string>;
