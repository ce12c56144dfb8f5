import type { Logger } from "pino";
import { repeatable } from "../log/index.js";
import type { HubEvent } from "../session/index.js";

/** One line for what an operator may have to act on. A delegated request that ends well is counted only. */
export function logHubEvent(log: Logger, event: HubEvent): void {
  const { kind, ...details } = event;
  const line = { event: kind, ...details };
  switch (event.kind) {
    case "delegation":
      logDelegation(log, event);
      break;
    case "resumption":
      log.debug(line, "a stream was to be resumed");
      break;
    case "entity-up":
      log.info(line, "a managing entity is connected");
      break;
    case "entity-down":
      log.warn(line, "a managing entity is gone");
      break;
    case "advertised":
      log.info(line, "delegations were advertised");
      break;
    default:
      event satisfies never;
  }
}

function logDelegation(log: Logger, event: HubEvent & { readonly kind: "delegation" }): void {
  const { kind, connection, ...details } = event;
  const line = { event: kind, ...(connection === "" ? {} : { connection }), ...details };
  if (event.outcome === "result" || event.outcome === "error") {
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
