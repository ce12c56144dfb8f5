import type { ResumableDescription, ResumableSession } from "./resumable-session.js";
import { ResumeAttempt, type AttemptRegistry, type Entry } from "./resume-attempt.js";
import { parseHandled, SEQUENCE_MODULUS } from "./sequence.js";

export interface ResumptionOptions {
  /**
   * Names this instance in the ids that clients are given, 1 to 32 of `A-Z a-z 0-9 _ -`. It must outlive a restart only
   * if sessions do.
   */
  readonly tag: string;
  /** How long a server keeps a session when its `<enabled/>` does not say (protocol.md S21). */
  readonly defaultMaxSeconds: number;
  /** How much longer it is kept here, so that it is the server that says no. */
  readonly graceSeconds: number;
  readonly modulus: number;
}

export const DEFAULT_RESUMPTION_OPTIONS: Omit<ResumptionOptions, "tag"> = {
  defaultMaxSeconds: 900,
  graceSeconds: 30,
  modulus: SEQUENCE_MODULUS,
};

/** A client's `<resume/>`, alone or inside SASL2. */
export interface ResumeRequest<Link> {
  readonly domain: string;
  readonly previd: string | undefined;
  /** `h` as written. */
  readonly h: string | undefined;
  /** `Jid.bareKey` of whom the server has authenticated on this stream, if the server has named anybody yet (A10). */
  readonly account: string | undefined;
  /** The link that the request came on, and its number. */
  readonly link: Link;
  readonly linkNumber: number;
}

export type ResumeDecision<Owner, Link> =
  /** Relay it with these values, and report what the server answers to `attempt`. */
  | {
      readonly kind: "relay";
      readonly previd: string;
      readonly h: number;
      readonly attempt: ResumeAttempt<Owner, Link>;
    }
  /** The server must not see it; answer `<failed/>` with this condition and without `h`. */
  | {
      readonly kind: "refuse";
      readonly condition: "bad-request" | "item-not-found";
      /** Set if the session is to go when its owner turns out to be the one who asked: see `ownerLearnt`. */
      readonly attempt?: ResumeAttempt<Owner, Link>;
    }
  /** The session is another instance's: ask that one, or refuse with `item-not-found`. */
  | { readonly kind: "elsewhere"; readonly instance: string };

/**
 * The sessions of this node that can be resumed, by the ids that their clients were given.
 *
 * A session belongs to the account that the server bound. Nobody else learns that it exists: an id that is unknown, one
 * of somebody else's and one with an `h` that is too high are answered alike. The server decides whether a stream is
 * resumed; until it has, the session and its present link are left alone, because the authentication that the new link
 * is in the middle of may still fail.
 *
 * Times are values; the caller runs one timer for `nextDeadlineMs` and calls `expire`.
 *
 * Source  XEP-0198 §5, §10; protocol.md §3.4, §3.5.
 */
export class Resumptions<Owner, Link> implements AttemptRegistry<Owner, Link> {
  readonly #options: ResumptionOptions;
  readonly #entries = new Map<string, Entry<Owner, Link>>();

  constructor(options: ResumptionOptions) {
    this.#options = options;
  }

  /** @internal For attempts. */
  get modulus(): number {
    return this.#options.modulus;
  }

  /** Sessions, detached ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** The server has granted resumption: the session gets the id that goes to the client in the place of the server's. */
  add(description: ResumableDescription<Owner, Link>): ResumableSession<Owner, Link> {
    const cid = `${this.#options.tag}.${description.serverId}`;
    const session = { ...description, cid, deadlineMs: undefined };
    this.#entries.set(keyOf(description.domain, cid), { session, attempts: new Set() });
    return session;
  }

  /**
   * A session that another instance hands over (protocol.md S33): the client keeps its id, and the session waits here to
   * be resumed. `management` is one that was restored.
   */
  adopt(
    description: Omit<ResumableDescription<Owner, Link>, "link" | "linkNumber">,
    cid: string,
    nowMs: number,
  ): ResumableSession<Owner, Link> {
    const deadlineMs = this.#deadline(description.maxSeconds, nowMs);
    const session = { ...description, cid, link: undefined, linkNumber: 0, deadlineMs };
    this.#entries.set(keyOf(description.domain, cid), { session, attempts: new Set() });
    return session;
  }

