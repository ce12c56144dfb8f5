import type { ServerResponse } from "node:http";
import type { AccessRefusal } from "./access.js";
import type { ProxyModel } from "./model.js";
import type { Sample, Sampler } from "./sampler.js";
import { sectionsOf, type Sections } from "./status-page.js";

/** What may wait for a reader that does not read, before it is dropped; it asks again if it is there. */
const MOST_WAITING_BYTES = 512 * 1024;
export const MOST_READERS = 16;

interface LiveReader {
  readonly response: ServerResponse;
  /** What it was sent last; only what has changed since is sent. */
  shown: Partial<Sections>;
}

export interface LiveParts {
  readonly model: ProxyModel;
  readonly sampler: Pick<Sampler, "history" | "listen">;
  refused(reason: AccessRefusal): void;
}

/** Sends the page's changes to its readers as server-sent events. The page is put together once for all of them. */
export class Live {
  readonly #parts: LiveParts;
  readonly #readers = new Set<LiveReader>();
  #stop: (() => void) | undefined;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** False: there are too many readers. */
  open(response: ServerResponse): boolean {
    if (this.#readers.size >= MOST_READERS) {
      this.#parts.refused("readers");
      return false;
    }
    const reader: LiveReader = { response, shown: {} };
    this.#readers.add(reader);
    this.#stop ??= this.#parts.sampler.listen((sample) => this.#sampled(sample));
    response.once("close", () => {
      this.#readers.delete(reader);
      if (this.#readers.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    });
    send(reader, "history", this.#parts.sampler.history);
    this.#show(reader, undefined, sectionsOf(this.#parts.model));
    return true;
  }

  #sampled(sample: Sample): void {
    const sections = sectionsOf(this.#parts.model);
    for (const reader of this.#readers) {
      if (reader.response.writableLength > MOST_WAITING_BYTES) {
        this.#parts.refused("slow_reader");
        reader.response.destroy();
      } else this.#show(reader, sample, sections);
    }
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
