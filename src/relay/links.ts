import { Drain, type DrainableLink, type DrainPlan, type DrainProgress } from "./drain.js";
import type { Link } from "./link.js";

/** All links that own a socket, for the orderly end. */
export class Links<Member extends DrainableLink = Link> {
  readonly #live = new Set<Member>();
  #drain: Drain<Member> | undefined;
  #ending: { readonly links: number; readonly deadlineAtMs: number } | undefined;
  readonly #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#live.size;
  }

  /** In the order in which they were opened. */
  all(): Iterable<Member> {
    return this.#live;
  }

  /** The link with this connection id. */
  find(id: string): Member | undefined {
    for (const link of this.#live) if (link.id === id) return link;
    return undefined;
  }

  /** How far the drain is; undefined before. */
  get progress(): DrainProgress | undefined {
    return this.#drain?.progress;
  }

  /** Links when the drain began, and when the last one is cut, by `performance.now`; undefined before. */
  get ending(): { readonly links: number; readonly deadlineAtMs: number } | undefined {
    return this.#ending;
  }

  add(link: Member): void {
    this.#live.add(link);
    this.#drain?.add(link);
  }

  /** Both streams of a link are over; its sockets may need a little longer. */
  ended(link: Member): void {
    this.#drain?.ended(link);
  }

  remove(link: Member): void {
    this.#live.delete(link);
    this.#drain?.ended(link);
    if (this.#live.size > 0) return;
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  /**
   * Asks the links to end in an orderly way, as planned; resolves when none is left. Once only.
   *
   * Shape   `arrived` resolves when no connection that was accepted can become a link any more.
   */
  async drain(plan: DrainPlan, arrived = Promise.resolve()): Promise<{ readonly forced: number }> {
    const drain = new Drain(this.#live, plan);
    this.#drain = drain;
    this.#ending = { links: this.#live.size, deadlineAtMs: performance.now() + plan.deadlineMs };
    drain.begin();
    await arrived;
    if (this.#live.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    drain.stop();
    return { forced: drain.forced };
  }
}
