import type { Logger } from "pino";
import { repeatable } from "../log/index.js";
import type { GrantStep, HubEvent } from "../session/index.js";

/** One line for what an operator may have to act on. A delegated request that ends well is counted only. */
export function logHubEvent(log: Logger, event: HubEvent): void {
  if (event.kind === "delegation") {
    logDelegation(log, event);
    return;
  }
  const { kind, ...details } = event;
  const line = { event: kind, ...details };
  switch (event.kind) {
    case "resumption":
      // The new connection of a session is told as its first one was; who comes and goes decides how often.
      if (event.outcome === "resumed") {
        log.info(
          repeatable(line, { as: [kind, event.outcome], perSecond: 20 }),
          "a session goes on over another connection",
        );
      } else log.debug(line, "a stream was to be resumed");
      break;
    case "entity-up":
      log.info(line, "a managing entity is connected");
      break;
    case "entity-down":
      log.warn(line, "a managing entity is gone");
      break;
    case "discovery":
      if (event.outcome === "silent") log.warn(line, "a managing entity does not say what it offers");
      else log.debug(line, "a managing entity said what it offers");
      break;
    case "reply-held":
      if (event.outcome === "missed") {
        log.info(repeatable(line, { as: [kind, event.entity] }), "a reply may have overtaken what was sent before it");
      }
      break;
    case "shadowed":
      // Whoever asks decides how often this happens.
      log.warn(
        repeatable(line, { as: [kind, event.domain, event.rule] }),
        "the server itself answers what is delegated; its own service should be switched off",
      );
      break;
    case "grant":
      log[event.step === "asked" ? "debug" : "info"](line, GRANT_STEPS[event.step]);
      break;
    case "grant-refused":
      // Whoever asks, or answers, decides how often this happens.
      log.info(repeatable(line, { as: [kind, event.domain, event.code] }), "a part in client mode was refused");
      break;
    case "advertised":
      log.info(line, "delegations were advertised");
      break;
    default:
      event satisfies never;
  }
}

const GRANT_STEPS: Readonly<Record<GrantStep, string>> = {
  requested: "an entity wants to manage namespaces of a user",
  asked: "a session of the user was asked",
  granted: "a user has delegated namespaces",
  denied: "a user has refused to delegate namespaces",
  revoked: "a user has taken delegated namespaces back",
  ended: "what a user delegated has ended with the session",
};

function logDelegation(log: Logger, event: HubEvent & { readonly kind: "delegation" }): void {
  const isAnswered = event.outcome === "result" || event.outcome === "error";
  // Every answered request comes here: nothing is made for a line that is not written.
  if (isAnswered && !log.isLevelEnabled("debug")) return;
  const { kind, connection, ...details } = event;
  const seconds = Math.round(event.seconds * 1e6) / 1e6;
  const line = { event: kind, ...(connection === "" ? {} : { connection }), ...details, seconds };
  if (isAnswered) {
    log.debug(line, "a delegated request was answered");
    return;
  }
  // Whoever asks decides how often this happens.
  const { domain, rule, entity, outcome, code = "" } = event;
  log.warn(
    repeatable(line, { as: [kind, domain, rule, entity, outcome, code] }),
    "a delegated request got no usable answer",
  );
}
