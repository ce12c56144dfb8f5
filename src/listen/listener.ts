import { createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from "node:net";
import { repeatable } from "../log/index.js";
import { keepAliveMs, Link, unmapped, type ConnectionEnds, type LinkOrigin, type Refusal } from "../relay/index.js";
import type { ListenerCounters } from "../relay/index.js";
import { AnnouncedSocket, type Announcement } from "./announced-socket.js";
import type { Arrival } from "./arrivals.js";
import { ListenError } from "./listen-error.js";
import type { ListenerParts, ListenerSettings } from "./listener-settings.js";
import { TrustedNetworks } from "./trusted-networks.js";
import { WebSocketDoor } from "./websocket-door.js";

/** One open port, or one socket that was handed over. What is served there may change while it is open; links keep what they began with. */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #server: Server;
  #settings: ListenerSettings;
  #origin: LinkOrigin;
  /** Who may say on whose behalf it connects; undefined: nobody has to. */
  #proxies: TrustedNetworks | undefined;
  /** For connections that become links by way of WebSocket; made with the first. */
  #door: WebSocketDoor | undefined;

  constructor(parts: ListenerParts, settings: ListenerSettings, counters: ListenerCounters) {
    this.#parts = parts;
    this.#settings = settings;
    this.#origin = origin(parts, settings, counters);
    this.#proxies = proxiesOf(settings);
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (socket) => this.#accept(socket),
    );
  }

  /** Resolves when connections are accepted. Rejects with `ListenError`. */
  open(host: string, port: number): Promise<void> {
    return this.#listen({ host, port }, (error) => ListenError.of(host, port, error));
  }

  /** The same for a listening socket that the process was handed, by its name and descriptor; from now on it is ours. */
  async take(socket: string, fd: number): Promise<void> {
    await this.#listen({ fd }, () => ListenError.ofSocket(socket, "it is no stream socket"));
    if (this.address !== undefined) return;
    this.close();
    throw ListenError.ofSocket(socket, "it is not a TCP socket");
  }

  #listen(where: ListenOptions | { readonly fd: number }, explain: (error: Error) => ListenError): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => reject(explain(error));
      server.once("error", refused);
      server.listen(where, () => {
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
    this.#settings = settings;
    this.#origin = origin(this.#parts, settings, counters);
    this.#proxies = proxiesOf(settings);
  }

  /** No more connections. Those that are there stay, and those that are on their way to be links go on. */
  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    const { admission } = this.#parts;
    const { remoteAddress } = socket;
    const proxies = this.#proxies;
    // Reset between the kernel's accept and ours.
    if (remoteAddress === undefined) socket.on("error", ignoreError).destroy();
    else if (proxies === undefined) {
      const refusal = admission.enter(remoteAddress);
      if (refusal === undefined) this.#begin(socket, this.#serving(), remoteAddress);
      else this.#refuse(socket, this.#origin, { refusal, remote: remoteAddress });
    } else {
      const refusal = proxies.has(remoteAddress) ? admission.enter() : "proxy_untrusted";
      if (refusal === undefined) this.#awaitHeader(socket, remoteAddress);
      else this.#refuse(socket, this.#origin, { refusal, remote: remoteAddress });
    }
  }

  /** Until the header is there the connection is nobody's: it counts, but against no address. */
  #awaitHeader(socket: Socket, proxy: string): void {
    const { admission, arrivals, surroundings } = this.#parts;
    const serving = this.#serving();
    const { origin } = serving;
    const announcedAs = (announcement: Announcement): void => {
      if (announcement.kind !== "announced") {
        admission.leave();
        if (announcement.kind === "refused")
          this.#refuse(socket, origin, { refusal: announcement.reason, remote: proxy });
        return;
      }
      const { ends } = announcement;
      const remote = ends?.source.address ?? proxy;
      const refusal = admission.identify(remote);
      if (refusal === undefined) {
        this.#begin(socket, serving, remote, ends);
        return;
      }
      admission.leave();
      this.#refuse(socket, origin, { refusal, remote });
    };
    const done = (announcement: Announcement): void => {
      announcedAs(announcement);
      arrivals.delete(arrival);
    };
    const announced = new AnnouncedSocket(socket, surroundings.timeouts.headerMs, done);
    const arrival: Arrival = {
      destroy: () => {
        announced.destroy();
        done({ kind: "left" });
      },
    };
    arrivals.add(arrival);
  }

  /** How a connection that comes now is served, whatever a reload says before it has begun. */
  #serving(): Serving {
    return { settings: this.#settings, origin: this.#origin };
  }

  #begin(socket: Socket, { settings, origin }: Serving, remote: string, announced?: ConnectionEnds): void {
    const { links, surroundings } = this.#parts;
    if (settings.kind !== "websocket") {
      links.add(new Link(socket, origin, surroundings, announced));
      return;
    }
    this.#door ??= new WebSocketDoor({
      ...this.#parts,
      refused: (visit, refusal) => this.#count(visit.origin, { refusal, remote: visit.remote }),
    });
    this.#door.welcome({ socket, settings, origin, announced, remote });
  }

  #refuse(socket: Socket, origin: LinkOrigin, refused: Refused): void {
    this.#count(origin, refused);
    // Nothing was read but a header, so the peer sees an end, not a reset, and may try another address.
    socket.on("error", ignoreError).destroy();
  }

  #count({ counters }: LinkOrigin, { refusal, remote }: Refused): void {
    const { log } = this.#parts.surroundings;
    counters.rejected.add(refusal);
    const line = { event: "rejected", listener: counters.name, reason: refusal, remote: unmapped(remote) };
    // A limit is the client's everyday life; what is wrong with the proxy in front, or in its place, is the operator's to
    // mend, and may come with every connection, from any address.
    if (!refusal.startsWith("proxy_")) log.debug(line, "rejected");
    else log.warn(repeatable(line, { as: [line.event, line.listener, refusal] }), proxyTexts[refusal] ?? "rejected");
  }
}

