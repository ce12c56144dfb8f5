import type { XmppStream } from "../support/xmpp-stream.js";
import type { Session } from "./session.js";

/** One stream of a client. */
export interface Line {
  readonly stream: XmppStream;
  /** From binding on. */
  session: Session | undefined;
  /** Its end is no wonder: the client has ended it, or another stream has the session. */
  isGivenUp: boolean;
  /** The session that is to be resumed here. */
  resuming: Session | undefined;
  isFrozen: boolean;
}
