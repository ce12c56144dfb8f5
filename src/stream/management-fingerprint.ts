import { createHash } from "node:crypto";
import type { Element } from "../xml/index.js";
import { attributeOf, namespaceOf } from "../xml/index.js";
import { NS, parseJid } from "../xmpp/index.js";

/**
 * What recognises a stanza when its sender sends it again after a resumption.
 *
 * Shape   kind of stanza, type, id, the other address (`to` on the way up, `from` on the way down) normalised, and the
 *         payload; 128 bits in base64url. The place in the stream is no part of it, because senders drop stanzas that
 *         wait; neither is a `<delay/>`, which they add (XEP-0203), nor what XML leaves to the writer.
 * Source  protocol.md S30.
 */
export function fingerprintOf(stanza: Element, direction: "up" | "down"): string {
  const address = attributeOf(stanza, direction === "up" ? "to" : "from");
  const content = [
    stanza.name,
    attributeOf(stanza, "type") ?? "",
    attributeOf(stanza, "id") ?? "",
    address === undefined ? "" : (parseJid(address)?.fullKey ?? address),
    ...childrenOf(stanza, namespaceOf(stanza)).filter((child) => !isDelay(child)),
  ];
  return createHash("sha256").update(JSON.stringify(content)).digest().toString("base64url", 0, 16);
}

type Content = string | readonly [name: string, attributes: readonly string[], children: readonly Content[]];

function isDelay(child: Content): boolean {
  return typeof child !== "string" && child[0] === `{${NS.delay}}delay`;
}

function childrenOf(element: Element, namespace: string): Content[] {
  return element.children.map((child) => {
    if (typeof child === "string") return child;
    const own = namespaceOf(child, namespace);
    const names = Object.keys(child.attrs).filter((name) => name !== "xmlns" && !name.startsWith("xmlns:"));
    const attributes = names.sort().flatMap((name) => [name, attributeOf(child, name) ?? ""]);
    return [`{${own}}${child.name}`, attributes, childrenOf(child, own)];
  });
}
