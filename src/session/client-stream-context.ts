import type { Domain } from "./domain.js";
import type { Hub } from "./hub.js";
import type { Performer } from "./performer.js";
import type { Pump } from "./pump.js";
import type { Teardown } from "./teardown.js";

/** The link around a client's stream, once both legs stand. */
export interface ClientStreamContext {
  readonly hub: Hub;
  readonly domain: Domain;
  readonly up: Pump;
  readonly down: Pump;
  readonly performer: Performer;
  readonly teardown: Teardown;
  readonly lang: string | undefined;
  /** Called when no request is pending and nothing is held any more. */
  readonly settled: () => void;
}
