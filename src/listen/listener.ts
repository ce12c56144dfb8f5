import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { TLSSocketOptions } from "node:tls";
import type { Performer } from "../session/index.js";
import { Link, type CountingMachine, type LinkOrigin, type LinkSurroundings, type Links } from "../relay/index.js";
import type { ListenerCounters } from "../relay/index.js";
import type { Admission } from "./admission.js";
import type { Certificates } from "./certificates.js";

/** An address that cannot be listened on. The operator's fault; `message` says what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** How one address is served. */
export interface ListenerSettings {
  readonly kind: "c2s" | "component";
  readonly tls: "starttls" | "direct" | "none";
  readonly host: string;
  readonly port: number;
}

export interface ListenerParts {
  readonly surroundings: LinkSurroundings;
  readonly links: Links;
  readonly admission: Admission;
  readonly certificates: Certificates;
  openMachine(settings: ListenerSettings, performer: Performer): CountingMachine;
}

/** One open port. What is served there may change while it is open; links keep what they began with. */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #server: Server;
  #origin: LinkOrigin;

  constructor(parts: ListenerParts, settings: ListenerSettings, counters: ListenerCounters) {
    this.#parts = parts;
    this.#origin = origin(parts, settings, counters);
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (socket) => this.#accept(socket),
    );
  }

  /** Resolves when connections are accepted. Rejects with `ListenError`. */
  open(host: string, port: number): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException): void => reject(listenError(host, port, error));
      server.once("error", refused);
      server.listen({ host, port }, () => {
        server.off("error", refused);
        // Later errors concern one accept, e.g. a lack of file descriptors; the port stays open.
        server.on("error", (error: NodeJS.ErrnoException) =>
          this.#parts.surroundings.log.error(
            { event: "accept-failed", code: error.code },
            "a connection was not accepted",
          ),
        );
        resolve();
      });
    });
  }

  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address : undefined;
  }

  get counters(): ListenerCounters {
    return this.#origin.counters;
  }

  /** Serves new connections in another way. */
  replace(settings: ListenerSettings, counters: ListenerCounters): void {
    this.#origin = origin(this.#parts, settings, counters);
  }

  /** No more connections. Those that are there stay. */
  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    const { admission, links, surroundings } = this.#parts;
    const { remoteAddress } = socket;
    // Reset between the kernel's accept and ours.
    if (remoteAddress === undefined) {
      socket.on("error", ignoreError).destroy();
      return;
    }
    const refusal = admission.enter(remoteAddress);
    if (refusal !== undefined) {
      this.#origin.counters.rejected.add(refusal);
      surroundings.log.debug({ event: "rejected", listener: this.#origin.counters.name, reason: refusal }, "rejected");
      // Nothing was read, so the peer sees an end, not a reset, and may try another address.
      socket.on("error", ignoreError).destroy();
      return;
    }
    const link = new Link(socket, this.#origin, surroundings, (gone) => {
      admission.leave(remoteAddress);
      links.remove(gone);
    });
    links.add(link);
  }
}

const keepAliveMs = 60_000;

function origin(parts: ListenerParts, settings: ListenerSettings, counters: ListenerCounters): LinkOrigin {
  const { kind, tls } = settings;
  return {
    kind,
    tls,
    counters,
    get tlsOptions(): TLSSocketOptions | undefined {
      return tls === "none" ? undefined : parts.certificates.tlsOptions;
    },
    openMachine: (performer) => parts.openMachine(settings, performer),
  };
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException): ListenError {
  const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new ListenError(`cannot listen on ${where}: another program has this port`, { cause: error });
    case "EACCES":
      return new ListenError(
        `cannot listen on ${where}: not permitted; choose a port above 1023 or grant CAP_NET_BIND_SERVICE`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
      return new ListenError(`cannot listen on ${where}: this machine has no such address`, { cause: error });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ListenError(`cannot listen on ${where}: the name has no address`, { cause: error });
    default:
      return new ListenError(`cannot listen on ${where}: ${error.message}`, { cause: error });
  }
}

function ignoreError(): void {
  // The connection is being given up.
}
