import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Families } from "../metrics/index.js";
import { homePage } from "./home-page.js";

/** Whether new clients should be sent here, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** Stable words, e.g. `draining`; empty when ready. */
  readonly reasons: readonly string[];
}

export interface AdminParts {
  readonly families: Families;
  readonly version: string;
  readiness(): Readiness;
  /** Called when the socket of the port reports an error after it was opened. */
  failed(error: Error): void;
}

/**
 * The administration port: what Prometheus, an orchestrator and a person with a browser ask for. It changes nothing.
 *
 * Limits  GET and HEAD only, bodies ignored, 8 KiB of headers, ten seconds for a request, 64 connections.
 */
export class AdminServer {
  readonly #parts: AdminParts;
  readonly #server: Server;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#server = createServer(
      { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy());
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

  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address : undefined;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "/" } = request;
    // RFC 9110 §9.3: nothing here reads a body. It is thrown away, and the connection with it if it is long.
    if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined)
      response.setHeader("connection", "close");
    request.resume();
    const path = url.split("?")[0] ?? "/";
    if (!paths.has(path)) return reply(request, response, 404, plain, "not found\n");
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return reply(request, response, 405, plain, "method not allowed\n");
    }
    switch (path) {
      case "/metrics":
        return reply(request, response, 200, this.#parts.families.contentType, await this.#parts.families.text());
      case "/livez":
        return reply(request, response, 200, json, `${JSON.stringify({ live: true })}\n`);
      case "/readyz": {
        const readiness = this.#parts.readiness();
        return reply(request, response, readiness.ready ? 200 : 503, json, `${JSON.stringify(readiness)}\n`);
      }
      default:
        return reply(request, response, 200, html, homePage(this.#parts.version, this.#parts.readiness()));
    }
  }
}

const paths: ReadonlySet<string> = new Set(["/", "/metrics", "/livez", "/readyz"]);
const plain = "text/plain; charset=utf-8";
const json = "application/json";
const html = "text/html; charset=utf-8";

function reply(request: IncomingMessage, response: ServerResponse, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.byteLength,
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
