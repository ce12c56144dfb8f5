import type { LegClosed } from "../session/index.js";
import type { Leg } from "./leg.js";
import type { LegTraffic } from "./traffic.js";
import type { Turns } from "./turn.js";

/** What a leg needs of the link that owns it, and tells it. Asked each time: a reference in each leg is memory. */
export interface LegOwner {
  readonly turns: Turns;
  /** How long a peer may accept nothing while bytes wait for it. */
  readonly drainMs: number;
  trafficOf(leg: Leg): LegTraffic;
  legBytes(leg: Leg, chunk: Buffer): void;
  /** The peer sent FIN: it will send no more. */
  legFinished(leg: Leg): void;
  /** The connection asked for is there, TLS included where it is direct. */
  legConnected(leg: Leg): void;
  /** The upgrade asked for by `secure` is done. */
  legSecured(leg: Leg, serverName: string | undefined): void;
  /** This leg holds so much that the opposite one should not be read, or has got rid of it. */
  legFilled(leg: Leg): void;
  legDrained(leg: Leg): void;
  /** Why the leg is about to be closed, for whoever looks after it; content of the peer is not in it. */
  legFailed(leg: Leg, error: Error): void;
  /** The last call for this leg. */
  legClosed(leg: Leg, reason: LegClosed): void;
}
