import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { Link, wrapAsServer, type ConnectionEnds, type LinkOrigin, type Refusal } from "../relay/index.js";
import type { LinkLimits } from "../session/index.js";
import { normaliseDomain } from "../xmpp/index.js";
import { hostMeta, isHostMeta } from "./host-meta.js";
import type { ListenerParts, ListenerSettings } from "./listener-settings.js";
import { WebSocketCarrier, type CarrierSettings } from "./websocket-carrier.js";

// From a connection to a WebSocket: TLS, one HTTP request, the upgrade; then there is a link, whose client leg is a
// `WebSocketCarrier`. Until then a connection costs a socket and a timer, counts against the limits, and has until the
// header deadline; whatever it is answered instead of an upgrade is its last.

/** How a listener of kind `websocket` serves. */
export type WebSocketSettings = ListenerSettings & { readonly kind: "websocket" };

/** One connection on its way to be a link. */
export interface Visit {
  readonly socket: Socket;
  readonly settings: WebSocketSettings;
  readonly origin: LinkOrigin;
  /** What a proxy in front said of the connection to it. */
  readonly announced: ConnectionEnds | undefined;
  /** The address that was admitted. */
  readonly remote: string;
}

interface OpenVisit extends Visit {
  deadline: NodeJS.Timeout | undefined;
  /** Has been answered or refused; only the end is awaited. */
  isOver: boolean;
  /** What HTTP is spoken on: the socket, or TLS over it. */
  stream: Socket;
  readonly ends: CarrierSettings["ends"];
}

export interface DoorParts extends Pick<
  ListenerParts,
  "surroundings" | "links" | "admission" | "arrivals" | "certificates"
> {
  limits(): LinkLimits;
  /** Counts and logs a refusal. */
  refused(visit: Visit, refusal: Refusal): void;
}

/** No browser and no library needs as much. */
const MAX_HEADER_BYTES = 8 * 1024;

