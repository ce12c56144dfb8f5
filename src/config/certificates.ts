import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { z } from "zod";
import { checkCertificates } from "./certificate-checks.js";
import type { CertificateConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { readNamedFile } from "./files.js";
import type { NamedFile } from "./files.js";
import type { certificateSchema } from "./domain-schema.js";
import { Secret } from "./secret.js";
import type { DocumentPath } from "./source.js";

// NIST SP 800-131A; what OpenSSL asks for at its security level 2.
const minRsaBits = 2_048;

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
  const owner = key === undefined ? -1 : (chain ?? []).findIndex((one) => one.checkPrivateKey(key));
  if (owner > 0) {
    document.complain([...at, "cert"], {
      code: "certificate-chain",
      message: `The key belongs to certificate ${owner + 1} of this file, which has to be the first.`,
      hint: "The domain's own comes first, then the one that issued it, and so on.",
    });
    return undefined;
  }
  if (chain !== undefined) checkCertificates(document, [...at, "cert"], chain, domain, nowMs);
  if (leaf === undefined || key === undefined || certFile === undefined || keyFile === undefined) return undefined;
  if (owner < 0) {
    document.complain([...at, "key"], {
      code: "key-mismatch",
      message: `This key belongs to no certificate in ${JSON.stringify(raw.cert)}.`,
      hint: "Certificate and key are made together: was one of them renewed without the other?",
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
  try {
    const key = createPrivateKey(file.text);
    checkReaders(document, at, file);
    return checkKind(document, at, key) ? key : undefined;
  } catch {
    const isLocked = /ENCRYPTED/.test(file.text);
    const isCertificate = file.text.includes("BEGIN CERTIFICATE-----");
    document.complain(at, {
      code: "not-a-key",
      message: isLocked
        ? `The key ${JSON.stringify(file.path)} is protected by a passphrase, which nobody can enter here.`
        : `${JSON.stringify(file.path)} holds no private key in PEM form.`,
      hint: isLocked
        ? `openssl pkey -in ${file.path} -out unlocked.key removes it.`
        : isCertificate
          ? "It holds a certificate: are cert and key swapped?"
          : undefined,
    });
    return undefined;
  }
}

function checkReaders(document: ConfigDocument, at: DocumentPath, { mode, path }: NamedFile): void {
  if ((mode & 0o004) === 0) return;
  document.complain(at, {
    severity: "warning",
    code: "world-readable",
    message: `Every user of this machine may read the key ${JSON.stringify(path)}.`,
    hint: `chmod o-r ${path}`,
  });
}

const ecdsa = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";

/** Whether TLS libraries accept a key; where only few do that is a warning. */
function checkKind(document: ConfigDocument, at: DocumentPath, key: KeyObject): boolean {
  const { modulusLength: bits, namedCurve: curve } = key.asymmetricKeyDetails ?? {};
  if (bits !== undefined && bits < minRsaBits) {
    document.complain(at, {
      code: "weak-key",
      message: `The key has ${bits} bits; clients and TLS libraries refuse RSA below ${minRsaBits}.`,
      hint: `An ECDSA key is faster too: ${ecdsa}`,
    });
    return false;
  }
  const kind = curve ?? key.asymmetricKeyType ?? "unknown";
  if (commonKinds.has(kind)) return true;
  document.complain(at, {
    severity: "warning",
    code: "uncommon-key",
    message: `Many clients cannot check a key of the kind ${kind}, and will fail to connect.`,
    hint: `RSA and ECDSA on P-256 are understood everywhere: ${ecdsa}`,
  });
  return true;
}

// RFC 8446 §9.1: what every implementation of TLS 1.3 must or should understand.
const commonKinds = new Set(["rsa", "prime256v1", "secp384r1", "secp521r1"]);
