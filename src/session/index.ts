/**
 * Two legs coupled (a link), and links coupled with delegation (the hub). The proxy of one node as a machine.
 *
 * 1. No sockets, clock, randomness: `HubEnvironment` and `Performer` are what the machines see of the world.
 * 2. Bytes go in with `LinkMachine.bytes`, actions come out as calls of the link's `Performer`, in order.
 * 3. What no rule selects leaves as the bytes that came; injection happens between frames only.
 * 4. Every request that was taken out of a stream is answered exactly once.
 */
export type {
  CloseReason,
  Farewell,
  LegClosed,
  LegName,
  LinkEvent,
  LinkMachine,
  LinkTimer,
  Performer,
} from "./performer.js";
export { grantSteps } from "./hub-types.js";
export type {
  DelegationObserver,
  DelegationOutcome,
  GrantKeeper,
  GrantStep,
  HubEnvironment,
  HubEvent,
  HubStats,
} from "./hub-types.js";
export type { CarrierView, SessionView } from "./views.js";
export type { DomainSettings, LinkLimits, StreamManagementSettings } from "./settings.js";
export { faultEvent, LINK_FAULTS } from "./faults.js";
export type { LinkFaultCode } from "./faults.js";
export { REQUEST_FAULTS } from "./request-faults.js";
export type { RequestFaultCode } from "./request-faults.js";
export { Hub } from "./hub.js";
export { openClientLink, openComponentLink } from "./links.js";
export type { LinkStats } from "./pump.js";
export { stanzaBytes, stanzaError } from "./stanzas.js";
export { describeRequest } from "./requests.js";
export type { DelegatedRequest } from "./requests.js";
