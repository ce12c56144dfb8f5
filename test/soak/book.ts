import type { Element } from "ltx";
import { createHash } from "node:crypto";
import type { Wrapped } from "../support/managing-entity.js";
import type { Session } from "./session.js";

/** What an entity makes of a request; the requester must get what fits. */
export type Mood = "right" | "error" | "twice" | "late" | "never" | "wrong";

/** A request of a client. */
export interface Asked {
  readonly id: string;
  readonly token: string;
  readonly session: Session;
  readonly namespace: string;
  readonly to: string | undefined;
  /** The one that is asked may be gone without a word: another client. */
  readonly mayStayOpen: boolean;
  readonly sentMs: number;
  /** Set by the entity that saw it. */
  mood: Mood | undefined;
  seen: number;
  answer: string | undefined;
  /** The answer may be that to another request with the same id. */
  isDoubtful: boolean;
}

/** A message from one session to another. */
export interface Said {
  readonly sender: Session;
  readonly to: Session;
  readonly seq: number;
  /** The server has taken it over. */
  isCertain: boolean;
  heard: number;
}

/** Domain → namespace → the entity to which it is delegated there. */
export type Rules = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const saidNs = "urn:example:said";

/**
 * What everybody in the storm asked, said, saw and heard, and what of that must not be.
 *
 * Each request is answered once, rightly, in the session that asked, and seen once, by the entity that a rule names, as
 * that of the JID that the server bound. Each message arrives once, whole and in order, where both sessions go on.
 */
export class Book {
  readonly breaches: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #requests = new Map<string, Asked>();
  readonly #messages = new Map<string, Said>();
  readonly #rules: { readonly rules: Rules; readonly fromMs: number; untilMs: number }[] = [];
  /** The last token that an entity saw of a session, by namespace. */
  readonly #order = new Map<string, number>();
  #tokens = 0;

