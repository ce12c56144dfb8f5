import { Element, serialize } from "../xml/index.js";

/** A document that says where a domain's WebSocket is, ready to be sent. */
export interface HostMeta {
  readonly type: string;
  readonly body: string;
}

const WEBSOCKET = "urn:xmpp:alt-connections:websocket";

/**
 * The document asked for by `path`, naming `url`; undefined for another path.
 *
 * Source  XEP-0156 §3 (both forms), RFC 6415 §2 (XRD), Appendix A (JSON).
 */
export function hostMeta(path: string, url: string): HostMeta | undefined {
  switch (path) {
    case "/.well-known/host-meta": {
      const document = new Element("XRD", { xmlns: "http://docs.oasis-open.org/ns/xri/xrd-1.0" });
      document.c("Link", { rel: WEBSOCKET, href: url });
      return { type: "application/xrd+xml", body: `<?xml version='1.0' encoding='utf-8'?>\n${serialize(document)}\n` };
    }
    case "/.well-known/host-meta.json":
      return { type: "application/json", body: `${JSON.stringify({ links: [{ rel: WEBSOCKET, href: url }] })}\n` };
    default:
      return undefined;
  }
}

/** True for a path that `hostMeta` answers. */
export function isHostMeta(path: string): boolean {
  return path === "/.well-known/host-meta" || path === "/.well-known/host-meta.json";
}
