import { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import type { LegClosed, LegName } from "../session/index.js";
import { UsageError } from "../xmpp/index.js";
import { listen, onConnect, onError, stopReading, unlisten, type LegSocket, type SocketEvents } from "./leg-socket.js";
import { openSocket, sentName, wrapAsClient, wrapAsServer, type Reader } from "./open-socket.js";
import { verdicts, type Phase } from "./phase.js";
import { endsOfAccepted, type ConnectionEnds } from "./proxy-header.js";
import { floodBytes, PauseReason, roomBytes } from "./room.js";
import type { LegTraffic } from "./traffic.js";
import type { Flushable, Turns } from "./turn.js";
import { isTrusted, type Upstream } from "./upstream.js";

// The only file that reads and writes sockets.
//
// It guarantees: bytes leave in the order in which they were sent; a leg that accepts nothing is found and ended; no
// error of a socket becomes an exception; after `legClosed` nothing of the leg is left, neither a socket nor a timer.
//
// Memory decides the way chosen: a proxy mostly holds idle connections. A connection makes no closures (`leg-socket.ts`);
// nothing is buffered here but the first piece of a turn. Rejected: `pipe()`, which costs four kilobytes a pair and knows one reason to pause only.

export class Leg implements Flushable, Reader, SocketEvents {
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

  private constructor(name: LegName, owner: LegOwner, phase: Phase, open: (leg: Leg) => LegSocket) {
    this.name = name;
    this.#owner = owner;
    this.#phase = phase;
    this.#socket = open(this);
  }

  /** Takes over a socket that a listener accepted with `allowHalfOpen`, or what is as one. Reading begins at once. */
  static accepted(name: LegName, owner: LegOwner, socket: LegSocket): Leg {
    const leg = new Leg(name, owner, "open", () => socket);
    listen(socket, leg);
    return leg;
  }

  /** Opens a connection; `legConnected` or `legClosed` follows. Bytes may be sent at once; `preface` goes before TLS. */
  static connecting(name: LegName, owner: LegOwner, upstream: Upstream, preface?: Uint8Array): Leg {
    const isReaching = preface !== undefined && upstream.tls === "direct";
    return new Leg(name, owner, isReaching ? "reaching" : "connecting", (leg) => {
      const { socket, isFlowing } = openSocket(upstream, leg, preface);
      listen(socket, leg, isFlowing);
      if (socket instanceof TLSSocket) leg.#whenTrusted(socket, upstream, onConnect);
      else if (isReaching) socket.once("connect", () => leg.#reached(upstream, socket));
      else socket.once("connect", onConnect);
      return socket;
    });
  }

  /** Bytes that were sent and have not left this process. */
  get queuedBytes(): number {
    if (this.#phase === "gone") return 0;
    // A corked piece is already counted by the socket.
    const held = this.#corked ? 0 : (this.#held?.byteLength ?? 0);
    return this.#socket.writableLength + held;
  }

  /** Of a leg that was accepted; undefined once it is gone. */
  get ends(): ConnectionEnds | undefined {
    return endsOfAccepted(this.#socket);
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

  /** While TLS stands; for whoever looks at certificates. */
  get secured(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket && this.#phase === "open" ? this.#socket : undefined;
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
    if (this.#phase === "reaching") {
      this.#held = Buffer.concat([this.#held, bytes]);
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
    if (held === undefined || this.#phase === "reaching") return;
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
    const plain = this.#socket;
    if (this.#phase !== "open") return;
    if (!(plain instanceof Socket)) throw new UsageError("what is no socket has no TLS of its own");
    this.flush();
    this.#phase = "securing";
    stopReading(plain);
    if (plain.writableLength === 0) this.#wrap(plain, side);
    // Written behind everything else: our last words in clear must be out before the first byte of TLS.
    else plain.write("", () => this.#wrap(plain, side));
  }

  #wrap(plain: Socket, side: { readonly server: TLSSocketOptions } | { readonly client: Upstream }): void {
    if (this.#phase !== "securing" || plain.destroyed) return;
    if ("server" in side) {
      const socket = this.#replace(() => wrapAsServer(plain, side.server));
      socket.once("secure", () => this.#secured(socket));
      // Before and after the handshake, a TLS socket that no tls.Server owns reports faults of TLS in this event only.
      socket.on("_tlsError", onError);
      return;
    }
    const upstream = side.client;
    const socket = this.#replace(() => wrapAsClient(plain, upstream));
    this.#whenTrusted(socket, upstream, () => this.#secured(socket));
  }

  /** The preface is out; from here on it is as if TLS had connected by itself. */
  #reached(upstream: Upstream, plain: Socket): void {
    if (this.#phase !== "reaching" || plain.destroyed) return;
    this.#phase = "connecting";
    const socket = this.#replace(() => wrapAsClient(plain, upstream));
    if (this.#pauses !== 0) socket.pause();
    this.#whenTrusted(socket, upstream, onConnect);
    this.flush();
  }

  #replace(wrap: () => TLSSocket): TLSSocket {
    unlisten(this.#socket);
    const socket = wrap();
    this.#socket = socket;
    listen(socket, this);
    return socket;
  }

  #whenTrusted(socket: TLSSocket, upstream: Upstream, go: (this: TLSSocket) => void): void {
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
    if (this.#phase === "connecting" || this.#phase === "reaching") {
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
    unlisten(this.#socket);
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

function onDeadline(leg: Leg): void {
  leg.deadlinePassed();
}

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
