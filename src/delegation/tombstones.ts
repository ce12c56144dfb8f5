/** One finished request. */
interface Stone {
  readonly outerId: string;
  readonly setAt: number;
  /** Of a request that the entity has not answered yet, so that it may still be busy with that id. */
  innerId: string | undefined;
}

/**
 * What is remembered of finished requests, so that a late or second reply is swallowed and not taken for a stanza to the
 * server (protocol.md D22). Bounded in number and in age; the oldest go first.
 *
 * Cost    constant. Hence the queue: to find the oldest entry of a `Map` means to walk over all that were deleted before it.
 */
export class Tombstones {
  readonly #limit: number;
  readonly #lifeMs: number;
  readonly #release: (innerId: string) => void;
  readonly #stones = new Map<string, Stone>();
  /** In the order in which they were set, which is that of their age; those before `#oldest` are gone. */
  #queue: Stone[] = [];
  #oldest = 0;

  /** `release` is told of each inner id that the entity is no longer taken to be busy with. */
  constructor(limit: number, lifeMs: number, release: (innerId: string) => void) {
    this.#limit = limit;
    this.#lifeMs = lifeMs;
    this.#release = release;
  }

  has(outerId: string): boolean {
    return this.#stones.has(outerId);
  }

  /** `innerId` is given for a request that the entity has not answered. */
  set(outerId: string, now: number, innerId: string | undefined): void {
    const stone = { outerId, setAt: now, innerId };
    this.#stones.set(outerId, stone);
    this.#queue.push(stone);
    this.prune(now);
  }

  /** The entity has answered after all. The stone stays, for it may answer twice. */
  answered(outerId: string): void {
    const stone = this.#stones.get(outerId);
    if (stone !== undefined) this.#releaseOf(stone);
  }

  prune(now: number): void {
    for (;;) {
      const stone = this.#queue[this.#oldest];
      if (stone === undefined || (this.#stones.size <= this.#limit && now - stone.setAt <= this.#lifeMs)) break;
      this.#oldest++;
      this.#stones.delete(stone.outerId);
      this.#releaseOf(stone);
    }
    // The dead half goes at once, so that each stone is moved once at most on average.
    if (this.#oldest > 32 && this.#oldest * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  #releaseOf(stone: Stone): void {
    if (stone.innerId !== undefined) this.#release(stone.innerId);
    stone.innerId = undefined;
  }
}
