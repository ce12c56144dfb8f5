/** Visitors that come, are served and go, one after the other in each of a few queues, and what became of them. */
export class Crowd {
  /** Those that were served from the greeting to the goodbye. */
  visits = 0;
  /** What happened to those that were neither served nor told of the shutdown. */
  readonly failures: string[] = [];
  readonly #name: string;
  readonly #visit: (id: string) => Promise<void>;
  readonly #queues: readonly Promise<void>[];
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  /** `visit` rejects with an error that says `system-shutdown` where the visitor was told so. */
  constructor(name: string, queues: number, visit: (id: string) => Promise<void>) {
    this.#name = name;
    this.#visit = visit;
    this.#queues = Array.from({ length: queues }, async (_, index) => this.#comeAndGo(index));
  }

  /** Waits for some more visits. */
  async untilMore(count: number): Promise<void> {
    const wanted = this.visits + count;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.visits < wanted) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#queues);
  }

  async #comeAndGo(queue: number): Promise<void> {
    for (let nth = 0; !this.#isOver; nth++) {
      try {
        await this.#visit(`${this.#name}-${String(queue)}-${String(nth)}`);
        this.visits++;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!text.includes("system-shutdown")) this.failures.push(`${this.#name}: ${text}`);
      }
      for (const look of this.#waiting) look();
    }
  }
}
