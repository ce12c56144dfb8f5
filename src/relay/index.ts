/**
 * Two sockets coupled: what a machine asks for is done, what the sockets say is told to it.
 *
 * 1. `leg.ts` is the only file that reads and writes sockets, a PROXY header in front of a connection aside.
 * 2. A leg is read while the opposite one has room; memory stays bounded whatever a peer does or does not.
 * 3. A peer that accepts nothing within the drain deadline is closed; half-close is carried, errors are values.
 * 4. What one event writes leaves in one write.
 * 5. No protocol knowledge: the machine decides, the link performs, in order.
 */
export { Link, type CountingMachine, type LinkOrigin, type LinkSurroundings } from "./link.js";
export type { LinkView } from "./link-view.js";
export type { Carrier, SocketEvents } from "./leg-socket.js";
export type { DrainableLink, DrainPlan, DrainProgress } from "./drain.js";
export type { LinkTimeouts } from "./link-timeouts.js";
export { Links } from "./links.js";
export {
  endsOfOpened,
  proxyHeader,
  proxySignature,
  unmapped,
  type ConnectionEnds,
  type Endpoint,
  type ProxyVersion,
} from "./proxy-header.js";
export { ListenerCounters, RelayMetrics, nearLeg, type FrameCounts, type Refusal } from "./counters.js";
export { roomBytes } from "./room.js";
export { Turns } from "./turn.js";
export { c2sUpstream, isTrusted, showsEndPoint, tlsClientOptions, upstream, type Upstream } from "./upstream.js";
export { keepAliveMs, wrapAsServer } from "./open-socket.js";
