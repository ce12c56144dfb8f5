import type { DelegationRule, RefusalCode } from "../rules/index.js";
import { RuleTable } from "../rules/index.js";
import type { Element } from "../xml/index.js";
import { writtenLength } from "../xml/index.js";
import { Advertising } from "./advertising.js";
import { Alarms } from "./alarms.js";
import { ClientLink } from "./client-link.js";
import { ComponentLink } from "./component-link.js";
import { Domain } from "./domain.js";
import { Entities } from "./entities.js";
import { stanzaError } from "./errors.js";
import type { RequestFaultCode } from "./faults.js";
import { REQUEST_FAULTS } from "./faults.js";
import type { DelegationOutcome, HubEnvironment, HubStats } from "./hub-types.js";
import type { LinkMachine, Performer } from "./performer.js";
import type { FrameCounts } from "./pump.js";
import type { DelegatedRequest, Requester } from "./requests.js";
import { attributesOf, unavailable } from "./requests.js";
import { Sessions } from "./sessions.js";
import { routeFromComponent } from "./routing.js";
import type { DomainSettings, LinkLimits } from "./settings.js";

/** Frames that a link has read, up (towards the server) and down. Plain numbers that grow. */
export interface LinkStats {
  readonly frames: { readonly up: Readonly<FrameCounts>; readonly down: Readonly<FrameCounts> };
}

/** What is asked of a managing entity. */
export interface Delegation {
  /** The initial stanza; it becomes part of the wrapper. */
  readonly iq: Element;
  readonly from: string;
  readonly domain: Domain;
  readonly rule: DelegationRule;
  readonly lang: string | undefined;
}

const NOT_OURS = { kind: "not-ours" } as const;
const LATE = { kind: "late" } as const;
const LATE_REPLY: RequestFaultCode = "late-reply";

/** The domains, sessions and managing entities of one node, and the delegated requests between them. */
export class Hub {
  readonly #env: HubEnvironment;
  readonly #domains = new Map<string, Domain>();
  /** Domains that a reload took away. Links still hold them, and follow them when they come back. */
  readonly #removed = new Map<string, Domain>();
  readonly sessions: Sessions;
  readonly alarms: Alarms;
  readonly #entities = new Entities();
  readonly #advertising: Advertising;
  /** Requests in flight, with the alarm of each, and the link that it went over. */
  readonly #requests = new Map<DelegatedRequest, { readonly alarm: number; readonly link: ComponentLink }>();

  #streams = 0;

  constructor(env: HubEnvironment) {
    this.#env = env;
    this.#advertising = new Advertising(env);
    this.alarms = new Alarms(env);
    this.sessions = new Sessions(env, this.alarms);
  }

