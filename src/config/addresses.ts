import { isIP, isIPv4 } from "node:net";
import { normaliseDomain } from "../xmpp/index.js";
import type { AddressConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import type { DocumentPath } from "./source.js";

/** True for an address that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase();
  if (isIPv4(plain)) return plain.startsWith("127.");
  return plain === "localhost" || plain === "::1" || plain === "0:0:0:0:0:0:0:1" || plain.startsWith("::ffff:127.");
}

/** True for the addresses that stand for all of the machine's own. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** True if two listeners could not be open at once. Port 0 is another port each time. */
export function isOverlapping(one: AddressConfig, other: AddressConfig): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  if (sameHost(one.host) === sameHost(other.host)) return true;
  const [a, b] = isWildcard(one.host) ? [one.host, other.host] : [other.host, one.host];
  // "::" takes the IPv4 addresses as well (IPV6_V6ONLY is off), "0.0.0.0" takes IPv4 only.
  return a === "::" || (a === "0.0.0.0" && isIP(b) !== 6);
}

/** True if a connection to `target` would arrive at the listener: the proxy would talk to itself. */
export function reaches(target: AddressConfig, listener: AddressConfig): boolean {
  if (target.port !== listener.port) return false;
  return sameHost(target.host) === sameHost(listener.host) || (isWildcard(listener.host) && isLoopback(target.host));
}

function sameHost(host: string): string {
  const plain = host.toLowerCase();
  return plain === "localhost" ? "127.0.0.1" : plain;
}

/** Complains about what is neither an IP address nor a name. */
export function checkHost(document: ConfigDocument, at: DocumentPath, host: string): boolean {
  if (isIP(host) !== 0) return true;
  const isName = normaliseDomain(host) !== undefined && !/^[0-9.]+$/.test(host) && !host.startsWith("[");
  if (isName) return true;
  const hint = host.startsWith("[")
    ? "Write an IPv6 address without brackets."
    : /:[0-9]+$/.test(host)
      ? "Write the port in its own key, port."
      : undefined;
  document.complain(at, {
    code: "invalid-host",
    message: `${JSON.stringify(host)} is neither an IP address nor a host name.`,
    hint,
  });
  return false;
}
