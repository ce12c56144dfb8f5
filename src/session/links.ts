import { ClientLink, type ClientDoor } from "./client/client-link.js";
import { ComponentLink } from "./component/component-link.js";
import type { Hub } from "./hub/hub.js";
import type { LinkMachine, Performer } from "./link/performer.js";
import type { LinkStats } from "./link/pump.js";

/** The machine of a connection that a client has opened. */
export function openClientLink(hub: Hub, performer: Performer, door: ClientDoor): LinkMachine & LinkStats {
  return new ClientLink(hub, performer, door);
}

/** The machine of a connection that a component has opened. */
export function openComponentLink(hub: Hub, performer: Performer): LinkMachine & LinkStats {
  return new ComponentLink(hub, performer);
}
