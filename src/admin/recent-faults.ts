import { breaches, wrapperRefusals } from "../delegation/index.js";
import { refusals } from "../rules/index.js";
import { LINK_FAULTS, REQUEST_FAULTS, type HubEvent, type LinkEvent } from "../session/index.js";

/** Something that went wrong, once or again and again. Holds nothing that a peer chose but its address. */
export interface RecentFault {
  /** `fault`: a breach that ended a stream or a request of one; `stream-error`: one that a peer sent; `delegation`: no usable answer. */
  readonly kind: "fault" | "stream-error" | "delegation";
  /** Of `docs/errors.md`; the condition of a peer's stream error. */
  readonly code: string;
  /** The last connection that it happened on; empty where none is known. */
  readonly connection: string;
  readonly leg?: string;
  readonly remote?: string;
  readonly domain?: string;
  readonly rule?: string;
  readonly entity?: string;
  readonly condition?: string;
  /** Document and section. */
  readonly source?: string;
  readonly meaning?: string;
  /** Of the byte that proves it, in the stream of that leg. */
  readonly offset?: number;
  /** The head of the frame, masked. */
  readonly excerpt?: string;
  /** ISO 8601, UTC. */
  readonly firstAt: string;
  readonly lastAt: string;
  readonly count: number;
}

/** Where a link's event happened. */
export interface FaultyLink {
  readonly id: string;
  readonly remote: string;
}

type New = Omit<RecentFault, "firstAt" | "lastAt" | "count">;

/**
 * The last faults, newest first. What happens again from the same address is one entry that counts, so that no peer can push
 * the others out by repeating itself.
 */
export class RecentFaults {
  readonly #entries = new Map<string, RecentFault>();
  readonly #most: number;
  readonly #now: () => number;

  constructor(options: { readonly most?: number; readonly now?: () => number } = {}) {
    this.#most = options.most ?? 200;
    this.#now = options.now ?? Date.now;
  }

  /** Newest first. */
  list(): readonly RecentFault[] {
    return [...this.#entries.values()].toReversed();
  }

  link(link: FaultyLink, event: LinkEvent, excerpt: string | undefined): void {
    if (event.kind === "fault") {
      const { leg, code, condition, source, offset } = event;
      const meaning = lookUp(LINK_FAULTS, code)?.meaning;
      this.#add({
        kind: "fault",
        code,
        connection: link.id,
        leg,
        remote: link.remote,
        condition,
        source,
        ...(meaning === undefined ? {} : { meaning }),
        ...(offset === undefined ? {} : { offset }),
        ...(excerpt === undefined || excerpt === "" ? {} : { excerpt }),
      });
    } else if (event.kind === "stream-error" && !event.ours) {
      const { leg, condition } = event;
      this.#add({
        kind: "stream-error",
        code: condition,
        connection: link.id,
        leg,
        remote: link.remote,
        condition,
        source: "RFC 6120 §4.9.3",
        meaning: "the other side ended the stream with this error",
      });
    }
  }

  hub(event: HubEvent): void {
    if (event.kind !== "delegation" || event.code === undefined) return;
    const { code, connection, domain, rule, entity } = event;
    const explained = explain(code);
    this.#add({
      kind: "delegation",
      code,
      connection,
      domain,
      rule,
      entity,
      ...explained,
    });
  }

  #add(fault: New): void {
    const { kind, code, leg = "", remote = "", rule = "", entity = "" } = fault;
    const key = [kind, code, leg, remote, rule, entity].join("\n");
    const before = this.#entries.get(key);
    const lastAt = new Date(this.#now()).toISOString();
    // Behind all others, so that the order of the map is that of time.
    this.#entries.delete(key);
    this.#entries.set(key, { ...fault, firstAt: before?.firstAt ?? lastAt, lastAt, count: (before?.count ?? 0) + 1 });
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

function explain(code: string): { readonly source?: string; readonly meaning?: string } {
  const breach = lookUp(breaches, code) ?? lookUp(wrapperRefusals, code);
  if (breach !== undefined) return { source: breach.source, meaning: breach.meaning };
  const request = lookUp(REQUEST_FAULTS, code);
  if (request !== undefined) return { source: "XEP-0355 §4.3", meaning: request.meaning };
  const refusal = lookUp(refusals, code);
  return refusal === undefined ? {} : { source: refusal.source };
}

function lookUp<Entry>(table: Readonly<Record<string, Entry>>, code: string): Entry | undefined {
  return Object.hasOwn(table, code) ? table[code] : undefined;
}
