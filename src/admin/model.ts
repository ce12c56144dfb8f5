import type { LogLevel, Problem } from "../config/index.js";
import type { DelegationOutcome } from "../session/index.js";
import type { RecentFault } from "./recent-faults.js";

// What socket, commands and status page show: one model, made when somebody asks. Times are ISO 8601 in UTC.

export interface StatusView {
  readonly version: string;
  readonly node: string;
  /** The machine's name. */
  readonly host: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly state: "starting" | "serving" | "draining" | "closed";
  readonly ready: boolean;
  readonly reasons: readonly string[];
  /** While draining. */
  readonly drain?: DrainView;
  readonly logLevel: string;
  readonly configuration: ConfigurationView;
  readonly connections: number;
  readonly sessions: number;
  /** Sessions that wait to be resumed, or could be. */
  readonly resumable: number;
  /** Delegated requests that wait for their answer. */
  readonly pending: number;
  readonly memoryBytes: number;
  readonly domains: readonly DomainView[];
  readonly entities: readonly EntityView[];
  /** What users have delegated; a domain without client mode has none. */
  readonly grants: readonly GrantsView[];
  readonly listeners: readonly ListenerView[];
  /** Readers of delegated requests now. */
  readonly taps: number;
}

export interface DrainView {
  /** Links when it began. */
  readonly links: number;
  /** Clients that are still there; those among them that were not told yet. */
  readonly clients: number;
  readonly untold: number;
  /** Components, and users who are managing entities. */
  readonly serving: number;
  /** Until whoever is left is cut. */
  readonly secondsLeft: number;
}

export interface ConfigurationView {
  readonly file: string;
  /** SHA-256 of the file as it was read, in hexadecimal: what `sha256sum` says of it. */
  readonly sha256: string;
  readonly loadedAt: string;
  readonly reloads: { readonly succeeded: number; readonly failed: number };
  /** False: the file was refused the last time, and what was read before is in use. */
  readonly lastReloadSucceeded: boolean;
  /** Why it was refused, with the place of each problem. */
  readonly lastFailure?: ReloadFailure;
}

export interface ReloadFailure {
  readonly at: string;
  readonly message: string;
  readonly problems: readonly Problem[];
}

export interface DomainView {
  readonly name: string;
  /** Whether the last connection to the server succeeded; `unknown` before the first. */
  readonly server: Health;
  /** The same of its component port; `none` where component links end here. */
  readonly componentPort: Health | "none";
  /** When the first of the two that is down became so. */
  readonly downSince?: string;
  readonly rules: number;
  readonly sessions: number;
  readonly certificate: {
    readonly expiresAt: string;
    /** Whole days, below 0 when it has expired. */
    readonly daysLeft: number;
  };
}

export type Health = "up" | "down" | "unknown";

export interface EntityView {
  readonly jid: string;
  readonly up: boolean;
  /** When its link came or went; absent before the first one. */
  readonly since?: string;
  readonly rules: number;
  /** Requests that it has not answered. */
  readonly outstanding: number;
  readonly queuedBytes: number;
}

export interface GrantsView {
  readonly domain: string;
  /** Namespaces that users have delegated, and questions that they have not answered. */
  readonly grants: number;
  readonly questions: number;
  /** Those to whom most users have delegated something. */
  readonly entities: readonly { readonly jid: string; readonly users: number; readonly grants: number }[];
  /** How many entities there are. */
  readonly entitiesTotal: number;
}

export interface ListenerView {
  readonly kind: string;
  readonly tls: string;
  readonly host: string;
  readonly port: number;
}

export interface SessionRow {
  /** The connection id of the log. */
  readonly connection: string;
  readonly jid: string;
  readonly domain: string;
  readonly remote: string;
  readonly state: "connected" | "resumable";
  readonly secure: boolean;
  /** Stream management (XEP-0198) is enabled. */
  readonly managed: boolean;
  readonly seconds: number;
  readonly pending: number;
  readonly heldBytes: number;
}

export interface LinkRow {
  readonly connection: string;
  readonly kind: "c2s" | "component";
  readonly listener: string;
  readonly remote: string;
  readonly domain: string;
  /** Full JID or component; empty before that is known. */
  readonly peer: string;
  readonly state: "opening" | "open" | "ending";
  readonly secure: boolean;
  readonly seconds: number;
  readonly stanzasUp: number;
  readonly stanzasDown: number;
  /** From the peer and to it, without TLS. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly queuedBytes: number;
  /** Delegated requests that a managing entity has not answered over it. */
  readonly outstanding: number;
}

export interface RuleRow {
  readonly domain: string;
  /** The delegated namespace. */
  readonly rule: string;
  readonly entity: string;
  readonly up: boolean;
  readonly filtering: readonly string[];
  readonly blocking: boolean;
  readonly timeoutMs: number;
  /** Requests that the rule took. */
  readonly matches: number;
  readonly outcomes: Readonly<Record<DelegationOutcome, number>>;
  /** Of the last answers; absent before the first. */
  readonly latency?: LatencyView;
}

/** Ranks of how long the last `count` requests took, in milliseconds. */
export interface LatencyView {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What a user has delegated (XEP-0355 §5). */
export interface GrantRow {
  readonly domain: string;
  /** The user's bare JID. */
  readonly account: string;
  readonly namespace: string;
  readonly entity: string;
  readonly grantedAt: string;
  /** False: the configuration of now does not allow it. */
  readonly effective: boolean;
  /** False: it ends with the user's session. */
  readonly lasting: boolean;
}

/** The rows that were asked for, and how many there are. */
export interface Listed<Row> {
  readonly total: number;
  readonly rows: readonly Row[];
}

export interface ListQuery {
  /** Text that a row has in its connection id, an address, a JID or a namespace. */
  readonly match: string;
  readonly limit: number;
  /** Rows before the first one that is wanted. */
  readonly offset?: number;
  /** The column that is sorted by; the order of arrival without one. */
  readonly sort?: string;
  readonly descending?: boolean;
}

export interface ProxyModel {
  status(): StatusView;
  sessions(query: ListQuery): Listed<SessionRow>;
  links(query: ListQuery): Listed<LinkRow>;
  rules(): readonly RuleRow[];
  grants(query: ListQuery): Listed<GrantRow>;
  /** Newest first. */
  errors(): readonly RecentFault[];
}

export type ReloadOutcome =
  | { readonly ok: true; readonly problems: readonly Problem[] }
  /** What was in use stays. */
  | { readonly ok: false; readonly message: string; readonly problems: readonly Problem[] };

export interface Revocation {
  /** A JID. */
  readonly account: string;
  readonly namespace?: string;
  readonly entity?: string;
}

export interface RevokeOutcome {
  readonly revoked: readonly GrantRow[];
  /** False: the store cannot be written, and after a restart they would be there again. */
  readonly stored: boolean;
}

/** What may be done to the running proxy. */
export interface Controls {
  /** Ends a link in an orderly way. False: there is none with this connection id. */
  close(connection: string): boolean;
  /** As SIGTERM. False: it is under way already. */
  drain(): boolean;
  /** As SIGHUP. */
  reload(): Promise<ReloadOutcome>;
  /** Takes back what a user has delegated: all of it, or what fits. */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
  /** Until the next reload. */
  setLogLevel(level: LogLevel): void;
}
