import type { GrantAnswerRefusal } from "./grant-refusals.js";

/** A question put to a user: may this entity manage these namespaces? */
export interface GrantQuestion {
  /** What the answer must repeat: unguessable, never used again (XEP-0355 §5.1). */
  readonly challenge: string;
  /** `bareKey` of the user. */
  readonly user: string;
  readonly entity: string;
  readonly namespaces: readonly string[];
  readonly expiresAt: number;
  /** What became of it; an answered question is remembered until its time is over. */
  readonly state: "open" | "answered";
}

export interface QuestionLimits {
  /** Questions that one user has open or has answered lately. */
  readonly perUser: number;
  /** The same that one entity has asked. */
  readonly perEntity: number;
  readonly total: number;
}

export const DEFAULT_QUESTION_LIMITS: QuestionLimits = { perUser: 8, perEntity: 1_000, total: 10_000 };

export type Asking =
  | { readonly kind: "asked"; readonly question: GrantQuestion }
  /** The same question was put before and its time is not over: the user is not asked again. */
  | { readonly kind: "repeated" }
  | { readonly kind: "refuse"; readonly code: "grant-questions-open" };

export type Answering =
  | { readonly kind: "known"; readonly question: GrantQuestion }
  | { readonly kind: "refuse"; readonly code: GrantAnswerRefusal };

interface Entry extends GrantQuestion {
  state: "open" | "answered";
}

/**
 * The questions that users were asked lately.
 *
 * Strategy. A user who said no must not be asked again at once, and an entity must not learn from being refused what the
 * user said. So an answered question keeps its place until its time is over, and until then one entity has one question to
 * one user: repeating it does nothing, another one is refused, whatever the user has done.
 *
 * Units   times are milliseconds of any clock that never runs backwards.
 * Cost    constant, but for `askedOf`, which looks through one user's questions.
 * Source  XEP-0355 §5.1; protocol.md D61, D62.
 */
export class GrantQuestions {
  readonly #limits: QuestionLimits;
  /** In the order in which they were asked. */
  readonly #byChallenge = new Map<string, Entry>();
  readonly #byUser = new Map<string, Map<string, Entry>>();
  readonly #perEntity = new Map<string, number>();

  constructor(limits: QuestionLimits = DEFAULT_QUESTION_LIMITS) {
    this.#limits = limits;
  }

  /** Questions that are remembered, the answered ones included. */
  get size(): number {
    return this.#byChallenge.size;
  }

  /** Notes a question that is to be put to a user, unless there is a reason against it. */
  ask(asked: Omit<GrantQuestion, "state">, now: number): Asking {
    this.expire(now);
    const ofUser = this.#byUser.get(asked.user);
    const earlier = ofUser?.get(asked.entity);
    if (earlier !== undefined) {
      return isSameSet(earlier.namespaces, asked.namespaces) ? { kind: "repeated" } : TOO_MANY;
    }
    const { perUser, perEntity, total } = this.#limits;
    const ofEntity = this.#perEntity.get(asked.entity) ?? 0;
    if ((ofUser?.size ?? 0) >= perUser || ofEntity >= perEntity || this.size >= total) return TOO_MANY;
    const entry: Entry = { ...asked, state: "open" };
    this.#byChallenge.set(entry.challenge, entry);
    if (ofUser === undefined) this.#byUser.set(entry.user, new Map([[entry.entity, entry]]));
    else ofUser.set(entry.entity, entry);
    this.#perEntity.set(entry.entity, ofEntity + 1);
    return { kind: "asked", question: entry };
  }

  /** Whether messages of a user are to be looked through for an answer. Cheap: asked for each message. */
  isExpecting(user: string): boolean {
    return this.#byUser.size > 0 && this.#byUser.has(user);
  }

  /** Questions that a user has not answered, for a session that begins. */
  askedOf(user: string, now: number): readonly GrantQuestion[] {
    return [...(this.#byUser.get(user)?.values() ?? [])].filter(
      ({ state, expiresAt }) => state === "open" && now < expiresAt,
    );
  }

  /** Whether a challenge is one of these, whoever it was given to. */
  has(challenge: string): boolean {
    return this.#byChallenge.has(challenge);
  }

  /** The question that a user answers; it stays open until `close`. */
  find(user: string, challenge: string, now: number): Answering {
    const entry = this.#byChallenge.get(challenge);
    if (entry === undefined) return { kind: "refuse", code: "grant-answer-stale" };
    if (entry.user !== user) return { kind: "refuse", code: "grant-answer-foreign" };
    if (entry.expiresAt <= now) return { kind: "refuse", code: "grant-answer-stale" };
    if (entry.state === "answered") return { kind: "refuse", code: "grant-answer-reused" };
    return { kind: "known", question: entry };
  }

  /** A question is answered. */
  close(challenge: string): void {
    const entry = this.#byChallenge.get(challenge);
    if (entry !== undefined) entry.state = "answered";
  }

  /** What was answered could not be stored: the user may answer again. */
  reopen(challenge: string): void {
    const entry = this.#byChallenge.get(challenge);
    if (entry !== undefined) entry.state = "open";
  }

  /** A question may be put anew, though its time is not over. */
  forget(challenge: string): void {
    const entry = this.#byChallenge.get(challenge);
    if (entry !== undefined) this.#forget(entry);
  }

  /** Forgets the questions whose time is over. Times need not be in order after a reload: then some stay a little longer. */
  expire(now: number): void {
    for (const entry of this.#byChallenge.values()) {
      if (now < entry.expiresAt) return;
      this.#forget(entry);
    }
  }

  /** Forgets all questions: client mode was switched off. */
  clear(): void {
    this.#byChallenge.clear();
    this.#byUser.clear();
    this.#perEntity.clear();
  }

  #forget({ challenge, user, entity }: Entry): void {
    this.#byChallenge.delete(challenge);
    const ofUser = this.#byUser.get(user);
    ofUser?.delete(entity);
    if (ofUser?.size === 0) this.#byUser.delete(user);
    const ofEntity = (this.#perEntity.get(entity) ?? 1) - 1;
    if (ofEntity > 0) this.#perEntity.set(entity, ofEntity);
    else this.#perEntity.delete(entity);
  }
}

const TOO_MANY = { kind: "refuse", code: "grant-questions-open" } as const;

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((namespace) => other.includes(namespace));
}
