/**
 * What must outlive the process: the grants of client mode (XEP-0355 §5), in a small database of their own, and, in a file
 * between two processes, the streams that can be resumed (XEP-0198 §5).
 *
 * 1. What was said to be stored is on the disk: a killed process, or a machine that lost power, has it after its restart.
 * 2. What could not be stored is said at once, and brought in order as soon as it can be.
 * 3. A store that is not right is not repaired by guessing: the operator is told, and decides.
 * 4. It is loaded when it is configured, and not otherwise.
 */
export { GrantStore } from "./grant-store.js";
export { takeHandover, writeHandover } from "./handover-file.js";
export type { StoredChange, StoredGrant } from "./records.js";
export { StoreError, storeProblems } from "./store-error.js";
export type { StoreProblem } from "./store-error.js";
