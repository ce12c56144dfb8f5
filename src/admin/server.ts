import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Secret } from "../config/index.js";
import { repeatable } from "../log/index.js";
import type { Families } from "../metrics/index.js";
import { accessOf, type AccessRefusal } from "./access.js";
import { answerApi, apiPrefix, type ApiParts, type Caller } from "./api.js";
import { assetAt } from "./assets.js";
import { homePage, type Readiness } from "./home-page.js";
import type { Live } from "./live.js";
import { listenOnPath } from "./socket-path.js";
import { readView } from "./page-view.js";
import type { Sampler } from "./sampler.js";
import { type Looking, sectionsOf, statusPage } from "./status-page.js";

/** `metrics`: what says nothing about users; `page`: the rest of the port; `socket`: runtime commands. */
export type Served = "metrics" | "page" | "socket";

export interface AdminParts extends ApiParts {
  readonly families: Families;
  readonly live: Pick<Live, "open">;
  readonly sampler: Pick<Sampler, "last" | "failing">;
  readonly version: string;
  serves(): ReadonlySet<Served>;
  /** What other machines have to show for `page`. */
  token(): Secret | undefined;
  readiness(): Readiness;
  /** Somebody was turned away. */
  refused(reason: AccessRefusal): void;
  /** Called when the socket of the port reports an error after it was opened. */
  failed(error: Error): void;
}

/**
 * The administration port, the port for metrics, or the socket for runtime commands: what Prometheus, an orchestrator, a
 * person with a browser and the commands ask for.
 *
 * Limits  8 KiB of headers within five seconds, 4 KiB of a body, ten seconds for a request, 64 connections.
 */
