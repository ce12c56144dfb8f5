import { namespaceHash } from "../xml/index.js";
import { parseJid } from "../xmpp/index.js";
import type { Grant, GrantChange } from "./grant.js";
import { type ClientModePolicy, isGrantEffective } from "./grant-request.js";

/** What must be known of a request to find the grant that it falls under. */
export interface ManagedRequest {
  readonly type: string | undefined;
  readonly id: string | undefined;
  /** As written; undefined when absent. */
  readonly to: string | undefined;
  /** The sender: the full JID that the server bound, or a component's address. */
  readonly from: string;
  readonly children: readonly { readonly namespace: string }[];
}

export type GrantDecision =
  | { readonly kind: "pass" }
  | { readonly kind: "forward"; readonly grant: Grant }
  | {
      readonly kind: "refuse";
      readonly grant: Grant;
      readonly code: "delegated-request-without-id" | "delegated-request-with-several-children";
    };

const PASS = { kind: "pass" } as const;

/**
 * What the users of one domain have delegated.
 *
 * Shape   it holds all that was ever granted and not revoked; what the configuration of now does not allow has no effect,
 *         but is listed and can be revoked.
 * Cost    a look into a set of numbers for a request in whose namespace nobody granted anything; two looks into maps and two
 *         addresses read for one of the others.
 * Source  XEP-0355 §5.2; protocol.md D63, D64.
 */
export class GrantTable {
  #policy: ClientModePolicy;
  /** `bareKey` of the user → namespace → grant. */
  readonly #byUser = new Map<string, Map<string, Grant>>();
  /** Entity → `bareKey` of the user. */
  readonly #usersOf = new Map<string, Map<string, number>>();
  /** Namespace → how many users have delegated it. */
  readonly #perNamespace = new Map<string, number>();
  #hashes: ReadonlySet<number> = new Set();
  #size = 0;

  constructor(policy: ClientModePolicy) {
    this.#policy = policy;
  }

  get policy(): ClientModePolicy {
    return this.#policy;
  }

  get size(): number {
    return this.#size;
  }

  /** Entity → users who have delegated something to it, and what they did; in effect or not. */
  *managers(): Iterable<readonly [entity: string, counts: { readonly users: number; readonly grants: number }]> {
    for (const [entity, users] of this.#usersOf) {
      let grants = 0;
      for (const count of users.values()) grants += count;
      yield [entity, { users: users.size, grants }];
    }
  }

  /** The configuration has changed; grants stay. */
  configure(policy: ClientModePolicy): void {
    this.#policy = policy;
    this.#hash();
  }

  /** Takes changes that were stored. */
  apply(changes: readonly GrantChange[]): void {
    for (const change of changes) {
      if (change.kind === "put") this.#put(change.grant);
      else this.#remove(change.account, change.namespace);
    }
  }

  /** Whether `decide` could do anything but pass, judged by the `namespaceHash` of an IQ's first child. */
  mayMatch(childNamespaceHash: number): boolean {
    return this.#hashes.has(childNamespaceHash | 0);
  }

  /** Whether anything is in effect, so that a request with several children has to be looked at (RFC 6120 §8.2.3). */
  get isEmpty(): boolean {
    return this.#hashes.size === 0;
  }

