import type { CloseReason, Farewell } from "../session/index.js";

// How the links of a proxy end together. Clients are told over a window, in the order in which they came, so that they do
// not all come back at once; an untold client is served as always. Who serves others is told when no client is left. A
// little before the deadline whoever is left hears that it is over, pending or not; at the deadline the sockets are cut.
//
// Rejected: telling clients at random. The order in which they came says as little of who they are, and can be tested.

/** What a drain does to a link. */
export interface DrainableLink {
  /** Its connection, as the log names it. */
  readonly id: string;
  /** Clients depend on it: a component, or a user who is a managing entity. */
  readonly servesOthers: boolean;
  /** Undefined until its streams are over. */
  readonly endedBecause: CloseReason | undefined;
  /** Ends in an orderly way when nothing is pending. */
  shutdown(farewell: Farewell): void;
  /** Ends in an orderly way at once. Only behind `shutdown`. */
  hurry(): void;
  /** Ends at once. */
  destroy(): void;
}

export interface DrainPlan {
  readonly farewell: Farewell;
  /** Over how long clients are told. */
  readonly spreadMs: number;
  /** When whoever is left is cut; counted from the beginning, like the window. */
  readonly deadlineMs: number;
}

/** Links that have not ended yet. A socket may outlive its link for as long as its peer takes to close. */
export interface DrainProgress {
  readonly clients: number;
  /** Of the clients, those that were not told yet. */
  readonly untold: number;
  /** Components, and users who are managing entities. */
  readonly serving: number;
}

/** The end of all links of a proxy. `stop` is called when no link is left. */
export class Drain<Link extends DrainableLink> {
  readonly #plan: DrainPlan;
  readonly #live: ReadonlySet<Link>;
  /** In the order in which they came; the first `#told` of them were told. */
  readonly #clients: Link[] = [];
  readonly #clientsLeft = new Set<Link>();
  readonly #servingLeft = new Set<Link>();
  readonly #startedAt = performance.now();
  #window: NodeJS.Timeout | undefined;
  #lastCall: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #told = 0;
  #areServingTold = false;
  #forced = 0;

  /** `live`: the sockets' owners, who leave it when they are gone. */
  constructor(live: ReadonlySet<Link>, plan: DrainPlan) {
    this.#live = live;
    this.#plan = plan;
  }

  /** Once, and not before `ended` is called here for each link that ends: some do at once. */
  begin(): void {
    for (const link of this.#live) this.#take(link);
    const { spreadMs, deadlineMs } = this.#plan;
    this.#window = spreadMs > 0 ? setInterval(() => this.#tellDue(), stepMs) : undefined;
    this.#lastCall = setTimeout(() => this.#hurry(), deadlineMs - Math.min(lastCallMs, deadlineMs / 4));
    this.#deadline = setTimeout(() => this.#cut(), deadlineMs);
    this.#tellDue();
  }

  get progress(): DrainProgress {
    let untold = 0;
    for (const link of this.#clients.slice(this.#told)) if (this.#clientsLeft.has(link)) untold++;
    return { clients: this.#clientsLeft.size, untold, serving: this.#servingLeft.size };
  }

  /** Links that were cut. */
  get forced(): number {
    return this.#forced;
  }

  /** A connection that had been accepted, and has become a link only now. */
  add(link: Link): void {
    this.#take(link);
    if (link.servesOthers && this.#areServingTold) link.shutdown(this.#plan.farewell);
    else this.#tellDue();
  }

  /** A link is over, whoever ended it. */
  ended(link: Link): void {
    this.#clientsLeft.delete(link);
    this.#servingLeft.delete(link);
    // Not from within the call of the link that ended.
    if (this.#clientsLeft.size === 0) this.#soon ??= setImmediate(() => this.#tellServing());
  }

  stop(): void {
    clearInterval(this.#window);
    clearImmediate(this.#soon);
    clearTimeout(this.#lastCall);
    clearTimeout(this.#deadline);
  }

  #take(link: Link): void {
    if (link.endedBecause !== undefined) return;
    if (link.servesOthers) this.#servingLeft.add(link);
    else {
      this.#clients.push(link);
      this.#clientsLeft.add(link);
    }
  }

  #tellDue(): void {
    const { spreadMs } = this.#plan;
    const elapsedMs = performance.now() - this.#startedAt;
    const share = spreadMs > 0 ? Math.min(1, elapsedMs / spreadMs) : 1;
    this.#tell(Math.floor(this.#clients.length * share));
  }

  #tell(count: number): void {
    while (this.#told < count) this.#clients[this.#told++]?.shutdown(this.#plan.farewell);
    this.#tellServing();
  }

  #tellServing(): void {
    this.#soon = undefined;
    if (this.#areServingTold || this.#clientsLeft.size > 0) return;
    this.#areServingTold = true;
    for (const link of Array.from(this.#servingLeft)) link.shutdown(this.#plan.farewell);
  }

  /** What is pending is given up, so that each peer still hears why: first clients, then those who served them. */
  #hurry(): void {
    clearInterval(this.#window);
    this.#tell(this.#clients.length);
    for (const link of Array.from(this.#clientsLeft)) link.hurry();
    this.#tellServing();
    for (const link of Array.from(this.#servingLeft)) link.hurry();
  }

  #cut(): void {
    this.#forced = this.#live.size;
    for (const link of Array.from(this.#live)) link.destroy();
  }
}

/** Between two groups of clients: short enough that a group is small, long enough that it costs nothing. */
const stepMs = 50;
/** What the last words of all links have to reach their peers, at most a quarter of the deadline. */
const lastCallMs = 1000;
