/**
 * Administration: a port for browsers, orchestrators and Prometheus, and a socket for runtime commands.
 *
 * 1. One model (`model.ts`) is made when somebody asks; port, socket, commands and page show it.
 * 2. Over the port it is read: without a secret on loopback, with the token elsewhere. Changes need the token or the socket.
 * 3. No reader slows traffic down: what a reader does not take is lost to it, and it is told how much.
 * 4. What a peer wrote is shown to nobody, but for payload that an operator asked for over the socket; the log says so.
 */
export { AdminServer, type AdminParts, type Served } from "./server.js";
export type { Readiness } from "./home-page.js";
export { accessRefusals, type AccessRefusal } from "./access.js";
export type { ApiParts } from "./api.js";
export type * from "./model.js";
export { Live } from "./live.js";
export { Latencies } from "./latencies.js";
export { Sampler, type Sample, type Samples } from "./sampler.js";
export { RecentFaults, type RecentFault } from "./recent-faults.js";
export { setMode, SocketPathError } from "./socket-path.js";
export { Taps, type TapEvent } from "./taps.js";
