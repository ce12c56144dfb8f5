import { Socket } from "node:net";

// Who is told what a socket says. Listeners of a socket are shared functions that find their leg by a property of the
// socket, so a connection makes no closures.

/** What happens to a socket; a leg, to which one socket belongs at a time. */
export interface SocketEvents {
  received(chunk: Buffer): void;
  connected(): void;
  /** The peer will send no more. */
  ended(): void;
  /** Everything that was queued has left. */
  drained(): void;
  failed(error: Error): void;
  /** The last event. */
  closed(): void;
}

/**
 * What is to a leg as a socket and is none: a stream that travels inside something else, e.g. inside WebSocket messages. Each
 * member is as that of `net.Socket`, but for `events`, which is told directly and not before a leg has set it.
 */
export interface Carrier {
  events: SocketEvents | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly destroyed: boolean;
  readonly writableLength: number;
  readonly bytesWritten: number;
  write(bytes: Uint8Array): void;
  cork(): void;
  uncork(): void;
  /** Takes leave of the peer behind what is queued. */
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}

const legOf = Symbol("leg");
interface OwnedSocket extends Socket {
  [legOf]?: SocketEvents | undefined;
}

export type LegSocket = OwnedSocket | Carrier;

/** `flowing` is false for a socket whose bytes come by `onread`. */
export function listen(socket: LegSocket, leg: SocketEvents, flowing = true): void {
  if (!(socket instanceof Socket)) {
    socket.events = leg;
    return;
  }
  socket[legOf] = leg;
  socket.on("end", onEnd).on("drain", onDrain).on("error", onError).on("close", onClose);
  if (flowing) socket.on("data", onData);
}

/** Nothing of the leg stays on the socket. Its errors are no news any more: whoever owned it has been told, or is told by another. */
export function unlisten(socket: LegSocket): void {
  if (!(socket instanceof Socket)) {
    socket.events = undefined;
    return;
  }
  socket[legOf] = undefined;
  socket.off("end", onEnd).off("drain", onDrain).off("error", onError).off("close", onClose).off("data", onData);
  socket.on("error", ignoreError);
}

/** Bytes are not reported any more. */
export function stopReading(socket: Socket): void {
  socket.pause();
  socket.off("data", onData);
}

export function onConnect(this: OwnedSocket): void {
  this[legOf]?.connected();
}

export function onError(this: OwnedSocket, error: Error): void {
  this[legOf]?.failed(error);
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[legOf]?.received(chunk);
}

function onEnd(this: OwnedSocket): void {
  this[legOf]?.ended();
}

function onDrain(this: OwnedSocket): void {
  this[legOf]?.drained();
}

function onClose(this: OwnedSocket): void {
  this[legOf]?.closed();
}

function ignoreError(): void {
  // Whoever owned the socket has been told.
}
