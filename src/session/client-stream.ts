import type { NegotiationEvent, NegotiationState } from "../stream/index.js";
import {
  boundJidOf,
  isAuthenticated,
  isKnownNonza,
  negotiate,
  readStreamHeader,
  removeFeatures,
  sasl2SuccessOf,
} from "../stream/index.js";
import type { Element, Head } from "../xml/index.js";
import { findChild, FrameKind, namespaceHash, parseElement, readHead, serialize } from "../xml/index.js";
import { normaliseDomain, NS, parseJid } from "../xmpp/index.js";
import { ClientSession } from "./client-session.js";
import type { Domain } from "./domain.js";
import type { LinkFaultCode, RequestFaultCode } from "./faults.js";
import { faultEvent, LINK_FAULTS } from "./faults.js";
import type { Hub } from "./hub.js";
import type { Performer } from "./performer.js";
import type { Pump } from "./pump.js";
import type { Teardown } from "./teardown.js";

const BIND_HASH = namespaceHash(NS.bind);
const IQ_AUTH_HASH = namespaceHash(NS.iqAuth);

export interface ClientStreamContext {
  readonly hub: Hub;
  readonly domain: Domain;
  readonly up: Pump;
  readonly down: Pump;
  readonly performer: Performer;
  readonly teardown: Teardown;
  readonly lang: string | undefined;
  /** Called when no request is pending and nothing is held any more. */
  readonly settled: () => void;
}

/**
 * The client's stream as it runs through to the server: negotiation is followed until a resource is bound, then the
 * session takes over. Everything that is not named here passes as it came.
 */
export class ClientStream {
  readonly #context: ClientStreamContext;
  #state: NegotiationState = "open";
  /** Id of the client's own bind request while it waits; the answer counts once (protocol.md A10). */
  #bindId: string | undefined;
  #iqAuthId: string | undefined;
  #session: ClientSession | undefined;
  /**
   * The server counts this stream's stanzas with the client (XEP-0198), because no rule took any when it was enabled.
   * Rules that a reload brings later leave such a stream alone (protocol.md S2).
   */
  #usesStreamManagement = false;
  #mayRelease = false;
  #serverEnded = false;

  constructor(context: ClientStreamContext) {
    this.#context = context;
  }

  get isBusy(): boolean {
    return this.#session?.isBusy === true;
  }

  /** Something of the client's was not sent on yet. */
  get isHoldingBack(): boolean {
    return this.#session?.isHolding === true;
  }

  fromClient(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.whitespace) return true;
    if (kind === FrameKind.nonza) return this.#nonzaFromClient(bytes, start, end);
    if (kind === FrameKind.streamHeader) return this.#headerFromClient(bytes, start, end);
    if (this.#session !== undefined && !this.#usesStreamManagement) {
      if (!this.#session.fromClient(kind, bytes, start, end)) return false;
    } else if (kind === FrameKind.iq) {
      this.#iqFromUnbound(bytes, start, end);
    }
    if (kind === FrameKind.streamEnd) this.#context.teardown.endSent("server");
    return true;
  }

  fromServer(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.nonza) return this.#nonzaFromServer(bytes, start, end);
    if (kind === FrameKind.iq) {
      if (this.#bindId !== undefined || this.#iqAuthId !== undefined) this.#answerToUnbound(bytes, start, end);
    } else if (kind === FrameKind.streamHeader) {
      const { rootName } = readStreamHeader(bytes, start, end);
      this.#context.teardown.headerSent("client", rootName);
    } else if (kind === FrameKind.streamEnd) {
      this.#lastWords("server-closed");
      this.#context.teardown.endSent("client");
    }
    return true;
  }

