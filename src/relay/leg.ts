import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type TLSSocketOptions } from "node:tls";
import type { LegClosed, LegName } from "../session/index.js";
import type { LegTraffic } from "./traffic.js";
import type { Flushable, Turns } from "./turn.js";
import { isTrusted, tlsClientOptions, type Upstream } from "./upstream.js";

// The only file that reads and writes sockets.
//
// It guarantees: bytes leave in the order in which they were sent; a leg that accepts nothing is found and ended; no
// error of a socket becomes an exception; after `legClosed` nothing of the leg is left, neither a socket nor a timer.
//
// Memory decides the way chosen: a proxy mostly holds idle connections. Listeners are shared functions that find their
// leg by a property of the socket, so a connection makes no closures; nothing is buffered here but the first piece of
// a turn. Rejected: `pipe()`, which costs four kilobytes a pair and knows one reason to pause only.

/** What a leg needs of the link that owns it, and tells it. Asked each time: a reference in each leg is memory. */
export interface LegOwner {
  readonly turns: Turns;
  /** How long a peer may accept nothing while bytes wait for it. */
  readonly drainMs: number;
  trafficOf(leg: Leg): LegTraffic;
  legBytes(leg: Leg, chunk: Buffer): void;
  /** The peer sent FIN: it will send no more. */
  legFinished(leg: Leg): void;
  /** The connection asked for is there, TLS included where it is direct. */
  legConnected(leg: Leg): void;
  /** The upgrade asked for by `secure` is done. */
  legSecured(leg: Leg, serverName: string | undefined): void;
  /** This leg holds so much that the opposite one should not be read, or has got rid of it. */
  legFilled(leg: Leg): void;
  legDrained(leg: Leg): void;
  /** Why the leg is about to be closed, for whoever looks after it; content of the peer is not in it. */
  legFailed(leg: Leg, error: Error): void;
  /** The last call for this leg. */
  legClosed(leg: Leg, reason: LegClosed): void;
}

/** Reading stops while any of these holds. */
export const PauseReason = { machine: 1, room: 2, flood: 4 } as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];

/** A queue of this size stops the reading of the opposite leg; it goes on when the queue is empty. */
export const roomBytes = 64 * 1024;
/**
 * A client that does not read is not read any more either when answers of this size wait for it: relaying alone never
 * queues as much, so these are answers to requests which it goes on sending.
 */
export const floodBytes = 4 * roomBytes;

const keepAliveMs = 60_000;

type Phase = "connecting" | "open" | "securing" | "closing" | "gone";

const legOf = Symbol("leg");
interface LegSocket extends Socket {
  [legOf]?: Leg | undefined;
}

export class Leg implements Flushable {
  readonly name: LegName;
  readonly #owner: LegOwner;
  #socket: LegSocket;
  #phase: Phase;
  /** The first piece of this turn; a second one corks the socket, so that both leave together. */
  #held: Uint8Array | undefined;
  #corked = false;
  #finishing = false;
  #filled = false;
  #pauses = 0;
  /** Why the leg will be gone, when that is known before the socket says so. */
  #verdict: LegClosed | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Bytes that had left when the deadline was set. */
  #acceptedBytes = 0;

  private constructor(name: LegName, owner: LegOwner, phase: Phase, open: (leg: Leg) => Socket) {
    this.name = name;
    this.#owner = owner;
    this.#phase = phase;
    this.#socket = open(this);
  }

  /** Takes over a socket that a listener accepted with `allowHalfOpen`. Reading begins at once. */
  static accepted(name: LegName, owner: LegOwner, socket: Socket): Leg {
    const leg = new Leg(name, owner, "open", () => socket);
    leg.#listen();
    return leg;
  }

