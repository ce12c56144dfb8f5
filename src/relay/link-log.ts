import type { Logger } from "pino";
import type { LinkEvent } from "../session/index.js";
import type { Leg } from "./leg.js";
import type { Link } from "./link.js";

/** One line for each event in the life of a link. Stanzas, credentials and SASL content appear at no level. */
export function logLinkEvent(log: Logger, link: Link, event: LinkEvent): void {
  const level = levels[event.kind];
  if (!log.isLevelEnabled(level)) return;
  const { kind, ...details } = event;
  const line = {
    event: kind,
    connection: link.id,
    listener: link.origin.counters.name,
    ...details,
    ...(kind === "ended" ? { seconds: Math.round(performance.now() - link.openedAt) / 1000 } : {}),
  };
  log[level](line, texts[kind]);
}

/**
 * Why a socket failed, in the words of Node. A server that cannot be reached, or whose certificate is not trusted, is the
 * operator's to mend; a client that goes away is everyday life.
 */
export function logLegFailure(
  log: Logger,
  link: Link,
  leg: Leg,
  { error, domain }: { readonly error: Error; readonly domain: string | undefined },
): void {
  const level = leg.name === "server" && !leg.isEstablished ? "warn" : "debug";
  if (!log.isLevelEnabled(level)) return;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const line = {
    event: "leg-failed",
    connection: link.id,
    listener: link.origin.counters.name,
    leg: leg.name,
    ...(domain === undefined ? {} : { domain }),
    ...(code === undefined ? {} : { code }),
    cause: error.message,
  };
  log[level](line, level === "warn" ? "the server cannot be reached" : "a connection failed");
}

const levels = {
  secured: "debug",
  opened: "debug",
  authenticated: "debug",
  bound: "info",
  fault: "info",
  "stream-error": "info",
  ended: "info",
} as const satisfies Record<LinkEvent["kind"], string>;

const texts: Readonly<Record<LinkEvent["kind"], string>> = {
  secured: "TLS stands",
  opened: "the stream is open",
  authenticated: "authenticated",
  bound: "bound to a full JID",
  fault: "a peer broke the protocol",
  "stream-error": "a stream error ended a stream",
  ended: "the link is over",
};
