import type { Link } from "./link.js";

/** Every link of the proxy that still owns a socket. */
export class Links {
  readonly #live = new Set<Link>();
  #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#live.size;
  }

  /** In the order in which they were opened. */
  all(): Iterable<Link> {
    return this.#live;
  }

  /** The link with this connection id. */
  find(id: string): Link | undefined {
    for (const link of this.#live) if (link.id === id) return link;
    return undefined;
  }

  add(link: Link): void {
    this.#live.add(link);
  }

  remove(link: Link): void {
    this.#live.delete(link);
    if (this.#live.size > 0) return;
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  /** Asks every link to end in an orderly way; resolves when none is left, by force once `deadlineMs` has passed. */
  async shutdown(deadlineMs: number): Promise<{ readonly forced: number }> {
    for (const link of this.#live) link.shutdown();
    if (this.#live.size === 0) return { forced: 0 };
    const empty = new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    let forced = 0;
    const deadline = setTimeout(() => {
      forced = this.#live.size;
      for (const link of this.#live) link.destroy();
    }, deadlineMs);
    await empty;
    clearTimeout(deadline);
    return { forced };
  }
}
