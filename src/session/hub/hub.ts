import { RuleTable } from "../../rules/index.js";
import type { Element } from "../../xml/index.js";
import { writtenLength } from "../../xml/index.js";
import { normaliseDomain } from "../../xmpp/index.js";
import { Advertising } from "./advertising.js";
import { Alarms } from "./alarms.js";
import type { Carrier } from "./carrier.js";
import { ClientModes } from "./client-modes.js";
import { Delegations } from "./delegations.js";
import { Discovery } from "./discovery.js";
import { Domain } from "../domain/domain.js";
import { Entities } from "./entities.js";
import type { HubEnvironment, HubEvent, HubStats } from "./hub-types.js";
import type { CarrierView, GrantView, SessionView } from "./views.js";
import { UserEntities, type Appointments } from "./user-entities.js";
import { Sessions } from "./sessions.js";
import type { DomainSettings, LinkLimits } from "../domain/settings.js";
import { attributesOf, stanzaError } from "../link/stanzas.js";

/** The domains, sessions and managing entities of one node, and the delegated requests between them. */
export class Hub implements Appointments {
  readonly #env: HubEnvironment;
  readonly #domains = new Map<string, Domain>();
  /** Domains that a reload took away. Links still hold them, and follow them when they come back. */
  readonly #removed = new Map<string, Domain>();
  readonly sessions: Sessions;
  readonly alarms: Alarms;
  readonly delegations: Delegations;
  readonly discovery: Discovery;
  readonly users: UserEntities;
  readonly clientModes: ClientModes;
  readonly #entities = new Entities();
  readonly #advertising: Advertising;

  #streams = 0;

