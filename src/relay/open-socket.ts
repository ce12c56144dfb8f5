import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type TLSSocketOptions } from "node:tls";
import { tlsClientOptions, type Upstream } from "./upstream.js";

// How sockets come into being. Reading and writing them is the business of `leg.ts` alone.

/** How long a silent connection stays before the kernel asks whether the peer is still there. */
export const keepAliveMs = 60_000;

/** Who is given the bytes of a socket that has no `data` events. */
export interface Reader {
  received(chunk: Buffer): void;
}

/** A connection that is being opened. */
export interface OpeningSocket {
  readonly socket: Socket;
  /** False: bytes are given to the reader, not to listeners of `data`. */
  readonly isFlowing: boolean;
}

/**
 * Begins to open a connection. `secureConnect` follows on direct TLS, else `connect`, or `error` and `close`.
 *
 * `preface` leaves before everything else, in a segment of its own as soon as the connection stands: ejabberd waits for it
 * where it accepts, and accepts nobody else meanwhile. On direct TLS a socket without TLS is then what is opened, `connect`
 * follows, and whoever asked wraps it.
 *
 * Where there is no TLS and never will be, all sockets read into one buffer, out of which the bytes are copied before
 * anything else happens: Node would allocate 64 KiB for each read and shrink it, which costs a fifth of the CPU of
 * relaying small stanzas. Not copying them corrupts data under back-pressure.
 */
export function openSocket(upstream: Upstream, reader: Reader, preface?: Uint8Array): OpeningSocket {
  const { host, port, tls } = upstream;
  const tcp = {
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  } as const;
  switch (tls) {
    case "direct": {
      if (preface !== undefined) return { socket: begun(connectTcp(tcp), preface), isFlowing: true };
      const socket = connectTls({ ...tcp, ...tlsClientOptions(upstream), ...protocolOf(upstream) });
      return { socket, isFlowing: true };
    }
    case "starttls":
      return { socket: begun(connectTcp(tcp), preface), isFlowing: true };
    case "none": {
      const onread = { buffer: readBuffer, callback: copyOut.bind(reader) };
      return { socket: begun(connectTcp({ ...tcp, onread }), preface), isFlowing: false };
    }
    default:
      return tls satisfies never;
  }
}

/** TLS over a connection whose other end asked for it; `secure` follows, or `error`, `_tlsError`, `close`. */
export function wrapAsServer(plain: Socket, options: TLSSocketOptions): TLSSocket {
  return new TLSSocket(plain, { ...options, isServer: true });
}

/** TLS over a connection of ours; `secureConnect` follows, or `error` and `close`. */
export function wrapAsClient(plain: Socket, upstream: Upstream): TLSSocket {
  return connectTls({ socket: plain, ...tlsClientOptions(upstream), ...protocolOf(upstream) });
}

/** XEP-0368 §3: with direct TLS the protocol is named; with STARTTLS it is known. */
function protocolOf({ tls }: Upstream): { readonly ALPNProtocols?: string[] } {
  return tls === "direct" ? { ALPNProtocols: ["xmpp-client"] } : {};
}

/** Written to a socket that is not connected yet: Node keeps it for the moment at which it is. */
function begun(socket: Socket, preface: Uint8Array | undefined): Socket {
  if (preface !== undefined) socket.write(preface);
  return socket;
}

/** The SNI of a client; Node documents the property, its types leave it out. */
export function sentName(socket: TLSSocket): string | undefined {
  const { servername } = socket as { readonly servername?: unknown };
  return typeof servername === "string" && servername !== "" ? servername : undefined;
}

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Bound rather than a closure, because there is one for each connection. True: go on reading. */
function copyOut(this: Reader, length: number): boolean {
  const chunk = Buffer.allocUnsafe(length);
  readBuffer.copy(chunk, 0, 0, length);
  this.received(chunk);
  return true;
}
