import type { ServerResponse } from "node:http";
import type { AccessRefusal } from "./access.js";
import type { ProxyModel } from "./model.js";
import { SAMPLE_MS, type Sample, type Sampler } from "./sampler.js";
import { type Looking, sectionsOf, type Sections } from "./status-page.js";
import { queryOf } from "./page-view.js";

/** What may wait for a reader that does not read, before it is dropped; it asks again if it is there. */
const MOST_WAITING_BYTES = 512 * 1024;
export const MOST_READERS = 16;
/** The page takes at most this share of the time of the process, however many there are whom it shows. */
const MOST_SHARE = 0.05;

interface LiveReader {
  readonly response: ServerResponse;
  readonly looking: Looking;
  /** What it was sent last; only what has changed since is sent. */
  shown: Partial<Sections>;
}

export interface LiveParts {
  readonly model: ProxyModel;
  readonly version: string;
  readonly sampler: Pick<Sampler, "history" | "listen" | "last" | "failing">;
  refused(reason: AccessRefusal): void;
  /** Milliseconds of a clock that never runs backwards. */
  now?(): number;
}

/**
 * Sends the page's changes to its readers as server-sent events: `hello` with the version, `history` with the samples of the
 * plots, `now` with a sample and what has changed, `replaced` before a newer reader takes the place of this one.
 *
 * Cost   the page is put together once for all who look at the same; with very many sessions less often than every sample.
 */
export class Live {
  readonly #parts: LiveParts;
  /** The one who came first is first. */
  readonly #readers = new Set<LiveReader>();
  readonly #now: () => number;
  #stop: (() => void) | undefined;
  /** Before that only samples are sent. */
  #nextAt = 0;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#now = () => parts.now?.() ?? performance.now();
  }

  /** Sends to `response` until it closes; samples from behind `after` on, which the reader has already. */
  open(response: ServerResponse, looking: Looking, after = 0): void {
    const [oldest] = this.#readers;
    if (oldest !== undefined && this.#readers.size >= MOST_READERS) this.#replace(oldest);
    const reader: LiveReader = { response, looking, shown: {} };
    this.#readers.add(reader);
    this.#stop ??= this.#parts.sampler.listen((sample) => this.#sampled(sample));
    response.once("close", () => this.#gone(reader));
    const { sampler, version } = this.#parts;
    send(reader, "hello", { version, intervalMs: SAMPLE_MS });
    send(reader, "history", sampler.history(looking.view.window, after));
    this.#show(reader, undefined, this.#sections(looking));
  }

  close(): void {
    for (const { response } of this.#readers) response.end();
  }

  /** Somebody sits in front of the newest; the oldest is a page that was left open. */
  #replace(reader: LiveReader): void {
    this.#parts.refused("readers");
    send(reader, "replaced", {});
    this.#gone(reader);
    reader.response.end();
  }

  #gone(reader: LiveReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  #sampled(sample: Sample): void {
    const startedAt = this.#now();
    const isDue = startedAt >= this.#nextAt;
    const made = new Map<string, Sections>();
    for (const reader of this.#readers) {
      if (reader.response.writableLength > MOST_WAITING_BYTES) {
        this.#parts.refused("slow_reader");
        reader.response.destroy();
        continue;
      }
      if (!isDue) {
        send(reader, "now", { sample, sections: {} });
        continue;
      }
      const key = `${reader.looking.as} ${queryOf({ ...reader.looking.view, window: 300 })}`;
      const sections = made.get(key) ?? this.#sections(reader.looking);
      made.set(key, sections);
      this.#show(reader, sample, sections);
    }
    if (isDue) this.#nextAt = startedAt + (this.#now() - startedAt) / MOST_SHARE;
  }

  #sections(looking: Looking): Sections {
    const { model, sampler } = this.#parts;
    return sectionsOf(model, sampler, looking);
  }

  #show(reader: LiveReader, sample: Sample | undefined, sections: Sections): void {
    const shown = new Map<string, string>(Object.entries(reader.shown));
    const changed = Object.fromEntries(Object.entries(sections).filter(([id, html]) => shown.get(id) !== html));
    reader.shown = sections;
    send(reader, "now", { sample, sections: changed });
  }
}

function send({ response }: LiveReader, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
