import type {
  AckOutcome,
  ManagementNamespace,
  ResumeAttempt,
  ResumedOutcome,
  ResumptionFailure,
  StreamManagement,
} from "../../stream/index.js";
import {
  failedElement,
  inlineRequestsOf,
  inlineResultsOf,
  insertFailed,
  readEnabled,
  readFailed,
  removeLocation,
  rewriteEnabled,
  rewriteFailed,
  rewriteResumption,
  withholdResume,
  writeResumption,
} from "../../stream/index.js";
import type { Element } from "../../xml/index.js";
import { attributeOf, serialize } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import { acknowledges } from "./acknowledgements.js";
import type { BoundSession, ResumableStream } from "../hub/bound-session.js";
import type { ResumptionOutcome } from "../hub/hub-types.js";
import type { ManagedStream } from "./managed-stream.js";

export type Attempt = ResumeAttempt<BoundSession, ResumableStream>;
interface Refusal {
  readonly kind: "refuse";
  readonly condition: "bad-request" | "item-not-found";
}
type Resumed = ResumedOutcome<BoundSession, ResumableStream>;

/**
 * XEP-0198 as it passes: `<a/>` and `<resume/>` are translated, ids are replaced, and a resumed session is brought to
 * its new stream. A stream that nothing is taken out of is left alone, so that no byte of it changes.
 *
 * Source  XEP-0198 v1.6.3; protocol.md §3; what is counted is decided in `stream/management.ts`.
 */
export class StreamManager {
  readonly #stream: ManagedStream;
  #namespace: ManagementNamespace = NS.sm3;
  /** Enabled with SASL2 before there is a session. */
  #early: StreamManagement | undefined;
  #attempt: Attempt | undefined;
  /** What the server counts with the client, or was asked to. */
  #leftAlone: "asked" | "enabled" | undefined;
  /** A `<failed/>` of ours that goes into the `<success/>` of SASL2. */
  #failed: Element | undefined;

  constructor(stream: ManagedStream) {
    this.#stream = stream;
  }

  /** The client's element; true: it goes on as it came. */
  fromClient(name: string, namespace: ManagementNamespace, element: () => Element): boolean {
    const management = this.#stream.session?.management;
    switch (name) {
      case "enable":
        return this.#enable(namespace);
      case "resume":
        return this.#resume(namespace, element());
      case "r":
        management?.clientRequests();
        return true;
      case "a":
        return (
          management === undefined || this.#acknowledges("client", management.clientAck(attributeOf(element(), "h")))
        );
      default:
        return true;
    }
  }

  /** The server's element; true: it goes on as it came. */
  fromServer(name: string, element: () => Element): boolean {
    const management = this.#stream.session?.management;
    switch (name) {
      case "enabled":
        if (management !== undefined) return this.#enabled(management, element());
        this.#leftAlone = "enabled";
        this.#stream.leaveAlone(true);
        return this.#isUnmoved(element());
      case "resumed":
        return this.#attempt === undefined || this.#resumed(this.#attempt, element());
      case "failed":
        return this.#serverFailed(management, element());
      case "r":
        management?.serverRequests();
        return true;
      case "a":
        return (
          management === undefined || this.#acknowledges("server", management.serverAck(attributeOf(element(), "h")))
        );
      default:
        return true;
    }
  }

