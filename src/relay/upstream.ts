import { createHash } from "node:crypto";
import { isIP } from "node:net";
import {
  checkServerIdentity,
  createSecureContext,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
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
  /** Whether, and how, the server is told the client's address in front of everything else. */
  readonly proxyProtocol?: ProxyVersion | undefined;
  /** Made once for all connections; undefined where there is no TLS. */
  readonly secureContext: SecureContext | undefined;
}

/** Completes what the configuration says of a server. `ca` is PEM; undefined means the system's authorities. */
export function upstream(server: Omit<Upstream, "secureContext"> & { readonly ca: string | undefined }): Upstream {
  const { host, port, tls, serverName, verify, pinnedCertificate, proxyProtocol, ca } = server;
  const secureContext =
    tls === "none" ? undefined : createSecureContext({ minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) });
  return { host, port, tls, serverName, verify, pinnedCertificate, proxyProtocol, secureContext };
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
  if (upstream.pinnedCertificate === undefined) return true;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return false;
  return createHash("sha256").update(certificate.raw).digest("hex") === upstream.pinnedCertificate;
}
