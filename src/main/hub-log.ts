import type { Logger } from "pino";
import type { HubEvent } from "../session/index.js";

/** One line for what an operator may have to act on. A delegated request that ends well is counted only. */
export function logHubEvent(log: Logger, event: HubEvent): void {
  const { kind, ...details } = event;
  const line = { event: kind, ...details };
  switch (event.kind) {
    case "delegation":
      if (event.outcome === "result" || event.outcome === "error") log.debug(line, "a delegated request was answered");
      else log.warn(line, "a delegated request got no usable answer");
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
