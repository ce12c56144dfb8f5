import { Element, serialize } from "../../xml/index.js";
import type { Jid, StanzaErrorCondition, StanzaErrorType } from "../../xmpp/index.js";
import { NS } from "../../xmpp/index.js";

/** The attributes that route a stanza (RFC 6120 §8.1). */
export function attributesOf(stanza: Element): {
  readonly type: string | undefined;
  readonly id: string | undefined;
  readonly to: string | undefined;
  readonly from: string | undefined;
} {
  const { type, id, to, from } = stanza.attrs as Record<string, string | undefined>;
  return { type, id, to, from };
}

/** The result of a client's request, answered here; without an address it was for the client's account (protocol.md R3). */
export function resultFor(iq: Element, client: Jid, payload: Element): Element {
  const { id, to = client.bare() } = attributesOf(iq);
  const result = new Element("iq", { xmlns: NS.client, type: "result", to: client.full(), from: to });
  if (id !== undefined) result.attrs["id"] = id;
  result.cnode(payload);
  return result;
}

/**
 * The error answer to a stanza that was not answered otherwise. The payload is not echoed.
 *
 * Shape   an element in `jabber:client`: type `error`, the request's id if it had one, `to` the requester, `from` what
 *         the request was addressed to, or the requester's own account if it had no address (protocol.md R3).
 * Source  RFC 6120 §8.3.1, §8.3.2.
 */
export function stanzaError(
  stanza: { readonly name: string; readonly id: string | undefined; readonly to: string; readonly from: string },
  error: {
    readonly type: StanzaErrorType;
    readonly condition: StanzaErrorCondition;
    readonly text?: string;
    /** Stands beside the condition (RFC 6120 §8.3.4). */
    readonly application?: { readonly name: string; readonly namespace: string };
  },
): Element {
  const { name, id, to, from } = stanza;
  const answer = new Element(name, {
    xmlns: NS.client,
    type: "error",
    ...(id === undefined ? {} : { id }),
    to,
    from,
  });
  const detail = answer.c("error", { type: error.type });
  detail.c(error.condition, { xmlns: NS.stanzaErrors });
  if (error.text !== undefined) detail.c("text", { xmlns: NS.stanzaErrors, "xml:lang": "en" }).t(error.text);
  if (error.application !== undefined) detail.c(error.application.name, { xmlns: error.application.namespace });
  return answer;
}

/** Writes a stanza of ours into a stream with the given content namespace (protocol.md D35, X9). */
export function stanzaBytes(stanza: Element, contentNamespace: string): Buffer {
  // Descendants without an `xmlns` of their own inherit the root's, so naming it anew moves the whole stanza.
  stanza.attrs["xmlns"] = contentNamespace;
  return Buffer.from(serialize(stanza, contentNamespace));
}
