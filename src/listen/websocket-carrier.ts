import type { Socket } from "node:net";
import { WebSocket, type RawData } from "ws";
import { roomBytes, type Carrier, type SocketEvents } from "../relay/index.js";
import type { LinkLimits } from "../session/index.js";
import { MessageReader, MessageWriter, type MessageFault, type MessageSink } from "../stream/index.js";
import type { XmlFault } from "../xml/index.js";

// A client's stream inside WebSocket messages, as a leg sees it: bytes of one stream in both directions.
//
// It guarantees: what the socket has not taken counts as queued, and a leg that is not read reads no more than one chunk of
// the socket; no message is delivered behind the leg's back, i.e. while it is paused or from within its own call; a client
// that is gone without a word is found by a ping that it does not answer.
//
// The way chosen: `ws` frames and unmasks, the socket under it is asked for everything else. Rejected: the stream that `ws`
// offers, which counts its own buffers only, and knows neither ping nor why the peer left.

/** Answers to pings wait for room: a client that asks and never reads is owed the last one only (RFC 6455 §5.5.3). */
const PONG_ROOM_BYTES = roomBytes / 4;

const TEXT = { binary: false, compress: false } as const;
const SPACE = Buffer.from(" ");

export interface CarrierSettings {
  readonly limits: LinkLimits;
  /** A client that said nothing for as long is asked whether it is there, and has as long to answer; 0: never. */
  readonly pingMs: number;
  readonly ends: Pick<Carrier, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;
}

interface Held {
  readonly data: RawData;
  readonly isBinary: boolean;
}

