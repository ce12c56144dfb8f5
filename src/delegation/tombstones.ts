/**
 * What is remembered of finished requests, so that a late or second reply is swallowed and not taken for a stanza to the
 * server (protocol.md D22). Bounded in number and in age; the oldest go first.
 */
export class Tombstones {
  readonly #limit: number;
  readonly #lifeMs: number;
  /** Told of an inner id that the entity may from now on see again. */
  readonly #release: (innerId: string) => void;
  /** In the order in which they were set, which is that of their age. */
  readonly #stones = new Map<string, { readonly setAt: number; innerId: string | undefined }>();

  constructor(limit: number, lifeMs: number, release: (innerId: string) => void) {
    this.#limit = limit;
    this.#lifeMs = lifeMs;
    this.#release = release;
  }

  has(outerId: string): boolean {
    return this.#stones.has(outerId);
  }

  /** `innerId` is given when the entity has not answered yet, so that it may still be busy with that id. */
  set(outerId: string, now: number, innerId: string | undefined): void {
    this.#stones.set(outerId, { setAt: now, innerId });
    this.prune(now);
  }

  /** The entity has answered after all. The stone stays, for it may answer twice. */
  answered(outerId: string): void {
    const stone = this.#stones.get(outerId);
    if (stone?.innerId === undefined) return;
    this.#release(stone.innerId);
    stone.innerId = undefined;
  }

  prune(now: number): void {
    for (const [outerId, { setAt, innerId }] of this.#stones) {
      if (this.#stones.size <= this.#limit && now - setAt <= this.#lifeMs) break;
      this.#stones.delete(outerId);
      if (innerId !== undefined) this.#release(innerId);
    }
  }

  clear(): void {
    this.#stones.clear();
  }
}
