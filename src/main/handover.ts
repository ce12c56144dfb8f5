import type { Logger } from "../log/index.js";
import { handOver, takeOver, type Hub } from "../session/index.js";
import { takeHandover, writeHandover } from "../store/index.js";

/**
 * Streams that can be resumed outlive a restart: the process that ends writes what it knows of them, the next one takes it.
 * Neither fails because of it: without the file clients log in anew.
 */
export class Handover {
  readonly #hub: Hub;
  readonly #log: Logger;
  #isTaken = false;

  constructor(hub: Hub, log: Logger) {
    this.#hub = hub;
    this.#log = log;
  }

  /** When domains are served, and before the first port opens. */
  take(path: string | undefined): void {
    this.#isTaken = true;
    if (path === undefined) return;
    try {
      const handed = takeHandover(path, Date.now());
      if (handed === undefined) return;
      const taken = handed.sessions.filter((session) => takeOver(this.#hub, session, handed.ageMs)).length;
      const line = {
        event: "sessions-taken-over",
        sessions: taken,
        leftOut: handed.leftOut + handed.sessions.length - taken,
      };
      this.#log.info(line, "streams of the process before this one can be resumed");
    } catch (error) {
      const line = { event: "handover-failed", path, err: error };
      this.#log.error(line, "streams of the process before this one are lost");
    }
  }

  /** When no link is left, and before the hub goes. A process that never came to serve leaves the file as it is. */
  give(path: string | undefined): void {
    if (path === undefined || !this.#isTaken) return;
    try {
      const { sessions, leftOut } = writeHandover(path, handOver(this.#hub), Date.now());
      const line = { event: "sessions-handed-over", sessions, leftOut };
      this.#log.info(line, "streams can be resumed in the next process");
    } catch (error) {
      const line = { event: "handover-failed", path, err: error };
      this.#log.error(line, "streams cannot be resumed in the next process");
    }
  }
}
