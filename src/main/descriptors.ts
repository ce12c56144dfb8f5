import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Logger } from "../log/index.js";
import type { Families } from "../metrics/index.js";

// Without file descriptors Node accepts a connection and closes it by itself: no event, no error, nothing to count. So the
// only way to see it is to look before it happens.

export interface DescriptorParts {
  readonly log: Pick<Logger, "warn">;
  readonly families: Families;
  /** How many the process may have; undefined where the system does not say. */
  readonly limit?: number | undefined;
  /** How many it has. */
  readonly count?: () => Promise<number>;
}

/** Looks after the file descriptors of the process: are there enough for what is configured, and for what is there? */
export class Descriptors {
  readonly #log: DescriptorParts["log"];
  readonly #limit: number | undefined;
  readonly #count: () => Promise<number>;
  #open = 0;
  /** Looks since the last warning. */
  #quiet = LOOKS_PER_WARNING;
  #timer: NodeJS.Timeout | undefined;

  constructor({ log, families, limit = limitOfProcess(), count = countOfProcess }: DescriptorParts) {
    this.#log = log;
    this.#limit = limit;
    this.#count = count;
    families.gauge(
      { name: "process_open_fds", help: "File descriptors that the process has, at most 15 seconds ago", labels: [] },
      (sample) => {
        if (this.#open > 0) sample(this.#open);
      },
    );
    families.gauge(
      { name: "process_max_fds", help: "File descriptors that the process may have", labels: [] },
      (sample) => {
        if (limit !== undefined) sample(limit);
      },
    );
  }

  /** A configuration is in use that allows so many connections: two descriptors each, and some for the rest. */
  expect(connections: number): void {
    const needed = 2 * connections + FOR_THE_REST;
    if (this.#limit !== undefined && this.#limit < needed)
      this.#log.warn(
        { event: "descriptors-few", limit: this.#limit, needed, connections },
        "the process may not open as many files as limits.connections needs; further connections will be closed without a word",
      );
    if (this.#limit === undefined || this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
    void this.look();
  }

  /** Says so once a minute while there are nearly none left. */
  async look(): Promise<void> {
    try {
      this.#open = await this.#count();
    } catch {
      // Counting needs one too. When there is none, there is nothing left to count.
      this.#open = this.#limit ?? 0;
    }
    this.#quiet++;
    if (this.#limit === undefined || this.#open < NEARLY * this.#limit || this.#quiet < LOOKS_PER_WARNING) return;
    this.#quiet = 0;
    this.#log.warn(
      { event: "descriptors-short", open: this.#open, limit: this.#limit },
      "hardly any file descriptors are left; without them connections are closed without a word",
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const LOOK_MS = 15_000;
const LOOKS_PER_WARNING = 4;
const NEARLY = 0.9;
/** Listeners, doors for operators and their readers, the store, the log. */
const FOR_THE_REST = 256;

/** proc(5): the soft limit, which Node has raised to the hard one at its start. */
function limitOfProcess(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

async function countOfProcess(): Promise<number> {
  return (await readdir("/proc/self/fd")).length;
}