  /** What stands inside a client's `<authenticate/>` (XEP-0198 §9). True: the element was changed. */
  authenticate(authenticate: Element): boolean {
    this.authenticationFailed();
    const { resume, enable } = inlineRequestsOf(authenticate);
    if (enable !== undefined && this.#stream.takesStanzas) {
      this.#namespace = namespaceOfManagement(enable);
      this.#early = this.#stream.hub.sessions.newManagement();
      this.#early.enable();
    }
    if (resume === undefined || !this.#isOurs(attributeOf(resume, "previd"))) return false;
    const decision = this.#askToResume(resume);
    if (decision.kind === "relay") {
      rewriteResumption(resume, decision);
      return true;
    }
    this.#failed = withholdResume(authenticate, resume, decision.condition);
    return true;
  }

  /** What was asked for with it is not granted (XEP-0388 §2.6.2), and not waited for any more. */
  authenticationFailed(): void {
    this.#attempt?.abandon();
    this.#attempt = undefined;
    this.#early = undefined;
    this.#failed = undefined;
  }

  /**
   * What stands inside the server's `<success/>`. `account` is the bare JID that it names. The session, if the server
   * bound one, is there already. Returns what is to be sent behind `<success/>`; undefined if the stream is over.
   */
  success(success: Element, account: string | undefined): readonly Uint8Array[] | undefined {
    const { session } = this.#stream;
    const { resumed, resumeFailed, enabled } = inlineResultsOf(success);
    let behind: readonly Uint8Array[] = [];
    if (resumed !== undefined && this.#attempt !== undefined) {
      const outcome = this.#takeOver(this.#attempt, attributeOf(resumed, "h"), account);
      if (outcome === undefined) return undefined;
      rewriteResumption(resumed, outcome);
      this.#sendUp(outcome.up);
      return outcome.down;
    }
    if (resumeFailed !== undefined) this.#rewriteFailed(resumeFailed, account);
    else if (account !== undefined) this.ownerLearnt(account);
    if (this.#failed !== undefined) insertFailed(success, this.#failed);
    this.#failed = undefined;
    if (session !== undefined && this.#early !== undefined) {
      session.manage(this.#early, this.#namespace);
      if (enabled !== undefined) behind = this.#grant(this.#early, session, enabled) ?? [];
      // Without a word about it, too: nobody counts, and what waited for that word must not wait for ever.
      else behind = this.#early.failed();
    }
    if (enabled !== undefined && this.#early === undefined) {
      this.#leftAlone = "enabled";
      this.#stream.leaveAlone(true);
      removeLocation(enabled);
    }
    this.#early = undefined;
    return behind;
  }

  /** The account of the stream is known: a session that it asked for in vain goes, if it was its own. */
  ownerLearnt(account: string): void {
    this.#attempt?.ownerLearnt(account);
    this.#letGo();
  }

  /** The stream was lost and not closed. True: its session waits to be resumed. */
  detach(session: BoundSession): boolean {
    const { hub, stream } = this.#stream;
    // Another stream may have taken the session over; then it is none of ours.
    if (session.resumable !== undefined && hub.sessions.detached(session.resumable, stream)) session.detach();
    return session.resumable !== undefined;
  }

  /** The stream is over. What it asked for is not waited for; what it could be resumed with is forgotten. */
  end(): void {
    this.#attempt?.abandon();
    this.#attempt = undefined;
  }

  /** The session cannot be resumed any more. */
  forget(session: BoundSession): void {
    if (session.resumable !== undefined) this.#stream.hub.sessions.resumptions.remove(session.resumable);
    session.resumable = undefined;
  }

  #enable(namespace: ManagementNamespace): boolean {
    const { hub, session, takesStanzas } = this.#stream;
    // Before binding the server does not grant it.
    if (session === undefined) return true;
    if (!takesStanzas && session.management === undefined) {
      this.#leftAlone ??= "asked";
      this.#stream.leaveAlone(true);
      return true;
    }
    // A rule has come since; the server counts with the client, or is about to.
    if (this.#leftAlone !== undefined) return true;
    this.#namespace = namespace;
    const management = session.management ?? hub.sessions.newManagement();
    management.enable();
    session.manage(management, namespace);
    return true;
  }

  #enabled(management: StreamManagement, element: Element): boolean {
    const { session, down } = this.#stream;
    if (session === undefined) return true;
    const waiting = this.#grant(management, session, element);
    if (waiting === undefined) {
      this.#stream.breach("server", "unexpected-enabled");
      return false;
    }
    down.inject(Buffer.from(serialize(element, NS.client)));
    for (const bytes of waiting) down.inject(bytes);
    return false;
  }

  /** Gives the client an id of ours. Returns what waited for `<enabled/>`. */
  #grant(management: StreamManagement, session: BoundSession, element: Element): readonly Uint8Array[] | undefined {
    const { hub, domainName, stream } = this.#stream;
    const waiting = management.enabled(hub.now());
    if (waiting === undefined) return undefined;
    const { id, maxSeconds } = readEnabled(element);
    if (id !== undefined) {
      this.forget(session);
      session.resumable = hub.sessions.resumptions.add({
        domain: domainName,
        serverId: id,
        account: session.jid.bareKey,
        fullJid: session.jid.full(),
        maxSeconds,
        management,
        owner: session,
        link: stream,
        linkNumber: stream.number,
      });
    }
    rewriteEnabled(element, session.resumable?.cid);
    return waiting;
  }

  /** Whether an id could have been given by us: otherwise, in a stream that is left alone, the server knows it. */
  #isOurs(previd: string | undefined): boolean {
    const { hub, domainName, takesStanzas } = this.#stream;
    return takesStanzas || (previd !== undefined && hub.sessions.resumptions.find(domainName, previd) !== undefined);
  }

  #resume(namespace: ManagementNamespace, element: Element): boolean {
    const { session, up } = this.#stream;
    if (!this.#isOurs(attributeOf(element, "previd"))) return true;
    // XEP-0198 §5: instead of binding, not behind it.
    if (session !== undefined) {
      this.#report("refused");
      return this.#refuse(namespace, "unexpected-request");
    }
    const decision = this.#askToResume(element);
    if (decision.kind !== "relay") return this.#refuse(namespace, decision.condition);
    this.#namespace = namespace;
    up.inject(writeResumption("resume", namespace, decision));
    // What the client sends behind it counts for the session that is resumed, if one is.
    this.#stream.hold();
    return false;
  }

