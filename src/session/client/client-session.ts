import type { ManagementNamespace, ResumableSession, StreamManagement, Swallowed } from "../../stream/index.js";
import { fingerprintOf } from "../../stream/index.js";
import type { Element, Head } from "../../xml/index.js";
import { FrameKind, parseElement, readHead } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import { NS } from "../../xmpp/index.js";
import { answersDiscovery } from "../hub/answered-here.js";
import { delegate, type AskingParty } from "../hub/asking-first.js";
import { takesClientModeIq, takesGrantAnswer, type GrantParty } from "../hub/client-mode-requests.js";
import type { BoundSession, ResumableStream } from "../hub/bound-session.js";
import type { Carrier } from "../hub/carrier.js";
import type { Delegation } from "../hub/delegations.js";
import type { Domain } from "../domain/domain.js";
import type { RequestFaultCode } from "../hub/request-faults.js";
import { passesToClient, type ServedSession } from "../hub/from-server.js";
import { HeldFrames, type HeldFrame } from "./held-frames.js";
import type { Hub } from "../hub/hub.js";
import type { SessionView } from "../hub/views.js";
import { Outlet } from "./outlet.js";
import { describeRequest, type DelegatedRequest, type Fence, type Requester } from "../hub/requests.js";
import { Questions } from "../hub/questions.js";
import type { SessionLink } from "../link/session-link.js";
import { takesReply } from "./user-replies.js";
import { ToComponents } from "./to-components.js";
import { resultFor, stanzaBytes, stanzaError } from "../link/stanzas.js";

/**
 * A bound c2s session: which of the client's stanzas are taken, which wait, and what is put into its stream.
 *
 * Strategy. Nothing of the session is touched for a stanza that no rule could match: the framer has hashed the
 * namespace of the IQ's child, and the rule table says whether any rule has that hash. Only then a tree is built.
 * Stanzas wait here, in order, behind a blocking delegation (D41) or behind too many pending ones. With stream
 * management the session outlives its stream: what it is answered meanwhile is kept for the next one (protocol.md S21).
 */
export class ClientSession implements BoundSession, Requester, AskingParty, ServedSession, GrantParty {
  readonly jid: Jid;
  readonly domain: Domain;
  readonly isShared = false;
  readonly #hub: Hub;
  readonly #outlet: Outlet;
  #connection: string;
  #pending: Map<DelegatedRequest, Swallowed | undefined> | undefined;
  #blockedBy: DelegatedRequest | undefined;
  #held: HeldFrames | undefined;
  #isReleasing = false;
  /** What it can be resumed with (XEP-0198 §5). */
  resumable: ResumableSession<BoundSession, ResumableStream> | undefined;
  #toComponents: ToComponents | undefined;
  #server: Questions | undefined;
  #client: Questions | undefined;
  #priority: number | undefined;
  /** The session is that of a managing entity: its replies are looked for. */
  #entity: Carrier | undefined;

  /** `link`: undefined for a session that waits to be resumed. */
  constructor(hub: Hub, session: { readonly jid: Jid; readonly domain: Domain }, link: SessionLink | undefined) {
    this.#hub = hub;
    this.jid = session.jid;
    this.domain = session.domain;
    this.#outlet = new Outlet(hub, link);
    this.#connection = link?.performer.id ?? "";
  }

  get connection(): string {
    return this.#connection;
  }

  get account(): string {
    return this.jid.bare();
  }

  /** What the server was asked in the client's name, if anything was. */
  get questions(): Questions | undefined {
    return this.#server;
  }

  /** Its user manages namespaces for others. */
  get isEntity(): boolean {
    return this.#entity !== undefined;
  }

  /** Something of the client's was not sent on yet. */
  get isHolding(): boolean {
    return this.#held !== undefined && !this.#held.isEmpty;
  }

