import type { NegotiationEvent } from "../../stream/index.js";
import { Element, findChild, serialize } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";

/** Clients know the elements of the streams namespace by the prefix that RFC 6120 §4.8.5 recommends. */
export function streamsElement(element: Element): Buffer {
  const children = element.getChildElements().map((child) => serialize(child));
  const { name } = element;
  return Buffer.from(`<stream:${name} xmlns:stream='${NS.streams}'>${children.join("")}</stream:${name}>`);
}

/** The condition of a stream error (RFC 6120 §4.9.3). */
export function conditionOf(error: Element): string {
  const condition = error.getChildElements().find((child) => child.attrs["xmlns"] === NS.streamErrors);
  return condition?.name ?? "undefined-condition";
}

/**
 * Takes the address in a `<see-other-host/>` out: the server's own is no place for the client, which may come back to us.
 * Returns whether there was one. Source: protocol.md R12; RFC 6120 §4.9.3.19.
 */
export function withoutOtherHost(error: Element): boolean {
  const moved = findChild(error, "see-other-host", NS.streamErrors);
  if (moved === undefined) return false;
  error.remove(moved);
  // RFC 6120 §4.9.2: the condition comes first.
  error.children.unshift(new Element("reset", { xmlns: NS.streamErrors }));
  return true;
}

/** What a client's nonza means for the negotiation. */
export function clientEvent(namespace: string, name: string): NegotiationEvent | undefined {
  if (namespace === NS.sasl2) return name === "authenticate" ? "sasl2-authenticate" : "sasl2-response";
  if (namespace !== NS.sasl) return undefined;
  switch (name) {
    case "auth":
      return "sasl-auth";
    case "response":
      return "sasl-response";
    case "abort":
      return "sasl-abort";
    default:
      return undefined;
  }
}

/** What a server's nonza means for it; the `<success/>` of SASL2 says more and is read by itself. */
export function serverEvent(namespace: string, name: string): NegotiationEvent | undefined {
  if (namespace === NS.sasl2) return name === "failure" ? "sasl2-failure" : "sasl2-challenge";
  if (namespace !== NS.sasl) return undefined;
  switch (name) {
    case "challenge":
      return "sasl-challenge";
    case "success":
      return "sasl-success";
    case "failure":
      return "sasl-failure";
    default:
      return undefined;
  }
}
