import { checkHost, isOverlapping, reaches } from "./addresses.js";
import type { AddressConfig, ListenerPlaceConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import type { DocumentPath } from "./source.js";

/** The keys of a listener that say where it listens, as they were written. */
export interface WrittenPlace {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly socket?: string | undefined;
}

/**
 * Proves where a listener listens: at an address, or on sockets that it was handed. Complains; undefined if neither or both
 * are said. `sockets` are the names of those that there are; undefined where nobody can know, as in `caesura check`.
 */
export function provePlace(
  document: ConfigDocument,
  at: DocumentPath,
  { host, port, socket }: WrittenPlace,
  sockets: ReadonlySet<string> | undefined,
): ListenerPlaceConfig | undefined {
  if (socket !== undefined) {
    const other = host === undefined ? "port" : "host";
    if (host !== undefined || port !== undefined) {
      document.complain(
        [...at, other],
        { code: "address-and-socket", message: `A listener has "socket", or "host" and "port", but not both.` },
        "key",
      );
      return undefined;
    }
    checkSocket(document, [...at, "socket"], socket, sockets);
    return { socket };
  }
  for (const [key, value] of [
    ["host", host],
    ["port", port],
  ] as const) {
    if (value !== undefined) continue;
    document.complain([...at, key], {
      code: "missing-key",
      message: `"${key}" is missing in this listener.`,
      hint: 'Give it "host" and "port", or "socket" for one that the service manager opens.',
    });
  }
  if (host === undefined || port === undefined) return undefined;
  checkHost(document, [...at, "host"], host);
  return { host, port };
}

/** Complains if an earlier listener has the same place. */
export function checkTwin(
  document: ConfigDocument,
  at: DocumentPath,
  place: ListenerPlaceConfig,
  earlier: readonly ListenerPlaceConfig[],
): void {
  if (place.socket !== undefined) {
    if (!earlier.some(({ socket }) => socket === place.socket)) return;
    document.complain([...at, "socket"], {
      code: "address-in-use",
      message: `Two listeners cannot share the socket ${JSON.stringify(place.socket)}.`,
    });
    return;
  }
  const twin = overlapping(place, earlier);
  if (twin === undefined) return;
  document.complain([...at, "port"], {
    code: "address-in-use",
    message: `Two listeners cannot share ${place.host} port ${place.port}.`,
    hint: `${twin.host} port ${twin.port} is taken above.`,
  });
}

/** The listener that could not be open at once with `address`. */
export function overlapping(
  address: AddressConfig,
  listeners: readonly ListenerPlaceConfig[],
): AddressConfig | undefined {
  for (const place of listeners) if (place.socket === undefined && isOverlapping(place, address)) return place;
  return undefined;
}

/** Which listener a connection to `target` would reach; -1 for none that is known: where a socket listens is not. */
export function reachedListener(target: AddressConfig, listeners: readonly ListenerPlaceConfig[]): number {
  return listeners.findIndex((place) => place.socket === undefined && reaches(target, place));
}

function checkSocket(
  document: ConfigDocument,
  at: DocumentPath,
  name: string,
  sockets: ReadonlySet<string> | undefined,
): void {
  if (sockets === undefined || sockets.has(name)) return;
  const names = [...sockets].map((other) => JSON.stringify(other)).join(", ");
  document.complain(at, {
    code: "socket-missing",
    message: `No socket named ${JSON.stringify(name)} was handed over.`,
    hint:
      sockets.size === 0
        ? "Start Caesura through its socket units, or give the listener a host and a port."
        : `There are: ${names}. The name is FileDescriptorName= in the socket unit.`,
  });
}
