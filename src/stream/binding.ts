import type { Element } from "../xml/index.js";
import { findChild } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { inlineResultsOf } from "./management-elements.js";

/** The full JID in the server's answer to resource binding, as the server wrote it (RFC 6120 §7.6.1). */
export function boundJidOf(iq: Element): string | undefined {
  const bind = findChild(iq, "bind", NS.bind);
  return bind && textOf(findChild(bind, "jid", NS.bind));
}

/**
 * What a SASL2 `<success/>` says: the authorization identifier, and whether a resource was bound with it. Only then is
 * the identifier a full JID (XEP-0388 §2.6.1, XEP-0386 §3).
 */
export function sasl2SuccessOf(success: Element): {
  readonly jid: string | undefined;
  readonly isBound: boolean;
  /** An earlier stream was resumed inline (XEP-0198 §9). */
  readonly isResumed: boolean;
} {
  const jid = textOf(findChild(success, "authorization-identifier", NS.sasl2));
  const isBound =
    findChild(success, "bound", NS.bind2) !== undefined || findChild(success, "bound", NS.bind2Later) !== undefined;
  return { jid, isBound, isResumed: inlineResultsOf(success).resumed !== undefined };
}

function textOf(element: Element | undefined): string | undefined {
  const text = element?.getText();
  return text === undefined || text === "" ? undefined : text;
}
