import { attributeOf, type Element } from "../xml/index.js";
import { UsageError } from "../xmpp/index.js";
import type { DelegatedNamespace } from "./advertisement.js";
import type { BreachCode, WrapperRefusalCode } from "./breach.js";
import { Tombstones } from "./tombstones.js";
import { addressBreach, type Forwarded, unwrap, wrap } from "./wrapper.js";

/** One request that is to be forwarded. The token and the rule come back with the outcome. */
export interface ForwardedRequest<T, R> {
  /** `id` of the wrapper: unguessable, unique for ever (protocol.md D22). */
  readonly outerId: string;
  /** Takes the place of the request's own id while that one is in use at this entity; as unguessable and unique. */
  readonly innerIdIfTaken: string;
  /** The request in normal form, with an id. It is not changed. */
  readonly iq: Element;
  /** The sender: the full JID that the server bound, or a component's address. */
  readonly requester: string;
  readonly domain: string;
  /** Language of the requester's stream, if it named one. */
  readonly lang: string | undefined;
  readonly rule: R;
  readonly token: T;
  readonly now: number;
}

/** A request that is no longer outstanding. */
export interface Settled<T, R> {
  readonly token: T;
  readonly rule: R;
  readonly elapsedMs: number;
}

/** What a stanza of the managing entity means. */
export type Acceptance<T, R> =
  /** No wrapper of ours: the stanza goes on to the server. */
  | { readonly kind: "not-ours" }
  /** The answer to a request that is over; it goes nowhere. */
  | { readonly kind: "late" }
  | ({ readonly kind: "reply"; readonly type: "result" | "error"; readonly reply: Element } & Settled<T, R>)
  | ({ readonly kind: "breach"; readonly code: BreachCode } & Settled<T, R>)
  | ({ readonly kind: "refused"; readonly code: WrapperRefusalCode } & Settled<T, R>);

interface Entry<T, R> extends Forwarded {
  readonly token: T;
  readonly rule: R;
  readonly startedAt: number;
}

/**
 * What is outstanding at one authenticated link of one managing entity. A new link of the same entity is a new object, so
 * that a reply is looked for only where its request went.
 *
 * Shape   every request that `forward` takes leaves exactly once: by `accept` (reply, breach, refused), `expire`, `abandon`
 *         or `drain`. What comes for it later is `late`.
 * Units   times are milliseconds of any clock that never runs backwards; `tombstones` is a number.
 * Cost    constant, however many requests are outstanding.
 * Source  XEP-0355 §4.3; protocol.md D20 to D35.
 */
export class EntityLink<T, R extends DelegatedNamespace = DelegatedNamespace & { readonly entity: string }> {
  readonly #entity: string;
  readonly #outstanding = new Map<string, Entry<T, R>>();
  /** Inner ids that the entity may be busy with: Libervia keys its own table by them alone (protocol.md D23). */
  readonly #innerIds = new Set<string>();
  readonly #tombstones: Tombstones;

  constructor(entity: string, options: { readonly tombstones: number; readonly tombstoneMs: number }) {
    this.#entity = entity;
    this.#tombstones = new Tombstones(options.tombstones, options.tombstoneMs, (id) => this.#innerIds.delete(id));
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#outstanding.size;
  }

  /**
   * Takes a request and writes its wrapper, bytes for the component's stream.
   *
   * Errors  UsageError for an id that is in use, and for a request without id, which the rules refuse.
   */
  forward(request: ForwardedRequest<T, R>): Buffer {
    const { outerId, iq, requester, domain, rule, token, now } = request;
    if (this.isOurs(outerId)) throw new UsageError("the id of a wrapper is used twice");
    this.#tombstones.prune(now);
    const originalId = attributeOf(iq, "id");
    if (originalId === undefined) throw new UsageError("a request without id is forwarded");
    const innerId = this.#innerIds.has(originalId) ? request.innerIdIfTaken : originalId;
    if (this.#innerIds.has(innerId)) throw new UsageError("the id that avoids a collision is used twice");

    const to = attributeOf(iq, "to");
    const entry = { entity: this.#entity, domain, requester, to, innerId, originalId, token, rule, startedAt: now };
    this.#outstanding.set(outerId, entry);
    this.#innerIds.add(innerId);
    return wrap(iq, outerId, entry, request.lang);
  }

  /** Whether a result or error with this id is to go through `accept`. Cheap, so that a tree is built only then. */
  isOurs(outerId: string): boolean {
    return this.#outstanding.has(outerId) || this.#tombstones.has(outerId);
  }

  /**
   * Takes an IQ result or error that came on this link.
   *
   * Shape   `stanza` is in normal form. Its payload is moved into the reply.
   * Errors  none: a breach is an outcome like any other, and the request is over with it.
   */
  accept(stanza: Element, now: number): Acceptance<T, R> {
    this.#tombstones.prune(now);
    const outerId = attributeOf(stanza, "id");
    const outerType = attributeOf(stanza, "type");
    if (stanza.name !== "iq" || outerId === undefined || (outerType !== "result" && outerType !== "error")) {
      return { kind: "not-ours" };
    }
    const entry = this.#outstanding.get(outerId);
    if (entry === undefined) {
      if (!this.#tombstones.has(outerId)) return { kind: "not-ours" };
      this.#tombstones.answered(outerId);
      return { kind: "late" };
    }

    this.#innerIds.delete(entry.innerId);
    const settled = this.#settle(outerId, entry, now, undefined);
    if (outerType === "error") {
      const code = addressBreach(stanza, entry);
      if (code !== undefined) return { kind: "breach", code, ...settled };
      return { kind: "refused", code: "wrapper-error", ...settled };
    }
    const unwrapped = unwrap(stanza, entry);
    if (unwrapped.code !== undefined) return { kind: "breach", code: unwrapped.code, ...settled };
    return { kind: "reply", type: unwrapped.type, reply: unwrapped.reply, ...settled };
  }

  /** The request's time is over. Undefined: it was settled already. */
  expire(outerId: string, now: number): Settled<T, R> | undefined {
    return this.#giveUp(outerId, now);
  }

  /** Nobody waits for the answer any more. Undefined: the request was settled already. */
  abandon(outerId: string, now: number): Settled<T, R> | undefined {
    return this.#giveUp(outerId, now);
  }

  /**
   * The link is gone: everything that was outstanding, in the order in which it was forwarded. What comes for it over a
   * later link of the entity is late: `isOurs` still knows it.
   */
  drain(now: number): readonly Settled<T, R>[] {
    this.#innerIds.clear();
    return [...this.#outstanding].map(([outerId, entry]) => this.#settle(outerId, entry, now, undefined));
  }

  /** The entity may still answer, and does not know that it need not: its inner id stays taken until then. */
  #giveUp(outerId: string, now: number): Settled<T, R> | undefined {
    const entry = this.#outstanding.get(outerId);
    return entry && this.#settle(outerId, entry, now, entry.innerId);
  }

  #settle(outerId: string, entry: Entry<T, R>, now: number, innerIdInUse: string | undefined): Settled<T, R> {
    this.#outstanding.delete(outerId);
    this.#tombstones.set(outerId, now, innerIdInUse);
    return settledOf(entry, now);
  }
}

function settledOf<T, R>({ token, rule, startedAt }: Entry<T, R>, now: number): Settled<T, R> {
  return { token, rule, elapsedMs: now - startedAt };
}
