import { isIPv4, isIPv6, type Socket } from "node:net";

// The PROXY protocol of HAProxy (proxy-protocol.txt), the writing side: one header in front of all other bytes of a
// connection tells the server who is at its far end. The reading side is in `listen/`.

export type ProxyVersion = "v1" | "v2";

export interface Endpoint {
  /** An IPv4 or IPv6 address without brackets. */
  readonly address: string;
  readonly port: number;
}

/** Both ends of a connection: who opened it, and where it was accepted. */
export interface ConnectionEnds {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** What a socket knows of its ends. */
interface AcceptedSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** What every header of version 2 begins with (§2.2). */
export const proxySignature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/**
 * The header that tells a server of a connection; `ends` is undefined when they are not known, i.e. the client is gone.
 *
 * Shape   Addresses of one family leave as that family, IPv4-mapped ones as IPv4; of two families as IPv6, the IPv4 one
 *         mapped. What is not known leaves as LOCAL (v2) or UNKNOWN (v1); ejabberd and Prosody's mod_net_proxy refuse the
 *         latter, which costs nothing, since nobody is left to be served.
 * Source  proxy-protocol.txt §2.1, §2.2; RFC 4291 §2.5.5.2 (mapped addresses).
 */
export function proxyHeader(version: ProxyVersion, ends: ConnectionEnds | undefined): Buffer {
  const told = ends === undefined ? undefined : inOneFamily(ends);
  return version === "v1" ? headerInText(told) : headerInBytes(told);
}

/** The ends of a connection that was accepted; undefined once it is gone. */
export function endsOfAccepted(socket: AcceptedSocket): ConnectionEnds | undefined {
  return endsOf(socket.remoteAddress, socket.remotePort, socket.localAddress, socket.localPort);
}

/** The ends of a connection of our own. */
export function endsOfOpened(socket: Socket): ConnectionEnds | undefined {
  return endsOf(socket.localAddress, socket.localPort, socket.remoteAddress, socket.remotePort);
}

/** Without what Node writes in front of the IPv4 address of a peer, on a listener for both families. */
export function unmapped(address: string): string {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/i, "");
  return isIPv4(plain) ? plain : address;
}

function endsOf(
  from: string | undefined,
  fromPort: number | undefined,
  to: string | undefined,
  toPort: number | undefined,
): ConnectionEnds | undefined {
  if (from === undefined || fromPort === undefined || to === undefined || toPort === undefined) return undefined;
  return { source: { address: from, port: fromPort }, destination: { address: to, port: toPort } };
}

interface Told extends ConnectionEnds {
  readonly family: 4 | 6;
}

function inOneFamily({ source, destination }: ConnectionEnds): Told | undefined {
  const [from, to] = [withoutZone(source.address), withoutZone(destination.address)].map(unmapped);
  if (from === undefined || to === undefined) return undefined;
  const told = (family: 4 | 6, one: string, other: string): Told => ({
    family,
    source: { address: one, port: source.port },
    destination: { address: other, port: destination.port },
  });
  if (isIPv4(from) && isIPv4(to)) return told(4, from, to);
  const mapped = [from, to].map((address) => (isIPv4(address) ? `::ffff:${address}` : address));
  const [one = "", other = ""] = mapped;
  return isIPv6(one) && isIPv6(other) ? told(6, one, other) : undefined;
}

/** RFC 4007 §11: `%eth0` names an interface of this machine and means nothing to another. */
function withoutZone(address: string): string {
  return address.split("%", 1)[0] ?? "";
}

function headerInText(told: Told | undefined): Buffer {
  if (told === undefined) return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
  const { family, source, destination } = told;
  const fields = [`TCP${family}`, source.address, destination.address, source.port, destination.port];
  return Buffer.from(`PROXY ${fields.join(" ")}\r\n`, "latin1");
}

/** Behind the signature: version and command, family and transport, length of the rest. */
function headerInBytes(told: Told | undefined): Buffer {
  if (told === undefined) return Buffer.concat([proxySignature, Buffer.from([0x20, 0x00, 0, 0])]);
  const { family, source, destination } = told;
  const bytesOf = family === 4 ? bytesOfIPv4 : bytesOfIPv6;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const rest = Buffer.concat([bytesOf(source.address), bytesOf(destination.address), ports]);
  return Buffer.concat([proxySignature, Buffer.from([0x21, family === 4 ? 0x11 : 0x21, 0, rest.length]), rest]);
}

function bytesOfIPv4(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

/** RFC 4291 §2.2, its three forms: eight groups, `::` for some of them, dotted decimal at the end. */
function bytesOfIPv6(address: string): Buffer {
  const dotted = /[^:]+\.[^:]+$/.exec(address)?.[0];
  const inGroups = dotted === undefined ? address : address.slice(0, -dotted.length) + groupsOfIPv4(dotted);
  const [front = "", back] = inGroups.split("::");
  const head = front === "" ? [] : front.split(":");
  const tail = back === undefined || back === "" ? [] : back.split(":");
  const bytes = Buffer.alloc(16);
  for (const [index, group] of head.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  for (const [index, group] of tail.entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * (8 - tail.length + index));
  return bytes;
}

function groupsOfIPv4(address: string): string {
  const bytes = bytesOfIPv4(address);
  return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
}
