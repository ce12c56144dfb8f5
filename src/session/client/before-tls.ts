import { FrameKind, readHead, type NamespaceScope } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";

/** What becomes of a frame of a client that is not secured yet; bytes are the answer to it, after which the stream goes on. */
export type BeforeTls = "ignored" | "ended" | "starttls" | "breach" | Buffer;

/**
 * The stream of a client before TLS: header, features, `<starttls/>`, and nothing else.
 *
 * Source  RFC 6120 §4.9.3.12: nothing but STARTTLS was offered; §6.5.4 and protocol.md A5: no SASL without TLS, whatever the
 *         server would offer; XEP-0388 §2.6.2.
 */
export function beforeTls(
  kind: FrameKind,
  { bytes, start, end, scope }: { bytes: Buffer; start: number; end: number; scope: NamespaceScope },
): BeforeTls {
  if (kind === FrameKind.whitespace) return "ignored";
  if (kind === FrameKind.streamEnd) return "ended";
  if (kind !== FrameKind.nonza) return "breach";
  const { namespace, name } = readHead(bytes, start, end, scope);
  if (namespace === NS.tls && name === "starttls") return "starttls";
  if (namespace === NS.sasl && name === "auth") return SASL_REFUSED;
  return namespace === NS.sasl2 && name === "authenticate" ? SASL2_REFUSED : "breach";
}

const SASL_REFUSED = Buffer.from(`<failure xmlns='${NS.sasl}'><encryption-required/></failure>`);
/** XEP-0388 §2.6.2: the conditions are those of RFC 6120. */
const SASL2_REFUSED = Buffer.from(`<failure xmlns='${NS.sasl2}'><encryption-required xmlns='${NS.sasl}'/></failure>`);