  /** What had to wait until no framer is at work. */
  afterBytes(): void {
    if (!this.#mayRelease) return;
    this.#mayRelease = false;
    this.#context.performer.resume("client");
    this.#context.up.release();
  }

  failPending(code: RequestFaultCode): void {
    this.#session?.failPending(code);
  }

  /** The link is over: what is pending is answered while the client's stream is still open. */
  end(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    if (this.#context.teardown.isStreamOpen("client")) session.failPending("link-closed");
    session.end();
    this.#context.hub.removeSession(session);
  }

  #headerFromClient(bytes: Buffer, start: number, end: number): boolean {
    const { domain, teardown } = this.#context;
    const { to, rootName } = readStreamHeader(bytes, start, end);
    // protocol.md A13: the domain was chosen with the first header, and the certificate with it.
    if (to !== undefined && normaliseDomain(to) !== domain.name) {
      this.#breach("client", "stream-host-changed");
      return false;
    }
    teardown.headerSent("server", rootName);
    return true;
  }

  #nonzaFromClient(bytes: Buffer, start: number, end: number): boolean {
    const head = readHead(bytes, start, end, this.#context.up.framer.scope);
    const { namespace, name } = head;
    if (!isKnownNonza(namespace, name)) {
      this.#breach("client", "unknown-nonza");
      return false;
    }
    if (namespace === NS.tls) return this.#refuse(`<failure xmlns='${NS.tls}'/>`, true);
    // XEP-0138 §3: the feature was not offered.
    if (namespace === NS.compress) return this.#refuse(`<failure xmlns='${NS.compress}'><setup-failed/></failure>`);
    if (this.#isUnfollowedStreamManagement(head)) {
      // XEP-0198 §3, §5: the feature was not offered.
      const condition = name === "resume" ? "item-not-found" : "unexpected-request";
      return this.#refuse(`<failed xmlns='${namespace}'><${condition} xmlns='${NS.stanzaErrors}'/></failed>`);
    }
    if (namespace === NS.sm3 || namespace === NS.sm2) this.#usesStreamManagement = true;
    const event = clientEvent(namespace, name);
    if (event !== undefined) this.#step(event);
    return true;
  }

  /** The counters of XEP-0198 are not translated, so it is not offered where stanzas are taken (protocol.md S2). */
  #isUnfollowedStreamManagement({ namespace, name }: Head): boolean {
    if (namespace !== NS.sm3 && namespace !== NS.sm2) return false;
    return (name === "enable" || name === "resume") && this.#context.domain.takesStanzas;
  }

  #nonzaFromServer(bytes: Buffer, start: number, end: number): boolean {
    const { scope } = this.#context.down.framer;
    const { namespace, name } = readHead(bytes, start, end, scope);
    if (!isKnownNonza(namespace, name)) {
      this.#breach("server", "unknown-nonza");
      return false;
    }
    if (namespace === NS.streams) {
      const element = parseElement(bytes, start, end, scope);
      return name === "features" ? this.#features(element) : this.#streamError(element);
    }
    if (namespace === NS.sasl2 && name === "success") {
      const { jid, isBound, isResumed } = sasl2SuccessOf(parseElement(bytes, start, end, scope));
      if (!this.#step(isBound ? "sasl2-bound" : "sasl2-success")) return false;
      if (isBound) this.#bound(jid);
      return !isResumed || this.#step("resumed");
    }
    const event = serverEvent(namespace, name);
    return event === undefined || this.#step(event);
  }

