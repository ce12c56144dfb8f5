import type { Performer } from "./performer.js";
import type { Pump } from "./pump.js";

/** The stream that a session runs over; a resumed session gets another one. */
export interface SessionLink {
  readonly up: Pump;
  readonly down: Pump;
  readonly performer: Performer;
  /** Language of the client's stream (protocol.md R7). */
  readonly lang: string | undefined;
  readonly owner: SessionOwner;
}

/** Who is told what becomes of a session's stanzas. */
export interface SessionOwner {
  /** Nothing is pending or held any more. */
  settled(): void;
  /** The client's end of the stream, which was held, went to the server. */
  streamEnded(): void;
  /** More waits for the client than is kept: its socket is to be closed (protocol.md S13). */
  overflow(): void;
  /** Client and server count this stream's stanzas without us: none may be taken out or put in (protocol.md S2). */
  readonly isLeftAlone: boolean;
}
