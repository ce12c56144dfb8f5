import { createHash } from "node:crypto";

/** Hash functions by their names in stanzas (IANA's hash function textual names, XEP-0300 §4), as OpenSSL calls them. */
const functions: ReadonlyMap<string, string> = new Map([
  ["md5", "md5"],
  ["sha-1", "sha1"],
  ["sha-224", "sha224"],
  ["sha-256", "sha256"],
  ["sha-384", "sha384"],
  ["sha-512", "sha512"],
  ["sha3-224", "sha3-224"],
  ["sha3-256", "sha3-256"],
  ["sha3-384", "sha3-384"],
  ["sha3-512", "sha3-512"],
  ["blake2b-512", "blake2b512"],
]);

/** The hash functions that can be computed here, by the names that stand in stanzas. */
export const hashNames: readonly string[] = [...functions.keys()].filter(isAvailable);

/**
 * The hash of some octets in base64.
 *
 * Returns undefined for a function that is unknown or not available. Names are compared exactly.
 */
export function hashed(algorithm: string, octets: Buffer): string | undefined {
  const name = functions.get(algorithm);
  if (name === undefined || !hashNames.includes(algorithm)) return undefined;
  return createHash(name).update(octets).digest("base64");
}

/** An OpenSSL that is built or configured for FIPS lacks some of them. */
function isAvailable(algorithm: string): boolean {
  try {
    createHash(functions.get(algorithm) ?? "");
    return true;
  } catch {
    return false;
  }
}
