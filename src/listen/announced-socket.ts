import type { Socket } from "node:net";
import type { ConnectionEnds } from "../relay/index.js";
import { ProxyHeaderReader, type HeaderFault } from "./proxy-protocol.js";

// The one place besides `relay/leg.ts` that reads a socket: what a trusted proxy says in front of a connection must be
// known before there is a link, because the limits for one address come first. The bytes behind it are given back to the
// socket, so that a leg, or TLS, finds them as if nothing had been there.
//
// The way chosen is `readable` and `read()`: nothing flows, so what is not read stays in the kernel or in the socket, and
// a socket from which that listener is removed is as one that nobody has touched. With `data` and `pause()` it would stay
// paused, and a leg would have to know.

/** How the beginning of a connection from a trusted proxy came out. */
export type Announcement =
  /** The peer goes on; `ends` is undefined where the socket's own are to be used. */
  | { readonly kind: "announced"; readonly ends: ConnectionEnds | undefined }
  | { readonly kind: "refused"; readonly reason: HeaderFault | "proxy_truncated" | "proxy_timeout" }
  /** The peer said nothing, or nothing but that it is the proxy itself, and left: a health check. */
  | { readonly kind: "left" };

/** A socket that somebody reads the header of. Ends with one call of `done`, or with none behind `destroy`. */
export class AnnouncedSocket {
  readonly #socket: Socket;
  readonly #reader = new ProxyHeaderReader();
  readonly #done: (announcement: Announcement) => void;
  #deadline: NodeJS.Timeout | undefined;
  /** The header said nothing of the client, so this may be a health check, and is one if no byte follows. */
  #isLocal = false;
  #isOver = false;

  /**
   * Reads `socket`, which nobody else has touched. After `announced` nothing of ours is left on it; after the other two it
   * has been closed. `deadlineMs` 0 means for ever.
   */
  constructor(socket: Socket, deadlineMs: number, done: (announcement: Announcement) => void) {
    this.#socket = socket;
    this.#done = done;
    if (deadlineMs > 0) this.#deadline = setTimeout(() => this.#refuse("proxy_timeout"), deadlineMs);
    socket.on("readable", this.#read).on("end", this.#ended).on("error", this.#ended).on("close", this.#ended);
  }

  /** Ends it without a word; `done` is not called any more. */
  destroy(): void {
    this.#release();
    this.#socket.on("error", ignoreError).destroy();
  }

  readonly #read = (): void => {
    while (!this.#isOver && this.#socket.readableLength > 0) {
      if (this.#isLocal) this.#announce(undefined);
      else this.#take();
    }
    // Tells the socket that more is wanted, and at the end of its bytes makes it say so.
    if (!this.#isOver) this.#socket.read(0);
  };

  #take(): void {
    const chunk: unknown = this.#socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    const outcome = this.#reader.read(chunk);
    if (outcome.kind === "more") return;
    if (outcome.kind === "fault") {
      this.#refuse(outcome.reason);
      return;
    }
    if (outcome.rest.length > 0) this.#socket.unshift(outcome.rest);
    this.#isLocal = outcome.ends === undefined;
    if (!this.#isLocal) this.#announce(outcome.ends);
  }

  readonly #ended = (): void => {
    if (this.#isLocal || this.#reader.isEmpty) this.#close({ kind: "left" });
    else this.#refuse("proxy_truncated");
  };

  #announce(ends: ConnectionEnds | undefined): void {
    this.#release();
    this.#done({ kind: "announced", ends });
  }

  #refuse(reason: Extract<Announcement, { readonly kind: "refused" }>["reason"]): void {
    this.#close({ kind: "refused", reason });
  }

  #close(announcement: Announcement): void {
    if (this.#isOver) return;
    this.destroy();
    this.#done(announcement);
  }

  #release(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#socket
      .off("readable", this.#read)
      .off("end", this.#ended)
      .off("error", this.#ended)
      .off("close", this.#ended);
  }
}

function ignoreError(): void {
  // The connection is being given up.
}
