/**
 * Service discovery as namespace delegation changes it, and the hashes that speak for it.
 *
 * 1. An entity speaks for the namespaces that are delegated to it, and may add what belongs to nobody else; it neither
 *    takes away nor claims what another entity manages, nor the delegation protocol itself.
 * 2. A nested answer is well formed in the sense of XEP-0115 §5.4: no feature, identity or FORM_TYPE twice.
 * 3. A hash goes on only as one that was checked against the answer it stands for and computed anew; otherwise it goes.
 * 4. What a peer wrote is bounded, never thrown at; what was left out is told.
 *
 * Relies on XEP-0030 v2.5, XEP-0068 v1.3, XEP-0115 v1.6, XEP-0128 v1.0, XEP-0300 v1.0, XEP-0355 v0.5, XEP-0390 v0.3.
 */
export { answerForNamespace, answerRefusals } from "./answer.js";
export type { AnswerRefusal, AnswerRefusals, Contribution, NestedNamespace } from "./answer.js";
export { matches, rewriteCapabilities } from "./advertised.js";
export type { CapabilitiesOutcome, CapabilitiesRemoval } from "./advertised.js";
export { belongsTo } from "./belonging.js";
export { capabilitiesHash, capabilitiesVer, hashInput, verificationString } from "./capabilities.js";
export { hashNames } from "./hashing.js";
export { discoLimits, isComplete, readDiscoInfo, writeDiscoInfo } from "./info.js";
export type { DiscoForm, DiscoInfo, DiscoLimits, Identity, LeftOut, ReadOptions } from "./info.js";
export { nest } from "./nest.js";
export type { NestOptions } from "./nest.js";
export { nestingNode } from "./nesting-node.js";
export type { NestingScope } from "./nesting-node.js";
