import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { normaliseDomain } from "../xmpp/index.js";
import { isNamed } from "./certificate-checks.js";
import type { DomainConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { asList, asRecord } from "./shape.js";
import type { DocumentPath } from "./source.js";

/**
 * Complains about the address of a WebSocket listener that the certificate does not name which is shown there: that of the
 * served domain of that name, else that of the first domain.
 */
export function checkPublicUrls(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  domains: readonly DomainConfig[],
): void {
  for (const [index, value] of asList(raw).entries()) {
    const { kind, tls, publicUrl } = asRecord(value) ?? {};
    // Without TLS here it ends in front, and so does the certificate.
    if (kind !== "websocket" || tls !== "direct" || typeof publicUrl !== "string") continue;
    const host = hostOf(publicUrl);
    const shown = domains.find(({ name }) => name === host) ?? domains[0];
    if (host === undefined || shown === undefined || isShownAt(new X509Certificate(shown.tls.cert), host)) continue;
    document.complain([...at, index, "publicUrl"], {
      severity: "warning",
      code: "certificate-name",
      message: `Browsers will not connect: the certificate of ${shown.name}, which is shown there, does not name ${host}.`,
      hint: `Let the certificate of ${shown.name} name ${host} too.`,
    });
  }
}

/** RFC 9525 §6.3, §6.5: a host that is an address is looked for among the addresses. */
function isShownAt(certificate: X509Certificate, host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  return isIP(address) === 0 ? isNamed(certificate, host) : certificate.checkIP(address) !== undefined;
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? normaliseDomain(new URL(url).hostname) : undefined;
}
