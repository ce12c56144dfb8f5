import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { z } from "zod";
import type { CertificateConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { readNamedFile } from "./files.js";
import type { NamedFile } from "./files.js";
import type { certificateSchema } from "./domain-schema.js";
import type { ProblemCode } from "./problem.js";
import { Secret } from "./secret.js";
import type { DocumentPath } from "./source.js";

const soonMs = 14 * 24 * 60 * 60 * 1_000;

// NIST SP 800-131A; what OpenSSL asks for at its security level 2.
const minRsaBits = 2_048;

/** The code of the one warning that `caesura check` counts as an error: an expired certificate must not stop a reload. */
export const expiredCode = "certificate-expired";

/**
 * Reads a certificate chain and its key, and checks that they fit each other, the domain and the date.
 *
 * Errors  complains; undefined if there is no usable pair. Names and dates that do not fit are warnings, since clients
 *         may have been told to trust exactly this certificate.
 */
export function proveCertificate(
  document: ConfigDocument,
  at: DocumentPath,
  domain: string | undefined,
  raw: z.infer<typeof certificateSchema>,
  folder: string,
  nowMs: number,
): CertificateConfig | undefined {
  const certFile = readNamedFile(document, [...at, "cert"], folder, raw.cert);
  const keyFile = readNamedFile(document, [...at, "key"], folder, raw.key);
  const chain = certFile && readChain(document, [...at, "cert"], certFile);
  const key = keyFile && readKey(document, [...at, "key"], keyFile);
  const [leaf] = chain ?? [];
  if (leaf !== undefined) {
    if (domain !== undefined) checkName(document, [...at, "cert"], leaf, domain);
    checkDates(document, [...at, "cert"], leaf, nowMs);
    checkChain(document, [...at, "cert"], chain ?? [], nowMs);
  }
  if (leaf === undefined || key === undefined || certFile === undefined || keyFile === undefined) return undefined;
  if (!leaf.checkPrivateKey(key)) {
    document.complain([...at, "key"], {
      code: "key-mismatch",
      message: "This key does not belong to the certificate.",
      hint: `The domain's own certificate comes first in ${JSON.stringify(raw.cert)}.`,
    });
    return undefined;
  }
  return { certFile: certFile.path, keyFile: keyFile.path, cert: certFile.text, key: new Secret(keyFile.text) };
}

/** Reads the authorities that a leg to the server trusts; undefined, with a complaint, if there are none. */
export function proveAuthorities(
  document: ConfigDocument,
  at: DocumentPath,
  name: string,
  folder: string,
): string | undefined {
  const file = readNamedFile(document, at, folder, name);
  return file !== undefined && readChain(document, at, file) !== undefined ? file.text : undefined;
}

/** The fingerprint of a pinned certificate: as written, or of the first certificate in a file. */
export function provePin(document: ConfigDocument, at: DocumentPath, text: string, folder: string): string | undefined {
  const digits = text.replace(/^sha-?256:/i, "").replaceAll(":", "");
  if (/^[0-9a-f]+$/i.test(digits) && digits.length === 64) return digits.toLowerCase();
  if (/^([0-9a-f]{2}:)+[0-9a-f]{2}$/i.test(text) || /^sha-?256:/i.test(text)) {
    document.complain(at, {
      code: "invalid-fingerprint",
      message: "A SHA-256 fingerprint has 64 hexadecimal digits.",
      hint: "openssl x509 -noout -fingerprint -sha256 -in server.crt prints it.",
    });
    return undefined;
  }
  const file = readNamedFile(document, at, folder, text);
  const [leaf] = (file && readChain(document, at, file)) ?? [];
  return leaf?.fingerprint256.replaceAll(":", "").toLowerCase();
}

function readChain(document: ConfigDocument, at: DocumentPath, file: NamedFile): X509Certificate[] | undefined {
  const blocks = file.text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    document.complain(at, {
      code: "not-a-certificate",
      message: `${JSON.stringify(file.path)} holds no certificate in PEM form.`,
      hint: file.text.includes("PRIVATE KEY-----") ? "It holds a key: are cert and key swapped?" : undefined,
    });
    return undefined;
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    document.complain(at, {
      code: "not-a-certificate",
      message: `${JSON.stringify(file.path)} holds a certificate that cannot be read.`,
    });
    return undefined;
  }
}

function readKey(document: ConfigDocument, at: DocumentPath, file: NamedFile): KeyObject | undefined {
  if ((file.mode & 0o004) !== 0) {
    document.complain(at, {
      severity: "warning",
      code: "world-readable",
      message: `Every user of this machine may read the key ${JSON.stringify(file.path)}.`,
      hint: `chmod o-r ${file.path}`,
    });
  }
  try {
    const key = createPrivateKey(file.text);
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits === undefined || bits >= minRsaBits) return key;
    document.complain(at, {
      code: "weak-key",
      message: `The key has ${bits} bits; clients and TLS libraries refuse RSA below ${minRsaBits}.`,
      hint: "An ECDSA key is faster too: openssl ecparam -genkey -name prime256v1.",
    });
    return undefined;
  } catch {
    const isLocked = /ENCRYPTED/.test(file.text);
    document.complain(at, {
      code: "not-a-key",
      message: isLocked
        ? `The key ${JSON.stringify(file.path)} is protected by a passphrase, which nobody can enter here.`
        : `${JSON.stringify(file.path)} holds no private key in PEM form.`,
      hint: isLocked ? `openssl pkey -in ${file.path} -out unlocked.key removes it.` : undefined,
    });
    return undefined;
  }
}

function checkName(document: ConfigDocument, at: DocumentPath, leaf: X509Certificate, domain: string): void {
  if (leaf.checkHost(domain) !== undefined) return;
  const names = leaf.subjectAltName ?? leaf.subject.replaceAll("\n", ", ");
  document.complain(at, {
    severity: "warning",
    code: "certificate-name",
    message: `The certificate does not name ${domain}, so clients will not trust it.`,
    hint: `It names ${names.length > 200 ? `${names.slice(0, 200)}…` : names}.`,
  });
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

/** Clients follow the chain from the domain's own certificate upwards (RFC 8446 §4.4.2). */
function checkChain(
  document: ConfigDocument,
  at: DocumentPath,
  chain: readonly X509Certificate[],
  nowMs: number,
): void {
  const complain = (code: ProblemCode, message: string, hint: string): void =>
    document.complain(at, { severity: "warning", code, message, hint });
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