interface Serving {
  readonly settings: ListenerSettings;
  readonly origin: LinkOrigin;
}

interface Refused {
  readonly refusal: Refusal;
  readonly remote: string;
}

const proxyTexts: { readonly [refusal in Refusal]?: string } = {
  proxy_untrusted: "an address that is not in proxyProtocol.from was refused",
  proxy_missing: "a connection without PROXY header was refused",
  proxy_malformed: "a connection with a broken PROXY header was refused",
  proxy_truncated: "a connection ended within its PROXY header",
  proxy_timeout: "a connection brought no PROXY header in time",
};

function proxiesOf({ proxyProtocol }: ListenerSettings): TrustedNetworks | undefined {
  return proxyProtocol === undefined ? undefined : new TrustedNetworks(proxyProtocol.from);
}

function origin(parts: ListenerParts, settings: ListenerSettings, counters: ListenerCounters): LinkOrigin {
  const { kind } = settings;
  // WebSocket is a way to a client's stream, and TLS is over when the stream begins.
  const tls = kind === "websocket" ? "none" : settings.tls;
  return {
    kind: linkKindOf(kind),
    tls,
    counters,
    tlsOptions: (domain) => (tls === "none" ? undefined : parts.certificates.tlsOptions(domain)),
    openMachine: (performer) => parts.openMachine(settings, performer),
    ended: (link) => parts.links.ended(link),
    gone: (link) => {
      parts.admission.leave(link.remoteAddress);
      parts.links.remove(link);
    },
  };
}

/** What a listener of this kind makes of its connections. */
export function linkKindOf(kind: ListenerSettings["kind"]): LinkOrigin["kind"] {
  return kind === "component" ? "component" : "c2s";
}

function ignoreError(): void {
  // The connection is being given up.
}
