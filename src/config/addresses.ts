import { isIP, isIPv4 } from "node:net";
import { normaliseDomain } from "../xmpp/index.js";
import type { AddressConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import type { DocumentPath } from "./source.js";

/** True for an address that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const plain = sameHost(host);
  return isIPv4(plain) ? plain.startsWith("127.") : plain === "::1";
}

/** True for the addresses that stand for all of the machine's own. */
export function isWildcard(host: string): boolean {
  const plain = sameHost(host);
  return plain === "0.0.0.0" || plain === "::";
}

/** True if two listeners could not be open at once. Port 0 is another port each time. */
export function isOverlapping(one: AddressConfig, other: AddressConfig): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  if (sameHost(one.host) === sameHost(other.host)) return true;
  const hosts = [sameHost(one.host), sameHost(other.host)];
  // "::" takes the IPv4 addresses as well (IPV6_V6ONLY is off), "0.0.0.0" takes IPv4 only.
  return hosts.includes("::") || (hosts.includes("0.0.0.0") && hosts.every((host) => isIP(host) !== 6));
}

/** True if a connection to `target` would arrive at the listener: the proxy would talk to itself. */
export function reaches(target: AddressConfig, listener: AddressConfig): boolean {
  if (target.port !== listener.port) return false;
  return sameHost(target.host) === sameHost(listener.host) || (isWildcard(listener.host) && isLoopback(target.host));
}

/** One spelling of an address: `0:0:0:0:0:0:0:1` is `::1`, and `::ffff:127.0.0.1` is `127.0.0.1`. */
function sameHost(host: string): string {
  const plain = host.toLowerCase();
  if (plain === "localhost") return "127.0.0.1";
  if (isIP(plain) !== 6 || plain.includes("%")) return plain;
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
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
