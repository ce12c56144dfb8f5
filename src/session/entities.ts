import { EntityLink } from "../delegation/index.js";
import type { ComponentLink } from "./component-link.js";
import type { DelegatedRequest } from "./requests.js";

/** How long a reply that comes too late is still recognised, and how many of them (protocol.md D22). */
const TOMBSTONES = { tombstones: 10_000, tombstoneMs: 600_000 };

/** How many links of one component are remembered after their end. */
const MAX_FORMER_LINKS = 8;

interface FormerLink {
  readonly outstanding: EntityLink<DelegatedRequest>;
  readonly endedMs: number;
}

/**
 * The authenticated component links by the component's address, and what is outstanding at each. A reply is looked for
 * only where its request went; one that comes over a later link of the same component is late.
 */
export class Entities {
  readonly #links = new Map<string, ComponentLink>();
  readonly #outstanding = new Map<ComponentLink, EntityLink<DelegatedRequest>>();
  readonly #former = new Map<string, FormerLink[]>();

  get(component: string): ComponentLink | undefined {
    return this.#links.get(component);
  }

  all(): Iterable<ComponentLink> {
    return this.#links.values();
  }

  /** What is outstanding at a link; only a link that is here has something. */
  outstandingAt(link: ComponentLink): EntityLink<DelegatedRequest> | undefined {
    return this.#outstanding.get(link);
  }

  /** Whether a reply with this id could answer a wrapper that went over this link, or over an earlier one. */
  isReply(link: ComponentLink, id: string): boolean {
    const outstanding = this.#outstanding.get(link);
    if (outstanding === undefined) return false;
    return (
      outstanding.isOurs(id) ||
      this.#former.get(link.component)?.some((former) => former.outstanding.isOurs(id)) === true
    );
  }

  add(link: ComponentLink): void {
    this.#links.set(link.component, link);
    this.#outstanding.set(link, new EntityLink<DelegatedRequest>(link.component, TOMBSTONES));
  }

  /** Forgets a link and returns what was outstanding there. Undefined: it was not here. */
  remove(link: ComponentLink, nowMs: number): EntityLink<DelegatedRequest> | undefined {
    const outstanding = this.#outstanding.get(link);
    if (outstanding === undefined) return undefined;
    this.#outstanding.delete(link);
    if (this.#links.get(link.component) === link) this.#links.delete(link.component);
    this.#remember(link.component, { outstanding, endedMs: nowMs });
    return outstanding;
  }

  #remember(component: string, former: FormerLink): void {
    const known = this.#former.get(component) ?? [];
    const kept = known.filter(({ endedMs }) => former.endedMs - endedMs < TOMBSTONES.tombstoneMs);
    this.#former.set(component, [...kept.slice(1 - MAX_FORMER_LINKS), former]);
  }
}
