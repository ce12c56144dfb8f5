import { type Element, findChild, namespaceHash } from "../xml/index.js";
import type { Jid } from "../xmpp/index.js";
import { NS } from "../xmpp/index.js";
import { GrantCommands, type GrantCommandOutcome, type GrantCommandRequest } from "./grant-command.js";
import { readChoices, readSubmittedForm } from "./grant-form.js";
import type { Grant, GrantChange } from "./grant.js";
import { type GrantQuestion, GrantQuestions } from "./grant-questions.js";
import type { GrantAnswerRefusal, GrantRequestRefusal } from "./grant-refusals.js";
import { type ClientModePolicy, isEntityAllowed, isGrantEffective, readGrantRequest } from "./grant-request.js";
import { GrantTable } from "./grant-table.js";

/** Client mode of one domain as configured. */
export interface ClientModeSettings extends ClientModePolicy {
  /** How long a user may take to answer, and how long an entity must wait to ask the same user something else. */
  readonly challengeMs: number;
  readonly maxGrantsPerUser: number;
  /** How long a managing entity may take to answer a request. */
  readonly timeoutMs: number;
}

export type GrantRequestOutcome =
  /** The entity may not ask: to it there is no client mode here. */
  | { readonly kind: "hidden" }
  | { readonly kind: "refuse"; readonly code: GrantRequestRefusal }
  /** Answered with an empty result; then the user is asked. */
  | { readonly kind: "ask"; readonly question: GrantQuestion }
  /** The same, but the user was asked already. */
  | { readonly kind: "repeated" }
  /** The same, but nothing is left to ask: the entity is told again what it manages (XEP-0355 §5.1). */
  | { readonly kind: "granted"; readonly user: string };

export type GrantAnswerOutcome =
  /** No answer to a question of ours: the server's to deliver. */
  | { readonly kind: "not-ours" }
  | { readonly kind: "refuse"; readonly code: GrantAnswerRefusal }
  | { readonly kind: "denied"; readonly question: GrantQuestion }
  /** To be stored, then applied, then announced. */
  | { readonly kind: "grant"; readonly question: GrantQuestion; readonly changes: readonly GrantChange[] };

/**
 * Client mode of one domain: who asked which user for what, what the users granted, and how they take it back.
 *
 * Strategy. It decides and remembers, and sends nothing. What a user grants is a list of changes, which takes effect
 * by `grants.apply` once it was stored: nothing is announced that a crash could undo.
 *
 * Source  XEP-0355 §5, §6, §8, §10; protocol.md D60 to D66.
 */
export class ClientMode {
  readonly grants: GrantTable;
  readonly #questions = new GrantQuestions();
  readonly #commands = new GrantCommands();
  #settings: ClientModeSettings;

  constructor(settings: ClientModeSettings) {
    this.#settings = settings;
    this.grants = new GrantTable(settings);
  }

  get settings(): ClientModeSettings {
    return this.#settings;
  }

  /** Questions that are remembered. */
  get questions(): number {
    return this.#questions.size;
  }

  /** Grants stay whatever the configuration says; see `isGrantEffective`. */
  configure(settings: ClientModeSettings): void {
    this.#settings = settings;
    this.grants.configure(settings);
  }

