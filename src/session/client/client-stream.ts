import type { NegotiationEvent, NegotiationState } from "../../stream/index.js";
import {
  isAuthenticated,
  isKnownNonza,
  isManagementNamespace,
  lowerLimits,
  negotiate,
  readStreamHeader,
  sasl2SuccessOf,
} from "../../stream/index.js";
import type { Element } from "../../xml/index.js";
import { FrameKind, parseElement, readHead, serialize } from "../../xml/index.js";
import { normaliseDomain, NS, parseJid } from "../../xmpp/index.js";
import type { ClientStreamContext } from "./client-stream-context.js";
import { addressIn, BindingWatch } from "./binding-watch.js";
import type { SessionLink, SessionOwner } from "../link/session-link.js";
import type { BoundSession, ResumableStream } from "../hub/bound-session.js";
import { ClientSession } from "./client-session.js";
import type { LinkFaultCode } from "../link/faults.js";
import type { RequestFaultCode } from "../hub/request-faults.js";
import { faultEvent, LINK_FAULTS } from "../link/faults.js";
import { clientEvent, conditionOf, serverEvent, streamsElement, withoutOtherHost } from "../link/negotiation-events.js";
import { Refusals } from "./refusals.js";
import { adaptFeatures } from "./server-features.js";
import { StreamManager } from "./stream-manager.js";

/**
 * The client's stream as it runs through to the server: negotiation is followed until a resource is bound, then the
 * session takes over. Everything that is not named here passes as it came.
 */
export class ClientStream implements SessionOwner, ResumableStream {
  /** Streams are numbered in the order in which they were opened. */
  readonly number: number;
  readonly #context: ClientStreamContext;
  #state: NegotiationState = "open";
  readonly #binding = new BindingWatch();
  readonly #refusals: Refusals;
  #session: BoundSession | undefined;
  /** What stream management needs (XEP-0198); made with its first element, since most streams are idle without. */
  #manager: StreamManager | undefined;
  /**
   * The server counts this stream's stanzas with the client, or has been asked to, because no rule took any then. Rules
   * that a reload brings later leave such a stream alone (protocol.md S2).
   */
  #isLeftAlone = false;
  #lang: string | undefined;
  #mayRelease = false;
  /** What the client waits for, e.g. the outcome of SASL, will not come any more. */
  #hasServerEnded = false;

  constructor(context: ClientStreamContext) {
    this.#context = context;
    this.#lang = context.lang;
    this.#refusals = new Refusals(context);
    this.number = context.hub.nextStreamNumber();
  }

  get isLeftAlone(): boolean {
    return this.#isLeftAlone;
  }

  /** Once a resource is bound, until the stream has no more to do with it. */
  get session(): BoundSession | undefined {
    return this.#session;
  }

  fromClient(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.whitespace) return true;
    if (kind === FrameKind.nonza) return this.#nonzaFromClient(bytes, start, end);
    if (kind === FrameKind.streamHeader) return this.#headerFromClient(bytes, start, end);
    if (this.#session !== undefined && !this.#isLeftAlone) {
      if (!this.#session.fromClient(kind, bytes, start, end)) return false;
    } else if (kind === FrameKind.iq) {
      this.#iqFromUnbound(bytes, start, end);
    }
    if (kind === FrameKind.streamEnd) this.#context.teardown.endSent("server");
    return true;
  }

