import type { ManagementSnapshot, ResumableSession } from "../../stream/index.js";
import { DEFAULT_RESUMPTION_OPTIONS, Resumptions, StreamManagement } from "../../stream/index.js";
import type { Alarms } from "./alarms.js";
import type { BoundSession, ResumableStream } from "./bound-session.js";
import type { HubEnvironment, Resumption, ResumptionOutcome } from "./hub-types.js";

/** Sessions that wait to be resumed are looked through at most this often. */
const EXPIRY_STEP_MS = 1000;

/** The bound sessions of this node, those that wait to be resumed included. */
export class Sessions {
  readonly resumptions: Resumptions<BoundSession, ResumableStream>;
  readonly #env: HubEnvironment;
  readonly #alarms: Alarms;
  /** By full JID; the newest wins, as the server lets only one have it. */
  readonly #byFullKey = new Map<string, BoundSession>();
  /** By bare JID. */
  readonly #byBareKey = new Map<string, Set<BoundSession>>();
  /** When those that wait are looked through next. */
  #expiry: { readonly key: number; readonly atMs: number } | undefined;

  constructor(env: HubEnvironment, alarms: Alarms) {
    this.#env = env;
    this.#alarms = alarms;
    this.resumptions = new Resumptions({
      tag: env.newId(),
      modulus: DEFAULT_RESUMPTION_OPTIONS.modulus,
      // Asked when a stream is lost, so that a reload counts from the next one on.
      get defaultMaxSeconds() {
        return env.streamManagement.resumption.defaultMaxSeconds;
      },
      get graceSeconds() {
        return env.streamManagement.resumption.graceSeconds;
      },
    });
  }

  /** Stream management for a session that enables it now. */
  newManagement(): StreamManagement {
    return new StreamManagement(this.#env.streamManagement.options);
  }

  /** The same for a session whose counters come from the process before this one. */
  restoredManagement(snapshot: ManagementSnapshot): StreamManagement {
    return StreamManagement.restore(snapshot, this.#env.streamManagement.options);
  }

  get size(): number {
    return this.#byFullKey.size;
  }

  add(session: BoundSession): void {
    this.#byFullKey.set(session.jid.fullKey, session);
    const account = this.#byBareKey.get(session.jid.bareKey);
    if (account === undefined) this.#byBareKey.set(session.jid.bareKey, new Set([session]));
    else account.add(session);
  }

  remove(session: BoundSession): void {
    if (this.#byFullKey.get(session.jid.fullKey) === session) this.#byFullKey.delete(session.jid.fullKey);
    const account = this.#byBareKey.get(session.jid.bareKey);
    account?.delete(session);
    if (account?.size === 0) this.#byBareKey.delete(session.jid.bareKey);
  }

  all(): Iterable<BoundSession> {
    return this.#byFullKey.values();
  }

  atResource(fullKey: string): BoundSession | undefined {
    return this.#byFullKey.get(fullKey);
  }

  atAccount(bareKey: string): Iterable<BoundSession> {
    return this.#byBareKey.get(bareKey) ?? [];
  }

  /** A stream was lost, and its session waits to be resumed (protocol.md S21). False: another stream has it. */
  detached(session: ResumableSession<BoundSession, ResumableStream>, stream: ResumableStream): boolean {
    const isDetached = this.resumptions.detach(session, stream, this.#env.now());
    if (isDetached) this.#armExpiry(session.deadlineMs);
    return isDetached;
  }

  /** A session of the process before this one waits to be resumed, under the id that its client was given. */
  takenOver(
    session: BoundSession,
    description: Pick<
      ResumableSession<BoundSession, ResumableStream>,
      "domain" | "serverId" | "maxSeconds" | "management"
    >,
    cid: string,
    ageMs: number,
  ): void {
    const { bareKey: account } = session.jid;
    const whose = { account, fullJid: session.jid.full(), owner: session };
    session.resumable = this.resumptions.adopt({ ...description, ...whose }, cid, this.#env.now() - ageMs);
    this.add(session);
    this.#armExpiry(session.resumable.deadlineMs);
  }

  /** A session cannot be kept: too much was put by for it. */
  discard(session: BoundSession): void {
    const { resumable } = session;
    if (resumable === undefined) return;
    if (resumable.link !== undefined) {
      resumable.link.lose();
      return;
    }
    this.resumptions.remove(resumable);
    this.#forget(session, "overflow");
  }

  /** A session was asked for in vain by its owner, so that nobody can resume it any more; a stream that has it goes on. */
  lost({ owner, link }: ResumableSession<BoundSession, ResumableStream>): void {
    owner.resumable = undefined;
    if (link === undefined) this.giveUp(owner);
  }

  /** A session that no stream has: what it waits for is nobody's any more. */
  giveUp(session: BoundSession): void {
    session.resumable = undefined;
    session.end();
    this.remove(session);
  }

  report(outcome: ResumptionOutcome, resumption: Resumption): void {
    this.#env.report({ kind: "resumption", outcome, ...resumption });
  }

  /** The earliest deadline counts: a server may keep one stream for a day, and the next one, lost later, for a minute. */
  #armExpiry(deadlineMs: number | undefined): void {
    if (deadlineMs === undefined) return;
    const now = this.#env.now();
    const atMs = Math.max(now + EXPIRY_STEP_MS, deadlineMs);
    if (this.#expiry !== undefined) {
      if (this.#expiry.atMs <= atMs) return;
      this.#alarms.cancel(this.#expiry.key);
    }
    const key = this.#alarms.set(atMs - now, () => {
      this.#expiry = undefined;
      for (const { owner } of this.resumptions.expire(this.#env.now())) this.#forget(owner, "expired");
      this.#armExpiry(this.resumptions.nextDeadlineMs);
    });
    this.#expiry = { key, atMs };
  }

  #forget(session: BoundSession, outcome: ResumptionOutcome): void {
    this.giveUp(session);
    const { connection, jid, domain } = session;
    this.report(outcome, { domain: domain.name, connection, jid: jid.full() });
  }
}