  /**
   * Takes a request for namespaces of a user.
   *
   * Shape   `iq` is a `get` to the domain in normal form, `entity` who sent it, as grants name it. `challenge` is
   *         unguessable and new; it becomes the question's, if there is one.
   */
  request(iq: Element, entity: string, challenge: string, now: number): GrantRequestOutcome {
    if (!isEntityAllowed(this.#settings, entity)) return { kind: "hidden" };
    const reading = readGrantRequest(iq, entity, this.#settings);
    if (reading.kind === "refuse") return reading;
    const { bareKey: user } = reading.request.user;
    const namespaces = reading.request.namespaces.filter(
      (namespace) => this.grants.managerOf(user, namespace) !== entity,
    );
    if (namespaces.length === 0) return { kind: "granted", user };
    const expiresAt = now + this.#settings.challengeMs;
    const asking = this.#questions.ask({ challenge, user, entity, namespaces, expiresAt }, now);
    return asking.kind === "asked" ? { kind: "ask", question: asking.question } : asking;
  }

  /** Whether an iq of so many children, the first with this hash of its namespace, may concern client mode. */
  mayMatch(childNamespaceHash: number, childCount: number): boolean {
    if (OWN_HASHES.has(childNamespaceHash | 0) || this.grants.mayMatch(childNamespaceHash)) return true;
    return childCount > 1 && !this.grants.isEmpty;
  }

  /** Whether messages of a user may hold an answer. Cheap: asked for each message. */
  isExpecting(user: string): boolean {
    return this.#questions.isExpecting(user);
  }

  /** Forgets the questions whose time is over. */
  expire(now: number): void {
    this.#questions.expire(now);
  }

  /** What a user was asked and has not answered, for a session that becomes available. */
  questionsFor(user: string, now: number): readonly GrantQuestion[] {
    return this.#questions.askedOf(user, now);
  }

  /**
   * Reads a message to the domain of a user who was asked something.
   *
   * Shape   `message` in normal form; `account` is the sender as the server bound it, `wallMs` the time since the epoch.
   *         `room` is how many more grants can be kept at all.
   * Errors  a refusal. A form that is not for us is not ours, even if it is no form of anybody's.
   * Source  XEP-0355 §5.1, example 14: FORM_TYPE may be empty; then the challenge tells whose form it is.
   */
  answer(
    message: Element,
    account: Jid,
    at: { readonly now: number; readonly wallMs: number },
    room: number,
  ): GrantAnswerOutcome {
    const form = readSubmittedForm(message);
    const challenge = form?.challenge;
    if (form === undefined || challenge === undefined) return { kind: "not-ours" };
    const isUnnamed = form.formType === undefined || form.formType === "";
    if (!isUnnamed && form.formType !== NS.delegation) return { kind: "not-ours" };
    if (isUnnamed && !this.#questions.has(challenge)) return { kind: "not-ours" };

    const found = this.#questions.find(account.bareKey, challenge, at.now);
    if (found.kind === "refuse") return found;
    const { question } = found;
    const choices =
      form.type === "cancel" ? NOTHING_CHOSEN : readChoices(form.fields, question.namespaces, ["challenge"]);
    if (choices === undefined) return { kind: "refuse", code: "grant-answer-malformed" };
    const { granted } = choices;
    if (granted.length === 0) {
      this.#questions.close(challenge);
      return { kind: "denied", question };
    }
    const { entity } = question;
    if (!granted.every((namespace) => isGrantEffective(this.#settings, { namespace, entity }))) {
      this.#questions.close(challenge);
      return { kind: "refuse", code: "grant-withdrawn" };
    }
    if (!this.hasRoom(account.bareKey, granted, room)) return { kind: "refuse", code: "grant-too-many" };
    this.#questions.close(challenge);
    const grantOf = (namespace: string): Grant => ({
      account: account.bare(),
      namespace,
      entity,
      grantedAtMs: at.wallMs,
    });
    return {
      kind: "grant",
      question,
      changes: granted.map((namespace) => ({ kind: "put", grant: grantOf(namespace) })),
    };
  }

  /** Whether a user may have these granted as well, where `room` is how many more grants can be kept at all. */
  hasRoom(user: string, namespaces: readonly string[], room: number): boolean {
    const added = namespaces.filter((namespace) => this.grants.managerOf(user, namespace) === undefined).length;
    return added <= room && this.grants.of(user).length + added <= this.#settings.maxGrantsPerUser;
  }

  /**
   * Grants of a question ended with the user's session: it is put anew (XEP-0355 §8, rule 2). Undefined if it may not be
   * now, or there are too many questions.
   */
  again(
    { challenge: earlier, user, entity }: GrantQuestion,
    left: readonly string[],
    challenge: string,
    now: number,
  ): GrantQuestion | undefined {
    const namespaces = left.filter((namespace) => isGrantEffective(this.#settings, { namespace, entity }));
    this.#questions.forget(earlier);
    if (namespaces.length === 0) return undefined;
    const expiresAt = now + this.#settings.challengeMs;
    const asking = this.#questions.ask({ challenge, user, entity, namespaces, expiresAt }, now);
    return asking.kind === "asked" ? asking.question : undefined;
  }

  /** What was granted could not be stored: the user may answer again. */
  reopen(question: GrantQuestion): void {
    this.#questions.reopen(question.challenge);
  }

  /** The command that lists and revokes. What it revokes is to be stored, then applied. */
  execute(request: Omit<GrantCommandRequest, "grants"> & { readonly user: string }): GrantCommandOutcome {
    return this.#commands.execute({ ...request, grants: this.grants.of(request.user) });
  }

  /** Forgets what is not over: client mode was switched off. Grants stay. */
  clear(): void {
    this.#questions.clear();
    this.#commands.clear();
  }
}

/** Requests of entities, the command of users, and what tells of it (XEP-0050 §2). */
const OWN_HASHES: ReadonlySet<number> = new Set(
  [NS.delegation, NS.commands, NS.discoInfo, NS.discoItems].map((namespace) => namespaceHash(namespace) | 0),
);

const NOTHING_CHOSEN = { granted: [], refused: [] } as const;

/** Whether an iq to the domain is a request of client mode, which `ClientMode.request` reads. */
export function isGrantRequest(iq: Element): boolean {
  return iq.attrs["type"] === "get" && findChild(iq, "query", NS.delegation) !== undefined;
}