  #features(features: Element): boolean {
    const { domain, down } = this.#context;
    if (!removeFeatures(features, domain.takesStanzas)) return true;
    down.inject(streamsElement(features));
    return false;
  }

  #streamError(error: Element): boolean {
    const { performer, down } = this.#context;
    const condition = error.getChildElements().find((child) => child.attrs["xmlns"] === NS.streamErrors)?.name;
    performer.report({
      kind: "stream-error",
      leg: "client",
      condition: condition ?? "undefined-condition",
      ours: false,
    });
    this.#lastWords("server-stream-error");
    const moved = findChild(error, "see-other-host", NS.streamErrors);
    if (moved === undefined) return true;
    // protocol.md R12: the server's own address is no place for the client; it may come back to ours.
    error.remove(moved);
    error.c("reset", { xmlns: NS.streamErrors });
    down.inject(streamsElement(error));
    return false;
  }

  /** Nothing may follow the server's last word, so what is pending is answered before it. */
  #lastWords(code: RequestFaultCode): void {
    if (this.#serverEnded) return;
    this.#serverEnded = true;
    this.#session?.failPending(code);
  }

  #iqFromUnbound(bytes: Buffer, start: number, end: number): void {
    const { childNamespaceHash } = this.#context.up.framer;
    if (childNamespaceHash !== BIND_HASH && childNamespaceHash !== IQ_AUTH_HASH) return;
    const iq = parseElement(bytes, start, end, this.#context.up.framer.scope);
    const id: unknown = iq.attrs["id"];
    if (iq.attrs["type"] !== "set" || typeof id !== "string") return;
    if (findChild(iq, "bind", NS.bind) !== undefined && this.#state === "authenticated") {
      this.#bindId = id;
      this.#step("bind-request");
    } else if (findChild(iq, "query", NS.iqAuth) !== undefined && this.#state === "open") {
      this.#iqAuthId = id;
      this.#step("iq-auth-request");
    }
  }

  #answerToUnbound(bytes: Buffer, start: number, end: number): void {
    const { scope } = this.#context.down.framer;
    const { attributes } = readHead(bytes, start, end, scope);
    const type = attributes.get("type");
    const id = attributes.get("id");
    if (type !== "result" && type !== "error") return;
    if (id === this.#bindId && this.#state === "binding") {
      this.#bindId = undefined;
      this.#step(type === "result" ? "bind-result" : "bind-error");
      if (type === "result") this.#bound(boundJidOf(parseElement(bytes, start, end, scope)));
    } else if (id === this.#iqAuthId && this.#state === "iq-auth") {
      this.#iqAuthId = undefined;
      this.#step(type === "result" ? "iq-auth-result" : "iq-auth-error");
    }
  }

  /** True: the element goes on. */
  #step(event: NegotiationEvent): boolean {
    const { up, down, performer, teardown, domain, hub } = this.#context;
    const wasAuthenticated = isAuthenticated(this.#state);
    const [next, action] = negotiate(this.#state, event);
    this.#state = next;
    if (!wasAuthenticated && isAuthenticated(next)) {
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
    const { hub, domain, up, down, performer, lang, settled } = this.#context;
    this.#negotiated();
    const jid = address === undefined ? undefined : parseJid(address);
    if (jid?.resource === undefined || jid.local === undefined || jid.domain !== domain.name) {
      // Relayed without delegation: whose requests they would be is not known (protocol.md R2).
      performer.report(faultEvent("server", "bound-jid"));
      return;
    }
    this.#session = new ClientSession({ hub, up, down, performer }, { jid, domain, lang }, settled);
    hub.addSession(this.#session);
    performer.report({ kind: "bound", domain: domain.name, jid: jid.full() });
  }

  #negotiated(): void {
    const { performer } = this.#context;
    performer.clearTimer("authentication");
    performer.setTimer("idle");
  }

  /** Answers a negotiation that was not offered; the server does not hear of it. */
  #refuse(answer: string, isFatal = false): boolean {
    const { down, teardown } = this.#context;
    down.inject(Buffer.from(answer));
    if (isFatal) {
      // RFC 6120 §5.4.2.2: the failure is followed by the end of the stream.
      teardown.sendEnd("client");
      teardown.sendEnd("server");
      teardown.end("protocol_fault");
    }
    return false;
  }

  #breach(leg: "client" | "server", code: LinkFaultCode): void {
    this.#context.performer.report(faultEvent(leg, code));
    this.#context.teardown.fail(leg, LINK_FAULTS[code].condition, "protocol_fault");
  }
}

/** Clients know the elements of the streams namespace by the prefix that RFC 6120 §4.8.5 recommends. */
function streamsElement(element: Element): Buffer {
  const children = element.getChildElements().map((child) => serialize(child));
  const { name } = element;
  return Buffer.from(`<stream:${name} xmlns:stream='${NS.streams}'>${children.join("")}</stream:${name}>`);
}

function clientEvent(namespace: string, name: string): NegotiationEvent | undefined {
  if (namespace === NS.sasl2) return name === "authenticate" ? "sasl2-authenticate" : undefined;
  if (namespace !== NS.sasl) return undefined;
  switch (name) {
    case "auth":
      return "sasl-auth";
    case "response":
      return "sasl-response";
    case "abort":
      return "sasl-abort";
    default:
      return undefined;
  }
}

function serverEvent(namespace: string, name: string): NegotiationEvent | undefined {
  if (namespace === NS.sm3 || namespace === NS.sm2) return name === "resumed" ? "resumed" : undefined;
  if (namespace === NS.sasl2) return name === "failure" ? "sasl2-failure" : undefined;
  if (namespace !== NS.sasl) return undefined;
  switch (name) {
    case "challenge":
      return "sasl-challenge";
    case "success":
      return "sasl-success";
    case "failure":
      return "sasl-failure";
    default:
      return undefined;
  }
}
