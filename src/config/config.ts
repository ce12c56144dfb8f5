import type { Secret } from "./secret.js";

/**
 * The whole configuration, proved. Deep-frozen; every file named in it has been read, so two of them can be compared.
 *
 * Units   milliseconds where a name ends in `Ms`, bytes where it ends in `Bytes`, else counts.
 * Source  `proxy.yaml`; each key is described in `docs/configuration.md`.
 */
export interface Config {
  /** Absolute path of the file that was read. */
  readonly file: string;
  /** SHA-256 of its text, in hexadecimal. */
  readonly sha256: string;
  readonly domains: readonly DomainConfig[];
  readonly listen: readonly ListenerConfig[];
  /** `undefined`: no administration port. */
  readonly admin: AdminConfig | undefined;
  /** A port for `/metrics` alone; `undefined`: it is on the administration port. */
  readonly metrics: AddressConfig | undefined;
  readonly limits: LimitsConfig;
  readonly timeouts: TimeoutsConfig;
  readonly drain: DrainConfig;
  readonly streamManagement: StreamManagementConfig;
  readonly log: LogConfig;
  /** `undefined`: nothing is kept across restarts. */
  readonly store: StoreConfig | undefined;
}

export interface AddressConfig {
  readonly host: string;
  /** 0 lets the system choose one; only for listeners. */
  readonly port: number;
}

export interface AdminConfig extends AddressConfig {
  /** What other machines must show; `undefined`: they are shown nothing about users. */
  readonly token: Secret | undefined;
  /** `undefined`: no runtime commands. */
  readonly socket: AdminSocketConfig | undefined;
}

/** A socket in the file system. */
export interface AdminSocketConfig {
  /** Absolute. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}

/** One served domain. */
export interface DomainConfig {
  /** Normalised: A-labels, lower case. */
  readonly name: string;
  readonly tls: CertificateConfig;
  readonly server: ServerConfig;
  /** `undefined`: any component may connect (only where the server checks the handshake). */
  readonly components: readonly ComponentConfig[] | undefined;
  readonly delegations: readonly DelegationConfig[];
  /** What users may delegate themselves; `undefined`: nothing. */
  readonly clientMode: ClientModeConfig | undefined;
}

/** What users of a domain may delegate, and to whom (XEP-0355 §5, §10). */
export interface ClientModeConfig {
  readonly namespaces: readonly string[];
  /** Domains of components and bare JIDs of users, normalised; `undefined`: everybody may ask. */
  readonly entities: readonly string[] | undefined;
  readonly challengeMs: number;
  readonly maxGrantsPerUser: number;
  readonly timeoutMs: number;
}

/** Where grants are kept, and where the file says so. */
export interface StoreConfig {
  /** Absolute path of a folder. */
  readonly path: string;
  readonly maxGrants: number;
  /** Of `store.path`; both count from 1. */
  readonly line: number;
  readonly column: number;
}

/** A certificate chain and its key, as read; `certFile` and `keyFile` are absolute paths. */
export interface CertificateConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM: the certificate first, then its chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: Secret;
}

/** The real server behind one domain. */
export interface ServerConfig {
  readonly c2s: ServerC2sConfig;
  /** The server's component port; `undefined`: component links end here (XEP-0114). */
  readonly component: ServerComponentConfig | undefined;
}

export interface ServerC2sConfig extends AddressConfig {
  readonly tls: "none" | "starttls" | "direct";
  /** What becomes of the server's offers to bind a login to TLS. */
  readonly channelBinding: "passthrough" | "endpoint" | "strip";
  /** False: any certificate is taken. */
  readonly verify: boolean;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca: string | undefined;
  /** SHA-256 of the only certificate to accept (DER), 64 lower-case hexadecimal digits. Replaces `ca` and the name check. */
  readonly pinnedCertificate: string | undefined;
  /** The name to send as SNI and to expect in the certificate. */
  readonly serverName: string;
  /** `undefined`: the server is not told the client's address. */
  readonly proxyProtocol: "v1" | "v2" | undefined;
}

export interface ServerComponentConfig extends AddressConfig {
  readonly proxyProtocol: "v1" | "v2" | undefined;
}

/** A component that may connect for a domain. */
export interface ComponentConfig {
  /** Normalised domain. */
  readonly jid: string;
  /** `undefined`: the server checks the handshake. */
  readonly secret: Secret | undefined;
}

