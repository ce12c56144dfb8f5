import type { NegotiationEvent, NegotiationState } from "../../stream/index.js";
import { boundJidOf } from "../../stream/index.js";
import type { NamespaceScope } from "../../xml/index.js";
import { findChild, namespaceHash, parseElement, readHead } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import { NS, parseJid } from "../../xmpp/index.js";

const BIND_HASH = namespaceHash(NS.bind);
const IQ_AUTH_HASH = namespaceHash(NS.iqAuth);

/** Unanswered requests for binding on one stream; no client has two. */
const MAX_BIND_REQUESTS = 64;

/** What the server's answer to a client's own request means. */
export interface BindingAnswer {
  readonly event: NegotiationEvent;
  /** What the server says the client is, with `bind-result`. */
  readonly jid: string | undefined;
}

/**
 * Watches for resource binding (RFC 6120 §7) and `jabber:iq:auth` (XEP-0078) among the iqs of a stream that is not bound
 * yet. An answer counts once, and only if it has the id of the client's own request (protocol.md A10).
 */
export class BindingWatch {
  /** Each of the requests that wait: a client may send one more before it knows that the first is refused. */
  #bindIds: Set<string> | undefined;
  #iqAuthId: string | undefined;

  get isWaiting(): boolean {
    return this.#bindIds !== undefined || this.#iqAuthId !== undefined;
  }

  /** An iq of the client's; `childHash` is the framer's. */
  request(
    state: NegotiationState,
    childHash: number,
    frame: { readonly bytes: Buffer; readonly start: number; readonly end: number; readonly scope: NamespaceScope },
  ): NegotiationEvent | "too-many-binds" | undefined {
    if (childHash !== BIND_HASH && childHash !== IQ_AUTH_HASH) return undefined;
    const iq = parseElement(frame.bytes, frame.start, frame.end, frame.scope);
    const id: unknown = iq.attrs["id"];
    if (iq.attrs["type"] !== "set" || typeof id !== "string") return undefined;
    // In every state: behind SASL2 a client may ask before it knows that it is authenticated (XEP-0388 has no restart).
    if (findChild(iq, "bind", NS.bind) !== undefined) {
      this.#bindIds ??= new Set();
      this.#bindIds.add(id);
      return this.#bindIds.size > MAX_BIND_REQUESTS ? "too-many-binds" : undefined;
    }
    if (findChild(iq, "query", NS.iqAuth) !== undefined && state === "open") {
      this.#iqAuthId = id;
      return "iq-auth-request";
    }
    return undefined;
  }

  /** An iq of the server's, while an answer is awaited. */
  answer(
    state: NegotiationState,
    frame: { readonly bytes: Buffer; readonly start: number; readonly end: number; readonly scope: NamespaceScope },
  ): BindingAnswer | undefined {
    const { bytes, start, end, scope } = frame;
    const { attributes } = readHead(bytes, start, end, scope);
    const type = attributes.get("type");
    const id = attributes.get("id");
    if (type !== "result" && type !== "error") return undefined;
    const isResult = type === "result";
    if (id !== undefined && this.#bindIds?.delete(id) === true) {
      if (this.#bindIds.size === 0) this.#bindIds = undefined;
      if (!isResult) return undefined;
      return { event: "bind-result", jid: boundJidOf(parseElement(bytes, start, end, scope)) };
    }
    if (id === this.#iqAuthId && state === "iq-auth") {
      this.#iqAuthId = undefined;
      return { event: isResult ? "iq-auth-result" : "iq-auth-error", jid: undefined };
    }
    return undefined;
  }
}

/** A full JID of an account of this domain, or undefined: what a server may have bound (RFC 6120 §7.6.1). */
export function addressIn(domain: string, address: string | undefined): Jid | undefined {
  // A copy, because a part of the text would keep all of it in memory as long as the session lives.
  const jid = address === undefined ? undefined : parseJid(Buffer.from(address).toString());
  return jid?.resource === undefined || jid.local === undefined || jid.domain !== domain ? undefined : jid;
}
