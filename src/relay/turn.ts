/**
 * Gathers what is written to a socket while one event is handled, so that it leaves in one system call.
 *
 * What a link writes to its own legs leaves when the event is done. What it writes to the legs of another link (a
 * delegated request on its way to the managing entity, an answer on its way back) waits until every socket that was
 * ready in this round of the event loop has been read: many requests of many clients then leave in one write.
 */
export class Turns {
  /** The link whose event is being handled; undefined between two events. */
  #owner: object | undefined;
  #depth = 0;
  #written: Flushable[] = [];
  #elsewhere: Flushable[] = [];

  /** Opens a turn. Turns nest: a call of the hub may reach another link, whose turn belongs to the outermost event. */
  begin(owner: object | undefined): void {
    if (this.#depth === 0) this.#owner = owner;
    this.#depth++;
  }

  end(): void {
    if (--this.#depth > 0) return;
    this.#owner = undefined;
    const written = this.#written;
    if (written.length === 0) return;
    if (written.length === 1) {
      // The one leg of nearly every turn: no array is made.
      const only = written.pop();
      only?.flush();
      return;
    }
    this.#written = [];
    for (const leg of written) leg.flush();
  }

  /** Notes that `leg`, which belongs to `owner`, holds bytes that it has not written yet. */
  note(leg: Flushable, owner: object): void {
    if (owner === this.#owner) {
      this.#written.push(leg);
      return;
    }
    if (this.#elsewhere.length === 0) setImmediate(endRound, this);
    this.#elsewhere.push(leg);
  }

  /** Writes what was held back for other links. Called by the event loop once a round. */
  flushElsewhere(): void {
    const legs = this.#elsewhere;
    this.#elsewhere = [];
    for (const leg of legs) leg.flush();
  }
}

export interface Flushable {
  /** Writes what is held. May be called when nothing is held any more. */
  flush(): void;
}

function endRound(turns: Turns): void {
  turns.flushElsewhere();
}
