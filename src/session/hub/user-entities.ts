import type { Domain } from "../domain/domain.js";
import type { BoundSession } from "./bound-session.js";
import type { Carrier } from "./carrier.js";
import type { AskingEnvironment } from "./questions.js";
import { UserEntity } from "./user-entity.js";

/** Who is told of appointments, and knows of grants. */
export interface Appointments extends AskingEnvironment {
  /** Whether users have delegated anything to an account. */
  isChosen(account: string): boolean;
  /** The entity can be asked over this stream. */
  entityUp(carrier: Carrier): void;
  /** The stream leads to the entity no more. */
  entityDown(carrier: Carrier): void;
  /** Tells an entity what it manages now. */
  tell(carrier: Carrier): void;
}

/**
 * Which sessions of users manage namespaces. Of a bare JID the resource that became available first manages, and when it
 * leaves the next one takes over; of a full JID that resource alone (XEP-0355 §4, §4.2).
 */
export class UserEntities {
  readonly #appointments: Appointments;
  /** The configured users, bare and full, by account. */
  #configured = new Map<string, ReadonlySet<string>>();
  /** Available sessions by account, the first one first. */
  readonly #available = new Map<string, BoundSession[]>();
  readonly #managing = new Map<BoundSession, UserEntity>();

  constructor(appointments: Appointments) {
    this.#appointments = appointments;
  }

  configure(domains: Iterable<Domain>): void {
    const configured = new Map<string, Set<string>>();
    for (const { settings } of domains) {
      for (const entity of settings.rules.entities()) {
        if (!entity.includes("@")) continue;
        const account = entity.split("/", 1)[0] ?? entity;
        const known = configured.get(account);
        if (known === undefined) configured.set(account, new Set([entity]));
        else known.add(entity);
      }
    }
    const accounts = new Set([...this.#configured.keys(), ...configured.keys()]);
    this.#configured = configured;
    for (const account of accounts) this.#appoint(account);
  }

  /** The session's availability has changed, or it is over (RFC 6121 §4.2, §4.5). */
  presenceOf(session: BoundSession, isAvailable: boolean): void {
    const { bareKey } = session.jid;
    const others = (this.#available.get(bareKey) ?? []).filter((one) => one !== session);
    const isKnown = this.#available.get(bareKey)?.includes(session) === true;
    if (isAvailable === isKnown) return;
    if (isAvailable) this.#available.set(bareKey, [...others, session]);
    else if (others.length > 0) this.#available.set(bareKey, others);
    else this.#available.delete(bareKey);
    if (this.#configured.has(bareKey) || this.#managing.has(session) || this.#appointments.isChosen(bareKey)) {
      this.#appoint(bareKey);
    }
  }

  /** Stanzas may be put into the session's stream again. */
  reachable(session: BoundSession): void {
    if (this.#available.get(session.jid.bareKey)?.includes(session) === true) this.#appoint(session.jid.bareKey);
  }

  /** Whether a user of the domain manages something, be it of another domain; `account`: the one in question, if known. */
  mayManage(domain: string, account: string | undefined): boolean {
    if (account !== undefined && this.#appointments.isChosen(account)) return true;
    for (const configured of this.#configured.keys()) if (configured.endsWith(`@${domain}`)) return true;
    return false;
  }

  /** What users have delegated to an account has changed (XEP-0355 §5). */
  granted(account: string): void {
    this.#appoint(account);
  }

  /** What the session manages, if it does. */
  get(session: BoundSession): UserEntity | undefined {
    return this.#managing.get(session);
  }

  #appoint(account: string): void {
    const available = (this.#available.get(account) ?? []).filter(({ isReachable }) => isReachable);
    const wanted = new Map<BoundSession, string[]>();
    const entities = new Set(this.#configured.get(account));
    if (this.#appointments.isChosen(account)) entities.add(account);
    for (const entity of entities) {
      const chosen = entity === account ? available[0] : available.find(({ jid }) => jid.fullKey === entity);
      if (chosen !== undefined) wanted.set(chosen, [...(wanted.get(chosen) ?? []), entity]);
    }
    // First whoever leaves, so that its requests are answered before the next one is asked.
    for (const [session, entity] of this.#managing) {
      if (session.jid.bareKey !== account || isSame(entity.entities, wanted.get(session))) continue;
      this.#managing.delete(session);
      entity.questions.end();
      session.manages(undefined);
      // A reload dismissed it, and it is still there to hear so (XEP-0355 §8).
      if (available.includes(session)) this.#appointments.tell(entity);
      this.#appointments.entityDown(entity);
    }
    for (const [session, entities] of wanted) {
      if (this.#managing.has(session)) continue;
      const entity = new UserEntity(this.#appointments, session, entities);
      this.#managing.set(session, entity);
      session.manages(entity);
      this.#appointments.entityUp(entity);
    }
  }
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one.length === other?.length && one.every((entity) => other.includes(entity));
}
