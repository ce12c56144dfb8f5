import type { DelegationRule, RefusalCode } from "../../rules/index.js";
import { Element, writtenLength } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { Alarms } from "./alarms.js";
import type { Carrier } from "./carrier.js";
import type { Domain } from "../domain/domain.js";
import type { Entities } from "./entities.js";
import type { RequestFaultCode } from "./request-faults.js";
import { REQUEST_FAULTS } from "./request-faults.js";
import { entityLabel } from "../domain/granted-rule.js";
import type { DelegationOutcome, HubEnvironment } from "./hub-types.js";
import type { DelegatedRequest, Requester } from "./requests.js";
import { unavailable } from "./requests.js";
import { attributesOf } from "../link/stanzas.js";

/** What is asked of a managing entity. */
export interface Delegation {
  /** The initial stanza; it becomes part of the wrapper. */
  readonly iq: Element;
  readonly from: string;
  readonly domain: Domain;
  readonly rule: DelegationRule;
  readonly lang: string | undefined;
}

interface InFlight {
  readonly alarm: number;
  /** What is to be forwarded still. */
  delegation: Delegation | undefined;
  /** The stream that it went over. */
  carrier: Carrier | undefined;
  /** `Carrier.relayedMessages` when it went. */
  relayedBefore: number;
  /** The reply, while what the entity sent before it is on its way. */
  held: { readonly type: "result" | "error"; readonly reply: Element } | undefined;
}

/** How long a reply waits for what the entity sent before it (docs/decisions/0016). */
const FENCE_MS = 2000;

const NOT_OURS = { kind: "not-ours" } as const;
const LATE = { kind: "late" } as const;
const LATE_REPLY: RequestFaultCode = "late-reply";

/** The delegated requests in flight: each is forwarded, and answered once, by whatever comes first. */
export class Delegations {
  readonly #env: HubEnvironment;
  readonly #alarms: Alarms;
  readonly #entities: Entities;
  readonly #requests = new Map<DelegatedRequest, InFlight>();

  constructor(env: HubEnvironment, alarms: Alarms, entities: Entities) {
    this.#env = env;
    this.#alarms = alarms;
    this.#entities = entities;
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#requests.size;
  }

