import type { z } from "zod";
import { isLoopback } from "./addresses.js";
import type { AddressConfig, ListenerConfig, ListenerKindConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { checkTwin, provePlace } from "./listener-place.js";
import { proveNetworks } from "./networks.js";
import { listenerSchema } from "./schema.js";
import { asList, proved } from "./shape.js";
import type { DocumentPath } from "./source.js";

/**
 * Reads the listeners. Complains; one that cannot be used is left out of the result. `sockets` are the names of the sockets
 * that the process was handed; undefined where nobody can know.
 */
export function proveListeners(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  sockets?: ReadonlySet<string>,
): readonly ListenerConfig[] {
  const listeners: ListenerConfig[] = [];
  for (const [index, value] of asList(raw).entries()) {
    const listener = proved(listenerSchema, value);
    if (listener === undefined) continue;
    const path = [...at, index];
    const { proxyProtocol, host, port, socket, ...rest } = listener;
    const place = provePlace(document, path, { host, port, socket }, sockets);
    if (place === undefined) continue;
    // Where a socket listens is seen when it is taken.
    if (place.socket === undefined) checkExposure(document, path, { ...rest, host: place.host });
    checkTwin(document, path, place, listeners);
    const from =
      proxyProtocol === undefined
        ? undefined
        : proveNetworks(document, [...path, "proxyProtocol", "from"], proxyProtocol.from);
    listeners.push({ ...place, ...meant(rest), proxyProtocol: from === undefined ? undefined : { from } });
  }
  if (
    listeners.length > 0 &&
    listeners.length === asList(raw).length &&
    listeners.every(({ kind }) => kind === "component")
  ) {
    document.complain(at, {
      severity: "warning",
      code: "no-client-listener",
      message: "No listener has kind: c2s or websocket, so no client can connect.",
    });
  }
  return listeners;
}

type Written<Listener = z.output<typeof listenerSchema>> = Listener extends unknown
  ? Omit<Listener, "host" | "port" | "socket" | "proxyProtocol">
  : never;

function meant(listener: Written): ListenerKindConfig {
  if (listener.kind !== "websocket") return listener;
  const { ping: pingMs, publicUrl, origins, ...rest } = listener;
  // RFC 6454 §4: scheme and host of an origin are in lower case, as browsers send them.
  return { ...rest, pingMs, publicUrl, origins: origins?.map((origin) => origin.toLowerCase()) };
}

type Exposed = Pick<ListenerConfig, "kind" | "tls"> & Pick<AddressConfig, "host">;

function checkExposure(document: ConfigDocument, at: DocumentPath, listener: Exposed): void {
  if (listener.tls !== "none" || isLoopback(listener.host)) return;
  if (listener.kind !== "component") {
    document.complain([...at, "tls"], {
      code: "cleartext-listener",
      message: `Clients may be served without TLS on a loopback address only, not on ${listener.host}.`,
      hint:
        listener.kind === "c2s"
          ? "Use tls: starttls or tls: direct, or host: 127.0.0.1."
          : "Use tls: direct, or host: 127.0.0.1.",
    });
  } else {
    document.complain([...at, "host"], {
      severity: "warning",
      code: "cleartext-component",
      message: "Component links have no TLS, and other machines can reach this listener.",
      hint: "Keep it in a private network, or on 127.0.0.1.",
    });
  }
}
