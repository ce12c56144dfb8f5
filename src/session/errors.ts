import { serialize } from "../xml/index.js";
import { Element } from "../xml/index.js";
import type { StanzaErrorCondition, StanzaErrorType, StreamErrorCondition } from "../xmpp/index.js";
import { NS } from "../xmpp/index.js";

/**
 * A stream error and the end of the stream. Nobody else turns a fault into bytes. `detail` is XML of ours; `text` is what
 * the condition contains, for `<see-other-host/>` (§4.9.3.19).
 *
 * Source  RFC 6120 §4.9.1, §4.9.2: the error, then the closing tag, then the connection is closed.
 */
export function streamErrorBytes(
  condition: StreamErrorCondition,
  rootName: string,
  { detail = "", text = "" }: { readonly detail?: string; readonly text?: string } = {},
): Buffer {
  const element =
    text === ""
      ? `<${condition} xmlns='${NS.streamErrors}'/>`
      : serialize(new Element(condition, { xmlns: NS.streamErrors }).t(text));
  // The header that opened this stream may have another prefix, so the namespace is written out.
  return Buffer.from(`<stream:error xmlns:stream='${NS.streams}'>${element}${detail}</stream:error></${rootName}>`);
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