  /** Sessions that wait to be resumed. */
  *detached(): Iterable<ResumableSession<Owner, Link>> {
    for (const { session } of this.#entries.values()) if (session.link === undefined) yield session;
  }

  find(domain: string, cid: string): ResumableSession<Owner, Link> | undefined {
    return this.#entries.get(keyOf(domain, cid))?.session;
  }

  /**
   * The client or the server of a session is lost without having closed its stream. False: the session was resumed by
   * another link in the meantime or is gone, and this link has nothing to do with it any more.
   */
  detach(session: ResumableSession<Owner, Link>, link: Link, nowMs: number): boolean {
    const entry = this.#entryOf(session);
    if (entry === undefined || entry.session.link !== link) return false;
    entry.session.link = undefined;
    entry.session.deadlineMs = this.#deadline(session.maxSeconds, nowMs);
    session.management.detach();
    return true;
  }

  /**
   * The session cannot be resumed any more: its stream was closed in order, or it cannot be kept. A link that it is
   * attached to goes on.
   */
  remove(session: ResumableSession<Owner, Link>): void {
    const entry = this.#entryOf(session);
    if (entry === undefined) return;
    for (const attempt of entry.attempts) attempt.end();
    this.#entries.delete(keyOf(session.domain, session.cid));
  }

  /**
   * Forgets the detached sessions whose time is over, and returns them: what they wait for is nobody's any more. A session
   * that a server is being asked about stays until the answer.
   */
  expire(nowMs: number): readonly ResumableSession<Owner, Link>[] {
    const over = [...this.#waiting()].filter(({ deadlineMs }) => deadlineMs <= nowMs).map(({ session }) => session);
    for (const session of over) this.remove(session);
    return over;
  }

  /** When `expire` is to be called next; undefined while nothing can expire. */
  get nextDeadlineMs(): number | undefined {
    let next: number | undefined;
    // Those that a server is asked about too: when it does not answer, somebody must look at them again.
    for (const { session } of this.#entries.values()) {
      const { deadlineMs } = session;
      if (deadlineMs !== undefined && (next === undefined || deadlineMs < next)) next = deadlineMs;
    }
    return next;
  }

  /** What becomes of a `<resume/>`. The session it names is not touched. */
  resume(request: ResumeRequest<Link>): ResumeDecision<Owner, Link> {
    const { domain, previd = "", account, link, linkNumber } = request;
    const clientH = parseHandled(request.h, this.#options.modulus);
    if (previd === "" || clientH === undefined) return { kind: "refuse", condition: "bad-request" };
    const entry = this.#entries.get(keyOf(domain, previd));
    if (entry === undefined) return this.#unknown(previd);
    const { session } = entry;
    if (account !== undefined && account !== session.account) return REFUSED;
    // The client has given that connection up and has gone on by a later one. What it got there is known to nobody once
    // the stream is resumed here, so that its next `h` would seem too high.
    if (linkNumber < session.linkNumber) return REFUSED;
    const serverH = session.management.offer(clientH);
    const attempt = new ResumeAttempt(this, entry, { link, linkNumber, clientH, serverH, account });
    if (serverH === undefined) {
      // XEP-0198 §5: the client counts what it never got, so nothing can be resumed (protocol.md S32).
      if (account !== undefined) this.remove(session);
      return { ...REFUSED, attempt };
    }
    entry.attempts.add(attempt);
    return { kind: "relay", previd: session.serverId, h: serverH, attempt };
  }

  #deadline(maxSeconds: number | undefined, nowMs: number): number {
    return nowMs + ((maxSeconds ?? this.#options.defaultMaxSeconds) + this.#options.graceSeconds) * 1000;
  }

  *#waiting(): Iterable<{ readonly session: ResumableSession<Owner, Link>; readonly deadlineMs: number }> {
    for (const { session, attempts } of this.#entries.values()) {
      const { deadlineMs } = session;
      if (deadlineMs !== undefined && attempts.size === 0) yield { session, deadlineMs };
    }
  }

  #unknown(previd: string): ResumeDecision<Owner, Link> {
    const instance = /^([\w-]{1,32})\./.exec(previd)?.[1];
    return instance === undefined || instance === this.#options.tag ? REFUSED : { kind: "elsewhere", instance };
  }

  #entryOf(session: ResumableSession<Owner, Link>): Entry<Owner, Link> | undefined {
    const entry = this.#entries.get(keyOf(session.domain, session.cid));
    return entry?.session === session ? entry : undefined;
  }
}

const REFUSED = { kind: "refuse", condition: "item-not-found" } as const;

/** A domain has no space in it. */
function keyOf(domain: string, cid: string): string {
  return `${domain} ${cid}`;
}
