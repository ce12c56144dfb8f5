import { createHash, timingSafeEqual } from "node:crypto";

/**
 * The digest of a component's handshake: hex of SHA-1 over the stream id and the shared secret.
 *
 * Source  XEP-0114 §3.
 */
export function handshakeDigest(streamId: string, secret: string): string {
  return createHash("sha1").update(streamId).update(secret).digest("hex");
}

/** Compares in time that does not depend on where the two differ. */
export function isHandshakeValid(given: string, streamId: string, secret: string): boolean {
  const expected = Buffer.from(handshakeDigest(streamId, secret));
  const actual = Buffer.from(given.trim().toLowerCase());
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
