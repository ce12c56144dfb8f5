/** A connection that was accepted and is no link yet: its PROXY header, TLS of a WebSocket or HTTP request is under way. */
export interface Arrival {
  /** Ends it without a word. */
  destroy(): void;
}

/**
 * The connections of all listeners that are on their way to be links. Each has a deadline of its own. Who came before its
 * listener was closed is served still: a client that was accepted is not refused.
 */
export class Arrivals {
  readonly #all = new Set<Arrival>();
  readonly #whenNone: (() => void)[] = [];

  add(arrival: Arrival): void {
    this.#all.add(arrival);
  }

  /** It has become a link, or is gone. */
  delete(arrival: Arrival): void {
    this.#all.delete(arrival);
    if (this.#all.size > 0) return;
    for (const tell of this.#whenNone.splice(0)) tell();
  }

  /** Resolves when nobody is on the way any more, at the latest after `ms`: who is still there then is not waited for. */
  async settled(ms: number): Promise<void> {
    if (this.#all.size === 0) return;
    const none = new Promise<void>((resolve) => this.#whenNone.push(resolve));
    const deadline = setTimeout(() => {
      for (const arrival of Array.from(this.#all)) arrival.destroy();
    }, ms);
    await none;
    clearTimeout(deadline);
  }
}
