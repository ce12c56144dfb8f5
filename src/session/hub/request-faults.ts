import type { DelegationOutcome } from "./hub-types.js";

/** Why a request was not answered by its managing entity, unless its reply was wrong: the `code` of an outcome. */
export const REQUEST_FAULTS = {
  "entity-absent": { outcome: "no_link", meaning: "the managing entity is not connected" },
  "entity-lost": { outcome: "no_link", meaning: "the managing entity's link ended with the request open" },
  "entity-silent": { outcome: "timeout", meaning: "no reply came within the rule's `timeout`" },
  "entity-congested": {
    outcome: "refused",
    meaning: "`limits.entityQueue` bytes wait for the managing entity already",
  },
  "target-refused": {
    outcome: "refused",
    meaning: "with `foreignTargets: probe`, the server turned the sender away from the account",
  },
  "request-too-large": {
    outcome: "refused",
    meaning: "written anew, the request is more than twice as large as `limits.stanza`",
  },
  "reply-too-large": {
    outcome: "invalid_reply",
    meaning: "written anew, the reply is more than twice as large as `limits.trustedStanza`",
  },
  "too-many-pending": { outcome: "refused", meaning: "a component has `limits.pendingPerSession` requests open" },
  "requester-gone": { outcome: "refused", meaning: "the requester's stream ended first; nobody was answered" },
  "server-closed": { outcome: "refused", meaning: "the server ended the requester's stream first" },
  "server-stream-error": { outcome: "refused", meaning: "the server ended the requester's stream with an error" },
  "link-closed": { outcome: "refused", meaning: "the requester's link was closed by Caesura first" },
  "late-reply": { outcome: "late", meaning: "a reply to a request that was answered before; it was swallowed" },
} as const satisfies Readonly<Record<string, { readonly outcome: DelegationOutcome; readonly meaning: string }>>;

export type RequestFaultCode = keyof typeof REQUEST_FAULTS;
