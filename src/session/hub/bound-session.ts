import type { ManagementNamespace, ResumableSession, StreamManagement } from "../../stream/index.js";
import type { Element, FrameKind } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import type { Carrier } from "./carrier.js";
import type { Domain } from "../domain/domain.js";
import type { Questions } from "./questions.js";
import type { RequestFaultCode } from "./request-faults.js";
import type { SessionLink } from "../link/session-link.js";
import type { SessionView } from "./views.js";

/** The stream that a session runs over, as other streams know it. */
export interface ResumableStream {
  /** Streams are numbered in the order in which they were opened. */
  readonly number: number;
  /** Another stream has taken the session over (XEP-0198 §5). */
  replaced(): void;
  /** The session cannot be kept any more: too much waits for the client. */
  lose(): void;
}

/** A bound c2s session, as its stream, the hub and whoever is looked for at an account know it. */
export interface BoundSession {
  /** As the server bound it. */
  readonly jid: Jid;
  readonly domain: Domain;
  /** `Performer.id` of the connection; that of the last one for a session that waits to be resumed. */
  readonly connection: string;
  /** Language of the client's stream (protocol.md R7). */
  readonly lang: string | undefined;
  /** Priority of the client's available presence (RFC 6121 §4.7.2.3); `undefined` while it is not available. */
  readonly priority: number | undefined;
  /** Stanzas may be put into its stream, or will be when it is resumed. */
  readonly isReachable: boolean;
  /** Its user manages namespaces for others. */
  readonly isEntity: boolean;
  /** Something of the client's was not sent on yet. */
  readonly isHolding: boolean;
  /** Something is held, pending or owed. */
  readonly isBusy: boolean;
  /** Bytes that were sent to the client and have not left this process yet. */
  readonly queuedBytes: number;
  /** How it is doing, for an operator who asks. */
  readonly load: Pick<SessionView, "isConnected" | "pending" | "heldBytes">;
  /** The same, if anything was asked or is looked at. */
  readonly questions: Questions | undefined;
  /** What the server is asked in the client's name. */
  readonly server: Questions;
  /** What the client itself is asked. */
  readonly client: Questions;

  /** Puts a stanza of ours, an element in any content namespace, into the client's stream. */
  deliver(stanza: Element): void;
  /** Puts complete stanzas that leave `jabber:client` unsaid, or say it, into the client's stream. */
  sendToClient(bytes: Uint8Array): void;
  /** Something that was waited for has come, or is not waited for any more; the stream may be about to end with the last. */
  relieved(): void;
  /** A stanza of the client's goes no further. */
  swallow(stanza: Element): void;
  /** The session's user is appointed as a managing entity, or no longer is. */
  manages(entity: Carrier | undefined): void;

  /** What it can be resumed with (XEP-0198 §5). */
  resumable: ResumableSession<BoundSession, ResumableStream> | undefined;
  readonly management: StreamManagement | undefined;
  /** In which its client has enabled stream management. */
  readonly managementNamespace: ManagementNamespace;
  /** The client has enabled stream management. */
  manage(management: StreamManagement, namespace: ManagementNamespace): void;
  requestAcks(): void;

  /** A stanza or the end of the stream from the client. True: it goes on to the server as it came. */
  fromClient(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean;
  /** A stanza of the server's. True: it goes on to the client as it came. */
  fromServer(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean;
  /** The session goes on in another stream. */
  attach(link: SessionLink): void;
  /** The stream was lost. What was held is not counted yet, so the client sends it again. */
  detach(): void;
  /** The server's stream ends: what is pending is answered now, because nothing can be afterwards. */
  failPending(code: RequestFaultCode): void;
  /** No more stanzas reach the client. Late replies are swallowed by the hub. */
  end(): void;
}
