import type { HubEvent } from "../session/index.js";

/** Users may be managing entities too, and they come and go. */
const MOST_ENTITIES = 1000;

/** Since when managing entities have been connected, or not. */
export class EntityChanges {
  readonly #changedAtMs = new Map<string, number>();

  hub(event: HubEvent): void {
    if (event.kind !== "entity-up" && event.kind !== "entity-down") return;
    const { entity } = event;
    this.#changedAtMs.delete(entity);
    this.#changedAtMs.set(entity, Date.now());
    if (this.#changedAtMs.size <= MOST_ENTITIES) return;
    const [oldest] = this.#changedAtMs.keys();
    if (oldest !== undefined) this.#changedAtMs.delete(oldest);
  }

  /** Milliseconds since the epoch; undefined before its first link. */
  of(entity: string): number | undefined {
    return this.#changedAtMs.get(entity);
  }
}
