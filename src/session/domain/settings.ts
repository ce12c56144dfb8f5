import type { ClientModeSettings } from "../../delegation/index.js";
import type { FramerLimits } from "../../xml/index.js";
import type { RuleTable } from "../../rules/index.js";
import type { ChannelBinding, ManagementOptions, ResumptionOptions } from "../../stream/index.js";

/** What the machines need to know of one served domain. Made from the configuration by the composition root. */
export interface DomainSettings {
  /** Normalised domain (A-labels, lower case). */
  readonly name: string;
  readonly serverTls: "none" | "starttls" | "direct";
  /** What becomes of the server's offers to bind a login to TLS. */
  readonly channelBinding: ChannelBinding;
  /** True when component links are relayed to the server's own component port; false: they end here. */
  readonly relaysComponents: boolean;
  /** Component JID → shared secret (only for links that end here). `undefined`: no allow-list. */
  readonly components: ReadonlyMap<string, { readonly secret: string | undefined }> | undefined;
  readonly rules: RuleTable;
  /** What users may delegate themselves (XEP-0355 §5); `undefined`: nothing. */
  readonly clientMode?: ClientModeSettings | undefined;
}

export interface LinkLimits {
  /** Before authentication; `limits.unauthenticatedStanza`. */
  readonly unauthenticated: FramerLimits;
  readonly authenticated: FramerLimits;
  /** Stanzas from the server and from components: larger, since the server bounds them itself. */
  readonly trusted: FramerLimits;
  /** Delegated requests in flight per session; at the limit the client is no longer read. */
  readonly pendingPerSession: number;
  /** Bytes of stanzas held back while a blocking delegation waits (D41); at the limit the client is no longer read. */
  readonly heldBytes: number;
  /** Bytes queued towards one managing entity; at the limit its delegations are refused. */
  readonly entityQueueBytes: number;
  /** Bytes of ours queued towards one client; beyond the limit its connection is closed. */
  readonly clientQueueBytes: number;
  /** What a client's stanza may grow to when it is written anew, with every namespace in full. */
  readonly writtenBytes: number;
}

/** XEP-0198 as the operator wants it. What a session was enabled with stays with it. */
export interface StreamManagementSettings {
  readonly options: ManagementOptions;
  readonly resumption: Pick<ResumptionOptions, "defaultMaxSeconds" | "graceSeconds">;
}
