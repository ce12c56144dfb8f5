import type { Grant } from "../../delegation/index.js";

/** A bound session, as an operator sees it. */
export interface SessionView {
  /** `Performer.id` of its connection, the last one of a session that waits to be resumed. */
  readonly connection: string;
  /** Full JID. */
  readonly jid: string;
  readonly domain: string;
  /** False: it waits to be resumed. */
  readonly isConnected: boolean;
  readonly isManaged: boolean;
  /** Delegated requests that wait for their answer. */
  readonly pending: number;
  /** What waits behind a blocking delegation. */
  readonly heldBytes: number;
}

/** What a user has delegated (XEP-0355 §5), as an operator sees it. */
export interface GrantView extends Grant {
  readonly domain: string;
  /** False: the configuration of now does not allow it. */
  readonly isEffective: boolean;
  /** False: it ends with the session of the user that it was granted in (XEP-0355 §8). */
  readonly isLasting: boolean;
}

/** The stream of a component or of a user who manages something, as an operator sees it. */
export interface CarrierView {
  readonly connection: string;
  readonly address: string;
  readonly entities: readonly string[];
  readonly outstanding: number;
  readonly queuedBytes: number;
}