  constructor(env: HubEnvironment) {
    this.#env = env;
    this.#advertising = new Advertising(env);
    this.discovery = new Discovery(env);
    this.users = new UserEntities(this);
    this.alarms = new Alarms(env);
    this.sessions = new Sessions(env, this.alarms);
    this.delegations = new Delegations(env, this.alarms, this.#entities);
    this.clientModes = new ClientModes(
      env,
      this.alarms,
      this.sessions,
      this.#entities,
      (account) => {
        this.users.granted(account);
      },
      (carrier, name, entity, namespace) => {
        const domain = this.#domains.get(name);
        if (domain !== undefined) this.discovery.askGranted(carrier, domain, entity, namespace);
      },
    );
  }

  /**
   * Takes the settings of all served domains, at start and on reload. Links stay; each managing entity whose
   * delegations changed is told anew (XEP-0355 §8). A domain that is gone delegates nothing any more.
   */
  configure(all: readonly DomainSettings[]): void {
    for (const domain of this.#domains.values()) {
      if (all.some(({ name }) => name === domain.name)) continue;
      domain.replace({ ...domain.settings, rules: RuleTable.compile(domain.name, []), clientMode: undefined });
      this.clientModes.configure(domain);
      this.#domains.delete(domain.name);
      this.#removed.set(domain.name, domain);
    }
    for (const settings of all) {
      const known = this.#domains.get(settings.name) ?? this.#removed.get(settings.name);
      const domain = known ?? new Domain(settings, () => this.limits);
      domain.replace(settings);
      this.clientModes.configure(domain);
      this.#domains.set(settings.name, domain);
      this.#removed.delete(settings.name);
    }
    const known = [...this.#entities.all()];
    this.users.configure(this.#domains.values());
    for (const carrier of known) if (this.#entities.has(carrier)) this.#introduce(carrier);
    this.clientModes.announceChanges();
  }

  /** A time that was asked for with `HubEnvironment.setTimer` has come. */
  timerExpired(key: number): void {
    this.alarms.expired(key);
  }

  get stats(): HubStats {
    return {
      sessions: this.sessions.size,
      resumable: this.sessions.resumptions.size,
      pending: this.delegations.pending,
      entities: new Map(this.#entityStats()),
      discovery: new Map([...this.#domains.values()].map(({ name, discovery }) => [name, discovery.counts])),
      clientModes: this.clientModes.stats,
      ruleMatches: new Map([...this.#domains.values()].map(({ name, matches }) => [name, matches])),
    };
  }

  /** Every bound session, one after the other, for an operator who asks. */
  *sessionViews(): Iterable<SessionView> {
    for (const { connection, jid, domain, management, load } of this.sessions.all())
      yield { connection, jid: jid.full(), domain: domain.name, isManaged: management !== undefined, ...load };
  }

  /** Every stream of a component, or of a user who manages something. */
  *carrierViews(): Iterable<CarrierView> {
    for (const carrier of this.#entities.all()) {
      const { connection, address, entities, queuedBytes } = carrier;
      const outstanding = this.#entities.outstandingAt(carrier)?.pending ?? 0;
      yield { connection, address, entities, outstanding, queuedBytes };
    }
  }

  /** Everything that users have delegated, one after the other. */
  grantViews(): Iterable<GrantView> {
    return this.clientModes.views();
  }

  /**
   * An operator takes back what a user has delegated, in the way of the user. `done` is told whether it is so after a restart.
   *
   * Shape   `grants` are of one user in one domain.
   */
  revokeGrants(domain: string, grants: readonly GrantView[], done: (isStored: boolean) => void): void {
    this.clientModes.revoke(domain, grants, done);
  }

  // What follows is called by the links.

  get limits(): LinkLimits {
    return this.#env.limits;
  }

  report(event: HubEvent): void {
    this.#env.report(event);
  }

  newId(): string {
    return this.#env.newId();
  }

  now(): number {
    return this.#env.now();
  }

  /** Milliseconds since the epoch: when a user granted something. */
  wallMs(): number {
    return this.#env.wallMs?.() ?? this.#env.now();
  }

  nextStreamNumber(): number {
    return ++this.#streams;
  }

  domain(name: string): Domain | undefined {
    return this.#domains.get(name);
  }

  /** The only domain, when there is one: for peers that do not say which they mean (RFC 6120 §4.7.2). */
  get onlyDomain(): Domain | undefined {
    const [first, second] = this.#domains.values();
    return second === undefined ? first : undefined;
  }

  /**
   * The domain that a client's stream header names. One that named another served domain to TLS is not believed
   * (protocol.md A13).
   */
  domainOfClient(to: string | undefined, serverName: string | undefined): Domain | undefined {
    const named = to === undefined ? undefined : normaliseDomain(to);
    const domain = to === undefined ? this.onlyDomain : named === undefined ? undefined : this.domain(named);
    const certified = serverName === undefined ? undefined : this.domain(serverName);
    return certified === undefined || certified === domain ? domain : undefined;
  }

  /**
   * The domain through which a component's link runs: the one that lists it, else one that delegates to it, else the
   * one that it is a subdomain of, else the only one that has a component port.
   */
  domainOfComponent(component: string): Domain | undefined {
    const domains = [...this.#domains.values()];
    const open = domains.filter(({ settings }) => settings.relaysComponents && settings.components === undefined);
    return (
      domains.find(({ settings }) => settings.components?.has(component)) ??
      open.find(({ settings }) => settings.rules.rulesOf(component).length > 0) ??
      open.find(({ name }) => component.endsWith(`.${name}`)) ??
      (open.length === 1 ? open[0] : undefined)
    );
  }

  /** Whether any domain could take an iq with so many children, the first with this hash of its namespace. */
  mayMatch(childNamespaceHash: number, childCount: number): boolean {
    for (const domain of this.#domains.values()) {
      if (domain.mayMatch(childNamespaceHash, childCount)) return true;
    }
    return false;
  }

  /** Whether a component is connected already. If so, it has to show that it is. */
  challengeEntity(component: string): boolean {
    const link = this.#entities.get(component);
    link?.challenge();
    return link !== undefined;
  }

  /** Whether users have delegated anything to an account (XEP-0355 §5). */
  isChosen(account: string): boolean {
    return this.clientModes.isEntity(account);
  }

  hasEntity(entity: string): boolean {
    return this.#entities.get(entity) !== undefined;
  }

  /** The entity can be asked over this stream, and is told what it manages (XEP-0355 §4.2). */
  entityUp(carrier: Carrier): void {
    this.#entities.add(carrier);
    const { connection } = carrier;
    for (const entity of carrier.entities) this.#env.report({ kind: "entity-up", connection, entity });
    this.#introduce(carrier);
    this.clientModes.announce(carrier);
  }

  /** Tells an entity what it manages now, if that is not what it was told. */
  tell(carrier: Carrier): void {
    this.#advertising.tell(carrier, this.#domains);
  }

  /** The stream is over, or leads to the entity no more: whatever is owed is answered now (protocol.md D33). */
  entityDown(carrier: Carrier): void {
    const owed = this.#entities.remove(carrier, this.#env.now())?.drain(this.#env.now());
    if (owed === undefined) return;
    for (const entity of carrier.entities) {
      const lost = owed.filter(({ rule }) => rule.entity === entity).length;
      this.#env.report({ kind: "entity-down", connection: carrier.connection, entity, lost });
    }
    for (const { token } of owed) this.delegations.fail(token, "entity-lost");
  }

  /** A client's stanza for a component whose link ends here. */
  sendToComponent(component: string, stanza: Element, answer: (error: Element) => void): void {
    const link = this.#entities.get(component);
    const length = writtenLength(stanza);
    const isSmall = length <= this.limits.writtenBytes;
    if (link !== undefined && isSmall && link.queuedBytes + length <= this.limits.entityQueueBytes) {
      link.deliver(stanza);
      return;
    }
    const { type, id, to, from } = attributesOf(stanza);
    if (stanza.name === "presence" || type === "error" || type === "result") return;
    const condition = link === undefined ? "service-unavailable" : "resource-constraint";
    answer(
      stanzaError(
        { name: stanza.name, id, to: from ?? "", from: to ?? "" },
        { type: link === undefined ? "cancel" : "wait", condition },
      ),
    );
  }

  /** Tells an entity what it manages, and asks what it has to say about that (XEP-0355 §4.2, §7.2). */
  #introduce(carrier: Carrier): void {
    this.tell(carrier);
    this.discovery.ask(carrier, this.#domains.values());
  }

  *#entityStats(): Iterable<[string, { readonly up: boolean; readonly queuedBytes: number }]> {
    for (const { settings } of this.#domains.values()) {
      for (const entity of settings.rules.entities()) {
        const link = this.#entities.get(entity);
        yield [entity, { up: link !== undefined, queuedBytes: link?.queuedBytes ?? 0 }];
      }
    }
  }
}