/** The HTTP side of one listener. */
export class WebSocketDoor {
  readonly #parts: DoorParts;
  readonly #http: Server;
  #webSockets: { readonly maxPayload: number; readonly server: WebSocketServer } | undefined;
  readonly #visits = new Map<Duplex, OpenVisit>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
    // One request a connection, and no timers of its own: the header deadline holds for all of it.
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 1, insecureHTTPParser: false });
    this.#http.maxRequestsPerSocket = 1;
    this.#http
      .on("request", (request, response) => this.#requested(request, response))
      .on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head))
      .on("clientError", (error, socket) => this.#malformed(error, socket));
  }

  /** Takes over a connection that was admitted; it is let go of when it is closed, unless a link has taken it. */
  welcome(visit: Visit): void {
    const { socket, settings } = visit;
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    const ends = { remoteAddress, remotePort, localAddress, localPort };
    const open: OpenVisit = { ...visit, deadline: undefined, isOver: false, stream: socket, ends };
    const { headerMs } = this.#parts.surroundings.timeouts;
    if (headerMs > 0) open.deadline = setTimeout(() => this.#late(open), headerMs);
    this.#visits.set(socket, open);
    this.#parts.arrivals.add(socket);
    socket.on("error", ignoreError).once("close", () => this.#left(open));
    if (settings.tls === "none") this.#http.emit("connection", socket);
    else this.#secure(open);
  }

  #secure(visit: OpenVisit): void {
    const { surroundings, certificates } = this.#parts;
    const options = certificates.tlsOptions();
    if (options === undefined) throw new Error("this listener has no certificate");
    const secure = wrapAsServer(visit.socket, { ...options, ALPNCallback: chooseProtocol });
    visit.stream = secure;
    const failed = (): void => {
      if (visit.isOver) return;
      surroundings.metrics.handshakes.add("client", "failed");
      this.#refuse(visit, "tls_failed");
      visit.socket.destroy();
    };
    secure.on("error", failed).on("_tlsError", failed);
    // A handshake that meets the end of the stream has failed; TLS itself would wait for ever.
    secure.once("end", failed);
    secure.once("secure", () => {
      secure.off("error", failed).off("_tlsError", failed).off("end", failed).on("error", ignoreError);
      secure.on("_tlsError", () => visit.socket.destroy());
      surroundings.metrics.handshakes.add("client", "done");
      this.#visits.delete(visit.socket);
      this.#visits.set(secure, visit);
      this.#http.emit("connection", secure);
    });
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const visit = this.#visits.get(request.socket);
    if (visit === undefined || visit.isOver) {
      request.socket.destroy();
      return;
    }
    const path = pathOf(request);
    const { settings } = visit;
    if (settings.hostMeta && isHostMeta(path)) this.#tell(visit, request, response);
    else if (path !== settings.path) this.#answer(visit, response, { status: 404, refusal: "http_not_found" });
    else
      this.#answer(visit, response, { status: 426, headers: { Upgrade: "websocket" }, refusal: "websocket_malformed" });
  }

  /** XEP-0156 §3: where the WebSocket is, readable for scripts of every origin. */
  #tell(visit: OpenVisit, request: IncomingMessage, response: ServerResponse): void {
    const { counters } = visit.origin;
    if (request.method !== "GET" && request.method !== "HEAD") {
      this.#answer(visit, response, { status: 405, headers: { Allow: "GET, HEAD" }, refusal: "http_malformed" });
      return;
    }
    const url = this.#urlOf(visit, request);
    const document = url === undefined ? undefined : hostMeta(pathOf(request), url);
    counters.hostMeta.add(document === undefined ? "unknown_host" : "answered");
    if (document === undefined) this.#answer(visit, response, { status: 404 });
    else
      this.#answer(visit, response, {
        status: 200,
        headers: { "Content-Type": document.type, "Access-Control-Allow-Origin": "*", Vary: "Host" },
        body: document.body,
      });
  }

  /**
   * The address that the metadata names. Of what a request says only the name of a served domain is repeated: the port is
   * the one that the connection came to.
   */
  #urlOf({ settings, announced, socket }: Visit, request: IncomingMessage): string | undefined {
    if (settings.publicUrl !== undefined) return settings.publicUrl;
    const domain = normaliseDomain((request.headers.host ?? "").replace(/:[0-9]*$/, ""));
    if (domain === undefined || this.#parts.surroundings.upstream("c2s", domain) === undefined) return undefined;
    const port = announced?.destination.port ?? (settings.tls === "none" ? 443 : socket.localPort);
    return `wss://${domain}${port === undefined || port === 443 ? "" : `:${port}`}${settings.path}`;
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const visit = this.#visits.get(stream);
    if (visit === undefined || visit.isOver) {
      stream.destroy();
      return;
    }
    const { origins, path } = visit.settings;
    const { origin, "sec-websocket-protocol": protocols = "" } = request.headers;
    if (pathOf(request) !== path) this.#hangUp(visit, "404 Not Found", "http_not_found");
    // RFC 6455 §10.2: browsers say whose script connects; who says nothing is no browser.
    else if (origins !== undefined && origin !== undefined && !origins.includes(origin.toLowerCase()))
      this.#hangUp(visit, "403 Forbidden", "websocket_origin");
    // RFC 7395 §3.1: nothing else is spoken here.
    else if (!protocols.split(",").some((protocol) => protocol.trim() === "xmpp"))
      this.#hangUp(visit, "400 Bad Request", "websocket_protocol");
    else
      this.#webSocketServer().handleUpgrade(request, stream, head, (webSocket) => {
        clearTimeout(visit.deadline);
        this.#visits.delete(stream);
        const { surroundings, links } = this.#parts;
        const { remote, settings, ends } = visit;
        const carrier = new WebSocketCarrier(webSocket, visit.stream, {
          limits: this.#parts.limits(),
          pingMs: settings.pingMs,
          // As they were admitted: a socket that is gone has forgotten them.
          ends: { ...ends, remoteAddress: remote },
        });
        const link = new Link(carrier, visit.origin, surroundings, visit.announced);
        carrier.unreadable = (fault) => link.unreadable(fault);
        links.add(link);
        this.#parts.arrivals.delete(visit.socket);
      });
  }

  /** Anew when the limit on messages has changed; there is no other way to tell it. */
  #webSocketServer(): WebSocketServer {
    const maxPayload = this.#parts.limits().authenticated.maxFrameBytes;
    if (this.#webSockets?.maxPayload === maxPayload) return this.#webSockets.server;
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload,
      // The framer reads each byte, and has a stream error for what is no UTF-8.
      skipUTF8Validation: true,
      autoPong: false,
      handleProtocols: () => "xmpp",
    });
    // RFC 6455 §4.2.1: a request that lacks something, or is of another version.
    server.on("wsClientError", (_error, stream) => {
      const malformed = this.#visits.get(stream);
      if (malformed === undefined) stream.destroy();
      else this.#hangUp(malformed, "400 Bad Request\r\nSec-WebSocket-Version: 13", "websocket_malformed");
    });
    this.#webSockets = { maxPayload, server };
    return server;
  }

  #answer(
    visit: OpenVisit,
    response: ServerResponse,
    {
      status,
      headers,
      body = "",
      refusal,
    }: {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly refusal?: Refusal;
    },
  ): void {
    if (refusal !== undefined) this.#refuse(visit, refusal);
    visit.isOver = true;
    response.writeHead(status, {
      ...headers,
      Connection: "close",
      "Content-Length": Buffer.byteLength(body),
      "X-Content-Type-Options": "nosniff",
    });
    response.end(body);
  }

  /** Answers a request whose socket is no longer that of an HTTP server. */
  #hangUp(visit: OpenVisit, status: string, refusal: Refusal): void {
    if (visit.isOver) return;
    this.#refuse(visit, refusal);
    visit.stream.on("error", ignoreError).on("finish", () => visit.socket.destroy());
    visit.stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    // Nobody reads it any more; what still comes is thrown away.
    visit.stream.resume();
  }

  #malformed(error: Error & { readonly code?: string }, stream: Duplex): void {
    const visit = this.#visits.get(stream);
    // Gone, or the second request of a connection that has been answered.
    if (visit === undefined || visit.isOver || !stream.writable || error.code === "ECONNRESET") stream.destroy();
    else if (error.code === "HPE_HEADER_OVERFLOW")
      this.#hangUp(visit, "431 Request Header Fields Too Large", "http_malformed");
    else this.#hangUp(visit, "400 Bad Request", "http_malformed");
  }

  #late(visit: OpenVisit): void {
    if (!visit.isOver) this.#refuse(visit, "http_timeout");
    visit.socket.destroy();
  }

  #refuse(visit: OpenVisit, refusal: Refusal): void {
    visit.isOver = true;
    this.#parts.refused(visit, refusal);
  }

  #left(visit: OpenVisit): void {
    clearTimeout(visit.deadline);
    this.#parts.arrivals.delete(visit.socket);
    // A link lets go of the address itself.
    if (!this.#visits.delete(visit.socket) && !this.#visits.delete(visit.stream)) return;
    visit.isOver = true;
    this.#parts.admission.leave(visit.remote);
  }
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}

/**
 * RFC 7301: HTTP/1.1 alone is spoken here; a client that offers other protocols only is refused with the alert
 * `no_application_protocol`. One that offers none is never asked.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return protocols.includes("http/1.1") ? "http/1.1" : undefined;
}

function ignoreError(): void {
  // Whoever owns the socket is told by its end.
}