export class AdminServer {
  readonly #parts: AdminParts;
  readonly #server: Server;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#server = createServer(
      {
        maxHeaderSize: 8192,
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          parts.log.error({ event: "admin-failed", err: error }, "a request to the administration port failed");
          response.destroy();
        });
      },
    );
    this.#server.maxConnections = 64;
  }

  /** Rejects with the error of the socket, e.g. `EADDRINUSE`. */
  open(host: string, port: number): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.#parts.failed(error));
        resolve();
      });
    });
  }

  /** Rejects with `SocketPathError`. */
  async openPath(path: string, mode: number): Promise<void> {
    await listenOnPath(this.#server, path, mode);
    this.#server.on("error", (error) => this.#parts.failed(error));
  }

  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address : undefined;
  }

  /** Takes no more connections; what is being answered has five seconds to end, be it a page that goes on for ever. */
  async retire(): Promise<void> {
    const deadline = setTimeout(() => this.#server.closeAllConnections(), RETIRING_MS);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
    clearTimeout(deadline);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const serves = this.#parts.serves();
    if (path.startsWith(apiPrefix) && (serves.has("page") || serves.has("socket"))) {
      await this.#answerApi(request, response);
      return;
    }
    // RFC 9110 §9.3: nothing else reads a body. It is thrown away, and the connection with it if it is long.
    if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined)
      response.setHeader("connection", "close");
    request.resume();
    const asset = serves.has("page") ? assetAt(path) : undefined;
    const isPage = pages.has(path) && serves.has("page");
    const isKnown = health.has(path) || (path === "/metrics" && serves.has("metrics")) || isPage || asset !== undefined;
    if (!isKnown) return reply(request, response, 404, plain, "not found\n");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return reply(request, response, 405, plain, "method not allowed\n");
    }
    if (asset !== undefined) return reply(request, response, 200, asset.type, asset.bytes);
    switch (path) {
      case "/":
        return this.#page(request, response);
      case "/live":
        return this.#live(request, response);
      case "/sign-in":
        return this.#signIn(request, response);
      case "/metrics":
        return reply(request, response, 200, this.#parts.families.contentType, await this.#parts.families.text());
      case "/readyz": {
        const readiness = this.#parts.readiness();
        return reply(request, response, readiness.ready ? 200 : 503, json, `${JSON.stringify(readiness)}\n`);
      }
      default:
        return reply(request, response, 200, json, `${JSON.stringify({ live: true })}\n`);
    }
  }

  #page(request: IncomingMessage, response: ServerResponse): void {
    const { model, version, readiness } = this.#partsNow();
    // Other machines, where there is no token: whether it is well, and nothing about users.
    if (accessOf(request, this.#parts.token()).kind === "refused" && this.#parts.token() === undefined)
      return reply(request, response, 200, html, homePage(version, readiness));
    const looking = this.#lookingFor(request, response);
    if (looking === undefined) return;
    const sections = sectionsOf(model, this.#parts.sampler, looking);
    reply(request, response, 200, html, statusPage(model.status(), sections, looking));
  }

  #live(request: IncomingMessage, response: ServerResponse): void {
    const looking = this.#lookingFor(request, response);
    if (looking === undefined) return;
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    response.setHeader("content-type", "text/event-stream");
    if (request.method === "HEAD") response.end();
    else this.#parts.live.open(response, looking, Number(queryIn(request).get("after") ?? "0") || 0);
  }

  /**
   * On this machine a browser is not asked for the token, and so does not send it; here it is asked. It sends it from then on
   * to every address beside this one (RFC 7617 §2.2).
   */
  #signIn(request: IncomingMessage, response: ServerResponse): void {
    if (this.#parts.token() === undefined) return reply(request, response, 404, plain, "not found\n");
    if (request.headers.authorization === undefined) {
      response.setHeader("www-authenticate", challenge);
      return reply(request, response, 401, plain, "This needs the token of admin.tokenFile.\n");
    }
    if (this.#admit(request, response) === undefined) return;
    response.setHeader("location", "./#configuration-title");
    reply(request, response, 303, plain, "");
  }

  /** Undefined: they were turned away. */
  #lookingFor(request: IncomingMessage, response: ServerResponse): Looking | undefined {
    const caller = this.#admit(request, response);
    if (caller === undefined) return undefined;
    const couldSignIn = this.#parts.token() !== undefined;
    const as = caller === "operator" ? "operator" : couldSignIn ? "stranger" : "reader";
    return { view: readView(queryIn(request)), as };
  }

  #partsNow(): { readonly model: AdminParts["model"]; readonly version: string; readonly readiness: Readiness } {
    const { model, version } = this.#parts;
    return { model, version, readiness: this.#parts.readiness() };
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = this.#admit(request, response);
    if (caller === undefined) return;
    const answer = await answerApi(this.#parts, caller, request, response);
    if (answer === undefined) return;
    if (!request.complete) response.setHeader("connection", "close");
    request.resume();
    if (answer.allow !== undefined) response.setHeader("allow", answer.allow);
    reply(request, response, answer.status, json, `${JSON.stringify(answer.body)}\n`);
  }

  /** Who asks; undefined: they were turned away. */
  #admit(request: IncomingMessage, response: ServerResponse): Caller | undefined {
    const { log } = this.#parts;
    // Who may open the socket is the file system's to say.
    if (this.#parts.serves().has("socket")) return "socket";
    const access = accessOf(request, this.#parts.token());
    if (access.kind === "granted") return access.caller;
    const { reason, status, text } = access;
    this.#parts.refused(reason);
    const remote = request.socket.remoteAddress ?? "";
    log.warn(
      repeatable({ event: "admin-refused", reason, remote }, { as: ["admin-refused", reason, remote] }),
      "a request to the administration port was turned away",
    );
    if (status === 401) response.setHeader("www-authenticate", challenge);
    if (!request.complete) response.setHeader("connection", "close");
    request.resume();
    reply(request, response, status, json, `${JSON.stringify({ error: text })}\n`);
    return undefined;
  }
}

function queryIn({ url = "/" }: IncomingMessage): URLSearchParams {
  const from = url.indexOf("?");
  return new URLSearchParams(from < 0 ? "" : url.slice(from + 1));
}

// RFC 7617 §2.1: a token may have any characters.
const challenge = `Basic realm="Caesura", charset="UTF-8"`;
const pages: ReadonlySet<string> = new Set(["/", "/live", "/sign-in"]);
const RETIRING_MS = 5000;

const health: ReadonlySet<string> = new Set(["/livez", "/readyz"]);
const plain = "text/plain; charset=utf-8";
const json = "application/json";
const html = "text/html; charset=utf-8";

// What is shown here is put together from files of our own and nothing else; no page may show it in a frame.
const securityHeaders = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { ...securityHeaders, "content-type": type, "content-length": bytes.byteLength });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
