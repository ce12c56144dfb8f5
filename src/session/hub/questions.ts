import type { Element, NamespaceScope } from "../../xml/index.js";
import { parseElement, readHead } from "../../xml/index.js";
import { parseJid } from "../../xmpp/index.js";
import type { Alarms } from "./alarms.js";
import type { Fence } from "./requests.js";
import type { LinkLimits } from "../domain/settings.js";
import { attributesOf } from "../link/stanzas.js";

/** Looks at an answer; true: it goes no further. */
export type AnswerJudge = (answer: Element) => boolean;

/** Questions of ours that were not answered in time and may be still. */
const MAX_LATE = 256;

interface Expected {
  /** Whom the request was addressed to, as written; undefined: the one who is meant by no address. */
  readonly to: string | undefined;
  /** A request from `to`, and no answer. */
  readonly isRequest: boolean;
  readonly judge: AnswerJudge;
  /** Of somebody's request that goes on: the stream that it went on in, counted from the first. */
  readonly stream: number | undefined;
}

/** Of what comes down a stream, that which its peer is not to see. */
export interface OutstandingQuestion {
  readonly id: string;
  /** As in `Expected`. */
  readonly to?: string | undefined;
  readonly isRequest: boolean;
}

/** What asking takes. */
export interface AskingEnvironment {
  readonly alarms: Alarms;
  readonly limits: Pick<LinkLimits, "pendingPerSession">;
  /** An unguessable id. */
  newId(): string;
}

/** The direction of a stream that questions are put into. */
export interface AskedStream {
  /**
   * Who is meant by an absent `to`, and speaks with an absent `from`: of a client's server the client's own account
   * (RFC 6120 §8.1.2.1, §10.3.3), else whoever the stream leads to.
   */
  readonly unnamed: string;
  /** Whatever comes back is from whoever the stream leads to, however it names itself (RFC 6120 §8.1.2.1). */
  readonly isOneSpeaker?: boolean;
  /** Puts a stanza into the stream; its content namespace is that of the stream. */
  send(question: Element): void;
}

/**
 * The answers in one direction of a stream that somebody wants to see before the peer does: answers to questions of ours,
 * which the peer does not know of, and answers that somebody else may have to give instead (XEP-0355 §7.2.4).
 *
 * Shape   an answer is recognised by its id and by its sender; with one id for several requests, in the order in which
 *         they were sent.
 */
export class Questions {
  readonly #env: AskingEnvironment;
  readonly #stream: AskedStream;
  readonly #expected = new Map<string, Expected[]>();
  #size = 0;
  /** Streams that were resumed. */
  #streams = 0;
  /** Answers to requests that go on. */
  #watched = 0;
  /** Questions of ours whose time is over, the oldest first: a late answer is swallowed. */
  readonly #late = new Set<string>();
  /** How the questions of ours end that wait for an answer. */
  readonly #open = new Set<(answer: Element | undefined) => void>();
  #isOver = false;

