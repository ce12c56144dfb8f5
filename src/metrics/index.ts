/**
 * Numbers for the operator, in the format of Prometheus.
 *
 * 1. The path of a stanza keeps plain numbers; they are read when somebody asks.
 * 2. Labels come from closed sets; no peer can make a new one.
 * 3. Names begin with `caesura_` (or `process_`, `nodejs_`), units are base units, counters end in `_total`.
 * 4. Every family is described in `docs/metrics.md`, and a test compares the two.
 */
export { Families, type Family, type HistogramFamily, type Read, type Sample } from "./families.js";
export { Tally } from "./tally.js";
export { declareLog } from "./log.js";
export { declareProcess } from "./process.js";
export { DelegationMetrics, type RuleName } from "./delegation.js";
export { ClientModeMetrics } from "./client-mode.js";
