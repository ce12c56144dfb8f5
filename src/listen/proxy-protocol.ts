import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { proxySignature, type ConnectionEnds } from "../relay/index.js";

// The PROXY protocol of HAProxy (proxy-protocol.txt), the reading side. Whoever may speak it names the address that
// limits and logs go by, so a header is taken as the document writes it or not at all; nothing is guessed.

/** Why a connection that has to begin with a PROXY header is refused. */
export type HeaderFault = "proxy_missing" | "proxy_malformed";

export type HeaderOutcome =
  | { readonly kind: "more" }
  | {
      readonly kind: "header";
      /** Undefined: the socket's own are to be used (LOCAL, UNKNOWN, and families that are not of the Internet). */
      readonly ends: ConnectionEnds | undefined;
      /** What came behind the header. */
      readonly rest: Buffer;
    }
  | { readonly kind: "fault"; readonly reason: HeaderFault };

/** §2.1: the longest line of version 1, its end included. */
const maxLineBytes = 107;
/** Version 2 may announce 64 KiB. Addresses take 216 bytes at most; the rest is for extensions, certificates among them. */
export const maxBlockBytes = 16 * 1024;

const word = Buffer.from("PROXY ", "latin1");
/** The part of version 2 that is always there. */
const fixedBytes = 16;
const [CR, LF] = [0x0d, 0x0a];

const more: HeaderOutcome = { kind: "more" };
const missing: HeaderOutcome = { kind: "fault", reason: "proxy_missing" };
const malformed: HeaderOutcome = { kind: "fault", reason: "proxy_malformed" };

/**
 * Reads the PROXY header at the beginning of one connection.
 *
 * Shape   chunks are cut anywhere; the outcome is the same. After one that is not `more` nothing may be read.
 * Errors  a value. `proxy_missing`: the first bytes are no header; `proxy_malformed`: they begin like one.
 * Source  proxy-protocol.txt §2.1 (version 1), §2.2 (version 2).
 */
export class ProxyHeaderReader {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Nothing can be said of fewer bytes. */
  #needed = 1;

  /** True until the first byte. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  read(chunk: Buffer): HeaderOutcome {
    this.#pieces.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes < this.#needed) return more;
    const all = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    this.#needed = this.#bytes + 1;
    if (beginsLike(all, word)) return all.length < word.length ? more : line(all);
    if (!beginsLike(all, proxySignature)) return missing;
    return all.length < proxySignature.length ? more : this.#block(all);
  }

  #block(all: Buffer): HeaderOutcome {
    const version = all[12];
    if (version === undefined) return more;
    // §2.2: version 2, and the command LOCAL or PROXY; all others are to be refused.
    if (version !== 0x20 && version !== 0x21) return malformed;
    const family = all[13];
    if (family === undefined) return more;
    const isLocal = version === 0x20;
    const addressBytes = isLocal ? 0 : addressBytesOf.get(family);
    if (addressBytes === undefined) return malformed;
    if (all.length < fixedBytes) return more;
    const announced = all.readUInt16BE(14);
    if (announced < addressBytes || announced > maxBlockBytes) return malformed;
    const end = fixedBytes + announced;
    this.#needed = end;
    if (all.length < end) return more;
    const block = all.subarray(fixedBytes, end);
    const ends = isLocal ? undefined : endsIn(block, family);
    // What follows the addresses are extensions (TLVs), of which we need none.
    return { kind: "header", ends, rest: all.subarray(end) };
  }
}

function beginsLike(bytes: Buffer, beginning: Buffer): boolean {
  const length = Math.min(bytes.length, beginning.length);
  return bytes.compare(beginning, 0, length, 0, length) === 0;
}

function line(all: Buffer): HeaderOutcome {
  const limit = Math.min(all.length, maxLineBytes);
  let at = word.length;
  while (at < limit && all[at] !== CR && all[at] !== LF) at++;
  if (at >= maxLineBytes - 1) return malformed;
  if (at === limit) return more;
  if (all[at] === LF) return malformed;
  if (at + 1 === all.length) return more;
  if (all[at + 1] !== LF) return malformed;
  const text = all.toString("latin1", word.length, at);
  const rest = all.subarray(at + 2);
  // §2.1: whatever stands behind UNKNOWN is not looked at.
  if (text === "UNKNOWN" || text.startsWith("UNKNOWN ")) return { kind: "header", ends: undefined, rest };
  const ends = endsInText(text);
  return ends === undefined ? malformed : { kind: "header", ends, rest };
}

function endsInText(text: string): ConnectionEnds | undefined {
  const fields = text.split(" ");
  if (fields.length !== 5) return undefined;
  const [family = "", from = "", to = "", fromPort = "", toPort = ""] = fields;
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isPlainIPv6 : isNothing;
  if (!isAddress(from) || !isAddress(to)) return undefined;
  const [port, otherPort] = [portIn(fromPort), portIn(toPort)];
  if (port === undefined || otherPort === undefined) return undefined;
  return { source: { address: canonical(from), port }, destination: { address: canonical(to), port: otherPort } };
}

/** Node takes an interface for a part of an address, which the document does not know. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

function isNothing(): boolean {
  return false;
}

/** §2.1: decimal, 0 to 65535, no leading zeros. */
function portIn(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

const IPV4 = 1;
const IPV6 = 2;

/**
 * Family and transport → bytes of both addresses and ports. UNSPEC; IPv4, IPv6 and UNIX, each with STREAM or DGRAM: what
 * came to the other proxy as datagrams (QUIC) has addresses like any. All others are to be refused (§2.2).
 */
const addressBytesOf: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x12, 12],
  [0x21, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
]);

function endsIn(block: Buffer, family: number): ConnectionEnds | undefined {
  const kind = family >> 4;
  if (kind !== IPV4 && kind !== IPV6) return undefined;
  const length = kind === IPV4 ? 4 : 16;
  const textOf = kind === IPV4 ? textOfIPv4 : textOfIPv6;
  return {
    source: { address: textOf(block.subarray(0, length)), port: block.readUInt16BE(2 * length) },
    destination: { address: textOf(block.subarray(length, 2 * length)), port: block.readUInt16BE(2 * length + 2) },
  };
}

function textOfIPv4(bytes: Buffer): string {
  return bytes.join(".");
}

function textOfIPv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return canonical(groups.join(":"));
}

/** One spelling for one address (RFC 5952), as sockets have it. */
function canonical(address: string): string {
  return isIPv4(address) ? address : new SocketAddress({ address, family: "ipv6" }).address;
}