  /**
   * Whose request it is. Asked when no rule of the administrator takes it.
   *
   * Source  XEP-0355 §5.2: (1) to the server, of a managed user; (2) to the bare JID of a managed user, of anybody but the
   *         managing entity; never otherwise. Protocol.md D64; D1 (get and set alone).
   */
  decide(request: ManagedRequest): GrantDecision {
    const { type, children, id } = request;
    if ((type !== "get" && type !== "set") || this.isEmpty) return PASS;
    if (!children.some(({ namespace }) => this.#perNamespace.has(namespace))) return PASS;
    const managed = this.#managedBy(request);
    const grants = managed === undefined ? undefined : this.#byUser.get(managed);
    if (grants === undefined) return PASS;
    for (const { namespace } of children) {
      const grant = grants.get(namespace);
      if (grant === undefined || !isGrantEffective(this.#policy, grant) || isSentBy(grant.entity, request.from))
        continue;
      if (children.length > 1) return { kind: "refuse", grant, code: "delegated-request-with-several-children" };
      if (id === undefined) return { kind: "refuse", grant, code: "delegated-request-without-id" };
      return { kind: "forward", grant };
    }
    return PASS;
  }

  /** Everything that is held. */
  *all(): Iterable<Grant> {
    for (const grants of this.#byUser.values()) yield* grants.values();
  }

  isEffective(grant: Grant): boolean {
    return isGrantEffective(this.#policy, grant);
  }

  /** Everything that a user has delegated, in the order in which it was. */
  of(user: string): readonly Grant[] {
    return [...(this.#byUser.get(user)?.values() ?? [])];
  }

  /** What a user has delegated with effect. */
  effectiveOf(user: string): readonly Grant[] {
    return this.of(user).filter((grant) => isGrantEffective(this.#policy, grant));
  }

  /** Who manages a namespace of a user, in effect or not. */
  managerOf(user: string, namespace: string): string | undefined {
    return this.#byUser.get(user)?.get(namespace)?.entity;
  }

  /** What an entity manages of a user with effect: the content of a notification (XEP-0355 §5.1, §8). */
  managed(entity: string, user: string): readonly Grant[] {
    return this.of(user).filter((grant) => grant.entity === entity && isGrantEffective(this.#policy, grant));
  }

  /** The users who have delegated anything to an entity; `bareKey`s. */
  usersOf(entity: string): readonly string[] {
    return [...(this.#usersOf.get(entity)?.keys() ?? [])];
  }

  /** Whether anything was granted to an entity. */
  isEntity(entity: string): boolean {
    return this.#usersOf.has(entity);
  }

  /** The entities that anything was granted to. */
  entities(): Iterable<string> {
    return this.#usersOf.keys();
  }

  /** The user whose grants apply to a request: whom it is addressed to, or the sender of what is meant for the server. */
  #managedBy({ to, from }: ManagedRequest): string | undefined {
    const { domain } = this.#policy;
    const target = to === undefined ? undefined : parseJid(to);
    if (to !== undefined && (target === undefined || target.domain !== domain || target.resource !== undefined)) {
      return undefined;
    }
    if (target?.local !== undefined) return target.bareKey;
    const sender = parseJid(from);
    return sender?.domain === domain ? sender.bareKey : undefined;
  }

  #put(grant: Grant): void {
    const user = parseJid(grant.account)?.bareKey;
    if (user === undefined) return;
    this.#remove(grant.account, grant.namespace);
    const grants = this.#byUser.get(user);
    if (grants === undefined) this.#byUser.set(user, new Map([[grant.namespace, grant]]));
    else grants.set(grant.namespace, grant);
    const users = this.#usersOf.get(grant.entity);
    if (users === undefined) this.#usersOf.set(grant.entity, new Map([[user, 1]]));
    else users.set(user, (users.get(user) ?? 0) + 1);
    this.#size++;
    this.#count(grant.namespace, 1);
  }

  #remove(account: string, namespace: string): void {
    const user = parseJid(account)?.bareKey ?? "";
    const grants = this.#byUser.get(user);
    const grant = grants?.get(namespace);
    if (grants === undefined || grant === undefined) return;
    grants.delete(namespace);
    if (grants.size === 0) this.#byUser.delete(user);
    const users = this.#usersOf.get(grant.entity);
    const left = (users?.get(user) ?? 1) - 1;
    if (left > 0) users?.set(user, left);
    else users?.delete(user);
    if (users?.size === 0) this.#usersOf.delete(grant.entity);
    this.#size--;
    this.#count(namespace, -1);
  }

  #count(namespace: string, by: 1 | -1): void {
    const before = this.#perNamespace.get(namespace) ?? 0;
    if (before + by > 0) this.#perNamespace.set(namespace, before + by);
    else this.#perNamespace.delete(namespace);
    if (before === 0 || before + by === 0) this.#hash();
  }

  #hash(): void {
    const { namespaces, administered } = this.#policy;
    const effective = [...this.#perNamespace.keys()].filter(
      (namespace) => namespaces.has(namespace) && !administered.has(namespace),
    );
    this.#hashes = new Set(effective.map((namespace) => namespaceHash(namespace) | 0));
  }
}

/** A component is recognised by its domain (protocol.md D6), a user by the account. */
function isSentBy(entity: string, from: string): boolean {
  const sender = parseJid(from);
  return entity.includes("@") ? sender?.bareKey === entity : sender?.domain === entity;
}
