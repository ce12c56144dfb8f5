import { parseHandled } from "./sequence.js";
import type { ResumableSession, ResumedOutcome } from "./resumable-session.js";

/** A session, and those that a server is being asked about it for. */
export interface Entry<Owner, Link> {
  readonly session: { -readonly [K in keyof ResumableSession<Owner, Link>]: ResumableSession<Owner, Link>[K] };
  readonly attempts: Set<ResumeAttempt<Owner, Link>>;
}

/** What an attempt needs of the sessions that it is one of. */
export interface AttemptRegistry<Owner, Link> {
  readonly modulus: number;
  find(domain: string, cid: string): ResumableSession<Owner, Link> | undefined;
  remove(session: ResumableSession<Owner, Link>): void;
}

/** One `<resume/>` that was relayed, until the server answers it or its link is gone. */
export class ResumeAttempt<Owner, Link> {
  readonly #registry: AttemptRegistry<Owner, Link>;
  readonly #entry: Entry<Owner, Link>;
  readonly #link: Link;
  readonly #linkNumber: number;
  readonly #clientH: number;
  readonly #serverH: number | undefined;
  #account: string | undefined;
  /** `waiting` for the server; `lost` when the session is to go as soon as its owner is known to have asked. */
  #state: "waiting" | "lost" | "over";
  #lost: ResumableSession<Owner, Link> | undefined;

  /** @internal Made by `Resumptions.resume` alone. */
  constructor(
    registry: AttemptRegistry<Owner, Link>,
    entry: Entry<Owner, Link>,
    request: {
      readonly link: Link;
      readonly linkNumber: number;
      readonly clientH: number;
      readonly serverH: number | undefined;
      readonly account: string | undefined;
    },
  ) {
    this.#registry = registry;
    this.#entry = entry;
    this.#link = request.link;
    this.#linkNumber = request.linkNumber;
    this.#clientH = request.clientH;
    this.#serverH = request.serverH;
    this.#account = request.account;
    this.#state = request.serverH === undefined ? "lost" : "waiting";
  }

  /**
   * The server has resumed the stream, and has so said whose it is. `account` is what SASL2 `<success/>` names besides;
   * undefined if nothing was heard. Undefined: this attempt was overtaken, and its link is to be closed.
   */
  resumed(
    hText: string | undefined,
    account: string | undefined,
    nowMs: number,
  ): ResumedOutcome<Owner, Link> | undefined {
    if (this.#state !== "waiting" || this.#serverH === undefined) return undefined;
    const { session, attempts } = this.#entry;
    this.#state = "over";
    attempts.delete(this);
    const rivals = [...attempts].map((attempt) => attempt.end());
    attempts.clear();
    const conflicting = session.link;
    const handledByServer = parseHandled(hText, this.#registry.modulus);
    const isOwner = (account ?? this.#account ?? session.account) === session.account;
    const resumed =
      isOwner && handledByServer !== undefined
        ? session.management.resume({ clientH: this.#clientH, serverH: this.#serverH, handledByServer }, nowMs)
        : undefined;
    if (resumed === undefined) {
      session.management.detach();
      this.#registry.remove(session);
      return { kind: "fault", session, conflicting, rivals };
    }
    session.link = this.#link;
    session.linkNumber = this.#linkNumber;
    session.deadlineMs = undefined;
    const { h, down, up } = resumed;
    return { kind: "resumed", session, previd: session.cid, h, down, up, conflicting, rivals };
  }

  /**
   * The server has refused. Returns the `h` that the client is told with `<failed/>`, undefined for none.
   *
   * `condition` is that of `<failed/>`; `account` whom the server has authenticated, if it has said so yet. With
   * `item-not-found` the server has no such session any more, and neither have we, if it is the owner who was told.
   */
  failed(
    answer: { readonly condition: string | undefined; readonly h: string | undefined },
    account?: string,
  ): number | undefined {
    if (this.#state !== "waiting") return undefined;
    const { session } = this.#entry;
    const h = parseHandled(answer.h, this.#registry.modulus);
    const isForeign = account !== undefined && account !== session.account;
    const handled = h === undefined || isForeign ? undefined : session.management.handledAtFailure(h);
    this.#withdraw();
    this.#state = answer.condition === "item-not-found" ? "lost" : "over";
    this.ownerLearnt(account ?? this.#account);
    return handled;
  }

  /**
   * The server has named the account of the stream that asked in vain, with SASL2 `<success/>` or by binding. A session
   * that is lost goes now if it is that account's; otherwise it stays until it expires.
   */
  ownerLearnt(account: string | undefined): void {
    if (account === undefined || this.#state === "waiting") return;
    const { session } = this.#entry;
    const isThere = this.#registry.find(session.domain, session.cid) === session;
    if (this.#state === "lost" && account === session.account && isThere) {
      this.#registry.remove(session);
      this.#lost = session;
    }
    this.#state = "over";
  }

  /** The session that is no more because its owner asked for it in vain. A link that it is attached to goes on. */
  get lost(): ResumableSession<Owner, Link> | undefined {
    return this.#lost;
  }

  /** The link that asked is gone before the server has answered. */
  abandon(): void {
    if (this.#state === "waiting") this.#withdraw();
    this.#state = "over";
  }

  /** @internal The session was resumed by another link or is gone. */
  end(): Link {
    this.#state = "over";
    return this.#link;
  }

  #withdraw(): void {
    this.#entry.attempts.delete(this);
    if (this.#serverH !== undefined) this.#entry.session.management.withdrawOffer(this.#serverH);
  }
}