  /**
   * Takes a request (XEP-0355 §4.3). From here on it is in flight, and answered once through its requester, at the
   * latest when its time is over. `forward` follows, at once or when the server has been asked.
   */
  open(requester: Requester, delegation: Delegation): DelegatedRequest {
    const { iq, from, domain, rule } = delegation;
    const { id = "", to } = attributesOf(iq);
    const request: DelegatedRequest = {
      outerId: this.#env.newId(),
      requester,
      from,
      id,
      to,
      domain: domain.name,
      rule,
      startedMs: this.#env.now(),
    };
    domain.matches.set(rule.namespace, (domain.matches.get(rule.namespace) ?? 0) + 1);
    // protocol.md D34: nobody else ends a request that is not answered.
    const alarm = this.#alarms.set(rule.timeoutMs, () => {
      this.fail(request, "entity-silent");
    });
    this.#requests.set(request, { alarm, delegation, carrier: undefined, relayedBefore: 0, held: undefined });
    this.#env.observer?.requested(request, iq);
    return request;
  }

  /** Sends a request to its managing entity. If that cannot be, it is answered at once; if it is over, nothing happens. */
  forward(request: DelegatedRequest): void {
    const entry = this.#requests.get(request);
    if (entry?.delegation === undefined) return;
    const { iq, lang } = entry.delegation;
    const { rule, outerId, from: requester, domain } = request;
    const carrier = this.#entities.get(rule.entity);
    const outstanding = carrier && this.#entities.outstandingAt(carrier);
    if (carrier === undefined || outstanding === undefined) {
      this.fail(request, "entity-absent");
      return;
    }
    // protocol.md R8: looked at before it is written, because writing is what costs.
    const length = writtenLength(iq);
    if (length > this.#env.limits.writtenBytes) {
      this.fail(request, "request-too-large");
      return;
    }
    if (carrier.queuedBytes + length > this.#env.limits.entityQueueBytes) {
      this.fail(request, "entity-congested");
      return;
    }
    entry.delegation = undefined;
    entry.carrier = carrier;
    entry.relayedBefore = carrier.relayedMessages;
    const innerIdIfTaken = this.#env.newId();
    const now = this.#env.now();
    carrier.sendToEntity(
      outstanding.forward({ outerId, innerIdIfTaken, iq, requester, domain, lang, rule, token: request, now }),
    );
  }

  /** Whether an iq result or error with this id, from an entity's stream, is to go through `reply`. */
  isReply(carrier: Carrier, id: string): boolean {
    return this.#entities.isReply(carrier, id);
  }

  /** Whether the entity has not yet replied to everything that it was asked over this stream. */
  isOwedBy(carrier: Carrier): boolean {
    return (this.#entities.outstandingAt(carrier)?.pending ?? 0) > 0;
  }

  /** An iq result or error of an entity. True: it was the reply to a wrapper, and goes no further. */
  reply(carrier: Carrier, stanza: Element): boolean {
    const accepted = this.#entities.outstandingAt(carrier)?.accept(stanza, this.#env.now()) ?? NOT_OURS;
    const { id = "" } = attributesOf(stanza);
    const outcome = accepted.kind === "not-ours" && this.isReply(carrier, id) ? LATE : accepted;
    switch (outcome.kind) {
      case "not-ours":
        return false;
      case "late":
        this.#env.report({
          kind: "delegation",
          connection: "",
          domain: "",
          rule: "",
          entity: carrier.entities[0] ?? carrier.address,
          outcome: "late",
          code: LATE_REPLY,
          seconds: 0,
          entityConnection: carrier.connection,
        });
        return true;
      case "reply":
        if (writtenLength(outcome.reply) > 2 * this.#env.limits.trusted.maxFrameBytes) {
          this.#refuse(outcome.token, "reply-too-large");
        } else this.#answerInOrder(carrier, outcome.token, outcome);
        return true;
      case "breach":
        this.#settle(outcome.token, "invalid_reply", unavailable(outcome.token), outcome.code, stanza);
        return true;
      case "refused":
        this.#settle(outcome.token, "refused", unavailable(outcome.token), outcome.code, stanza);
        return true;
      default:
        return outcome satisfies never;
    }
  }

  /** Answers a request with `service-unavailable` (protocol.md D33). A later reply is swallowed. */
  fail(request: DelegatedRequest, code: RequestFaultCode): void {
    const entry = this.#requests.get(request);
    if (entry === undefined) return;
    if (entry.held !== undefined) {
      this.#settle(request, entry.held.type, entry.held.reply);
      return;
    }
    const { carrier } = entry;
    this.#forget(request);
    this.#refuse(request, code);
    this.#relieve(carrier);
  }

  /** The requester is gone: nobody is answered, and the reply is swallowed when it comes. */
  abandon(request: DelegatedRequest): void {
    this.#forget(request);
    const entry = this.#remove(request);
    if (entry === undefined) return;
    this.#relieve(entry.carrier);
    const code: RequestFaultCode = "requester-gone";
    this.#report(request, entry.carrier, REQUEST_FAULTS[code].outcome, code);
    this.#observe(request, entry.carrier, REQUEST_FAULTS[code].outcome, code);
  }

  /** A request was answered with an error before it was forwarded. */
  refused(
    requester: Requester,
    domain: Domain,
    rule: DelegationRule | undefined,
    code: RequestFaultCode | RefusalCode,
  ): void {
    const { namespace = "" } = rule ?? {};
    const entity = rule === undefined ? "" : entityLabel(rule);
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

  /** One that is gone has nothing to wait for. */
  #relieve(carrier: Carrier | undefined): void {
    if (carrier !== undefined && this.#entities.has(carrier)) carrier.relieved();
  }

  /** A reply that still comes is swallowed. */
  #forget(request: DelegatedRequest): void {
    const carrier = this.#requests.get(request)?.carrier;
    if (carrier !== undefined) this.#entities.outstandingAt(carrier)?.abandon(request.outerId, this.#env.now());
  }

  /**
   * What the entity sent before its reply may be on its way through the server still: the items of an archive are
   * messages, and the reply says that they are complete (XEP-0313 §4.3). So something of ours is sent behind them, and the
   * reply waits until that has come by.
   */
  #answerInOrder(
    carrier: Carrier,
    request: DelegatedRequest,
    { type, reply }: { readonly type: "result" | "error"; readonly reply: Element },
  ): void {
    const entry = this.#requests.get(request);
    const { server } = carrier;
    const id = this.#env.newId();
    const release = (outcome: "in_order" | "missed"): void => {
      if (!this.#requests.has(request)) return;
      this.#env.report({ kind: "reply-held", entity: request.rule.entity, outcome });
      this.#settle(request, type, reply);
    };
    const fence =
      entry === undefined || server === undefined || carrier.relayedMessages === entry.relayedBefore
        ? undefined
        : request.requester.fence?.(id, carrier.address, () => {
            release("in_order");
          });
    if (entry === undefined || fence === undefined) {
      this.#settle(request, type, reply);
      return;
    }
    this.#alarms.cancel(entry.alarm);
    entry.held = { type, reply };
    const ping = new Element("iq", { type: "get", to: request.from, id });
    ping.c("ping", { xmlns: NS.ping });
    server?.ask(ping, FENCE_MS, () => {
      // Nobody answers what has come by: it is kept from the client.
      fence.missed();
      release("missed");
    });
  }

  #refuse(request: DelegatedRequest, code: RequestFaultCode): void {
    this.#settle(request, REQUEST_FAULTS[code].outcome, unavailable(request), code);
  }

  #settle(
    request: DelegatedRequest,
    outcome: DelegationOutcome,
    reply: Element,
    code?: string,
    received?: Element,
  ): void {
    const carrier = this.#remove(request)?.carrier;
    this.#report(request, carrier, outcome, code);
    this.#observe(request, carrier, outcome, code, reply, received);
    request.requester.answer(request, reply);
  }

  #remove(request: DelegatedRequest): InFlight | undefined {
    const entry = this.#requests.get(request);
    if (entry === undefined) return undefined;
    this.#alarms.cancel(entry.alarm);
    this.#requests.delete(request);
    return entry;
  }

  #observe(
    request: DelegatedRequest,
    carrier: Carrier | undefined,
    outcome: DelegationOutcome,
    code: string | undefined,
    answer?: Element,
    received?: Element,
  ): void {
    const { observer } = this.#env;
    if (observer === undefined) return;
    const seconds = (this.#env.now() - request.startedMs) / 1000;
    observer.settled(request, { outcome, code, seconds, answer, received, entityConnection: carrier?.connection });
  }

  #report(request: DelegatedRequest, carrier: Carrier | undefined, outcome: DelegationOutcome, code?: string): void {
    this.#env.report({
      kind: "delegation",
      connection: request.requester.connection,
      domain: request.domain,
      rule: request.rule.namespace,
      entity: entityLabel(request.rule),
      outcome,
      ...(code === undefined ? {} : { code }),
      seconds: (this.#env.now() - request.startedMs) / 1000,
      ...(carrier === undefined ? {} : { entityConnection: carrier.connection }),
    });
  }
}
