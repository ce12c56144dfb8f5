import type { Logger } from "pino";
import { repeatable } from "../log/index.js";
import type { LinkEvent } from "../session/index.js";
import type { Leg } from "./leg.js";
import type { Link } from "./link.js";

/**
 * One line for each event in the life of a link. Stanzas, credentials and SASL content appear at no level.
 *
 * Where a peer may be to blame or to be found, the line says from where it came (`remote`). A peer can make such lines as
 * fast as it connects, so that they are limited for each address.
 */
export function logLinkEvent(log: Logger, link: Link, event: LinkEvent): void {
  const level = levels[event.kind];
  if (!log.isLevelEnabled(level)) return;
  const { kind, ...details } = event;
  const line = { event: kind, connection: link.id, listener: link.origin.counters.name };
  const remote = addressOf(link);
  const whence = remote === "" ? {} : { remote };
  switch (event.kind) {
    case "secured":
    case "opened":
    case "authenticated":
      log[level]({ ...line, ...details }, texts[kind]);
      break;
    case "bound":
      log[level](
        repeatable({ ...line, ...whence, ...details }, { as: [kind, remote], perSecond: linesOfSessions }),
        texts[kind],
      );
      break;
    case "fault":
      log[level](
        repeatable({ ...line, ...whence, ...details }, { as: [kind, event.leg, event.code, remote] }),
        texts[kind],
      );
      break;
    case "stream-error":
      log[level](
        repeatable({ ...line, ...whence, ...details }, { as: [kind, event.leg, event.condition, remote] }),
        texts[kind],
      );
      break;
    case "ended": {
      const seconds = Math.round(performance.now() - link.openedAt) / 1000;
      log[level](
        repeatable(
          { ...line, ...whence, ...details, seconds },
          { as: [kind, event.reason, remote], perSecond: linesOfSessions },
        ),
        texts[kind],
      );
      break;
    }
    default:
      event satisfies never;
  }
}

// Many users behind one address may well come and go at once.
const linesOfSessions = 20;

/** Where the peer is, e.g. for fail2ban. On a listener for both kinds of addresses Node writes `::ffff:192.0.2.1`. */
function addressOf({ remoteAddress }: Link): string {
  return remoteAddress.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, "");
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
  if (level === "debug") {
    log.debug(line, "a connection failed");
    return;
  }
  // Every client that comes makes one while the server is away.
  log.warn(repeatable(line, { as: [line.event, leg.name, domain ?? "", code ?? ""] }), "the server cannot be reached");
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