/** One delegated namespace; has the shape of a rule (XEP-0355 §4). */
export interface DelegationConfig {
  readonly namespace: string;
  /** The managing entity's JID, normalised. */
  readonly entity: string;
  readonly filtering: readonly string[];
  readonly timeoutMs: number;
  readonly blocking: boolean;
  readonly foreignTargets: "delegate" | "probe" | "server";
  /** Disco identities `category/type` of the server that this delegation replaces. */
  readonly identities: readonly string[];
}

export type ListenerConfig = ListenerPlaceConfig & ListenerOptionsConfig & ListenerKindConfig;

/** What is served there, and how. */
export type ListenerKindConfig =
  | { readonly kind: "c2s"; readonly tls: "starttls" | "direct" | "none" }
  | { readonly kind: "component"; readonly tls: "none" }
  | WebSocketListenerConfig;

/** WebSocket (RFC 7395), and beside it the host's metadata (XEP-0156). */
export interface WebSocketListenerConfig {
  readonly kind: "websocket";
  readonly tls: "direct" | "none";
  /** Begins with `/`. */
  readonly path: string;
  readonly hostMeta: boolean;
  /** What the metadata names; `undefined`: made of the request's host and the listener. */
  readonly publicUrl: string | undefined;
  /** In lower case; `undefined`: scripts of every origin may connect. */
  readonly origins: readonly string[] | undefined;
  /** 0: never. */
  readonly pingMs: number;
}

/** An address of our own, or the name of sockets that the service manager holds (sd_listen_fds(3)). */
export type ListenerPlaceConfig =
  | (AddressConfig & { readonly socket?: undefined })
  | { readonly socket: string; readonly host?: undefined; readonly port?: undefined };

export interface ListenerOptionsConfig {
  /** `undefined`: connections do not begin with a PROXY header. */
  readonly proxyProtocol: { readonly from: readonly NetworkConfig[] } | undefined;
}

/** The addresses that begin with the same `prefix` bits as `address`. */
export interface NetworkConfig {
  readonly address: string;
  readonly prefix: number;
}

export interface LimitsConfig {
  /** Largest stanza of an authenticated client. */
  readonly maxStanzaBytes: number;
  readonly maxUnauthenticatedStanzaBytes: number;
  /** Largest stanza of the server or of a component. */
  readonly maxTrustedStanzaBytes: number;
  readonly maxDepth: number;
  readonly maxAttributes: number;
  readonly maxChildren: number;
  readonly maxNameBytes: number;
  readonly pendingPerSession: number;
  readonly heldBytes: number;
  readonly entityQueueBytes: number;
  readonly clientQueueBytes: number;
  /** Client and component connections at once. */
  readonly connections: number;
  /** The same from one address; 0: no limit. */
  readonly connectionsPerAddress: number;
}

export interface TimeoutsConfig {
  readonly tlsMs: number;
  readonly headerMs: number;
  readonly connectMs: number;
  readonly authenticationMs: number;
  readonly drainMs: number;
  /** Silence of a link in both directions; 0: for ever. */
  readonly idleMs: number;
  readonly shutdownMs: number;
}

/** XEP-0198 where stanzas are taken out of a stream and put into it. */
export interface StreamManagementConfig {
  readonly ackDelegated: "accept" | "reply";
  /** Unacknowledged stanzas of ours, and the age of the oldest, at which the client is asked. */
  readonly requestAfterCount: number;
  readonly requestAfterMs: number;
  /** Swallowed and injected stanzas at which the server is asked. */
  readonly requestServerAfterCount: number;
  /** What one session may keep. */
  readonly maxInjected: number;
  readonly maxRetainedBytes: number;
  /** How long a lost stream can be resumed when the server does not say, and how much longer it is kept here. */
  readonly resumptionMs: number;
  readonly graceMs: number;
  /** Where streams wait between two processes; absolute. */
  readonly handoverFile: string | undefined;
}

/** How the links end when the proxy stops. */
export interface DrainConfig {
  /** Over how long clients are told. */
  readonly spreadMs: number;
  /** What they are told; `host` as RFC 6120 §4.9.3.19 wants it, `uri` as RFC 7395 §3.6.1; one of them is there. */
  readonly farewell:
    | { readonly condition: "system-shutdown" }
    | { readonly condition: "see-other-host"; readonly host?: string | undefined; readonly uri?: string | undefined };
}

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** How a line looks; `auto` goes by what standard output is. */
export const logFormats = ["auto", "json", "pretty", "journald"] as const;
export type LogFormat = (typeof logFormats)[number];

/** From the most to the fewest lines. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];
