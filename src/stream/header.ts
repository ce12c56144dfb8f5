import { readHead } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** What a stream header says (RFC 6120 §4.7). Addresses are as written; nothing is normalised or checked. */
export interface StreamHeader {
  /** The root element's name as written, prefix included: the end tag must repeat it. */
  readonly rootName: string;
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly version: string | undefined;
  readonly lang: string | undefined;
  /** The default namespace that the header declares: usually the content namespace (RFC 6120 §4.8.2). */
  readonly defaultNamespace: string | undefined;
}

/** Reads a frame of kind `streamHeader`. */
export function readStreamHeader(bytes: Buffer, start: number, end: number): StreamHeader {
  const { attributes } = readHead(bytes, start, end, new Map());
  return {
    rootName: rootNameOf(bytes, start, end),
    to: attributes.get("to"),
    from: attributes.get("from"),
    id: attributes.get("id"),
    version: attributes.get("version"),
    lang: attributes.get("xml:lang"),
    defaultNamespace: attributes.get("xmlns"),
  };
}

function rootNameOf(bytes: Buffer, start: number, end: number): string {
  let tag = bytes.indexOf("<", start);
  // Behind the XML declaration, in which no `<` may stand.
  if (bytes[tag + 1] === 0x3f) tag = bytes.indexOf("<", tag + 1);
  let stop = tag + 1;
  while (stop < end && !NAME_ENDS.has(bytes[stop] ?? 0)) stop++;
  return bytes.toString("utf8", tag + 1, stop);
}

const NAME_ENDS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20, 0x2f, 0x3e]);

/**
 * Whether a header's default namespace is one that we read as the peers do. The streams namespace as the default, with
 * the content namespace on the children, is allowed (RFC 6120 §4.8.3); so is no default at all.
 */
export function hasReadableNamespace(header: StreamHeader, contentNamespace: string): boolean {
  const declared = header.defaultNamespace;
  return declared === undefined || declared === contentNamespace || declared === NS.streams;
}

/**
 * The header of a stream of our own. `from`, `to` and `id` must need no escaping: they are ids that we made and domains
 * that the configuration names.
 *
 * Source  RFC 6120 §4.7; XEP-0114 §3 (no `version` on component streams).
 */
export function writeStreamHeader(header: {
  readonly contentNamespace: string;
  readonly from?: string;
  readonly to?: string;
  readonly id?: string;
  readonly version: boolean;
}): Buffer {
  const { contentNamespace, from, to, id, version } = header;
  const attributes = [
    `xmlns='${contentNamespace}'`,
    `xmlns:stream='${NS.streams}'`,
    ...(id === undefined ? [] : [`id='${id}'`]),
    ...(from === undefined ? [] : [`from='${from}'`]),
    ...(to === undefined ? [] : [`to='${to}'`]),
    ...(version ? ["version='1.0'", "xml:lang='en'"] : []),
  ];
  return Buffer.from(`<?xml version='1.0'?><stream:stream ${attributes.join(" ")}>`);
}

/** The root element's name in the headers that we write. */
export const OWN_ROOT_NAME = "stream:stream";

/** The end of a stream whose header named its root element `rootName` (RFC 6120 §4.4). */
export function writeStreamEnd(rootName: string): Buffer {
  return Buffer.from(`</${rootName}>`);
}