  fromServer(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.nonza) return this.#nonzaFromServer(bytes, start, end);
    if (kind === FrameKind.message || kind === FrameKind.presence || kind === FrameKind.iq) {
      if (this.#session !== undefined) return this.#isLeftAlone || this.#session.fromServer(kind, bytes, start, end);
      if (this.#binding.isWaiting && kind === FrameKind.iq) this.#answerToUnbound(bytes, start, end);
    } else if (kind === FrameKind.streamHeader) {
      const { rootName } = readStreamHeader(bytes, start, end);
      this.#context.teardown.headerSent("client", rootName);
    } else if (kind === FrameKind.streamEnd) {
      this.#lastWords("server-closed");
      this.#context.teardown.endSent("client");
      this.#hasServerEnded = true;
    }
    return true;
  }

  /** What had to wait until no framer is at work. */
  afterBytes(): void {
    this.#refusals.afterBytes();
    if (!this.#mayRelease && !this.#hasServerEnded) return;
    this.#mayRelease = false;
    this.#context.performer.resume("client");
    this.#context.up.release();
  }

  /** The server's leg ends. Unless the session may be resumed, now is the last time to answer what is pending. */
  serverFinished(): void {
    if (this.#session?.resumable === undefined) this.#session?.failPending("server-closed");
    this.#hasServerEnded = true;
    this.afterBytes();
  }

  /**
   * The link is over. A session that may be resumed is kept; otherwise what is pending is answered while the client's
   * stream is still open.
   */
  end(mayResume: boolean): void {
    const session = this.#session;
    this.#manager?.end();
    if (session === undefined) return;
    if (mayResume && this.#manager?.detach(session) === true) {
      this.#session = undefined;
      return;
    }
    if (this.#context.teardown.isStreamOpen("client")) session.failPending("link-closed");
    this.#forget(session);
  }

  /** Another stream has taken the session over (XEP-0198 §5): the client hears so, the server nothing. */
  replaced(): void {
    this.#session = undefined;
    this.#context.teardown.leave("conflict", "client_lost");
  }

  settled(): void {
    this.#context.link.whenSettled();
  }

  streamEnded(): void {
    this.#context.teardown.endSent("server");
  }

  overflow(): void {
    this.#context.teardown.end("slow_peer");
  }

  /** The session cannot be kept any more: too much waits for the client. */
  lose(): void {
    if (this.#session !== undefined) this.#manager?.forget(this.#session);
    this.#context.teardown.end("slow_peer");
  }

  #managed(): StreamManager {
    const { hub, domain, up, down, performer } = this.#context;
    const session = () => this.#session;
    this.#manager ??= new StreamManager({
      hub,
      domainName: domain.name,
      connection: performer.id,
      up,
      down,
      stream: this,
      refusals: this.#refusals,
      get session() {
        return session();
      },
      get takesStanzas() {
        return domain.takesStanzas || hub.users.mayManage(domain.name, session()?.jid.bareKey);
      },
      adopt: (resumed) => {
        this.#session = resumed;
        resumed.attach(this.#sessionLink());
      },
      hold: () => {
        up.hold();
        performer.pause("client");
      },
      release: () => void (this.#mayRelease = true),
      leaveAlone: (isAlone) => {
        this.#isLeftAlone = isAlone;
        if (!isAlone && this.#session !== undefined) hub.users.reachable(this.#session);
      },
      breach: (leg, code, detail) => {
        this.#breach(leg, code, detail);
      },
    });
    return this.#manager;
  }

  #sessionLink(): SessionLink {
    const { up, down, performer } = this.#context;
    return { up, down, performer, lang: this.#lang, owner: this };
  }

  #headerFromClient(bytes: Buffer, start: number, end: number): boolean {
    const { domain, teardown } = this.#context;
    const { to, rootName, lang } = readStreamHeader(bytes, start, end);
    // protocol.md A13: the domain was chosen with the first header, and the certificate with it.
    if (to !== undefined && normaliseDomain(to) !== domain.name) {
      this.#breach("client", "stream-host-changed");
      return false;
    }
    teardown.headerSent("server", rootName);
    // RFC 6120 §4.7.4: the language of the stream that runs now.
    this.#lang = lang;
    return true;
  }

  #nonzaFromClient(bytes: Buffer, start: number, end: number): boolean {
    const { up } = this.#context;
    const { namespace, name, attributes } = readHead(bytes, start, end, up.framer.scope);
    if (!isKnownNonza(namespace, name)) {
      this.#breach("client", "unknown-nonza");
      return false;
    }
    const verdict = this.#refusals.judge({ namespace, name, mechanism: attributes.get("mechanism") });
    if (verdict !== "passes") {
      if (verdict !== "answered") this.#breach("client", verdict);
      return false;
    }
    if (isManagementNamespace(namespace))
      return this.#managed().fromClient(name, namespace, () => parseElement(bytes, start, end, up.framer.scope));
    const event = clientEvent(namespace, name);
    if (event !== undefined) this.#step(event);
    return event !== "sasl2-authenticate" || this.#authenticate(bytes, start, end);
  }

  #authenticate(bytes: Buffer, start: number, end: number): boolean {
    const element = parseElement(bytes, start, end, this.#context.up.framer.scope);
    if (!this.#managed().authenticate(element)) return true;
    this.#context.up.inject(Buffer.from(serialize(element, NS.client)));
    return false;
  }

  #nonzaFromServer(bytes: Buffer, start: number, end: number): boolean {
    const { scope } = this.#context.down.framer;
    const { namespace, name } = readHead(bytes, start, end, scope);
    if (!isKnownNonza(namespace, name)) {
      this.#breach("server", "unknown-nonza");
      return false;
    }
    const element = () => parseElement(bytes, start, end, scope);
    if (namespace === NS.streams) return name === "features" ? this.#features(element()) : this.#streamError(element());
    if (namespace === NS.sasl2 && name === "success") return this.#sasl2Success(element());
    if (isManagementNamespace(namespace)) {
      const passes = this.#managed().fromServer(name, element);
      return (name !== "resumed" || this.#context.teardown.hasEnded || this.#step("resumed")) && passes;
    }
    const event = serverEvent(namespace, name);
    if (event === "sasl2-failure") this.#manager?.authenticationFailed();
    return event === undefined || this.#step(event);
  }

  #sasl2Success(success: Element): boolean {
    const { jid, isBound, isResumed } = sasl2SuccessOf(success);
    if (!this.#step(isBound ? "sasl2-bound" : "sasl2-success")) return false;
    if (isBound) this.#bound(jid);
    const account = jid === undefined ? undefined : parseJid(jid)?.bareKey;
    const asItCame = serialize(success);
    const { maxFrameBytes } = this.#context.hub.limits.authenticated;
    lowerLimits(success, { now: maxFrameBytes, later: maxFrameBytes });
    const behind = this.#managed().success(success, account);
    if (behind === undefined || (isResumed && !this.#step("resumed"))) return false;
    if (isBound) this.#context.hub.discovery.explore(this.#session);
    const text = serialize(success);
    if (behind.length === 0 && text === asItCame) return true;
    const { down } = this.#context;
    down.inject(Buffer.from(text));
    for (const bytes of behind) down.inject(bytes);
    return false;
  }

  #features(features: Element): boolean {
    const { down, domain, hub } = this.#context;
    const { authenticated, unauthenticated } = hub.limits;
    const now = (isAuthenticated(this.#state) ? authenticated : unauthenticated).maxFrameBytes;
    const limits = { now, later: authenticated.maxFrameBytes };
    if (!adaptFeatures(features, limits, domain)) return true;
    down.inject(streamsElement(features));
    return false;
  }

  #streamError(error: Element): boolean {
    const condition = conditionOf(error);
    this.#context.performer.report({ kind: "stream-error", leg: "client", condition, ours: false });
    this.#lastWords("server-stream-error");
    if (!withoutOtherHost(error)) return true;
    this.#context.down.inject(streamsElement(error));
    return false;
  }

  /**
   * Nothing may follow the server's last word: nothing is taken any more, and what is pending is answered before it. A
   * session that may be resumed is kept: a server also takes leave of a stream that is being resumed elsewhere.
   */
  #lastWords(code: RequestFaultCode): void {
    const session = this.#session;
    if (session === undefined) return;
    if (this.#context.teardown.isStreamOpen("server") && this.#manager?.detach(session) === true) {
      this.#session = undefined;
      return;
    }
    session.failPending(code);
    this.#forget(session);
  }

  #forget(session: BoundSession): void {
    this.#session = undefined;
    this.#manager?.forget(session);
    session.end();
    this.#context.hub.sessions.remove(session);
  }

  #iqFromUnbound(bytes: Buffer, start: number, end: number): void {
    const { childNamespaceHash, scope } = this.#context.up.framer;
    const event = this.#binding.request(this.#state, childNamespaceHash, { bytes, start, end, scope });
    if (event === "too-many-binds") this.#breach("client", "too-many-binds");
    else if (event !== undefined) this.#step(event);
  }

  #answerToUnbound(bytes: Buffer, start: number, end: number): void {
    const answer = this.#binding.answer(this.#state, { bytes, start, end, scope: this.#context.down.framer.scope });
    if (answer === undefined) return;
    this.#step(answer.event);
    if (answer.event !== "bind-result" || this.#state !== "bound") return;
    this.#bound(answer.jid);
    this.#context.hub.discovery.explore(this.#session);
  }

  /** True: the element goes on. */
  #step(event: NegotiationEvent): boolean {
    const { up, down, performer, teardown, domain, hub } = this.#context;
    const wasAuthenticated = isAuthenticated(this.#state);
    const [next, action] = negotiate(this.#state, event);
    this.#state = next;
    if (!wasAuthenticated && isAuthenticated(next)) {
      // SASL2 restarts nothing (XEP-0388 §2.6.1): what the client sent meanwhile belongs to the stream that it now has.
      this.#mayRelease = true;
      up.framer.setLimits(hub.limits.authenticated);
      performer.report({ kind: "authenticated", domain: domain.name });
    }
    switch (action) {
      case "relay":
      case "authenticated":
      case "bound":
        return true;
      case "unnamed":
        this.#negotiated();
        return true;
      case "hold":
        if (this.#hasServerEnded) return true;
        up.hold();
        performer.pause("client");
        return true;
      case "release":
        this.#mayRelease = true;
        return true;
      case "restart":
        // RFC 6120 §6.4.6: the next byte of either side begins a new stream.
        down.framer.restart();
        up.restart();
        teardown.streamForgotten("client");
        teardown.streamForgotten("server");
        this.#mayRelease = true;
        return true;
      case "fault":
        this.#breach("server", "unexpected-sasl");
        return false;
      default:
        return action satisfies never;
    }
  }

  #bound(address: string | undefined): void {
    const { hub, domain, performer } = this.#context;
    this.#negotiated();
    const jid = addressIn(domain.name, address);
    if (jid === undefined) {
      // Relayed without delegation: whose requests they would be is not known (protocol.md R2).
      performer.report(faultEvent("server", "bound-jid"));
      return;
    }
    const session = new ClientSession(hub, { jid, domain }, this.#sessionLink());
    this.#session = session;
    this.#manager?.ownerLearnt(jid.bareKey);
    hub.sessions.add(session);
    performer.report({ kind: "bound", domain: domain.name, jid: jid.full() });
  }

  #negotiated(): void {
    const { performer } = this.#context;
    performer.clearTimer("authentication");
    performer.setTimer("idle");
  }

  #breach(leg: "client" | "server", code: LinkFaultCode, detail?: string): void {
    this.#context.performer.report(faultEvent(leg, code));
    this.#context.teardown.fail(leg, LINK_FAULTS[code].condition, "protocol_fault", { detail });
  }
}