  /**
   * Takes the settings of all served domains, at start and on reload. Links stay; each managing entity whose
   * delegations changed is told anew (XEP-0355 §8). A domain that is gone delegates nothing any more.
   */
  configure(all: readonly DomainSettings[]): void {
    for (const domain of this.#domains.values()) {
      if (all.some(({ name }) => name === domain.name)) continue;
      domain.replace({ ...domain.settings, rules: RuleTable.compile(domain.name, []) });
      this.#domains.delete(domain.name);
      this.#removed.set(domain.name, domain);
    }
    for (const settings of all) {
      const domain = this.#domains.get(settings.name) ?? this.#removed.get(settings.name) ?? new Domain(settings);
      domain.replace(settings);
      this.#domains.set(settings.name, domain);
      this.#removed.delete(settings.name);
    }
    for (const link of this.#entities.all()) this.#advertising.tell(link, this.#domains);
  }

  openClientLink(
    performer: Performer,
    listener: { readonly tls: "starttls" | "direct" | "none" },
  ): LinkMachine & LinkStats {
    return new ClientLink(this, performer, listener.tls);
  }

  openComponentLink(performer: Performer): LinkMachine & LinkStats {
    return new ComponentLink(this, performer);
  }

  /** A time that was asked for with `HubEnvironment.setTimer` has come. */
  timerExpired(key: number): void {
    this.alarms.expired(key);
  }

  get stats(): HubStats {
    return {
      sessions: this.sessions.size,
      resumable: this.sessions.resumptions.size,
      pending: this.#requests.size,
      entities: new Map(this.#entityStats()),
      ruleMatches: new Map([...this.#domains.values()].map(({ name, matches }) => [name, matches])),
    };
  }

  // What follows is called by the links.

  get limits(): LinkLimits {
    return this.#env.limits;
  }

  newId(): string {
    return this.#env.newId();
  }

  now(): number {
    return this.#env.now();
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

  hasEntity(entity: string): boolean {
    return this.#entities.get(entity) !== undefined;
  }

  /** The component has proved its secret: it is told what it manages (XEP-0355 §4.2). */
  entityUp(link: ComponentLink): void {
    this.#entities.add(link);
    this.#env.report({ kind: "entity-up", entity: link.component });
    this.#advertising.tell(link, this.#domains);
  }

  /** The component's link is over: whatever it still owed is answered now (protocol.md D33). */
  entityDown(link: ComponentLink): void {
    const owed = this.#entities.remove(link, this.#env.now())?.drain(this.#env.now());
    if (owed === undefined) return;
    this.#env.report({ kind: "entity-down", entity: link.component, lost: owed.length });
    for (const { token } of owed) this.fail(token, "entity-lost");
  }

  /**
   * Forwards a request to its managing entity (XEP-0355 §4.3). Undefined: it could not be, and was answered at once.
   */
  delegate(requester: Requester, delegation: Delegation): DelegatedRequest | undefined {
    const { iq, from, domain, rule, lang } = delegation;
    const { id = "", to } = attributesOf(iq);
    const outerId = this.#env.newId();
    const request: DelegatedRequest = {
      outerId,
      requester,
      from,
      id,
      to,
      domain: domain.name,
      rule,
      startedMs: this.#env.now(),
    };
    domain.matches.set(rule.namespace, (domain.matches.get(rule.namespace) ?? 0) + 1);
    const link = this.#entities.get(rule.entity);
    const outstanding = link && this.#entities.outstandingAt(link);
    if (link === undefined || outstanding === undefined) {
      this.#refuse(request, "entity-absent");
      return undefined;
    }
    // protocol.md R8: looked at before it is written, because writing is what costs.
    const length = writtenLength(iq);
    if (length > this.limits.writtenBytes) {
      this.#refuse(request, "request-too-large");
      return undefined;
    }
    if (link.queuedBytes + length > this.limits.entityQueueBytes) {
      this.#refuse(request, "entity-congested");
      return undefined;
    }
    // protocol.md D34: nobody else ends a request that is not answered.
    const alarm = this.alarms.set(rule.timeoutMs, () => {
      this.fail(request, "entity-silent");
    });
    this.#requests.set(request, { alarm, link });
    const innerIdIfTaken = this.#env.newId();
    const now = request.startedMs;
    link.sendToComponent(
      outstanding.forward({
        outerId,
        innerIdIfTaken,
        iq,
        requester: from,
        domain: domain.name,
        lang,
        rule,
        token: request,
        now,
      }),
    );
    return request;
  }

  /** Whether an iq result or error with this id is to go through `reply`. */
  isReply(component: string, id: string): boolean {
    return this.#entities.isReply(component, id);
  }

  /** Whether the component has not yet replied to everything that it was asked. */
  isOwedBy(link: ComponentLink): boolean {
    return (this.#entities.outstandingAt(link)?.pending ?? 0) > 0;
  }

  /** An iq result or error of a component. True: it was the reply to a wrapper, and goes no further. */
  reply(link: ComponentLink, stanza: Element): boolean {
    const accepted = this.#entities.outstandingAt(link)?.accept(stanza, this.#env.now()) ?? NOT_OURS;
    const { id = "" } = attributesOf(stanza);
    const outcome = accepted.kind === "not-ours" && this.isReply(link.component, id) ? LATE : accepted;
    switch (outcome.kind) {
      case "not-ours":
        return false;
      case "late":
        this.#env.report({
          kind: "delegation",
          connection: "",
          domain: "",
          rule: "",
          entity: link.component,
          outcome: "late",
          code: LATE_REPLY,
          seconds: 0,
        });
        return true;
      case "reply":
        if (writtenLength(outcome.reply) > 2 * this.limits.trusted.maxFrameBytes) {
          this.#refuse(outcome.token, "reply-too-large");
        } else this.#settle(outcome.token, outcome.type, outcome.reply);
        return true;
      case "breach":
        this.#settle(outcome.token, "invalid_reply", unavailable(outcome.token), outcome.code);
        return true;
      case "refused":
        this.#settle(outcome.token, "refused", unavailable(outcome.token), outcome.code);
        return true;
      default:
        return outcome satisfies never;
    }
  }

  /** Answers a request with `service-unavailable` (protocol.md D33). A later reply is swallowed. */
  fail(request: DelegatedRequest, code: RequestFaultCode): void {
    if (!this.#requests.has(request)) return;
    this.#forget(request);
    this.#refuse(request, code);
  }

  /** The requester is gone: nobody is answered, and the reply is swallowed when it comes. */
  abandon(request: DelegatedRequest): void {
    this.#forget(request);
    if (!this.#remove(request)) return;
    const code: RequestFaultCode = "requester-gone";
    this.#report(request, REQUEST_FAULTS[code].outcome, code);
  }

  /** A request was answered with an error before it was forwarded. */
  refused(
    requester: Requester,
    domain: Domain,
    rule: DelegationRule | undefined,
    code: RequestFaultCode | RefusalCode,
  ): void {
    const { namespace = "", entity = "" } = rule ?? {};
    this.#env.report({
      kind: "delegation",
      connection: requester.connection,
      domain: domain.name,
      rule: namespace,
      entity,
      outcome: "refused",
      code,
      seconds: 0,
    });
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

  /** A stanza of a component whose link ends here. */
  routeFromComponent(link: ComponentLink, stanza: Element): void {
    routeFromComponent(this, link, stanza);
  }

  /** A reply that still comes is swallowed. */
  #forget(request: DelegatedRequest): void {
    const link = this.#requests.get(request)?.link;
    if (link !== undefined) this.#entities.outstandingAt(link)?.abandon(request.outerId, this.#env.now());
  }

  #refuse(request: DelegatedRequest, code: RequestFaultCode): void {
    this.#settle(request, REQUEST_FAULTS[code].outcome, unavailable(request), code);
  }

  #settle(request: DelegatedRequest, outcome: DelegationOutcome, reply: Element, code?: string): void {
    this.#remove(request);
    this.#report(request, outcome, code);
    request.requester.answer(request, reply);
  }

  #remove(request: DelegatedRequest): boolean {
    const alarm = this.#requests.get(request)?.alarm;
    if (alarm !== undefined) this.alarms.cancel(alarm);
    return this.#requests.delete(request);
  }

  #report(request: DelegatedRequest, outcome: DelegationOutcome, code?: string): void {
    this.#env.report({
      kind: "delegation",
      connection: request.requester.connection,
      domain: request.domain,
      rule: request.rule.namespace,
      entity: request.rule.entity,
      outcome,
      ...(code === undefined ? {} : { code }),
      seconds: (this.#env.now() - request.startedMs) / 1000,
    });
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
