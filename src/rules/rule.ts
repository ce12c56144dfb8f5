/** One delegated namespace as configured: what is delegated, to whom, and how. */
export interface DelegationRule {
  /** Compared exactly (protocol.md D5). */
  readonly namespace: string;
  /** The managing entity: JID as configured, normalised. */
  readonly entity: string;
  /** Filtering attributes: un-namespaced attributes of the child element that must all be present (XEP-0355 §4.3). */
  readonly filtering: readonly string[];
  readonly timeoutMs: number;
  /** Stop processing the requester's stream until the reply (protocol.md D41). */
  readonly blocking: boolean;
  /**
   * Requests to accounts other than the sender's own: delegated, delegated if the server does not turn the sender away
   * when it is asked on its behalf, or left to the server (protocol.md R11).
   */
  readonly foreignTargets: "delegate" | "probe" | "server";
  /** Discovery identities of the server that the delegation replaces, `category/type` (protocol.md D52). */
  readonly identities: readonly string[];
}

/** What a rule needs to know of an IQ. */
export interface Request {
  readonly type: string | undefined;
  readonly id: string | undefined;
  /** As written; undefined when absent, which is something else than empty. */
  readonly to: string | undefined;
  /** The sender: the full JID that the server bound, or what a component wrote, once the server would accept it. */
  readonly from: string;
  readonly children: readonly RequestChild[];
}

export interface RequestChild {
  readonly namespace: string;
  readonly name: string;
  /** Names of the un-namespaced attributes. */
  readonly attributes: ReadonlySet<string>;
}

/** Whom a delegated request is addressed to (XEP-0355 §4.3). */
export type Target = "domain" | "own-account" | "foreign-account";

/**
 * What a delegated request waits for: nothing; the server's answer to the request itself, and only if that is
 * `item-not-found` is it delegated (XEP-0355 §7.2.4); or the server's answer to a question on the sender's behalf (R11).
 */
export type Waiting = "nothing" | "server" | "probe";

export type Decision =
  | { readonly kind: "pass"; readonly reason: PassReason }
  | { readonly kind: "delegate"; readonly rule: DelegationRule; readonly target: Target; readonly waitsFor: Waiting }
  | {
      readonly kind: "refuse";
      readonly condition: "bad-request" | "forbidden";
      readonly errorType: "modify" | "auth";
      /** Absent when the request is for the delegation protocol itself. */
      readonly rule?: DelegationRule;
      readonly code: RefusalCode;
    };

/** Why a request is the server's. One sentence each, for `caesura explain`. */
export const passReasons = {
  "not-a-request": "the type is neither get nor set (XEP-0355 §4.1)",
  "no-payload": "there is no child element (RFC 6120 §8.2.3)",
  "namespace-not-delegated": "the namespace of the child element is not delegated",
  "not-a-get": "discovery is asked with type get (XEP-0030 §3.1)",
  "no-node": "the request names no node, and the server describes the account itself (XEP-0355 §7.2.4)",
  "not-an-account": "the address is the domain, and the rule is about accounts (XEP-0355 §7.2.4)",
  "filtering-attribute-missing": "a filtering attribute is missing (XEP-0355 §4.3)",
  "malformed-sender": "the sender's address is not well formed (RFC 7622 §3)",
  "malformed-target": "the address is not well formed (RFC 7622 §3)",
  "other-domain": "the address is at another domain (XEP-0355 §4.3)",
  "full-jid": "the address is a full JID (XEP-0355 §4.3)",
  "domain-with-resource": "the address is the domain with a resource (XEP-0355 §4.3)",
  "no-own-account": "there is no address, and the sender has no account at this domain (RFC 6120 §10.3.3)",
  "from-managing-entity": "the sender is the managing entity itself (XEP-0355 §4.3.1)",
  "other-account": "the address is another account, which the rule leaves to the server (XEP-0191 §3.3)",
} as const satisfies Readonly<Record<string, string>>;

export type PassReason = keyof typeof passReasons;

/** Why a request is answered with an error at once. */
export const refusals = {
  "delegated-request-without-id": { condition: "bad-request", errorType: "modify", source: "RFC 6120 §8.2.3" },
  "delegated-request-with-several-children": {
    condition: "bad-request",
    errorType: "modify",
    source: "RFC 6120 §8.2.3",
  },
  "delegation-namespace-requested": { condition: "forbidden", errorType: "auth", source: "XEP-0355 §8" },
} as const;

export type RefusalCode = keyof typeof refusals;

/** What a rule asks of a request, in this order. */
export type Condition = "type" | "namespace" | "filtering" | "sender" | "target" | "discovery" | "foreign-target";

/** How one rule saw a request. */
export interface RuleStep {
  readonly rule: DelegationRule;
  readonly held: readonly Condition[];
  /** The first condition that did not hold; undefined for the rule that the request falls under. */
  readonly failed: { readonly condition: Condition; readonly reason: PassReason } | undefined;
}