  /** Opens a connection; `legConnected` or `legClosed` follows. Bytes may be sent at once. */
  static connecting(name: LegName, owner: LegOwner, upstream: Upstream): Leg {
    const { host, port, tls } = upstream;
    const tcp = {
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    } as const;
    const leg = new Leg(name, owner, "connecting", (self) => {
      switch (tls) {
        case "direct":
          return connectTls({ ...tcp, ...tlsClientOptions(upstream), ALPNProtocols: ["xmpp-client"] });
        case "starttls":
          return connectTcp(tcp);
        case "none":
          // One buffer for all sockets, out of which the bytes are copied before anything else happens. Node would
          // allocate 64 KiB for each read and shrink it; that costs a fifth of the CPU of relaying small stanzas.
          return connectTcp({ ...tcp, onread: { buffer: readBuffer, callback: self.#copyOut.bind(self) } });
        default:
          return tls satisfies never;
      }
    });
    leg.#listen(tls !== "none");
    const socket = leg.#socket;
    if (socket instanceof TLSSocket) leg.#whenTrusted(socket, upstream, onConnect);
    else socket.once("connect", onConnect);
    return leg;
  }

  /** Bytes that were sent and have not left this process. */
  get queuedBytes(): number {
    if (this.#phase === "gone") return 0;
    // A corked piece is already counted by the socket.
    const held = this.#corked ? 0 : (this.#held?.byteLength ?? 0);
    return this.#socket.writableLength + held;
  }

  get isGone(): boolean {
    return this.#phase === "gone";
  }

  /** True when the leg is neither closed nor about to be. */
  get isOpen(): boolean {
    return this.#phase !== "gone" && this.#phase !== "closing";
  }

  /** True while the opposite leg should not be read. */
  get isFilled(): boolean {
    return this.#filled;
  }

  /** True between the end of connecting or securing and the end of the leg. */
  get isEstablished(): boolean {
    return this.#phase === "open" || this.#phase === "closing";
  }

  get isSecure(): boolean {
    return this.#socket instanceof TLSSocket && this.#phase === "open";
  }

  /** Queues bytes. Nobody may write into them afterwards. */
  send(bytes: Uint8Array): void {
    if (!this.isOpen || this.#finishing || bytes.byteLength === 0) return;
    // Between the end of the old transport and TLS nothing may leave in clear.
    if (this.#phase === "securing" && !(this.#socket instanceof TLSSocket)) return;
    this.#owner.trafficOf(this).sentBytes += bytes.byteLength;
    if (this.#held === undefined) {
      this.#held = bytes;
      this.#owner.turns.note(this, this.#owner);
      return;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      this.#socket.write(this.#held);
    }
    this.#socket.write(bytes);
  }

  flush(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    if (this.#corked) {
      this.#corked = false;
      this.#socket.uncork();
    } else {
      this.#socket.write(held);
    }
    const queued = this.#socket.writableLength;
    if (queued < roomBytes || this.#phase === "gone") return;
    if (queued >= floodBytes && this.name === "client") this.pause(PauseReason.flood);
    if (this.#filled) return;
    this.#filled = true;
    this.#awaitProgress();
    this.#owner.legFilled(this);
  }

  /** FIN behind what is queued; the peer is still read. */
  finish(): void {
    if (!this.isOpen || this.#finishing) return;
    this.flush();
    this.#finishing = true;
    this.#socket.end();
    if (this.#socket.writableLength > 0) this.#awaitProgress();
  }

  /** FIN behind what is queued. Gone when the peer closes too, or the drain deadline passes. */
  close(): void {
    if (!this.isOpen) return;
    this.flush();
    const isReachable = this.#phase === "open";
    this.#phase = "closing";
    if (!isReachable) {
      // Nothing can be said to a peer with which no connection, or no TLS, stands yet.
      this.#socket.destroy();
      return;
    }
    if (!this.#finishing) this.#socket.end();
    // What still comes is thrown away; unread bytes would turn our FIN into a reset and cost the peer our last words.
    this.#pauses = 0;
    this.#socket.resume();
    this.#awaitProgress();
  }

  /** Gone at once; what is queued is dropped. */
  abort(): void {
    if (this.#phase === "gone") return;
    this.#held = undefined;
    this.#phase = "closing";
    this.#socket.destroy();
  }

  pause(reason: PauseReason): void {
    const before = this.#pauses;
    this.#pauses |= reason;
    if (before !== this.#pauses && reason === PauseReason.room) this.#owner.trafficOf(this).roomPauses++;
    if (before === 0 && this.#isReadable()) this.#socket.pause();
  }

  resume(reason: PauseReason): void {
    const before = this.#pauses;
    this.#pauses &= ~reason;
    if (before !== 0 && this.#pauses === 0 && this.#isReadable()) this.#socket.resume();
  }

  /** During an upgrade the old socket must stay silent and the new one must not; `#secured` makes up for it. */
  #isReadable(): boolean {
    return this.#phase === "open" || this.#phase === "connecting";
  }

  /**
   * Turns the leg to TLS behind what is queued; `legSecured` or `legClosed` follows.
   *
   * RFC 6120 §5.4.3.3: bytes read before the upgrade are never reported after it. Those that wait in the old socket are
   * given to the handshake, which takes them for what they claim to be or fails.
   */
  secure(side: { readonly server: TLSSocketOptions } | { readonly client: Upstream }): void {
    if (this.#phase !== "open") return;
    this.flush();
    this.#phase = "securing";
    const plain = this.#socket;
    plain.pause();
    plain.off("data", onData);
    if (plain.writableLength === 0) this.#wrap(side);
    // Written behind everything else: our last words in clear must be out before the first byte of TLS.
    else plain.write("", () => this.#wrap(side));
  }

  #wrap(side: { readonly server: TLSSocketOptions } | { readonly client: Upstream }): void {
    const plain = this.#socket;
    if (this.#phase !== "securing" || plain.destroyed) return;
    this.#unlisten();
    plain.on("error", ignoreError); // the new socket reports it
    if ("server" in side) {
      const socket = new TLSSocket(plain, { ...side.server, isServer: true });
      this.#socket = socket;
      this.#listen();
      socket.once("secure", () => this.#secured(socket));
      // Before and after the handshake, a TLS socket that no tls.Server owns reports faults of TLS in this event only.
      socket.on("_tlsError", onError);
      return;
    }
    const upstream = side.client;
    const socket = connectTls({ socket: plain, ...tlsClientOptions(upstream) });
    this.#socket = socket;
    this.#listen();
    this.#whenTrusted(socket, upstream, () => this.#secured(socket));
  }

  #whenTrusted(socket: TLSSocket, upstream: Upstream, go: (this: LegSocket) => void): void {
    socket.once("secureConnect", () => {
      if (isTrusted(socket, upstream)) go.call(socket);
      else this.failed(new Error("the certificate is not the pinned one"));
    });
  }

  #secured(socket: TLSSocket): void {
    if (this.#phase !== "securing") return;
    this.#phase = "open";
    if (this.#pauses !== 0) socket.pause();
    this.#owner.legSecured(this, this.name === "server" ? undefined : sentName(socket));
  }

  /** `flowing` is false for a socket whose bytes come by `onread`. */
  #listen(flowing = true): void {
    const socket = this.#socket;
    socket[legOf] = this;
    socket.on("end", onEnd).on("drain", onDrain).on("error", onError).on("close", onClose);
    if (flowing) socket.on("data", onData);
  }

  #unlisten(): void {
    const socket = this.#socket;
    socket[legOf] = undefined;
    socket.off("end", onEnd).off("drain", onDrain).off("error", onError).off("close", onClose).off("data", onData);
  }

  /** Takes `length` bytes out of the buffer that all sockets read into. True: go on reading. */
  #copyOut(length: number): boolean {
    const chunk = Buffer.allocUnsafe(length);
    readBuffer.copy(chunk, 0, 0, length);
    this.received(chunk);
    return true;
  }

  received(chunk: Buffer): void {
    this.#owner.trafficOf(this).receivedBytes += chunk.byteLength;
    if (this.#phase === "open") this.#owner.legBytes(this, chunk);
  }

  connected(): void {
    if (this.#phase !== "connecting") return;
    this.#phase = "open";
    this.#owner.legConnected(this);
  }

  ended(): void {
    // A handshake that meets the end of the stream has failed; TLS itself would wait for ever.
    if (this.#phase === "securing") this.failed(new Error("the connection ended in the handshake"));
    else if (this.#phase === "open") this.#owner.legFinished(this);
    // `closing`: our FIN is out or on its way, and the socket goes by itself when both have been sent.
  }

  drained(): void {
    if (!this.#filled || this.#phase === "gone") return;
    this.#filled = false;
    if (this.isOpen && !this.#finishing) this.#forgetDeadline();
    this.resume(PauseReason.flood);
    this.#owner.legDrained(this);
  }

  failed(error: Error): void {
    if (this.#phase === "gone") return;
    // Node reports some faults twice.
    if (this.#verdict === undefined) this.#owner.legFailed(this, error);
    if (this.#phase === "connecting") {
      const isTls = this.#socket instanceof TLSSocket && !this.#socket.connecting;
      this.#fail(isTls ? "tls_failed" : "refused");
    } else this.#fail(this.#phase === "securing" ? "tls_failed" : "reset");
  }

  #fail(verdict: LegClosed): void {
    this.#verdict ??= verdict;
    this.#socket.destroy();
  }

  closed(): void {
    if (this.#phase === "gone") return;
    const { [this.#phase]: otherwise } = verdicts;
    this.#phase = "gone";
    this.#held = undefined;
    this.#forgetDeadline();
    this.#unlisten();
    this.#socket.on("error", ignoreError);
    this.#owner.legClosed(this, this.#verdict ?? otherwise);
  }

  /** Sets the deadline behind which a peer that took nothing since is given up. */
  #awaitProgress(): void {
    this.#acceptedBytes = this.#acceptedByPeer();
    if (this.#deadline === undefined) this.#deadline = setTimeout(onDeadline, this.#owner.drainMs, this);
    else this.#deadline.refresh();
  }

  #acceptedByPeer(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  deadlinePassed(): void {
    this.#deadline = undefined;
    if (this.#phase === "gone") return;
    const waits = this.#socket.writableLength > 0;
    if (waits && this.#acceptedByPeer() > this.#acceptedBytes) {
      this.#awaitProgress();
      return;
    }
    // Everything left us, and the peer was only asked to hang up as well.
    if (!waits && this.#phase !== "closing") return;
    this.#held = undefined;
    this.#fail(waits ? "slow_peer" : "end");
  }

  #forgetDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}

/** The SNI of a client; Node documents the property, its types leave it out. */
function sentName(socket: TLSSocket): string | undefined {
  const { servername } = socket as { readonly servername?: unknown };
  return typeof servername === "string" && servername !== "" ? servername : undefined;
}

/** What the end of a socket means when nothing else said so. */
const verdicts: { readonly [phase in Phase]: LegClosed } = {
  connecting: "refused",
  securing: "tls_failed",
  open: "end",
  closing: "end",
  gone: "end",
};

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

function onData(this: LegSocket, chunk: Buffer): void {
  this[legOf]?.received(chunk);
}

function onConnect(this: LegSocket): void {
  this[legOf]?.connected();
}

function onEnd(this: LegSocket): void {
  this[legOf]?.ended();
}

function onDrain(this: LegSocket): void {
  this[legOf]?.drained();
}

function onError(this: LegSocket, error: Error): void {
  this[legOf]?.failed(error);
}

function onClose(this: LegSocket): void {
  this[legOf]?.closed();
}

function onDeadline(leg: Leg): void {
  leg.deadlinePassed();
}

function ignoreError(): void {
  // Whoever owned the socket has been told.
}
