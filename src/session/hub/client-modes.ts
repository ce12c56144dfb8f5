import type {
  ClientModeSettings,
  Grant,
  GrantAnswerOutcome,
  GrantAnswerRefusal,
  GrantChange,
  GrantCommandRefusal,
  GrantQuestion,
  GrantRequestRefusal,
} from "../../delegation/index.js";
import { advertisement, ClientMode, grantMessage, grantTexts } from "../../delegation/index.js";
import { parseJid } from "../../xmpp/index.js";
import type { Alarms } from "./alarms.js";
import type { Carrier } from "./carrier.js";
import type { BoundSession } from "./bound-session.js";
import type { Domain } from "../domain/domain.js";
import type { Entities } from "./entities.js";
import type { GrantStep, HubEnvironment, HubStats } from "./hub-types.js";
import type { Sessions } from "./sessions.js";
import type { GrantView } from "./views.js";

/** Users whose grants are told to an entity at once, and how long it is until the next ones. */
const TOLD_AT_ONCE = 200;
const PAUSE_MS = 50;

/** Questions that a session is known to have been asked. */
const MAX_ASKED = 64;

interface EndingGrants {
  readonly domain: string;
  readonly question: GrantQuestion;
  readonly grants: ReadonlySet<Grant>;
}

/** Whose grants are to be told, to whom. */
type Announcement = readonly [domain: string, entity: string, user: string];

/**
 * Client mode of all domains (XEP-0355 §5, §6): puts questions to users' sessions, has grants stored, and tells managing
 * entities what they manage. What is decided, and by which rules, is in `ClientMode`.
 */
export class ClientModes {
  readonly #env: HubEnvironment;
  readonly #alarms: Alarms;
  readonly #sessions: Sessions;
  readonly #entities: Entities;
  /** Also of domains that have client mode no more, since their grants are kept. */
  readonly #modes = new Map<string, ClientMode>();
  /** Grants of domains that have had no client mode so far. */
  readonly #kept = new Map<string, Grant[]>();
  /** The questions that a session has been asked, by challenge. */
  readonly #asked = new WeakMap<BoundSession, Set<string>>();
  /** What was granted for as long as a session lasts. */
  readonly #endingWith = new Map<BoundSession, EndingGrants[]>();
  /** The grants among those that are not stored. */
  readonly #passing = new WeakSet<Grant>();
  #isToBeTold = false;

  /** What an entity was asked to describe over one stream: domains and namespaces. */
  readonly #described = new WeakMap<Carrier, Set<string>>();
  readonly #users: (account: string) => void;
  readonly #describe: (carrier: Carrier, domain: string, entity: string, namespace: string) => void;

  /**
   * `users` is told of each account that users have begun, or ceased, to delegate something to; `describe` asks an entity
   * about accounts that it manages a namespace of.
   */
  constructor(
    env: HubEnvironment,
    alarms: Alarms,
    sessions: Sessions,
    entities: Entities,
    users: (account: string) => void,
    describe: (carrier: Carrier, domain: string, entity: string, namespace: string) => void,
  ) {
    this.#env = env;
    this.#users = users;
    this.#describe = describe;
    this.#alarms = alarms;
    this.#sessions = sessions;
    this.#entities = entities;
  }

  /** Takes what was stored in earlier lives of the process; before the first `configure`. */
  load(stored: Iterable<Grant & { readonly domain: string }>): void {
    for (const { domain, ...grant } of stored) {
      const others = this.#kept.get(domain);
      if (others === undefined) this.#kept.set(domain, [grant]);
      else others.push(grant);
    }
  }

