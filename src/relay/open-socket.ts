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
 * Where there is no TLS and never will be, all sockets read into one buffer, out of which the bytes are copied before
 * anything else happens: Node would allocate 64 KiB for each read and shrink it, which costs a fifth of the CPU of
 * relaying small stanzas. Not copying them corrupts data under back-pressure.
 */
export function openSocket(upstream: Upstream, reader: Reader): OpeningSocket {
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
      const socket = connectTls({ ...tcp, ...tlsClientOptions(upstream), ALPNProtocols: ["xmpp-client"] });
      return { socket, isFlowing: true };
    }
    case "starttls":
      return { socket: connectTcp(tcp), isFlowing: true };
    case "none":
      return {
        socket: connectTcp({ ...tcp, onread: { buffer: readBuffer, callback: copyOut.bind(reader) } }),
        isFlowing: false,
      };
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
  return connectTls({ socket: plain, ...tlsClientOptions(upstream) });
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
