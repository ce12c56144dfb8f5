import { Buffer } from "node:buffer";

/**
 * 32-bit hash of the UTF-8 bytes of a namespace name (FNV-1a), as `Framer.childNamespaceHash` gives it. Never 0, which
 * means "no child". Equal hashes prove nothing: compare the names themselves then.
 */
export function namespaceHash(namespace: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(namespace, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0 || 1;
}
