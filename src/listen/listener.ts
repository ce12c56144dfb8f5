import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { repeatable } from "../log/index.js";
import type { Performer } from "../session/index.js";
import {
  keepAliveMs,
  Link,
  type CountingMachine,
  type LinkOrigin,
  type LinkSurroundings,
  type Links,
} from "../relay/index.js";
import type { ListenerCounters } from "../relay/index.js";
import type { Admission } from "./admission.js";
import type { Certificates } from "./certificates.js";

/** An address that cannot be listened on. The operator's fault; `message` says what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  /** Says in the operator's words why `host` and `port` could not be opened. */
  static of(host: string, port: number, cause: unknown): ListenError {
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    return new ListenError(`cannot listen on ${where}: ${explained(cause)}`, { cause });
  }
}

function explained(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return "another program has this port";
    case "EACCES":
      return "not permitted; choose a port above 1023 or grant CAP_NET_BIND_SERVICE";
    case "EADDRNOTAVAIL":
      return "this machine has no such address";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name has no address";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
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
      const refused = (error: Error): void => reject(ListenError.of(host, port, error));
      server.once("error", refused);
      server.listen({ host, port }, () => {
        server.off("error", refused);
        // Later errors concern one accept, e.g. a lack of file descriptors; the port stays open.
        server.on("error", (error: NodeJS.ErrnoException) =>
          this.#parts.surroundings.log.error(
            repeatable({ event: "accept-failed", code: error.code }, { as: ["accept-failed", error.code ?? ""] }),
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
    links.add(new Link(socket, this.#origin, surroundings));
  }
}

function origin(parts: ListenerParts, settings: ListenerSettings, counters: ListenerCounters): LinkOrigin {
  const { kind, tls } = settings;
  return {
    kind,
    tls,
    counters,
    tlsOptions: (domain) => (tls === "none" ? undefined : parts.certificates.tlsOptions(domain)),
    openMachine: (performer) => parts.openMachine(settings, performer),
    gone: (link) => {
      parts.admission.leave(link.remoteAddress);
      parts.links.remove(link);
    },
  };
}

function ignoreError(): void {
  // The connection is being given up.
}
