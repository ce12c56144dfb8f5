import type { Asked, Book, Said } from "./book.js";

/** Something that a client sent, until the server has acknowledged it. */
export interface Sent {
  readonly xml: string;
  readonly said?: Said;
}

/** One bound session of a client, over all streams in which it goes on; counts as XEP-0198 §4 wants it. */
export class Session {
  readonly jid: string;
  readonly isManaged: boolean;
  readonly asked = new Map<string, Asked[]>();
  /** The last answer by id, for whoever wonders. */
  readonly answered = new Map<string, string>();
  /** The last message of each sender. */
  readonly heard = new Map<string, number>();
  /** What it sent, in order, and nobody acknowledged. */
  unacknowledged: Sent[] = [];
  /** Stanzas that it has received. */
  handled = 0;
  /** When its stream was lost; undefined while it has one. */
  lostMs: number | undefined;
  /** When it was resumed last. */
  resumedMs: number | undefined;
  /** Undefined while it goes on; otherwise how it ended. */
  over: string | undefined;
  said = 0;
  /** What happened to it, for whoever wonders. */
  readonly history: string[] = [];
  #cid: string | undefined;
  #acknowledged = 0;
  readonly #book: Book;

  constructor(book: Book, jid: string, isManaged: boolean, cid: string | undefined) {
    this.#book = book;
    this.jid = jid;
    this.isManaged = isManaged;
    this.#cid = cid;
  }

  /** Undefined: it cannot be resumed. */
  get cid(): string | undefined {
    return this.#cid;
  }

  /** Stream management was enabled; with an id the session can be resumed. */
  grant(cid: string | undefined): void {
    this.#cid = cid;
  }

  get account(): string {
    return this.jid.split("/", 1)[0] ?? "";
  }

  get domain(): string {
    return this.account.split("@")[1] ?? "";
  }

  sent(what: Sent): void {
    if (this.isManaged) this.unacknowledged.push(what);
  }

  /** The server says how much it has handled; it never takes anything back, nor knows more than was sent. */
  acknowledge(text: string | undefined): void {
    const h = Number(text);
    const news = h - this.#acknowledged;
    if (!(news >= 0 && news <= this.unacknowledged.length)) {
      const sent = this.#acknowledged + this.unacknowledged.length;
      this.#book.breach(`${this.jid}: h=${String(text)} after ${String(this.#acknowledged)}, of ${String(sent)} sent`);
      return;
    }
    for (const { said } of this.unacknowledged.splice(0, news)) if (said !== undefined) said.isCertain = true;
    this.#acknowledged = h;
  }

  /** Requests that somebody must answer yet. */
  get open(): readonly Asked[] {
    return [...this.asked.values()].flat().filter(({ mayStayOpen }) => !mayStayOpen);
  }

  get story(): string {
    const open = this.open.map(
      ({ token, id, namespace, mood }) => `${token} (${id}, ${namespace}, ${mood ?? "unseen"})`,
    );
    const unacknowledged = String(this.unacknowledged.length);
    return `${this.jid}: ${unacknowledged} unacknowledged, unanswered ${open.join(" ")}; ${this.history.join(", ")}`;
  }

  note(what: string): void {
    this.history.push(`${(Date.now() / 1000).toFixed(3)} ${what}`);
  }

  end(how: string): void {
    this.note(`over: ${how}`);
    this.over ??= how;
  }
}
