import type { DiscoveryCounts } from "./domain-discovery.js";
import type { LinkLimits, StreamManagementSettings } from "./settings.js";

/** What became of one delegated request; the `outcome` label of `caesura_delegations_total`. */
export type DelegationOutcome = "result" | "error" | "timeout" | "no_link" | "invalid_reply" | "refused" | "late";

/**
 * What became of a stream that could be resumed; the `outcome` label of `caesura_resumptions_total`. `refused`: by us,
 * because the id is unknown, a counter is none or too high, or a resource is bound already; `failed`: by the server; `expired`: nobody came back; `overflow`: too much waited.
 */
export type ResumptionOutcome = "resumed" | "failed" | "refused" | "expired" | "overflow";

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
    }
  | { readonly kind: "resumption"; readonly domain: string; readonly outcome: ResumptionOutcome }
  /** The server's own service answers what is to be the managing entity's (protocol.md D57, R15). */
  | { readonly kind: "shadowed"; readonly domain: string; readonly rule: string }
  /** What a managing entity said on the node of a delegated namespace; `leftOut` parts of it could not be used. */
  | {
      readonly kind: "discovery";
      readonly domain: string;
      readonly entity: string;
      readonly rule: string;
      readonly scope: "domain" | "account";
      readonly outcome: DiscoveryOutcome;
      readonly leftOut: number;
    }
  | { readonly kind: "entity-up"; readonly entity: string }
  | { readonly kind: "entity-down"; readonly entity: string; readonly lost: number }
  | { readonly kind: "advertised"; readonly domain: string; readonly entity: string; readonly namespaces: number };

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
  /** Every configured managing entity. */
  readonly entities: ReadonlyMap<string, { readonly up: boolean; readonly queuedBytes: number }>;
}