  breach(text: string): void {
    if (this.breaches.length < 200) this.breaches.push(`${(Date.now() / 1000).toFixed(3)} ${text}`);
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** These rules hold from now on; those of before hold until `rulesTaken`. */
  rulesComing(rules: Rules): void {
    this.#rules.push({ rules, fromMs: Date.now(), untilMs: Infinity });
  }

  rulesTaken(): void {
    for (const one of this.#rules.slice(0, -1)) one.untilMs = Math.min(one.untilMs, Date.now());
  }

  /** Whether a rule gave this request to this entity at any moment since it was sent; without entity: to any. */
  hasRule({ namespace, sentMs, session }: Asked, entity?: string): boolean {
    const during = this.#rules.filter(({ untilMs }) => untilMs >= sentMs);
    return during.some(({ rules }) => {
      const named = rules[session.domain]?.[namespace];
      return entity === undefined ? named !== undefined : named === entity;
    });
  }

  asks(session: Session, id: string, request: { namespace: string; to?: string; mayStayOpen?: boolean }): Asked {
    const asked: Asked = {
      id,
      token: String(++this.#tokens),
      session,
      namespace: request.namespace,
      to: request.to,
      mayStayOpen: request.mayStayOpen ?? false,
      sentMs: Date.now(),
      mood: undefined,
      seen: 0,
      answer: undefined,
      isDoubtful: false,
    };
    this.#requests.set(asked.token, asked);
    const same = session.asked.get(id);
    if (same === undefined) session.asked.set(id, [asked]);
    else same.push(asked);
    this.count("requests");
    return asked;
  }

  /** An entity got a request. Undefined: it is none of the storm's, which is a breach. */
  sees(entity: string, { outer, inner, payload, raw }: Wrapped): Asked | undefined {
    const asked = this.#requests.get(String(payload.attrs["t"]));
    if (asked === undefined) {
      this.breach(`${entity} got a request of nobody's: ${raw}`);
      return undefined;
    }
    const { session, token, namespace } = asked;
    const of = `request ${token} of ${session.jid} at ${entity}`;
    if (++asked.seen > 1) this.breach(`${of}: seen ${String(asked.seen)} times`);
    if (inner.attrs["from"] !== session.jid) this.breach(`${of}: from=${String(inner.attrs["from"])}`);
    if (inner.attrs["to"] !== asked.to) this.breach(`${of}: to=${String(inner.attrs["to"])} for ${String(asked.to)}`);
    if (outer.attrs["from"] !== session.domain) this.breach(`${of}: wrapper from=${String(outer.attrs["from"])}`);
    if (payload.getNS() !== namespace) this.breach(`${of}: namespace ${payload.getNS() ?? ""}`);
    if (payload.attrs["sum"] !== sumOf(payload.getText())) this.breach(`${of}: content ${raw}`);
    if (!this.hasRule(asked, entity)) this.breach(`${of}: no rule for ${namespace}`);
    this.#seesInOrder(entity, asked);
    this.count("seen");
    return asked;
  }

  /** A session got an iq of type result or error. */
  answers(session: Session, iq: Element): void {
    const { id = "", type = "", from, to } = iq.attrs as Record<string, string | undefined>;
    const echo = iq.getChildElements().find((child) => child.attrs["t"] !== undefined && child.name !== "error");
    const open = session.asked.get(id) ?? [];
    const asked = oneOf(open, iq, echo?.attrs["t"]) ?? this.#mistaken(session, open, echo?.attrs["t"]);
    if (asked === undefined) {
      // What nobody acknowledged of another client, Prosody sends back: requests that were answered, and even answers.
      if (from?.includes("/") === true && iq.toString().includes("recipient-unavailable")) return;
      // What clients say of delegation is nothing.
      if (from?.includes("/") === true && iq.getChild("delegation") !== undefined) return;
      const before =
        session.answered.get(id) ?? (open.map((one) => `${one.token} to ${addressOf(one)}`).join(" ") || "nothing");
      this.breach(
        `${session.jid}: an answer to nobody's request: ${iq.toString()}; before: ${before}; ${session.story}`,
      );
      return;
    }
    if (open.includes(asked)) open.splice(open.indexOf(asked), 1);
    if (open.length === 0) session.asked.delete(id);
    asked.answer = type;
    session.answered.set(id, `${asked.token} (${asked.namespace}) ${iq.toString().slice(0, 300)}`);
    asked.isDoubtful = type === "error" && open.length > 0;
    const condition = conditionOf(iq);
    const of = `${session.jid}: answer to ${asked.token} (${asked.mood ?? "unseen"}): ${iq.toString()}`;
    const expected = addressOf(asked);
    // Prosody names nobody when an account asks itself (RFC 6120 §8.1.2.1).
    if (from !== expected && !(expected === session.account && from === undefined)) this.breach(`${of}: from`);
    if (to !== undefined && to !== session.jid) this.breach(`${of}: to`);
    if (echo !== undefined && echo.getNS() !== asked.namespace) this.breach(`${of}: namespace`);
    this.count(`answers ${type}`);
    this.#fitsMood(asked, type, condition, of);
  }

  says(sender: Session, to: Session): Said {
    const said: Said = { sender, to, seq: ++sender.said, isCertain: false, heard: 0 };
    this.#messages.set(`${sender.jid} ${String(said.seq)}`, said);
    this.count("messages");
    return said;
  }

  /** A session got a message of the storm's. */
  hears(session: Session, message: Element, mark: Element): void {
    const { by = "", n = "", sum = "" } = mark.attrs as Record<string, string | undefined>;
    const said = this.#messages.get(`${by} ${n}`);
    const of = `${session.jid}: message ${n} of ${by}`;
    if (said === undefined) {
      this.breach(`${of}: nobody said it: ${message.toString()}`);
      return;
    }
    if (message.attrs["from"] !== by) this.breach(`${of}: from=${String(message.attrs["from"])}`);
    if (sumOf(message.getChildText("body") ?? "") !== sum) this.breach(`${of}: content ${message.toString()}`);
    // Meant for a session that is over: the server may try the one that came after it.
    if (said.to !== session) {
      this.count("messages elsewhere");
      if (said.to.account !== session.account) this.breach(`${of}: meant for ${said.to.jid}`);
      return;
    }
    this.count("messages heard");
    if (++said.heard > 1) this.breach(`${of}: heard ${String(said.heard)} times`);
    const last = session.heard.get(by) ?? 0;
    if (said.seq < last) this.breach(`${of}: behind ${String(last)}`);
    session.heard.set(by, said.seq);
  }

  /** Everything is at rest: what of the sessions that go on is missing. */
  conclude(sessions: Iterable<Session>): void {
    for (const session of sessions) {
      if (session.over !== undefined) continue;
      for (const { token, namespace, id, mood } of session.open) {
        this.breach(`${session.jid}: request ${token} (${id}, ${namespace}, ${mood ?? "unseen"}) is unanswered`);
      }
    }
    for (const { sender, to, seq, isCertain, heard } of this.#messages.values()) {
      if (!isCertain || to.over !== undefined || heard > 0) continue;
      this.breach(`${to.jid}: message ${String(seq)} of ${sender.jid} is lost`);
    }
  }

  // RFC 6120 §10.1: requests of one session in one namespace keep their order, but for those that wait for a probe.
  #seesInOrder(entity: string, { session, namespace, token, to }: Asked): void {
    if (namespace.endsWith("probe") && to !== undefined) return;
    const key = `${entity} ${session.jid} ${namespace}`;
    const last = this.#order.get(key) ?? 0;
    if (Number(token) < last) this.breach(`request ${token} of ${session.jid} at ${entity}: behind ${String(last)}`);
    this.#order.set(key, Number(token));
  }

  /** An error was taken for the answer to this request, and was that to another of the same id and address. */
  #mistaken(session: Session, open: Asked[], token: unknown): Asked | undefined {
    const asked = this.#requests.get(String(token));
    if (asked?.session !== session || !asked.isDoubtful) return undefined;
    asked.isDoubtful = false;
    const other = open.findIndex((one) => addressOf(one) === addressOf(asked));
    if (other >= 0) open.splice(other, 1);
    return asked;
  }

  #fitsMood(asked: Asked, type: string, condition: string | undefined, of: string): void {
    const { mood, namespace } = asked;
    if (mood === undefined) {
      // Ordinary requests are the server's, and so are delegated ones while no rule names them.
      if (namespace.startsWith("urn:example:") && type === "result" && this.hasRule(asked))
        this.breach(`${of}: a result that no entity gave`);
      return;
    }
    const isUnavailable = type === "error" && condition === "service-unavailable";
    if (isUnavailable) return;
    const isRight = type === "result" && (mood === "right" || mood === "twice" || mood === "late");
    if (isRight || (mood === "error" && condition === "item-not-found")) return;
    this.breach(`${of}: does not fit`);
  }
}

