import type { Logger } from "pino";
import { repeatable } from "../log/index.js";
import type { LegName, LinkEvent } from "../session/index.js";

/** What a line says of the link that it is about. */
export interface LoggedLink {
  readonly id: string;
  readonly origin: { readonly counters: { readonly name: string } };
  readonly remoteAddress: string;
  /** What has passed; `seconds` since it was opened. */
  readonly view: LinkTotals;
}

export interface LinkTotals {
  readonly seconds: number;
  readonly stanzasUp: number;
  readonly stanzasDown: number;
  /** From the peer and to it, without TLS. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/**
 * One line for each event in the life of a link. Stanzas, credentials and SASL content appear at no level.
 *
 * Each says from where the peer came (`remote`), who may be to blame. A peer can make such lines as fast as it connects, so
 * that from level info on they are limited for each address.
 */
export function logLinkEvent(log: Logger, link: LoggedLink, event: LinkEvent): void {
  const level = levels[event.kind];
  if (!log.isLevelEnabled(level)) return;
  const { kind, ...details } = event;
  const remote = addressOf(link);
  const line = {
    event: kind,
    connection: link.id,
    listener: link.origin.counters.name,
    ...(remote === "" ? {} : { remote }),
    ...details,
    ...(kind === "ended" ? totalsOf(link) : {}),
  };
  const limit = limitOf(event, remote);
  log[level](limit === undefined ? line : repeatable(line, limit), texts[kind]);
}

function totalsOf({ view }: LoggedLink): LinkTotals {
  const { seconds, stanzasUp, stanzasDown, bytesUp, bytesDown } = view;
  return { seconds, stanzasUp, stanzasDown, bytesUp, bytesDown };
}

function limitOf(event: LinkEvent, remote: string): Parameters<typeof repeatable>[1] | undefined {
  switch (event.kind) {
    case "secured":
    case "opened":
    case "authenticated":
      return undefined;
    case "bound":
      return { as: [event.kind, remote], perSecond: linesOfSessions };
    case "ended":
      return { as: [event.kind, event.reason, remote], perSecond: linesOfSessions };
    case "fault":
      return { as: [event.kind, event.leg, event.code, remote] };
    case "stream-error":
      return { as: [event.kind, event.leg, event.condition, remote] };
    default:
      return event satisfies never;
  }
}

// Many users behind one address may well come and go at once.
const linesOfSessions = 20;

/** Where the peer is, e.g. for fail2ban. On a listener for both kinds of addresses Node writes `::ffff:192.0.2.1`. */
function addressOf({ remoteAddress }: LoggedLink): string {
  return remoteAddress.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, "");
}

/**
 * Why a socket failed, in the words of Node. A server that cannot be reached, or whose certificate is not trusted, is the
 * operator's to mend; a client that goes away is everyday life.
 */
export function logLegFailure(
  log: Logger,
  link: LoggedLink,
  leg: { readonly name: LegName; readonly isEstablished: boolean },
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
