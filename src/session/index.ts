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
} from "./link/performer.js";
export { grantSteps } from "./hub/hub-types.js";
export type {
  DelegationObserver,
  DelegationOutcome,
  GrantKeeper,
  GrantStep,
  HubEnvironment,
  HubEvent,
  HubStats,
} from "./hub/hub-types.js";
export type { CarrierView, GrantView, SessionView } from "./hub/views.js";
export { decideByGrant } from "./domain/granted-rule.js";
export type { DomainSettings, LinkLimits, StreamManagementSettings } from "./domain/settings.js";
export { faultEvent, LINK_FAULTS } from "./link/faults.js";
export type { LinkFaultCode } from "./link/faults.js";
export { REQUEST_FAULTS } from "./hub/request-faults.js";
export type { RequestFaultCode } from "./hub/request-faults.js";
export { handOver, takeOver, type HandedSession } from "./client/handover.js";
export { Hub } from "./hub/hub.js";
export { openClientLink, openComponentLink } from "./links.js";
export type { LinkStats } from "./link/pump.js";
export { stanzaBytes, stanzaError } from "./link/stanzas.js";
export { describeRequest } from "./hub/requests.js";
export type { DelegatedRequest } from "./hub/requests.js";