  get isBusy(): boolean {
    if (this.isHolding || (this.#pending !== undefined && this.#pending.size > 0)) return true;
    return this.#entity !== undefined && this.#hub.delegations.isOwedBy(this.#entity);
  }

  /** Stanzas may be put into its stream, or will be when it is resumed. */
  get isReachable(): boolean {
    return this.#outlet.link === undefined ? this.resumable !== undefined : !this.#outlet.link.owner.isLeftAlone;
  }

  /** Priority of the client's available presence (RFC 6121 §4.7.2.3); `undefined` while it is not available. */
  get priority(): number | undefined {
    return this.#priority;
  }

  get lang(): string | undefined {
    return this.#outlet.link?.lang;
  }

  get management(): StreamManagement | undefined {
    return this.#outlet.management;
  }

  get managementNamespace(): ManagementNamespace {
    return this.#outlet.namespace;
  }

  /** Bytes that were sent to the client and have not left this process yet. */
  get queuedBytes(): number {
    return this.#outlet.link?.performer.queuedBytes("client") ?? 0;
  }

  /** How it is doing, for an operator who asks. */
  get load(): Pick<SessionView, "isConnected" | "pending" | "heldBytes"> {
    const isConnected = this.#outlet.link !== undefined;
    return { isConnected, pending: this.#pending?.size ?? 0, heldBytes: this.#held?.bytes ?? 0 };
  }

  /** The session's user is appointed as a managing entity, or no longer is. */
  manages(entity: Carrier | undefined): void {
    this.#entity = entity;
  }

  /** The client has enabled stream management. */
  manage(management: StreamManagement, namespace: ManagementNamespace): void {
    this.#outlet.manage(management, namespace);
  }

  /** The session was available before it came here. */
  availableAs(priority: number): void {
    this.#priority = priority;
    this.#hub.users.presenceOf(this, true);
  }

  /** The stream was lost. What was held is not counted yet, so the client sends it again. */
  detach(): void {
    this.#outlet.detach();
    this.#held = undefined;
  }

  /** The session goes on in another stream. */
  attach(link: SessionLink): void {
    this.#outlet.link = link;
    this.#connection = link.performer.id;
    this.#held = undefined;
    this.#server?.resumed();
  }

  /** A stanza or the end of the stream from the client. True: it goes on to the server as it came. */
  fromClient(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    const link = this.#outlet.link;
    if (link === undefined) return false;
    const { childCount, childNamespaceHash } = link.up.framer;
    if (this.#mustWait(kind)) {
      this.#hold(link, { kind, bytes: bytes.subarray(start, end), childCount, childNamespaceHash });
      return false;
    }
    return this.#passes(link, { kind, bytes, start, end, childCount, hash: childNamespaceHash });
  }

  /** A stanza of the server's. True: it goes on to the client as it came. */
  fromServer(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    return this.#outlet.link === undefined || passesToClient(this, this.#outlet.link.down, { kind, bytes, start, end });
  }

  answer(request: DelegatedRequest, reply: Element): void {
    const swallowed = this.#pending?.get(request);
    this.#pending?.delete(request);
    if (this.#blockedBy === request) this.#blockedBy = undefined;
    this.deliver(reply);
    if (swallowed !== undefined) this.#outlet.management?.answered(swallowed);
    this.#release();
    this.relieved();
  }

  relieved(): void {
    if (!this.isBusy) this.#outlet.link?.owner.settled();
  }

  /** Puts a stanza of ours, an element in any content namespace, into the client's stream. */
  deliver(stanza: Element): void {
    this.sendToClient(stanzaBytes(stanza, NS.client));
  }

  /** Puts complete stanzas that leave `jabber:client` unsaid, or say it, into the client's stream. */
  sendToClient(bytes: Uint8Array): void {
    if (this.#outlet.toClient(bytes) === "discard") this.#hub.sessions.discard(this);
  }

  requestAcks(): void {
    this.#outlet.requestAcks();
  }

  /** Asks the server in the client's name, and looks at its answers (protocol.md §3.2, J and X entries). */
  get server(): Questions {
    return (this.#server ??= new Questions(this.#hub, {
      unnamed: this.jid.bare(),
      send: (question) => {
        this.#outlet.toServer(stanzaBytes(question, NS.client));
      },
    }));
  }

  /** Asks the client itself. */
  get client(): Questions {
    return (this.#client ??= new Questions(this.#hub, {
      unnamed: this.jid.full(),
      isOneSpeaker: true,
      send: this.deliver.bind(this),
    }));
  }

  /** The server's stream ends: what is pending is answered now, because nothing can be afterwards. */
  failPending(code: RequestFaultCode): void {
    if (this.#pending === undefined) return;
    for (const request of this.#pending.keys()) this.#hub.delegations.fail(request, code);
  }

  /** No more stanzas reach the client. Late replies are swallowed by the hub. */
  end(): void {
    this.detach();
    this.#toComponents?.takeBackPresence();
    this.#server?.end();
    this.#client?.end();
    this.#priority = undefined;
    this.#hub.clientModes.over(this);
    this.#hub.users.presenceOf(this, false);
    if (this.#pending === undefined) return;
    for (const request of this.#pending.keys()) this.#hub.delegations.abandon(request);
    this.#pending = undefined;
  }

  #mustWait(kind: FrameKind): boolean {
    if (this.#held !== undefined && !this.#held.isEmpty) return true;
    return this.#isBlocked(kind);
  }

  #isBlocked(kind: FrameKind): boolean {
    if (this.#blockedBy !== undefined) return true;
    if (this.#pending === undefined) return false;
    // The end of the stream waits for the answers, because nothing may follow the server's own end.
    if (kind === FrameKind.streamEnd) return this.#pending.size > 0;
    return this.#pending.size >= this.#hub.limits.pendingPerSession;
  }

  #hold(link: SessionLink, frame: HeldFrame): void {
    this.#held ??= new HeldFrames();
    this.#held.push(frame);
    const isFull = this.#held.bytes >= this.#hub.limits.heldBytes;
    // The limit of pending requests stops the client itself (`limits.pendingPerSession`).
    if (isFull || this.#blockedBy === undefined) link.performer.pause("client");
  }

  #release(): void {
    if (this.#isReleasing || this.#held === undefined) return;
    this.#isReleasing = true;
    for (let frame = this.#held?.peek(); frame !== undefined; frame = this.#held?.peek()) {
      const link = this.#outlet.link;
      if (link === undefined || this.#isBlocked(frame.kind)) break;
      this.#held?.shift();
      const { kind, bytes, childCount, childNamespaceHash: hash } = frame;
      const isPassed = this.#passes(link, { kind, bytes, start: 0, end: bytes.length, childCount, hash });
      if (!isPassed) continue;
      link.up.inject(bytes);
      if (kind === FrameKind.streamEnd) link.owner.streamEnded();
    }
    this.#isReleasing = false;
    if (!this.isHolding) this.#outlet.link?.performer.resume("client");
  }

  #passes(link: SessionLink, frame: StanzaFrame): boolean {
    const management = this.#outlet.management;
    if (management === undefined || frame.kind === FrameKind.streamEnd) return this.#decide(link, frame);
    if (management.expectsRepeatsFromClient && this.#isRepeated(link, frame, management)) return false;
    const isPassed = this.#decide(link, frame);
    if (isPassed) management.clientStanza();
    return isPassed;
  }

  /** The client sends again what was taken before its stream was resumed; it is not acted upon twice (S30). */
  #isRepeated(link: SessionLink, { bytes, start, end }: StanzaFrame, management: StreamManagement): boolean {
    const stanza = parseElement(bytes, start, end, link.up.framer.scope);
    return management.swallowedAgain(fingerprintOf(stanza, "up"));
  }

  #decide(link: SessionLink, frame: StanzaFrame): boolean {
    const { kind, bytes, start, end, childCount, hash } = frame;
    if (kind === FrameKind.streamEnd) return true;
    const { endsComponents } = this.domain;
    if (endsComponents || kind === FrameKind.presence) {
      const head = readHead(bytes, start, end, link.up.framer.scope);
      if (kind === FrameKind.presence && !head.attributes.has("to")) this.#notePresence(link, frame, head);
      else if (endsComponents && this.#routing().takes(kind, head, link.up, frame)) return false;
    }
    if (kind === FrameKind.message && this.domain.clientMode?.isExpecting(this.jid.bareKey) === true)
      return !takesGrantAnswer(this.#hub, this.domain, this, parseElement(bytes, start, end, link.up.framer.scope));
    if (kind !== FrameKind.iq) return true;
    if (this.#entity !== undefined && takesReply(this.#hub, this, this.#entity, link.up, frame)) return false;
    const answer = this.#client?.take(bytes, start, end, link.up.framer.scope);
    if (answer !== undefined) {
      this.swallow(answer);
      return false;
    }
    if (!this.domain.mayMatch(hash, childCount)) return true;
    return this.#consider(link, parseElement(bytes, start, end, link.up.framer.scope));
  }

  #consider(link: SessionLink, iq: Element): boolean {
    if (takesClientModeIq(this.#hub, this.domain, this, iq)) return false;
    const request = describeRequest(iq, this.jid.full());
    const decision = this.domain.decide(request);
    switch (decision.kind) {
      case "pass":
        return !answersDiscovery(this, iq);
      case "refuse": {
        const { condition, errorType: type, code } = decision;
        this.swallow(iq);
        this.#hub.delegations.refused(this, this.domain, decision.rule, code);
        const stanza = { name: "iq", id: request.id, to: this.jid.full(), from: request.to ?? this.jid.bare() };
        this.deliver(stanzaError(stanza, { type, condition }));
        return false;
      }
      case "delegate": {
        const { rule, waitsFor } = decision;
        const delegation = { iq, from: this.jid.full(), domain: this.domain, rule, lang: link.lang };
        return !delegate(this.#hub, this, delegation, waitsFor);
      }
      default:
        return decision satisfies never;
    }
  }

  /** Answers a request of the client's, which goes no further. */
  answerHere(iq: Element, payload: Element): void {
    this.swallow(iq);
    this.deliver(resultFor(iq, this.jid, payload));
  }

  fence(id: string, from: string, reached: () => void): Fence | undefined {
    const { link } = this.#outlet;
    return link === undefined || link.owner.isLeftAlone ? undefined : this.server.expect(id, from, reached);
  }

  begin(delegation: Delegation, isTaken: boolean): DelegatedRequest {
    const swallowed = isTaken ? this.swallow(delegation.iq, true) : undefined;
    const request = this.#hub.delegations.open(this, delegation);
    (this.#pending ??= new Map()).set(request, swallowed);
    if (delegation.rule.blocking) this.#blockedBy = request;
    return request;
  }

  /** A stanza of the client's goes no further. */
  swallow(stanza: Element, awaitsAnswer = false): Swallowed | undefined {
    return this.#outlet.swallow(stanza, awaitsAnswer);
  }

  #routing(): ToComponents {
    return (this.#toComponents ??= new ToComponents(this.#hub, this));
  }

  #notePresence(link: SessionLink, { bytes, start, end }: StanzaFrame, { attributes }: Head): void {
    const type = attributes.get("type");
    if (type === "unavailable") {
      this.#priority = undefined;
      this.#hub.users.presenceOf(this, false);
      this.#toComponents?.takeBackPresence();
    } else if (type === undefined) {
      const presence = parseElement(bytes, start, end, link.up.framer.scope);
      this.#priority = priorityIn(presence);
      this.#hub.users.presenceOf(this, true);
      this.#hub.clientModes.available(this);
    }
  }
}

/** RFC 6121 §4.7.2.3: from -128 to 127. The server may not mind more than that; here it stays what it can be. */
function priorityIn(presence: Element): number {
  const written = Number.parseInt(presence.getChildText("priority") ?? "0", 10) || 0;
  return Math.max(-128, Math.min(written, 127));
}

/** A frame as the framer reported it, or as it was held. */
interface StanzaFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly childCount: number;
  readonly hash: number;
}