function addressOf({ session, to }: Asked): string {
  return to ?? session.account;
}

/** Which of several requests with the same id is answered. */
function oneOf(open: readonly Asked[], iq: Element, token: unknown): Asked | undefined {
  if (token !== undefined) return open.find((one) => one.token === token);
  const { attrs } = iq;
  const fits = open.filter((one) => (attrs["from"] ?? one.session.account) === addressOf(one));
  const isError = attrs["type"] === "error";
  // A result without token is the server's; an error may be anybody's, and is that of whom it is expected of, if there is one.
  if (isError) {
    const isTheirs = conditionOf(iq) === "item-not-found" ? refuses : failsToAnswer;
    const expected = fits.find(isTheirs) ?? fits.find(({ mood }) => mood === undefined) ?? fits.find(isOdd);
    if (expected !== undefined) return expected;
  }
  return fits.find(({ namespace }) => isError === namespace.startsWith("urn:example:")) ?? fits[0];
}

function refuses({ mood }: Asked): boolean {
  return mood === "error";
}

function failsToAnswer({ mood }: Asked): boolean {
  return mood === "wrong" || mood === "never";
}

function isOdd(asked: Asked): boolean {
  return refuses(asked) || failsToAnswer(asked);
}

function conditionOf(iq: Element): string | undefined {
  return iq.getChild("error")?.getChildElements()[0]?.name;
}

/** Tells whether a text arrived as it was sent. */
export function sumOf(text: string): string {
  return createHash("sha1").update(text).digest("base64url").slice(0, 8);
}