  /** Gives a domain its client mode, or takes it away, as its settings say. `announceChanges` follows. */
  configure(domain: Domain): void {
    const settings = domain.settings.clientMode;
    let mode = this.#modes.get(domain.name);
    const before = mode && policyOf(mode.settings);
    if (settings === undefined) {
      mode?.clear();
      mode?.configure({ ...mode.settings, namespaces: new Set() });
    } else if (mode === undefined) {
      mode = new ClientMode(settings);
      mode.grants.apply(this.#kept.get(domain.name)?.map((grant) => ({ kind: "put", grant })) ?? []);
      this.#kept.delete(domain.name);
      this.#modes.set(domain.name, mode);
    } else mode.configure(settings);
    domain.clientMode = settings === undefined ? undefined : mode;
    if (mode !== undefined && before !== policyOf(mode.settings)) this.#isToBeTold = true;
  }

  /** Entities are told what they manage now, if a configuration may have changed it. */
  announceChanges(): void {
    if (!this.#isToBeTold) return;
    this.#isToBeTold = false;
    for (const carrier of this.#entities.all()) this.announce(carrier, true);
  }

  get stats(): HubStats["clientModes"] {
    const modes = [...this.#modes];
    return new Map(modes.map(([domain, { grants, questions }]) => [domain, { grants: grants.size, questions }]));
  }

  /** Each domain's entities, with what users have delegated to them. */
  *managers(): Iterable<{
    readonly domain: string;
    readonly entity: string;
    readonly users: number;
    readonly grants: number;
  }> {
    for (const [domain, mode] of this.#modes)
      for (const [entity, counts] of mode.grants.managers()) yield { domain, entity, ...counts };
  }

  /** Everything that users have delegated, for an operator who asks. */
  *views(): Iterable<GrantView> {
    for (const [domain, { grants }] of this.#modes) {
      for (const grant of grants.all())
        yield { ...grant, domain, isEffective: grants.isEffective(grant), isLasting: !this.#passing.has(grant) };
    }
    for (const [domain, grants] of this.#kept)
      for (const grant of grants) yield { ...grant, domain, isEffective: false, isLasting: true };
  }

  /** Puts a question to the sessions of a user; the others get it when they become available. */
  ask(domain: Domain, question: GrantQuestion): void {
    // Until then each message of the user is looked through.
    this.#alarms.set(question.expiresAt - this.#env.now(), () => {
      domain.clientMode?.expire(this.#env.now());
    });
    for (const session of this.#sessions.atAccount(question.user)) this.#askSession(domain, session, question);
  }

  /** A session has sent available presence: it is asked what its user was asked meanwhile. */
  available(session: BoundSession): void {
    const { domain, jid } = session;
    const mode = domain.clientMode;
    if (mode?.isExpecting(jid.bareKey) !== true) return;
    for (const question of mode.questionsFor(jid.bareKey, this.#env.now())) this.#askSession(domain, session, question);
  }

  /** Whether users have delegated anything to an entity. */
  isEntity(entity: string): boolean {
    for (const { grants } of this.#modes.values()) if (grants.isEntity(entity)) return true;
    return false;
  }

  /** How many more grants can be kept. */
  get room(): number {
    return this.#env.grants?.room ?? 0;
  }

  /**
   * Has granted namespaces stored; then they take effect, and the entities hear of it. `done` says what was in the way.
   *
   * Shape   `session`: its client could not take them back, so they last as long as the session and are not stored
   *         (XEP-0355 §8, rule 2).
   */
  grant(
    domain: Domain,
    { question, changes }: Extract<GrantAnswerOutcome, { kind: "grant" }>,
    session: BoundSession | undefined,
    done: (refusal: GrantAnswerRefusal | undefined) => void,
  ): void {
    const mode = domain.clientMode;
    if (mode === undefined) return;
    // The client was asked meanwhile, and may have gone.
    if (session?.client.isOver === true) {
      mode.reopen(question);
      return;
    }
    const namespaces = changes.map((change) => keyOf(change).namespace);
    if (!mode.hasRoom(question.user, namespaces, this.room)) {
      mode.reopen(question);
      this.refused(domain.name, "grant-too-many");
      done("grant-too-many");
      return;
    }
    const all = mode.grants.of(question.user);
    const earlier = all.filter(({ namespace }) => namespaces.includes(namespace));
    const before = changes.map((change): GrantChange => {
      const grant = earlier.find(({ namespace }) => namespace === keyOf(change).namespace);
      return grant === undefined || this.#passing.has(grant) ? removalOf(change) : { kind: "put", grant };
    });
    const kept = session === undefined ? changes : changes.map(removalOf);
    this.#save(domain.name, kept, before, (isStored) => {
      if (isStored) {
        mode.grants.apply(changes);
        const [first] = changes;
        const account = first === undefined ? question.user : keyOf(first).account;
        this.report("granted", domain.name, question.entity, account, changes.length);
        if (session !== undefined) this.#endWith(session, domain.name, question, changes);
        for (const entity of new Set([...earlier.map((grant) => grant.entity), ...entitiesOf(changes)]))
          this.#announceTo(domain.name, entity, question.user, account);
      } else {
        mode.reopen(question);
        this.refused(domain.name, "grant-not-stored");
      }
      done(isStored ? undefined : "grant-not-stored");
    });
  }

  /** A session is over, and with it what was granted for so long; the user is asked again (XEP-0355 §8, rule 2). */
  over(session: BoundSession): void {
    const all = this.#endingWith.get(session);
    if (all === undefined) return;
    this.#endingWith.delete(session);
    for (const { domain, question, grants } of all) {
      const mode = this.#modes.get(domain);
      const left = mode?.grants.of(question.user).filter((grant) => grants.has(grant)) ?? [];
      const [first] = left;
      if (mode === undefined || first === undefined) continue;
      mode.grants.apply(left.map((grant) => removalOf({ kind: "put", grant })));
      this.report("ended", domain, question.entity, first.account, left.length);
      this.#announceTo(domain, question.entity, question.user, first.account);
      const namespaces = left.map(({ namespace }) => namespace);
      const again = mode.again(question, namespaces, this.#env.newId(), this.#env.now());
      if (again !== undefined && session.domain.clientMode === mode) this.ask(session.domain, again);
    }
  }

  /**
   * Takes grants of one user back. They are over at once, whether or not that can be stored: who revokes must not be told
   * to come again. `done` says whether it will be so after a restart, too.
   */
  revoke(domain: string, grants: readonly Grant[], done: (isStored: boolean) => void): void {
    const changes = grants.map(({ account, namespace }) => ({ kind: "remove", account, namespace }) as const);
    this.#modes.get(domain)?.grants.apply(changes);
    const kept = this.#kept.get(domain);
    if (kept !== undefined)
      this.#kept.set(
        domain,
        kept.filter((grant) => !grants.some((one) => isSame(one, grant))),
      );
    for (const entity of new Set(grants.map((grant) => grant.entity))) {
      const own = grants.filter((grant) => grant.entity === entity);
      const account = own[0]?.account ?? "";
      this.report("revoked", domain, entity, account, own.length);
      this.#announceTo(domain, entity, parseJid(account)?.bareKey ?? account, account);
    }
    this.#save(domain, changes, changes, (isStored) => {
      if (!isStored) this.refused(domain, "grant-not-stored");
      done(isStored);
    });
  }

  /**
   * Tells an entity what each user has delegated to it (XEP-0355 §5.1, §8; protocol.md D12, D63): when it can be reached,
   * and, with `isChanged`, also of users who delegate nothing to it with effect any more.
   */
  announce(carrier: Carrier, isChanged = false): void {
    const all: Announcement[] = [];
    for (const [domain, mode] of this.#modes) {
      for (const entity of carrier.entities) {
        for (const user of mode.grants.usersOf(entity)) {
          if (isChanged || mode.grants.managed(entity, user).length > 0) all.push([domain, entity, user]);
        }
      }
    }
    if (all.length > 0) this.#announceFrom(carrier, all, 0);
  }

  /** Tells one entity what one user delegates to it now. */
  tell(domain: string, entity: string, user: string): void {
    this.#announceTo(domain, entity, user, undefined);
  }

  report(step: GrantStep, domain: string, entity: string, account: string, count: number): void {
    this.#env.report({ kind: "grant", step, domain, entity, account, count });
  }

  refused(domain: string, code: GrantRequestRefusal | GrantAnswerRefusal | GrantCommandRefusal): void {
    this.#env.report({ kind: "grant-refused", domain, code });
  }

  #save(
    domain: string,
    changes: readonly GrantChange[],
    otherwise: readonly GrantChange[],
    done: (isStored: boolean) => void,
  ): void {
    if (this.#env.grants === undefined) done(false);
    else this.#env.grants.save(domain, changes, otherwise, done);
  }

  #endWith(session: BoundSession, domain: string, question: GrantQuestion, changes: readonly GrantChange[]): void {
    const grants = new Set(changes.flatMap((change) => (change.kind === "put" ? [change.grant] : [])));
    for (const grant of grants) this.#passing.add(grant);
    const others = this.#endingWith.get(session) ?? [];
    this.#endingWith.set(session, [...others, { domain, question, grants }]);
    // It may have ended while the disk was busy.
    if (session.client.isOver) this.over(session);
  }

  /** RFC 6121 §8.5.2.1.1: a session with a negative priority gets no messages that were not sent to it. */
  #askSession(domain: Domain, session: BoundSession, question: GrantQuestion): void {
    if (session.priority === undefined || session.priority < 0 || !session.isReachable || session.domain !== domain)
      return;
    const asked = this.#asked.get(session) ?? new Set<string>();
    this.#asked.set(session, asked);
    if (asked.has(question.challenge)) return;
    // What is that old is answered or over; at worst a question is seen twice.
    if (asked.size >= MAX_ASKED) asked.clear();
    asked.add(question.challenge);
    const address = { id: this.#env.newId(), from: domain.name, to: session.jid.full() };
    const managers = (namespace: string) => domain.clientMode?.grants.managerOf(question.user, namespace);
    session.deliver(grantMessage(question, address, grantTexts(session.lang), managers));
    this.report("asked", domain.name, question.entity, session.jid.bare(), question.namespaces.length);
  }

  /** In steps, since many may have delegated something to one entity. */
  #announceFrom(carrier: Carrier, all: readonly Announcement[], from: number): void {
    if (this.#entities.outstandingAt(carrier) === undefined) return;
    const isCongested = carrier.queuedBytes > this.#env.limits.entityQueueBytes / 2;
    const to = isCongested ? from : from + TOLD_AT_ONCE;
    for (const [domain, entity, user] of all.slice(from, to)) this.#announceOver(carrier, domain, entity, user);
    if (to >= all.length) return;
    this.#alarms.set(PAUSE_MS, () => {
      this.#announceFrom(carrier, all, to);
    });
  }

  #announceTo(domain: string, entity: string, user: string, account: string | undefined): void {
    const carrier = this.#entities.get(entity);
    if (carrier !== undefined) this.#announceOver(carrier, domain, entity, user, account);
    // A session that manages from now on is told when it is appointed.
    if (entity.includes("@")) this.#users(entity);
  }

  #announceOver(carrier: Carrier, domain: string, entity: string, user: string, account?: string): void {
    const mode = this.#modes.get(domain);
    const all = mode?.grants.of(user) ?? [];
    const managed = mode?.grants.managed(entity, user) ?? [];
    const rules = managed.map(({ namespace }) => ({ namespace, filtering: [] }));
    const shown = account ?? all[0]?.account ?? user;
    carrier.sendToEntity(advertisement(domain, carrier.address, rules, this.#env.newId(), shown));
    const described = this.#described.get(carrier) ?? new Set<string>();
    this.#described.set(carrier, described);
    for (const { namespace } of managed) {
      const key = `${domain}\n${entity}\n${namespace}`;
      if (described.has(key)) continue;
      described.add(key);
      this.#describe(carrier, domain, entity, namespace);
    }
  }
}

function isSame(one: Grant, other: Grant): boolean {
  return one.account === other.account && one.namespace === other.namespace;
}

function keyOf(change: GrantChange): Pick<Grant, "account" | "namespace"> {
  return change.kind === "put" ? change.grant : change;
}

function removalOf(change: GrantChange): GrantChange {
  const { account, namespace } = keyOf(change);
  return { kind: "remove", account, namespace };
}

function entitiesOf(changes: readonly GrantChange[]): ReadonlySet<string> {
  return new Set(changes.flatMap((change) => (change.kind === "put" ? [change.grant.entity] : [])));
}

/** What decides which grants have effect. */
function policyOf({ namespaces, administered, entities }: ClientModeSettings): string {
  return JSON.stringify([[...namespaces], [...administered], entities === undefined ? undefined : [...entities]]);
}
