import type { Logger } from "pino";
import type { LinkEvent } from "../session/index.js";
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
