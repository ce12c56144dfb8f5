import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/**
 * Makes a self-signed certificate, ECDSA P-256, good for a week: Node signs but has no words for X.509, and the
 * demonstration may not count on openssl.
 *
 * Source  RFC 5280 §4.1 (certificate), §4.2.1.6 (names), §4.2.1.9 (basic constraints); X.690 §8 (DER).
 */
export function makeCertificate(domain: string): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(commonName, der(UTF8_STRING, Buffer.from(domain)))));
  const now = Date.now();
  const validity = sequence(utcTime(now - DAY_MS), utcTime(now + 7 * DAY_MS));
  const serial = der(INTEGER, Buffer.concat([Buffer.of(1), randomBytes(8)]));
  const names = sequence(der(DNS_NAME, Buffer.from(domain)), der(IP_ADDRESS, Buffer.of(127, 0, 0, 1)));
  const extensions = sequence(
    sequence(subjectAltName, der(OCTET_STRING, names)),
    sequence(
      basicConstraints,
      der(BOOLEAN, Buffer.of(0xff)),
      der(OCTET_STRING, sequence(der(BOOLEAN, Buffer.of(0xff)))),
    ),
  );
  const toBeSigned = sequence(
    der(CONTEXT_0, der(INTEGER, Buffer.of(2))),
    serial,
    sequence(ecdsaWithSha256),
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(CONTEXT_3, extensions),
  );
  const signature = Buffer.concat([Buffer.of(0), sign("sha256", toBeSigned, privateKey)]);
  const certificate = sequence(toBeSigned, sequence(ecdsaWithSha256), der(BIT_STRING, signature));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines(certificate.toString("base64"))}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

const DAY_MS = 86_400_000;

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const CONTEXT_0 = 0xa0;
const CONTEXT_3 = 0xa3;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** 1.2.840.10045.4.3.2 */
const ecdsaWithSha256 = Buffer.from("06082a8648ce3d040302", "hex");
/** 2.5.4.3 */
const commonName = Buffer.from("0603550403", "hex");
/** 2.5.29.17 */
const subjectAltName = Buffer.from("0603551d11", "hex");
/** 2.5.29.19 */
const basicConstraints = Buffer.from("0603551d13", "hex");

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

/** `YYMMDDHHMMSSZ` */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14);
  return der(UTC_TIME, Buffer.from(`${digits}Z`));
}

function lines(base64: string): string {
  return base64.replaceAll(/.{1,64}/g, "$&\n");
}
