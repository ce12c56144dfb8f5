import type { NestedNamespace } from "../../discovery/index.js";
import { readDiscoInfo } from "../../discovery/index.js";
import type { Grant } from "../../delegation/index.js";
import type { Element } from "../../xml/index.js";
import { serverIdentities } from "../../xmpp/index.js";

/** Answers that are kept: a namespace of the list has one for each entity that users chose. */
const MAX_ANSWERS = 1_000;

/** What the entities that users chose have to say of those users' accounts (XEP-0355 §7.2.2, §9). */
export class GrantedDiscovery {
  readonly #answers = new Map<string, NestedNamespace>();

  /** What an entity said of the accounts that it manages a namespace of; undefined: it has nothing to say. */
  answered(entity: string, namespace: string, query: Element | undefined, limits: Limits): void {
    const key = keyOf({ entity, namespace });
    this.#answers.delete(key);
    if (query === undefined) return;
    const identities = serverIdentities.get(namespace) ?? [];
    this.#answers.set(key, { namespace, entity, identities, info: readDiscoInfo(query, { limits }) });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_ANSWERS) break;
      this.#answers.delete(oldest);
    }
  }

  /** What stands in the description of an account with these grants. Of whom nothing is known, the server's stays. */
  of(grants: readonly Grant[]): readonly NestedNamespace[] {
    return grants.flatMap((grant) => this.#answers.get(keyOf(grant)) ?? []);
  }
}

type Limits = NonNullable<NonNullable<Parameters<typeof readDiscoInfo>[1]>["limits"]>;

function keyOf({ entity, namespace }: Pick<Grant, "entity" | "namespace">): string {
  return `${entity}\n${namespace}`;
}
