import type { StreamManagement } from "./management.js";

/** What a session is registered with once the server has granted resumption. */
export interface ResumableDescription<Owner, Link> {
  /** Normalised domain; ids of different servers may be equal. */
  readonly domain: string;
  /** The server's id for the stream, from `<enabled/>`. */
  readonly serverId: string;
  /** `Jid.bareKey` and the full address as the server bound it. */
  readonly account: string;
  readonly fullJid: string;
  /** `max` of `<enabled/>`, if any. */
  readonly maxSeconds: number | undefined;
  readonly management: StreamManagement;
  /** Whatever belongs to the session and moves with it: what it waits for, what it may do. */
  readonly owner: Owner;
  /** The link that the session is attached to, and its number; links are numbered in the order in which clients open them. */
  readonly link: Link;
  readonly linkNumber: number;
}

/** A session that can be resumed. Its link is undefined while it is detached. */
export interface ResumableSession<Owner, Link> extends Omit<ResumableDescription<Owner, Link>, "link"> {
  /** The id that the client was given: `<tag>.<server's id>`. */
  readonly cid: string;
  readonly link: Link | undefined;
  /** When it is forgotten; undefined while it is attached. */
  readonly deadlineMs: number | undefined;
}

/** What a `<resumed/>` of the server's leads to. */
export type ResumedOutcome<Owner, Link> =
  /**
   * The session is attached to the link that asked. To be done in this order: end `conflicting` (the client's leg with
   * `<conflict/>`, the server's silently, unread bytes of both dropped) and `rivals`, relay `<resumed/>` with `previd`
   * and `h`, then send `down` to the client and `up` to the server, before anything newer.
   */
  | {
      readonly kind: "resumed";
      readonly session: ResumableSession<Owner, Link>;
      readonly previd: string;
      readonly h: number;
      readonly down: readonly Uint8Array[];
      readonly up: readonly Uint8Array[];
      readonly conflicting: Link | undefined;
      /** Links that also wait for the server's answer about this session; their clients are gone. */
      readonly rivals: readonly Link[];
    }
  /** The server contradicts itself or what was relayed. Both legs are to be closed; the session is forgotten. */
  | {
      readonly kind: "fault";
      readonly session: ResumableSession<Owner, Link>;
      readonly conflicting: Link | undefined;
      readonly rivals: readonly Link[];
    };
