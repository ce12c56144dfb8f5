import { isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import { normaliseDomain } from "../xmpp/index.js";
import type { DrainConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { proved } from "./shape.js";
import { about, duration } from "./values.js";

export const drainSchema = z.strictObject({
  spread: duration({
    about:
      "Over how long clients are told that the proxy stops, in the order in which they came, so that they do not all come back at once; not above `timeouts.shutdown`.",
    least: "0s",
    most: "10m",
    fallback: "0s",
    example: "20s",
  }),
  tell: about(z.enum(["system-shutdown", "see-other-host"]).default("system-shutdown"), {
    about:
      "What clients are told (RFC 6120 §4.9.3): `see-other-host` names `seeOtherHost` to those who are past TLS and came over TCP, and `seeOtherUri` to those over WebSocket; all others hear `system-shutdown`.",
    example: "see-other-host",
  }),
  seeOtherHost: about(z.string().optional(), {
    about:
      "Where they are sent: a domain or an IP address, IPv6 in brackets, with or without a port (RFC 6120 §4.9.3.19).",
    example: "other.capulet.lit:5222",
    absent: "clients over TCP hear `system-shutdown`; `tell: see-other-host` needs this key or `seeOtherUri`",
  }),
  seeOtherUri: about(z.string().max(2_048).optional(), {
    about:
      "Where clients over WebSocket are sent: the address of another WebSocket, or of BOSH, with TLS, since clients follow to no other (RFC 7395 §3.6.1).",
    example: "wss://other.capulet.lit/xmpp-websocket",
    absent: "they hear `system-shutdown`",
  }),
});

/** Proves `drain` against the time that there is for it. */
export function proveDrain(
  document: ConfigDocument,
  raw: unknown,
  timeouts: { readonly shutdown: number } | undefined,
): DrainConfig | undefined {
  const values = proved(drainSchema, raw ?? {});
  if (values === undefined || timeouts === undefined) return undefined;
  const { spread, tell, seeOtherHost, seeOtherUri } = values;
  if (spread > timeouts.shutdown) {
    document.complain(["drain", "spread"], {
      code: "out-of-range",
      message: `"spread" is longer than "timeouts.shutdown": whoever is not told by then would be cut.`,
      hint: `Make it at most ${String(timeouts.shutdown)}ms, or raise timeouts.shutdown.`,
    });
  }
  if (seeOtherHost !== undefined && !isHostAndPort(seeOtherHost)) {
    document.complain(["drain", "seeOtherHost"], {
      code: "invalid-host",
      message: `${JSON.stringify(seeOtherHost)} is no domain or IP address with or without a port.`,
      hint: isIPv6(seeOtherHost) ? `Put an IPv6 address into brackets: [${seeOtherHost}].` : undefined,
    });
  }
  if (seeOtherUri !== undefined && !isSecureUri(seeOtherUri)) {
    document.complain(["drain", "seeOtherUri"], {
      code: "invalid-uri",
      message: `${JSON.stringify(seeOtherUri)} is no address that begins with wss:// or https://.`,
    });
  }
  if (tell === "see-other-host" && seeOtherHost === undefined && seeOtherUri === undefined) {
    document.complain(["drain", "tell"], {
      code: "missing-key",
      message: `"see-other-host" needs an address in "seeOtherHost" or "seeOtherUri".`,
      hint: `seeOtherHost: other.capulet.lit`,
    });
  }
  for (const [key, place] of Object.entries({ seeOtherHost, seeOtherUri })) {
    if (tell === "see-other-host" || place === undefined) continue;
    document.complain(["drain", key], {
      severity: "warning",
      code: "no-effect",
      message: `"${key}" is told to nobody without "tell: see-other-host".`,
    });
  }
  const farewell: DrainConfig["farewell"] =
    tell === "see-other-host" ? { condition: tell, host: seeOtherHost, uri: seeOtherUri } : { condition: tell };
  return { spreadMs: spread, farewell };
}

/** RFC 6120 §4.9.3.19: a domainpart, or `domainpart:port`. */
function isHostAndPort(text: string): boolean {
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
  if (port !== undefined && Number(port) > 65_535) return false;
  // RFC 4007 zones mean something on one machine only.
  if (host.startsWith("[")) return isIPv6(host.slice(1, -1)) && !host.includes("%");
  return /^[0-9.]+$/.test(host) ? isIPv4(host) : normaliseDomain(host) !== undefined;
}

/** RFC 3986: an absolute address of a host, without a fragment; RFC 7395 §3.6.1: not less secure than the one that the client has. */
function isSecureUri(text: string): boolean {
  return /^(wss|https):\/\/[^\s/?#"<>@]+([/?][^\s#"<>]*)?$/.test(text) && URL.canParse(text);
}
