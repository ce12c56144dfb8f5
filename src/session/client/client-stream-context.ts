import type { Domain } from "../domain/domain.js";
import type { Hub } from "../hub/hub.js";
import type { Performer } from "../link/performer.js";
import type { Pump } from "../link/pump.js";
import type { Teardown } from "../link/teardown.js";

/** Who is told when no request is pending and nothing is held any more. */
export interface StreamOwner {
  whenSettled(): void;
}

/** The link around a client's stream, once both legs stand. */
export interface ClientStreamContext {
  readonly hub: Hub;
  readonly domain: Domain;
  readonly up: Pump;
  readonly down: Pump;
  readonly performer: Performer;
  readonly teardown: Teardown;
  readonly lang: string | undefined;
  readonly link: StreamOwner;
}