export class WebSocketCarrier implements Carrier, MessageSink {
  events: SocketEvents | undefined;
  /** Told once of what cannot be made a stream; to be set with `events`. */
  unreadable: ((fault: MessageFault | XmlFault) => void) | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #reader: MessageReader;
  readonly #writer: MessageWriter;
  readonly #maxUnauthenticatedBytes: number;
  readonly #pingMs: number;
  #isPaused = false;
  /** Messages that came while the leg was not read. */
  #held: Held[] | undefined;
  #isBroken = false;
  #isGone = false;
  #closeCode = 1000;
  /** Bytes that came since the last whole message. */
  #unfinishedBytes = 0;
  #hasMessage = false;
  #hasSign = false;
  #isAsked = false;
  #acceptedBytes = 0;
  /** What has left when the last ping has. */
  #pingEnd = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Takes over an open WebSocket and the socket under it, which `ws` goes on reading. */
  constructor(webSocket: WebSocket, socket: Socket, { limits, pingMs, ends }: CarrierSettings) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#reader = new MessageReader(limits.authenticated);
    this.#writer = new MessageWriter(this, limits.trusted);
    this.#maxUnauthenticatedBytes = limits.unauthenticated.maxFrameBytes + roomBytes;
    this.#pingMs = pingMs;
    this.remoteAddress = ends.remoteAddress;
    this.remotePort = ends.remotePort;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
    webSocket
      .on("message", (data, isBinary) => this.#received({ data, isBinary }))
      .on("ping", (data) => this.#pinged(data))
      .on("pong", () => (this.#hasSign = true))
      .on("error", (error) => this.#failed(error))
      .on("close", () => this.#closed());
    socket
      .on("drain", () => this.events?.drained())
      .on("data", (chunk: Buffer) => this.#afterChunk(chunk.byteLength))
      .on("finish", () => this.#finished());
    if (pingMs > 0) this.#timer = setTimeout(tick, pingMs, this);
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  /** Any part of the stream; a message leaves when its element is complete. */
  write(bytes: Uint8Array): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#socket.cork();
    this.#writer.write(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#socket.uncork();
  }

  message(bytes: Buffer): void {
    this.#webSocket.send(bytes, TEXT);
  }

  /** Our own fault, of which this one client gets the harm. */
  unwritable({ code }: XmlFault): void {
    process.nextTick(() => this.events?.failed(new Error(`what leaves for the client is no stream: ${code}`)));
  }

  keepalive(): void {
    // One that waits already says the same.
    if (this.#socket.writableLength < PONG_ROOM_BYTES) this.#webSocket.ping();
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** RFC 7395 §3.6: behind `<close/>`, if there was one, the closing handshake of WebSocket. */
  end(): void {
    this.#webSocket.close(this.#closeCode);
  }

  destroy(): void {
    this.#held = undefined;
    this.#socket.destroy();
    if (this.#isGone) setImmediate(() => this.#closed());
  }

  pause(): void {
    this.#isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held === undefined) this.#webSocket.resume();
    // As with a socket, nothing is delivered from within this call.
    else process.nextTick(deliver, this);
  }

  /** Gives the leg what came while it was not read, until it stops again. */
  deliverHeld(): void {
    while (!this.#isPaused && this.#held !== undefined) {
      const next = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (next !== undefined) this.#read(next);
    }
    if (this.#isPaused) return;
    if (this.#isGone) this.#closed();
    else this.#webSocket.resume();
  }

  #received(message: Held): void {
    this.#hasMessage = true;
    this.#hasSign = true;
    // `ws` goes on to the end of a chunk although it was told to stop.
    if (this.#isPaused || this.#held !== undefined) (this.#held ??= []).push(message);
    else this.#read(message);
  }

  #read({ data, isBinary }: Held): void {
    if (this.#isBroken) return;
    // RFC 7395 §3.2: messages are of the text type.
    const outcome = isBinary || !Buffer.isBuffer(data) ? "message-binary" : this.#reader.read(data);
    if (outcome instanceof Uint8Array) this.events?.received(outcome);
    else this.#refuse(outcome);
  }

  #refuse(fault: MessageFault | XmlFault): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    // RFC 6455 §7.4.1: what cannot be accepted, and what is too big, have codes of their own.
    if (fault === "message-binary") this.#closeCode = 1003;
    else if (fault === "message-too-large") this.#closeCode = 1009;
    this.unreadable?.(fault);
  }

  /** RFC 7395 §3.8: what white space is over TCP, a ping is here, and the server is told of the one as of the other. */
  #pinged(data: Buffer): void {
    this.#hasSign = true;
    if (this.#socket.writableLength < PONG_ROOM_BYTES && this.#webSocket.readyState === WebSocket.OPEN)
      this.#webSocket.pong(data);
    if (this.#isPaused || this.#held !== undefined || !this.#reader.isOpen || !this.#writer.isAuthenticated) return;
    this.events?.received(SPACE);
  }

  /** `ws` has read a chunk of the socket, and has reported the messages that ended in it. */
  #afterChunk(bytes: number): void {
    this.#unfinishedBytes = this.#hasMessage ? 0 : this.#unfinishedBytes + bytes;
    this.#hasMessage = false;
    // `ws` knows one limit for all messages, that of an authenticated client.
    if (this.#unfinishedBytes > this.#maxUnauthenticatedBytes && !this.#writer.isAuthenticated)
      this.#refuse("message-too-large");
  }

  /** RFC 6455 §7.1.1: both have said goodbye, and the server hangs up first; unless the peer may still be sending. */
  #finished(): void {
    if (!this.#isBroken) this.#socket.destroy();
  }

  #failed(error: Error & { readonly code?: unknown }): void {
    this.#refuse(error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" ? "message-too-large" : "websocket-frame");
  }

  #closed(): void {
    this.#isGone = true;
    clearTimeout(this.#timer);
    // What came in order before the end is delivered before it.
    if (this.#held === undefined) this.events?.closed();
  }

  /** Time for a look at whether the client is still there. */
  ticked(): void {
    const accepted = this.#acceptedByPeer();
    const isOnItsWay = accepted < this.#pingEnd && accepted > this.#acceptedBytes;
    // A client that is not read cannot be heard; one that takes what waits for it will come to the ping.
    if (this.#isAsked && !this.#hasSign && !this.#isPaused && !isOnItsWay) {
      this.events?.failed(new Error("no answer to a ping"));
      return;
    }
    this.#acceptedBytes = accepted;
    this.#hasSign = false;
    this.#isAsked = this.#webSocket.readyState === WebSocket.OPEN;
    if (this.#isAsked) this.#webSocket.ping();
    this.#pingEnd = this.#socket.bytesWritten;
    this.#timer = setTimeout(tick, this.#pingMs, this);
  }

  #acceptedByPeer(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }
}

function tick(carrier: WebSocketCarrier): void {
  carrier.ticked();
}

function deliver(carrier: WebSocketCarrier): void {
  carrier.deliverHeld();
}
