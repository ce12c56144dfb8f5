import { X509Certificate } from "node:crypto";
import { domainToASCII } from "node:url";
import { createSecureContext, type SecureContext, type TLSSocketOptions } from "node:tls";

export interface CertificateSource {
  /** The served domain, normalised. */
  readonly domain: string;
  /** PEM: the certificate first, then its chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** Certificates that TLS has taken, ready to be used. */
export interface PreparedCertificates {
  readonly options: TLSSocketOptions | undefined;
  /** When each domain's certificate expires, in seconds since the epoch. */
  readonly expiry: ReadonlyMap<string, number>;
}

/**
 * Reads the certificates of all served domains. The first one serves clients without SNI.
 *
 * Errors  throws on a pair that TLS does not take.
 * Source  RFC 6066 §3 (SNI), XEP-0368 §3 (ALPN). TLS 1.3 early data is not offered: Node has no server side for it.
 */
export function prepareCertificates(sources: readonly CertificateSource[]): PreparedCertificates {
  const contexts = new Map<string, SecureContext>();
  const expiry = new Map<string, number>();
  for (const { domain, cert, key } of sources) {
    contexts.set(domain, createSecureContext({ cert, key, minVersion: "TLSv1.2" }));
    expiry.set(domain, Date.parse(new X509Certificate(cert).validTo) / 1000);
  }
  const [first] = contexts.values();
  if (first === undefined) return { options: undefined, expiry };
  const options: TLSSocketOptions = {
    isServer: true,
    secureContext: first,
    SNICallback: (name, choose) => choose(null, contexts.get(domainToASCII(name).toLowerCase()) ?? first),
    ALPNCallback: chooseProtocol,
  };
  return { options, expiry };
}

/** The certificates in use. Handshakes take those of now; connections that are there keep what they have. */
export class Certificates {
  #current: PreparedCertificates = { options: undefined, expiry: new Map() };

  use(prepared: PreparedCertificates): void {
    this.#current = prepared;
  }

  /** For a TLS socket of a client; undefined when nothing is configured. */
  get tlsOptions(): TLSSocketOptions | undefined {
    return this.#current.options;
  }

  get expiry(): ReadonlyMap<string, number> {
    return this.#current.expiry;
  }
}

/**
 * XEP-0368 §3: a client that offers protocols offers `xmpp-client`. Another one is refused with the alert
 * `no_application_protocol`, so that nobody makes a browser talk to us. A client that offers none is never asked here.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return protocols.includes("xmpp-client") ? "xmpp-client" : undefined;
}