  /** The stream is over for good; nothing is answered any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  constructor(env: AskingEnvironment, stream: AskedStream) {
    this.#env = env;
    this.#stream = stream;
  }

  /**
   * Asks, and keeps the answer from whoever it would go to.
   *
   * Shape   `question` is an iq, with an unguessable id or with none; `answered` is called once, with the result or error, or with nothing
   *         when `ms` have passed or the stream is over. A late answer is swallowed; `late` may still look at it.
   */
  ask(
    question: Element,
    ms: number,
    answered: (answer: Element | undefined) => void,
    late?: (answer: Element) => void,
  ): void {
    const id = attributesOf(question).id ?? this.#env.newId();
    let isOpen = true;
    const settle = (answer: Element | undefined): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#open.delete(settle);
      this.#env.alarms.cancel(alarm);
      answered(answer);
    };
    const alarm = this.#env.alarms.set(ms, () => {
      this.#missed(id);
      settle(undefined);
    });
    if (this.#isOver) {
      settle(undefined);
      return;
    }
    const judge = (answer: Element): boolean => {
      if (isOpen) settle(answer);
      else late?.(answer);
      return true;
    };
    this.#expect(id, { to: attributesOf(question).to, isRequest: false, judge, stream: undefined });
    this.#open.add(settle);
    question.attrs["id"] = id;
    this.#stream.send(question);
  }

  /** The stream was resumed (XEP-0198 §5): requests that the server has not handled come again. */
  resumed(): void {
    this.#streams++;
  }

  /**
   * Looks at the answer to somebody's request that goes on. When too many are looked at, the oldest goes on as it comes: it
   * may be one that is never answered.
   */
  watch(iq: Element, judge: AnswerJudge): void {
    const { id, to } = attributesOf(iq);
    if (id === undefined || this.#isOver) return;
    const expected = { to, isRequest: false, judge: this.#counted(judge), stream: this.#streams };
    const others = this.#expected.get(id);
    const repeated = others?.findIndex((one) => this.#isRepeatedBy(one, to)) ?? -1;
    if (others !== undefined && repeated >= 0) {
      // There will be one answer to the two of them.
      others[repeated] = expected;
      return;
    }
    while (this.#watched > 0 && this.#watched >= this.#env.limits.pendingPerSession) this.#overlookOldest();
    this.#watched++;
    this.#expect(id, expected);
  }

  /** Waits for a request of ours that comes this way, and keeps it from whoever it is addressed to. */
  expect(id: string, from: string, reached: () => void): Fence {
    const judge = (): boolean => {
      reached();
      return true;
    };
    this.#expect(id, { to: from, isRequest: true, judge, stream: undefined });
    return {
      missed: () => {
        this.#missed(id);
      },
    };
  }

  /** An iq of the direction back; the answer, or the request of ours, if it goes no further. */
  take(bytes: Buffer, start: number, end: number, scope: NamespaceScope): Element | undefined {
    if (this.#size === 0) return undefined;
    const { attributes } = readHead(bytes, start, end, scope);
    const type = attributes.get("type");
    const expected = this.#expected.get(attributes.get("id") ?? "");
    if (expected === undefined) return undefined;
    const comes = type !== "result" && type !== "error";
    const index = expected.findIndex(
      ({ to, isRequest }) => isRequest === comes && this.#isFrom(to, attributes.get("from")),
    );
    const [found] = index < 0 ? [] : expected.splice(index, 1);
    if (found === undefined) return undefined;
    this.#size--;
    if (expected.length === 0) this.#expected.delete(attributes.get("id") ?? "");
    const answer = parseElement(bytes, start, end, scope);
    return found.judge(answer) ? answer : undefined;
  }

  /** What may still come this way and is nobody's business: answers to questions of ours, and requests of ours. */
  get outstanding(): readonly OutstandingQuestion[] {
    return [...this.#expected].flatMap(([id, expected]) =>
      expected.flatMap(({ to, isRequest, stream }) => (stream === undefined ? [{ id, to, isRequest }] : [])),
    );
  }

  /** What was outstanding in the process before this one: it is swallowed, and waited for by nobody. */
  overdue({ id, to, isRequest }: OutstandingQuestion): void {
    this.#expect(id, { to, isRequest, judge: () => true, stream: undefined });
    this.#missed(id);
  }

  /** The stream is over for good. */
  end(): void {
    this.#isOver = true;
    for (const settle of this.#open) settle(undefined);
    this.#expected.clear();
    this.#size = 0;
  }

  #expect(id: string, expected: Expected): void {
    this.#size++;
    const others = this.#expected.get(id);
    if (others === undefined) this.#expected.set(id, [expected]);
    else others.push(expected);
  }

  /** All of one id, so that none is taken for another. */
  #overlookOldest(): void {
    for (const [id, expected] of this.#expected) {
      const others = expected.filter(({ stream }) => stream === undefined);
      if (others.length === expected.length) continue;
      this.#watched -= expected.length - others.length;
      this.#size -= expected.length - others.length;
      if (others.length === 0) this.#expected.delete(id);
      else this.#expected.set(id, others);
      return;
    }
  }

  #counted(judge: AnswerJudge): AnswerJudge {
    return (answer) => {
      this.#watched--;
      return judge(answer);
    };
  }

  /** The request was sent in an earlier stream and is sent again in this one. */
  #isRepeatedBy(earlier: Expected, to: string | undefined): boolean {
    return earlier.stream !== undefined && earlier.stream !== this.#streams && this.#isFrom(earlier.to, to);
  }

  /** Whoever never answers is not remembered for ever. */
  #missed(id: string): void {
    this.#late.add(id);
    for (const oldest of this.#late) {
      if (this.#late.size <= MAX_LATE) break;
      this.#late.delete(oldest);
      if (this.#expected.delete(oldest)) this.#size--;
    }
  }

  #isFrom(to: string | undefined, from: string | undefined): boolean {
    const { unnamed, isOneSpeaker = false } = this.#stream;
    return isOneSpeaker || isSame(from ?? unnamed, to ?? unnamed);
  }
}

function isSame(one: string, other: string): boolean {
  if (one === other) return true;
  const key = parseJid(one)?.fullKey;
  return key !== undefined && key === parseJid(other)?.fullKey;
}
