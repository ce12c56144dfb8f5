/**
 * The administration port.
 *
 * 1. It is read, never written: GET and HEAD, no state behind any address.
 * 2. It binds loopback unless the operator says otherwise, and shows nothing about users.
 */
export { AdminServer, type AdminParts, type Readiness } from "./server.js";
