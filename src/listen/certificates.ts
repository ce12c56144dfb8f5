import { constants, X509Certificate } from "node:crypto";
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

/** XMPP needs no second handshake (RFC 6120 §5.3.5 leaves it to us), and each costs more than the client's asking. */
const NO_RENEGOTIATION = constants.SSL_OP_NO_RENEGOTIATION;

/** Certificates that TLS has taken, ready to be used. */
export interface PreparedCertificates {
  readonly options: TLSSocketOptions | undefined;
  /** The same for a client that is known to want this domain: what it is shown if it sends no SNI. */
  readonly optionsByDomain: ReadonlyMap<string, TLSSocketOptions>;
  /** When each domain's certificate expires, in seconds since the epoch. */
  readonly expiry: ReadonlyMap<string, number>;
}

/**
 * Reads the certificates of all served domains. A client without SNI gets that of the domain which its stream header
 * names, or, with direct TLS, the first one.
 *
 * Errors  throws on a pair that TLS does not take.
 * Source  RFC 6066 §3 (SNI), XEP-0368 §3 (ALPN). TLS 1.3 early data is not offered: Node has no server side for it.
 */
export function prepareCertificates(sources: readonly CertificateSource[]): PreparedCertificates {
  const contexts = new Map<string, SecureContext>();
  const expiry = new Map<string, number>();
  for (const { domain, cert, key } of sources) {
    contexts.set(domain, createSecureContext({ cert, key, minVersion: "TLSv1.2", secureOptions: NO_RENEGOTIATION }));
    expiry.set(domain, Date.parse(new X509Certificate(cert).validTo) / 1000);
  }
  const [first] = contexts.values();
  if (first === undefined) return { options: undefined, optionsByDomain: new Map(), expiry };
  const optionsFor = (secureContext: SecureContext): TLSSocketOptions => ({
    isServer: true,
    secureContext,
    SNICallback: (name, choose) => choose(null, contexts.get(domainToASCII(name).toLowerCase()) ?? secureContext),
    ALPNCallback: chooseProtocol,
  });
  const optionsByDomain = new Map([...contexts].map(([domain, context]) => [domain, optionsFor(context)]));
  return { options: optionsFor(first), optionsByDomain, expiry };
}

/** The certificates in use. Handshakes take those of now; connections that are there keep what they have. */
export class Certificates {
  #current: PreparedCertificates = { options: undefined, optionsByDomain: new Map(), expiry: new Map() };

  use(prepared: PreparedCertificates): void {
    this.#current = prepared;
  }

  /** For a TLS socket of a client, whose stream header has named `domain`; undefined when nothing is configured. */
  tlsOptions(domain?: string): TLSSocketOptions | undefined {
    const named = domain === undefined ? undefined : this.#current.optionsByDomain.get(domain);
    return named ?? this.#current.options;
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
