import { Framer, FrameKind } from "../xml/index.js";
import type { FramerLimits, FramerOptions, NamespaceScope, XmlFault } from "../xml/index.js";
import { streamHeader } from "./probe.js";

/** One stanza as the proxy would see it: its bytes lie in `bytes[start, end)`. */
export interface StanzaFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export interface StanzaInput {
  readonly frames: readonly StanzaFrame[];
  readonly scope: NamespaceScope;
  /** What ended the reading; its place counts lines and bytes of the input from 1. */
  readonly fault: { readonly fault: XmlFault; readonly line: number; readonly column: number } | undefined;
  /** True if the input ends inside a stanza. */
  readonly isUnfinished: boolean;
}

/** Reads stanzas as they would arrive in a stream of that kind, through the framer that guards the proxy. */
export function readStanzas(
  input: Buffer,
  contentNamespace: FramerOptions["contentNamespace"],
  domain: string,
  limits: FramerLimits,
): StanzaInput {
  const framer = new Framer({ contentNamespace, limits });
  const header = Buffer.from(streamHeader(contentNamespace, domain));
  const frames: StanzaFrame[] = [];
  let fault: StanzaInput["fault"];
  const sink = {
    frame: (kind: FrameKind, bytes: Buffer, start: number, end: number): void => {
      if (kind !== FrameKind.whitespace && kind !== FrameKind.streamHeader) frames.push({ kind, bytes, start, end });
    },
    fault: (broken: XmlFault): void => {
      const before = input.subarray(0, Math.max(0, broken.offset - header.length));
      const line = before.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 1);
      fault = { fault: broken, line, column: before.length - before.lastIndexOf(0x0a) };
    },
  };
  framer.scan(header, sink);
  framer.scan(input, sink);
  return { frames, scope: framer.scope, fault, isUnfinished: fault === undefined && framer.retainedBytes > 0 };
}
