import type { GrantChange } from "../../delegation/index.js";
import type { Element } from "../../xml/index.js";
import type { DiscoveryCounts } from "../domain/domain-discovery.js";
import type { DelegatedRequest } from "./requests.js";
import type { LinkLimits, StreamManagementSettings } from "../domain/settings.js";

/** What became of one delegated request; the `outcome` label of `caesura_delegations_total`. */
export type DelegationOutcome = "result" | "error" | "timeout" | "no_link" | "invalid_reply" | "refused" | "late";

/**
 * What became of a stream that could be resumed; the `outcome` label of `caesura_resumptions_total`. `refused`: by us,
 * because the id is unknown, a counter is none or too high, or a resource is bound already; `failed`: by the server; `expired`: nobody came back; `overflow`: too much waited.
 */
export type ResumptionOutcome = "resumed" | "failed" | "refused" | "expired" | "overflow";

/** A stream that was to be resumed, or can be no more. */
export interface Resumption {
  readonly domain: string;
  /** The one that asked for it; for `expired` and `overflow` the last one that the session had. */
  readonly connection: string;
  /** The connection that a resumed session had before. */
  readonly previous?: string;
  /** Full JID, once it is known whose session it is. */
  readonly jid?: string;
}

/** What became of a question to a managing entity; the `outcome` label of `caesura_discovery_questions_total`. */
export type DiscoveryOutcome = "answered" | "error" | "silent";

/** What the hub tells the operator; performed at once, never for an untouched stanza. */
export type HubEvent =
  | {
      readonly kind: "delegation";
      /** Names the requester's connection; empty when it is not known, as for a late reply. */
      readonly connection: string;
      readonly domain: string;
      /** The configured namespace, which names the rule. */
      readonly rule: string;
      /** The configured managing entity. */
      readonly entity: string;
      readonly outcome: DelegationOutcome;
      /** Stable code of what was wrong, listed in `docs/errors.md`; for every outcome but `result` and `error`. */
      readonly code?: string;
      readonly seconds: number;
      /** The connection over which the entity was asked; absent if it was not. */
      readonly entityConnection?: string;
    }
  | ({ readonly kind: "resumption"; readonly outcome: ResumptionOutcome } & Resumption)
  /** The server's own service answers what is to be the managing entity's (protocol.md D57, R15). */
  | { readonly kind: "shadowed"; readonly domain: string; readonly rule: string }
  /** What a managing entity said on the node of a delegated namespace; `leftOut` parts of it could not be used. */
  | {
      readonly kind: "discovery";
      /** Of the entity, as in the following ones. */
      readonly connection: string;
      readonly domain: string;
      readonly entity: string;
      readonly rule: string;
      readonly scope: "domain" | "account";
      readonly outcome: DiscoveryOutcome;
      readonly leftOut: number;
    }
  /** Something happened to what a user grants, or may (XEP-0355 §5). `count` is of namespaces. */
  | {
      readonly kind: "grant";
      readonly step: GrantStep;
      readonly domain: string;
      readonly entity: string;
      /** The user; empty for a request. */
      readonly account: string;
      readonly count: number;
    }
  /** Somebody's part in client mode was refused; `code` is listed in `docs/errors.md`. */
  | { readonly kind: "grant-refused"; readonly domain: string; readonly code: string }
  /** A reply waited for what its entity had sent before; `missed`: in vain, and went without. */
  | { readonly kind: "reply-held"; readonly entity: string; readonly outcome: "in_order" | "missed" }
  | { readonly kind: "entity-up"; readonly connection: string; readonly entity: string }
  | { readonly kind: "entity-down"; readonly connection: string; readonly entity: string; readonly lost: number }
  | {
      readonly kind: "advertised";
      readonly connection: string;
      readonly domain: string;
      readonly entity: string;
      readonly namespaces: number;
    };

/**
 * The `step` label of `caesura_grant_events_total`. `asked`: the question went to a session of the user's; `ended`: with
 * the session, since its client cannot revoke.
 */
export const grantSteps = ["requested", "asked", "granted", "denied", "revoked", "ended"] as const;
export type GrantStep = (typeof grantSteps)[number];

/** Keeps grants beyond the life of this process. */
export interface GrantKeeper {
  /** How many more grants can be kept. */
  readonly room: number;
  /**
   * Stores changes, all or none, and says later whether they are safe. If not, `otherwise` is what is to hold in their place.
   */
  save(
    domain: string,
    changes: readonly GrantChange[],
    otherwise: readonly GrantChange[],
    done: (isStored: boolean) => void,
  ): void;
}

/** What the pure core needs of the world. */
export interface HubEnvironment {
  readonly limits: LinkLimits;
  readonly streamManagement: StreamManagementSettings;
  /** An unguessable id, unique for ever, safe in an XML attribute without escaping (128 bits). */
  newId(): string;
  /** Milliseconds of a clock that never runs backwards. */
  now(): number;
  /** Asks for `hub.timerExpired(key)` in `ms`; `clearTimer` takes that back. */
  setTimer(key: number, ms: number): void;
  clearTimer(key: number): void;
  report(event: HubEvent): void;
  /** Undefined where nothing is kept: then nobody can grant anything. */
  readonly grants?: GrantKeeper | undefined;
  /** Milliseconds since the epoch, for what people read; needed where there are grants. */
  wallMs?(): number;
  /** Asked for each delegated request; undefined while nobody looks. */
  readonly observer?: DelegationObserver | undefined;
}

/** Sees delegated requests pass. It reads at once what it wants to keep, changes nothing and does not throw. */
export interface DelegationObserver {
  /** `iq` is the initial stanza, as the requester sent it. */
  requested(request: DelegatedRequest, iq: Element): void;
  /**
   * `answer` goes to the requester. `received` is what came from the managing entity, if that was no usable reply, in
   * normal form.
   */
  settled(
    request: DelegatedRequest,
    end: {
      readonly outcome: DelegationOutcome;
      readonly code: string | undefined;
      readonly seconds: number;
      readonly answer: Element | undefined;
      readonly received: Element | undefined;
      /** As in `HubEvent`. */
      readonly entityConnection: string | undefined;
    },
  ): void;
}

/** Numbers that the edge reads when it is asked for metrics. */
export interface HubStats {
  /** Bound c2s sessions now. */
  readonly sessions: number;
  /** Sessions that wait to be resumed, or could be. */
  readonly resumable: number;
  /** Delegated requests that wait for their answer now. */
  readonly pending: number;
  /** Requests that each rule took: domain → namespace → count. */
  readonly ruleMatches: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Discovery answers and hashes of the server's that were changed, by domain. */
  readonly discovery: ReadonlyMap<string, Readonly<DiscoveryCounts>>;
  /** What users have delegated, and were asked lately: domain → counts. Only domains with client mode. */
  readonly clientModes: ReadonlyMap<string, { readonly grants: number; readonly questions: number }>;
  /** Every configured managing entity. */
  readonly entities: ReadonlyMap<string, { readonly up: boolean; readonly queuedBytes: number }>;
}
