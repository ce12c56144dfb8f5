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
 * only where its request went; one that comes over another link of the same component is late.
 *
 * Some servers let a component connect more than once. The newest link is asked; the others answer what they were asked.
 */
export class Entities {
  /** Newest last. */
  readonly #links = new Map<string, ComponentLink[]>();
  readonly #outstanding = new Map<ComponentLink, EntityLink<DelegatedRequest>>();
  readonly #former = new Map<string, FormerLink[]>();

  /** The link over which a component is asked. */
  get(component: string): ComponentLink | undefined {
    return this.#links.get(component)?.at(-1);
  }

  all(): Iterable<ComponentLink> {
    return this.#outstanding.keys();
  }

  /** What is outstanding at a link; only a link that is here has something. */
  outstandingAt(link: ComponentLink): EntityLink<DelegatedRequest> | undefined {
    return this.#outstanding.get(link);
  }

  /** Whether a reply with this id answers a wrapper that went to this component, over whatever link. */
  isReply(component: string, id: string): boolean {
    const isOurs = (outstanding: EntityLink<DelegatedRequest> | undefined) => outstanding?.isOurs(id) === true;
    return (
      this.#links.get(component)?.some((link) => isOurs(this.#outstanding.get(link))) === true ||
      this.#former.get(component)?.some(({ outstanding }) => isOurs(outstanding)) === true
    );
  }

  add(link: ComponentLink): void {
    const links = this.#links.get(link.component);
    if (links === undefined) this.#links.set(link.component, [link]);
    else links.push(link);
    this.#outstanding.set(link, new EntityLink<DelegatedRequest>(link.component, TOMBSTONES));
  }

  /** Forgets a link and returns what was outstanding there. Undefined: it was not here. */
  remove(link: ComponentLink, nowMs: number): EntityLink<DelegatedRequest> | undefined {
    const outstanding = this.#outstanding.get(link);
    if (outstanding === undefined) return undefined;
    this.#outstanding.delete(link);
    const others = (this.#links.get(link.component) ?? []).filter((other) => other !== link);
    if (others.length > 0) this.#links.set(link.component, others);
    else this.#links.delete(link.component);
    this.#remember(link.component, { outstanding, endedMs: nowMs });
    return outstanding;
  }

  #remember(component: string, former: FormerLink): void {
    const known = this.#former.get(component) ?? [];
    const kept = known.filter(({ endedMs }) => former.endedMs - endedMs < TOMBSTONES.tombstoneMs);
    this.#former.set(component, [...kept.slice(1 - MAX_FORMER_LINKS), former]);
  }
}
