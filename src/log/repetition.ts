// A peer decides how often some lines are made, so it must not decide how many are written. Each kind of such lines has a
// name; the first of a name is written at once, then so many a second, and the last of those held back is written with
// their number as soon as it may be. There is a bound on the names, for they hold addresses of peers, and one on all
// lines together, for a peer may have many addresses.

export interface RepetitionLimits {
  /** Names that are told apart; all further ones share one. */
  readonly maxNames: number;
  /** Lines of all names together. */
  readonly linesPerSecond: number;
}

/** Writes a line. `suppressed` counts those of the same name that were not written since the last one that was. */
export type WriteLine = (suppressed: number) => void;

interface Entry {
  /** In this window. */
  written: number;
  /** Age of the window. */
  ticks: number;
  suppressed: number;
  last: WriteLine | undefined;
}

/** Decides which repeated lines are written. Has a timer only while there is something to remember. */
export class Repetition {
  readonly #limits: RepetitionLimits;
  /** The one that waited longest first. */
  readonly #entries = new Map<string, Entry>();
  #budget: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: RepetitionLimits = { maxNames: 256, linesPerSecond: 100 }) {
    this.#limits = limits;
    this.#budget = limits.linesPerSecond;
  }

  /** Calls `write` at once, later, or, if a newer line of this name comes first, never. */
  offer(name: string, perSecond: number, write: WriteLine): void {
    const isKnown = this.#entries.has(name) || this.#entries.size < this.#limits.maxNames;
    const entry = this.#entry(isKnown ? name : otherNames);
    if (entry.suppressed === 0 && entry.written < (isKnown ? perSecond : 1) && this.#budget > 0) {
      this.#budget--;
      entry.written++;
      write(0);
      return;
    }
    entry.suppressed++;
    entry.last = write;
  }

  /** Writes what is held back, as far as all lines together allow; before an exit. */
  flush(): void {
    for (const entry of this.#entries.values()) this.#tell(entry);
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { written: 0, ticks: 0, suppressed: 0, last: undefined };
      this.#entries.set(name, entry);
      this.#timer ??= setInterval(() => this.#tick(), tickMs).unref();
    }
    return entry;
  }

  #tick(): void {
    const { linesPerSecond } = this.#limits;
    this.#budget = Math.min(linesPerSecond, this.#budget + linesPerSecond / ticksPerSecond);
    // A copy, because those that are told go to the end.
    for (const [name, entry] of Array.from(this.#entries)) {
      entry.ticks++;
      if (entry.ticks <= ticksPerSecond) continue;
      if (entry.suppressed === 0) this.#entries.delete(name);
      else if (this.#tell(entry)) {
        this.#entries.delete(name);
        this.#entries.set(name, entry);
      }
    }
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tell(entry: Entry): boolean {
    const { last, suppressed } = entry;
    if (last === undefined || this.#budget <= 0) return false;
    this.#budget--;
    entry.written = 1;
    entry.ticks = 0;
    entry.suppressed = 0;
    entry.last = undefined;
    last(suppressed - 1);
    return true;
  }
}

// No name of a caller's is empty.
const otherNames = "";
const ticksPerSecond = 4;
const tickMs = 1000 / ticksPerSecond;
