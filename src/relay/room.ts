// When a leg is read, and when it is not.

/** Reading stops while any of these holds. */
export const PauseReason = { machine: 1, room: 2, flood: 4 } as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];

/** A queue of this size stops the reading of the opposite leg; it goes on when the queue is empty. */
export const roomBytes = 64 * 1024;
/**
 * A client that does not read is not read any more either when answers of this size wait for it: relaying alone never
 * queues as much, so these are answers to requests which it goes on sending.
 */
export const floodBytes = 4 * roomBytes;
