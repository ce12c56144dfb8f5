import { EntityLink } from "../../delegation/index.js";
import type { Carrier } from "./carrier.js";
import type { DelegatedRequest } from "./requests.js";

/** How long a reply that comes too late is still recognised, and how many of them (protocol.md D22). */
const TOMBSTONES = { tombstones: 10_000, tombstoneMs: 600_000 };

/** How many streams of one entity are remembered after their end. */
const MAX_FORMER = 8;

interface FormerCarrier {
  readonly outstanding: EntityLink<DelegatedRequest>;
  readonly endedMs: number;
}

/**
 * The streams of the managing entities by the address that is configured, and what is outstanding at each. A reply is
 * looked for only where its request went; one that comes over another stream of the same entity is late.
 *
 * Some servers let a component connect more than once. The newest link is asked; the others answer what they were asked.
 */
export class Entities {
  /** Newest last. */
  readonly #carriers = new Map<string, Carrier[]>();
  readonly #outstanding = new Map<Carrier, EntityLink<DelegatedRequest>>();
  readonly #former = new Map<string, FormerCarrier[]>();

  /** The stream over which an entity is asked. */
  get(entity: string): Carrier | undefined {
    return this.#carriers.get(entity)?.at(-1);
  }

  all(): Iterable<Carrier> {
    return this.#outstanding.keys();
  }

  has(carrier: Carrier): boolean {
    return this.#outstanding.has(carrier);
  }

  /** What is outstanding at a stream; only one that is here has something. */
  outstandingAt(carrier: Carrier): EntityLink<DelegatedRequest> | undefined {
    return this.#outstanding.get(carrier);
  }

  /** Whether a reply with this id, which came over `carrier`, answers a wrapper to its entity, over whatever stream. */
  isReply(carrier: Carrier, id: string): boolean {
    const isOurs = (outstanding: EntityLink<DelegatedRequest> | undefined) => outstanding?.isOurs(id) === true;
    for (const entity of carrier.entities) {
      const isKnown =
        this.#carriers.get(entity)?.some((one) => isOurs(this.outstandingAt(one))) === true ||
        this.#former.get(entity)?.some(({ outstanding }) => isOurs(outstanding)) === true;
      if (isKnown) return true;
    }
    return false;
  }

  add(carrier: Carrier): void {
    for (const entity of carrier.entities) {
      const carriers = this.#carriers.get(entity);
      if (carriers === undefined) this.#carriers.set(entity, [carrier]);
      else carriers.push(carrier);
    }
    this.#outstanding.set(carrier, new EntityLink<DelegatedRequest>(carrier.address, TOMBSTONES));
  }

  /** Forgets a stream and returns what was outstanding there. Undefined: it was not here. */
  remove(carrier: Carrier, nowMs: number): EntityLink<DelegatedRequest> | undefined {
    const outstanding = this.#outstanding.get(carrier);
    if (outstanding === undefined) return undefined;
    this.#outstanding.delete(carrier);
    for (const entity of carrier.entities) {
      const others = (this.#carriers.get(entity) ?? []).filter((other) => other !== carrier);
      if (others.length > 0) this.#carriers.set(entity, others);
      else this.#carriers.delete(entity);
      this.#remember(entity, { outstanding, endedMs: nowMs });
    }
    return outstanding;
  }

  #remember(entity: string, former: FormerCarrier): void {
    const known = this.#former.get(entity) ?? [];
    const kept = known.filter(({ endedMs }) => former.endedMs - endedMs < TOMBSTONES.tombstoneMs);
    this.#former.set(entity, [...kept.slice(1 - MAX_FORMER), former]);
  }
}
