import type { StanzaErrorCondition } from "../xmpp/index.js";

interface RefusalEntry {
  readonly condition: StanzaErrorCondition;
  readonly source: string;
  readonly meaning: string;
}

/** Why a managing entity's request for a user's namespaces is refused; the codes are listed in `docs/errors.md`. */
export const grantRequestRefusals = {
  "grant-request-malformed": {
    condition: "bad-request",
    source: "XEP-0355 §5.1",
    meaning: "the request names no user, no namespace, or holds anything else",
  },
  "grant-request-too-long": {
    condition: "not-acceptable",
    source: "XEP-0355 §5.1",
    meaning: "the request names more namespaces than a user can be asked about at once",
  },
  "grant-delegation-itself": {
    condition: "forbidden",
    source: "XEP-0355 §8",
    meaning: "the namespace of delegation itself is asked for",
  },
  "grant-namespace-not-allowed": {
    condition: "forbidden",
    source: "XEP-0355 §10",
    meaning: "the namespace is not on the list of those that users may delegate",
  },
  "grant-namespace-administered": {
    condition: "not-allowed",
    source: "XEP-0355 §4",
    meaning: "the administrator has delegated the namespace for everybody",
  },
  "grant-user-elsewhere": {
    condition: "item-not-found",
    source: "XEP-0355 §5.1",
    meaning: "the user is not one of this domain",
  },
  "grant-user-is-entity": {
    condition: "not-allowed",
    source: "XEP-0355 §5.1",
    meaning: "a user asks to manage the own account",
  },
  "grant-questions-open": {
    condition: "resource-constraint",
    source: "RFC 6120 §8.3.3.18",
    meaning: "the user, the entity or everybody together has too many questions open, or was asked another one lately",
  },
} as const satisfies Readonly<Record<string, RefusalEntry>>;

export type GrantRequestRefusal = keyof typeof grantRequestRefusals;

/** Why a user's answer to the question is refused. Whether a challenge is somebody else's or nobody's, the wire does not tell. */
export const grantAnswerRefusals = {
  "grant-answer-stale": {
    condition: "item-not-found",
    source: "XEP-0355 §5.1",
    meaning: "the challenge is unknown, or its time is over",
  },
  "grant-answer-foreign": {
    condition: "item-not-found",
    source: "XEP-0355 §5.1",
    meaning: "the challenge was given to another user",
  },
  "grant-answer-reused": {
    condition: "unexpected-request",
    source: "XEP-0355 §5.1",
    meaning: "the question was answered before",
  },
  "grant-answer-malformed": {
    condition: "bad-request",
    source: "XEP-0004 §3.3",
    meaning: "the form has fields that were not in the question, or values other than 0 and 1",
  },
  "grant-too-many": {
    condition: "resource-constraint",
    source: "RFC 6120 §8.3.3.18",
    meaning: "the user, or everybody together, has delegated as many namespaces as are kept",
  },
  "grant-withdrawn": {
    condition: "not-allowed",
    source: "XEP-0355 §10",
    meaning: "since the question was asked the namespace or the entity was taken off the list",
  },
  "grant-not-stored": {
    condition: "internal-server-error",
    source: "RFC 6120 §8.3.3.6",
    meaning: "the store cannot be written, so that nothing is granted",
  },
} as const satisfies Readonly<Record<string, RefusalEntry>>;

export type GrantAnswerRefusal = keyof typeof grantAnswerRefusals;

/** Why a command is refused; `application` is the condition of XEP-0050 §4.4 that stands beside the one of RFC 6120. */
export const grantCommandRefusals = {
  "grant-command-malformed-action": {
    condition: "bad-request",
    application: "malformed-action",
    source: "XEP-0050 §4.4",
    meaning: "the action of the command is none of XEP-0050",
  },
  "grant-command-bad-action": {
    condition: "bad-request",
    application: "bad-action",
    source: "XEP-0050 §4.4",
    meaning: "the action of the command was not offered",
  },
  "grant-command-bad-payload": {
    condition: "bad-request",
    application: "bad-payload",
    source: "XEP-0050 §4.4",
    meaning: "the command holds no form that fits the one that was sent",
  },
  "grant-command-bad-session": {
    condition: "bad-request",
    application: "bad-sessionid",
    source: "XEP-0050 §4.4",
    meaning: "the session of the command is not one of this user's",
  },
  "grant-command-session-expired": {
    condition: "not-allowed",
    application: "session-expired",
    source: "XEP-0050 §4.4",
    meaning: "the session of the command is over",
  },
  "grant-command-too-many": {
    condition: "resource-constraint",
    application: undefined,
    source: "RFC 6120 §8.3.3.18",
    meaning: "too many commands are under way",
  },
} as const satisfies Readonly<Record<string, RefusalEntry & { readonly application: string | undefined }>>;

export type GrantCommandRefusal = keyof typeof grantCommandRefusals;
