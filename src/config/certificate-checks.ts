import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { ConfigDocument } from "./document.js";
import type { ProblemCode } from "./problem.js";
import type { DocumentPath } from "./source.js";

const soonMs = 14 * 24 * 60 * 60 * 1_000;

/** The code of the one warning that `caesura check` counts as an error: an expired certificate must not stop a reload. */
export const expiredCode = "certificate-expired";

/**
 * Says what clients will not like about a chain, the domain's own certificate first. All of it is a warning: clients may
 * have been told to trust exactly this.
 */
export function checkCertificates(
  document: ConfigDocument,
  at: DocumentPath,
  chain: readonly X509Certificate[],
  domain: string | undefined,
  nowMs: number,
): void {
  const [leaf] = chain;
  if (leaf === undefined) return;
  if (domain !== undefined) checkName(document, at, leaf, domain);
  checkDates(document, at, leaf, nowMs);
  checkChain(document, at, chain, nowMs);
}

/** Whether clients that look for DNS names find this one; the common name is no longer looked at (RFC 9525 §2). */
export function isNamed(leaf: X509Certificate, domain: string): boolean {
  return leaf.checkHost(domain, { subject: "never" }) !== undefined;
}

function checkName(document: ConfigDocument, at: DocumentPath, leaf: X509Certificate, domain: string): void {
  if (isNamed(leaf, domain)) return;
  const names = leaf.subjectAltName ?? leaf.subject.replaceAll("\n", ", ");
  const shown = `It names ${names.length > 200 ? `${names.slice(0, 200)}…` : names}.`;
  const warn = (message: string, hint: string): void =>
    document.complain(at, { severity: "warning", code: "certificate-name", message, hint });
  if (leaf.subjectAltName === undefined && leaf.checkHost(domain) !== undefined) {
    warn(
      `The certificate names ${domain} as its common name only, which clients do not look at (RFC 9525 §2).`,
      `Let the authority put it among the subjectAltName: DNS:${domain}`,
    );
  } else if (xmppNames(leaf).includes(domain)) {
    warn(
      `The certificate names ${domain} in a form that few clients know (RFC 6120 §13.7.1.2).`,
      `Let the authority put it in as DNS:${domain} too. ${shown}`,
    );
  } else {
    const isWild = names.includes(`DNS:*.${domain}`);
    const wild = isWild ? ` A wildcard stands for one label before ${domain}, and not for ${domain} itself.` : "";
    warn(`The certificate does not name ${domain}, so clients will not trust it.`, `${shown}${wild}`);
  }
}

/** What RFC 6120 §13.7.1.2.1 names besides DNS: id-on-xmppAddr and SRV-ID. */
function xmppNames({ subjectAltName = "" }: X509Certificate): readonly string[] {
  const found = subjectAltName.matchAll(/othername:\s*(?:XmppAddr:+|SRVName:+_xmpp-client\.)([^\s,"]+)/gi);
  return [...found].map(([, name = ""]) => name.toLowerCase());
}

function checkDates(document: ConfigDocument, at: DocumentPath, leaf: X509Certificate, nowMs: number): void {
  const until = Date.parse(leaf.validTo);
  if (Date.parse(leaf.validFrom) > nowMs) {
    document.complain(at, {
      severity: "warning",
      code: "certificate-not-yet-valid",
      message: `The certificate is valid from ${leaf.validFrom} only.`,
    });
  }
  if (until < nowMs) {
    document.complain(at, {
      severity: "warning",
      code: expiredCode,
      message: `The certificate has expired on ${leaf.validTo}.`,
      hint: "Renew it and reload.",
    });
  } else if (until - nowMs < soonMs) {
    document.complain(at, {
      severity: "warning",
      code: "certificate-expires-soon",
      message: `The certificate expires on ${leaf.validTo}.`,
    });
  }
}

let publicRoots: ReadonlySet<string> | undefined;

/** Whether an authority that browsers and systems know by itself has this subject. */
function isPublicRoot(subject: string): boolean {
  // Parsed when first asked for: there are some hundred and fifty.
  publicRoots ??= new Set(rootCertificates.map((pem) => new X509Certificate(pem).subject));
  return publicRoots.has(subject);
}

/** Clients follow the chain from the domain's own certificate upwards (RFC 8446 §4.4.2). */
function checkChain(
  document: ConfigDocument,
  at: DocumentPath,
  chain: readonly X509Certificate[],
  nowMs: number,
): void {
  const complain = (code: ProblemCode, message: string, hint: string): void =>
    document.complain(at, { severity: "warning", code, message, hint });
  const [leaf] = chain;
  if (chain.length === 1 && leaf !== undefined && !leaf.checkIssued(leaf) && !isPublicRoot(leaf.issuer)) {
    const issuer = leaf.issuer.replaceAll("\n", ", ");
    complain(
      "certificate-chain",
      `The file holds the domain's own certificate alone, and clients that do not know its issuer (${issuer}) will not trust it.`,
      "Put the certificates that lead to the authority behind it: with ACME that is fullchain.pem.",
    );
  }
  for (const [index, issuer] of chain.entries()) {
    const issued = chain[index - 1];
    if (issued === undefined) continue;
    if (!issued.checkIssued(issuer)) {
      complain(
        "certificate-chain",
        `Certificate ${index + 1} of the file has not issued certificate ${index}, so clients may find no way to an authority.`,
        "The domain's own comes first, then the one that issued it, and so on.",
      );
      return;
    }
    if (Date.parse(issuer.validTo) >= nowMs) continue;
    const hint = "Replace the chain by the one that your authority gives out now, and reload.";
    complain(
      expiredCode,
      `Certificate ${index + 1} of the file, an authority's, has expired on ${issuer.validTo}.`,
      hint,
    );
  }
}
