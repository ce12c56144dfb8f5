import type { Logger } from "../log/index.js";
import { handOver, takeOver, type Hub } from "../session/index.js";
import { takeHandover, writeHandover } from "../store/index.js";

// Streams that can be resumed outlive a restart: the process that ends writes what it knows of them, the next one takes it.
// Neither fails because of it: without the file clients log in anew.

/** When no link is left, and before the hub goes. */
export function handOverSessions(hub: Hub, path: string, log: Logger): void {
  try {
    const { sessions, leftOut } = writeHandover(path, handOver(hub), Date.now());
    log.info({ event: "sessions-handed-over", sessions, leftOut }, "streams can be resumed in the next process");
  } catch (error) {
    log.error({ event: "handover-failed", path, err: error }, "streams cannot be resumed in the next process");
  }
}

/** When domains are served, and before the first port opens. */
export function takeOverSessions(hub: Hub, path: string, log: Logger): void {
  try {
    const handed = takeHandover(path, Date.now());
    if (handed === undefined) return;
    const taken = handed.sessions.filter((session) => takeOver(hub, session, handed.ageMs)).length;
    const line = { event: "sessions-taken-over", sessions: taken, leftOut: handed.sessions.length - taken };
    log.info(line, "streams of the process before this one can be resumed");
  } catch (error) {
    log.error({ event: "handover-failed", path, err: error }, "streams of the process before this one are lost");
  }
}