  /** What becomes of a `<resume/>`; what this stream asked before is not waited for any more. */
  #askToResume(resume: Element): { readonly kind: "relay"; readonly previd: string; readonly h: number } | Refusal {
    const { hub, domainName: domain, stream: link } = this.#stream;
    this.#attempt?.abandon();
    const decision = hub.sessions.resumptions.resume({
      domain,
      previd: attributeOf(resume, "previd"),
      h: attributeOf(resume, "h"),
      account: undefined,
      link,
      linkNumber: link.number,
    });
    this.#attempt = decision.kind === "elsewhere" ? undefined : decision.attempt;
    if (decision.kind === "relay") return decision;
    this.#report("refused");
    return { kind: "refuse", condition: decision.kind === "refuse" ? decision.condition : "item-not-found" };
  }

  #refuse(namespace: ManagementNamespace, condition: ResumptionFailure): boolean {
    this.#stream.refusals.send(Buffer.from(serialize(failedElement(namespace, condition), NS.client)));
    return false;
  }

  /** protocol.md R12: no address of the server's reaches the client, not even where nothing else is touched. */
  #isUnmoved(enabled: Element): boolean {
    if (!removeLocation(enabled)) return true;
    this.#stream.down.inject(Buffer.from(serialize(enabled, NS.client)));
    return false;
  }

  #resumed(attempt: Attempt, element: Element): boolean {
    const { down } = this.#stream;
    this.#stream.release();
    const outcome = this.#takeOver(attempt, attributeOf(element, "h"), undefined);
    if (outcome === undefined) return false;
    down.inject(writeResumption("resumed", this.#namespace, outcome));
    for (const bytes of outcome.down) down.inject(bytes);
    this.#sendUp(outcome.up);
    return false;
  }

  /** The session moves to this stream. Undefined: it could not, and the stream is over. */
  #takeOver(
    attempt: Attempt,
    h: string | undefined,
    account: string | undefined,
  ): (Resumed & { readonly kind: "resumed" }) | undefined {
    const { hub } = this.#stream;
    this.#attempt = undefined;
    const outcome = attempt.resumed(h, account, hub.now());
    if (outcome === undefined) {
      this.#stream.stream.replaced();
      return undefined;
    }
    const { conflicting, rivals } = outcome;
    for (const other of conflicting === undefined ? rivals : [conflicting, ...rivals]) other.replaced();
    if (outcome.kind === "fault") {
      hub.sessions.giveUp(outcome.session.owner);
      this.#stream.breach("server", "resumed-contradicts");
      return undefined;
    }
    const { owner } = outcome.session;
    const { connection: previous } = owner;
    this.#stream.adopt(owner);
    this.#report("resumed", { previous, jid: owner.jid.full() });
    return outcome;
  }

  #report(outcome: ResumptionOutcome, more?: { readonly previous: string; readonly jid: string }): void {
    const { hub, domainName: domain, connection } = this.#stream;
    hub.sessions.report(outcome, { domain, connection, ...more });
  }

  #serverFailed(management: StreamManagement | undefined, element: Element): boolean {
    const { down, session } = this.#stream;
    if (this.#attempt !== undefined && session === undefined) {
      this.#stream.release();
      this.#rewriteFailed(element, undefined);
      down.inject(Buffer.from(serialize(element, NS.client)));
      return false;
    }
    if (this.#leftAlone === "asked") {
      this.#leftAlone = undefined;
      this.#stream.leaveAlone(false);
    }
    const waiting = management?.failed() ?? [];
    if (waiting.length === 0) return true;
    down.inject(Buffer.from(serialize(element, NS.client)));
    for (const bytes of waiting) down.inject(bytes);
    return false;
  }

  /** The attempt stays until binding names the account (protocol.md S31). */
  #rewriteFailed(element: Element, account: string | undefined): void {
    if (this.#attempt === undefined) return;
    rewriteFailed(element, this.#attempt.failed(readFailed(element), account));
    this.#letGo();
    this.#report("failed");
  }

  #letGo(): void {
    const lost = this.#attempt?.lost;
    if (lost === undefined) return;
    this.#attempt = undefined;
    this.#stream.hub.sessions.lost(lost);
  }

  #acknowledges(from: "client" | "server", outcome: AckOutcome): boolean {
    return acknowledges(this.#stream, this.#namespace, from, outcome);
  }

  #sendUp(stanzas: readonly Uint8Array[]): void {
    for (const bytes of stanzas) this.#stream.up.inject(bytes);
  }
}

function namespaceOfManagement(element: Element): ManagementNamespace {
  return element.attrs["xmlns"] === NS.sm2 ? NS.sm2 : NS.sm3;
}
