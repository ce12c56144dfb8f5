import type { DelegationRule, Request } from "../../rules/index.js";
import type { Element } from "../../xml/index.js";
import { childElements, namespaceOf } from "../../xml/index.js";
import { parseJid } from "../../xmpp/index.js";
import { attributesOf, stanzaError } from "../link/stanzas.js";

/** A request of ours that is to come down a stream. */
export interface Fence {
  /** It is not waited for any more; if it comes, it is swallowed still. */
  missed(): void;
}

/** Who asked: a c2s stream, or a stanza of a component. The answer goes to that very stream and no other (D36). */
export interface Requester {
  /** `Performer.id` of the connection; that of the last one for a session that waits to be resumed. */
  readonly connection: string;
  /** Delivers the one answer, an iq in `jabber:client`, and takes the request off the list of those in flight. */
  answer(request: DelegatedRequest, reply: Element): void;
  /**
   * Calls `reached` when a request with this id and sender comes down the requester's stream, and keeps it from the
   * requester. Undefined: there is no such stream now.
   */
  fence?(id: string, from: string, reached: () => void): Fence | undefined;
}

/** One delegated request in flight. */
export interface DelegatedRequest {
  /** Names the wrapper at the managing entity's link. */
  readonly outerId: string;
  readonly requester: Requester;
  /** Full JID of the requester as the server bound it, or the component's address. */
  readonly from: string;
  readonly id: string;
  readonly to: string | undefined;
  readonly domain: string;
  readonly rule: DelegationRule;
  readonly startedMs: number;
}

/** What the rules look at in an iq (`from` is the sender as the server knows it, never what the sender wrote). */
export function describeRequest(iq: Element, from: string): Request {
  const { type, id, to } = attributesOf(iq);
  const children = childElements(iq).map((child) => ({
    namespace: namespaceOf(child, iq.attrs["xmlns"]),
    name: child.name,
    attributes: new Set(Object.keys(child.attrs).filter((name) => name !== "xmlns" && !name.includes(":"))),
  }));
  return { type, id, to, from, children };
}

/**
 * The answer to a request that its managing entity did not answer (protocol.md D33). Without an address a request meant the sender's own account, which is who answers (protocol.md R3).
 */
export function unavailable(request: DelegatedRequest): Element {
  const { id, from } = request;
  const answering = request.to ?? parseJid(from)?.bare() ?? from;
  return stanzaError(
    { name: "iq", id, to: from, from: answering },
    { type: "cancel", condition: "service-unavailable" },
  );
}
