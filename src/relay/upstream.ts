import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  checkServerIdentity,
  createSecureContext,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { ServerC2sConfig } from "../config/index.js";
import type { ProxyVersion } from "./proxy-header.js";

/** Where a server leg leads, and how its certificate is judged. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly tls: "none" | "starttls" | "direct";
  /** Sent as SNI and expected in the certificate. */
  readonly serverName: string;
  /** False: any certificate is taken. */
  readonly verify: boolean;
  /** SHA-256 of the only certificate to accept, 64 lower-case hexadecimal digits; replaces trust and name. */
  readonly pinnedCertificate: string | undefined;
  /** SHA-256 of the certificate that clients see, likewise, where their logins are bound to it (RFC 5929 §4). */
  readonly endPoint?: string | undefined;
  /** Whether, and how, the server is told the client's address in front of everything else. */
  readonly proxyProtocol?: ProxyVersion | undefined;
  /** Made once for all connections; undefined where there is no TLS. */
  readonly secureContext: SecureContext | undefined;
}

/** Completes what the configuration says of a server. `ca` is PEM; undefined means the system's authorities. */
export function upstream(server: Omit<Upstream, "secureContext"> & { readonly ca: string | undefined }): Upstream {
  const { host, port, tls, serverName, verify, pinnedCertificate, endPoint, proxyProtocol, ca } = server;
  const secureContext =
    tls === "none" ? undefined : createSecureContext({ minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) });
  return { host, port, tls, serverName, verify, pinnedCertificate, endPoint, proxyProtocol, secureContext };
}

/**
 * Where the client links of a domain lead. `certificate` is what its clients see, PEM; a login may be bound to the first of the
 * file, the domain's own.
 */
export function c2sUpstream(c2s: ServerC2sConfig, certificate: string): Upstream {
  return upstream({ ...c2s, endPoint: c2s.channelBinding === "endpoint" ? digestOf(certificate) : undefined });
}

export function tlsClientOptions(upstream: Upstream): ConnectionOptions {
  const { serverName, secureContext } = upstream;
  return {
    ...(secureContext === undefined ? {} : { secureContext }),
    // RFC 6066 §3: SNI carries names, never addresses.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    rejectUnauthorized: upstream.verify && upstream.pinnedCertificate === undefined,
  };
}

/** The last word on the server's certificate, after Node verified chain and name where that was asked for. */
export function isTrusted(socket: TLSSocket, upstream: Upstream): boolean {
  return (
    upstream.pinnedCertificate === undefined || digestOf(socket.getPeerX509Certificate()) === upstream.pinnedCertificate
  );
}

/** Whether a login that a client binds to our certificate is one that the server can prove (RFC 5929 §4, protocol.md A4). */
export function showsEndPoint(socket: TLSSocket, upstream: Upstream): boolean {
  return upstream.endPoint === undefined || digestOf(socket.getPeerX509Certificate()) === upstream.endPoint;
}

function digestOf(certificate: string | X509Certificate | undefined): string | undefined {
  const raw = typeof certificate === "string" ? new X509Certificate(certificate).raw : certificate?.raw;
  return raw && createHash("sha256").update(raw).digest("hex");
}
