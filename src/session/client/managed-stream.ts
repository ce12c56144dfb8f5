import type { BoundSession, ResumableStream } from "../hub/bound-session.js";
import type { LinkFaultCode } from "../link/faults.js";
import type { Hub } from "../hub/hub.js";
import type { Pump } from "../link/pump.js";
import type { Refusals } from "./refusals.js";

/** What stream management needs of the stream that it belongs to. */
export interface ManagedStream {
  readonly hub: Hub;
  readonly domainName: string;
  /** `Performer.id` of the connection. */
  readonly connection: string;
  readonly up: Pump;
  readonly down: Pump;
  readonly session: BoundSession | undefined;
  /** Whether stanzas may be taken out of this stream or put into it. */
  readonly takesStanzas: boolean;
  /** The stream itself, as other streams know it. */
  readonly stream: ResumableStream;
  /** The server has resumed an earlier stream, whose session goes on here. */
  adopt(session: BoundSession): void;
  /** Answers what the server is not to hear of. */
  readonly refusals: Refusals;
  /** Looks at nothing more of the client's until `release`. */
  hold(): void;
  release(): void;
  /**
   * Client and server count this stream's stanzas without us, so none may be taken or put in: `true` from the client's
   * `<enable/>` on, which it counts from, `false` if the server refuses.
   */
  leaveAlone(isAlone: boolean): void;
  breach(leg: "client" | "server", code: LinkFaultCode, detail?: string): void;
}
