import type { Jid } from "../xmpp/index.js";
import { NS } from "../xmpp/index.js";
import type { Element } from "../xml/index.js";
import { FrameKind, parseElement, readHead } from "../xml/index.js";
import { stanzaBytes, stanzaError } from "./errors.js";
import type { RequestFaultCode } from "./faults.js";
import type { HeldFrame } from "./held-frames.js";
import { HeldFrames } from "./held-frames.js";
import type { Domain } from "./domain.js";
import type { Hub } from "./hub.js";
import type { Performer } from "./performer.js";
import type { Pump } from "./pump.js";
import type { DelegatedRequest, Requester } from "./requests.js";
import { describeRequest } from "./requests.js";

/**
 * A bound c2s session: which of the client's stanzas are taken, which wait, and what is put into its stream.
 *
 * Strategy. Nothing of the session is touched for a stanza that no rule could match: the framer has hashed the
 * namespace of the IQ's child, and the rule table says whether any rule has that hash. Only then a tree is built.
 * Stanzas wait here, in order, behind a blocking delegation (D41) or behind too many pending ones.
 */
export class ClientSession implements Requester {
  readonly jid: Jid;
  readonly domain: Domain;
  readonly #hub: Hub;
  readonly #up: Pump;
  readonly #down: Pump;
  readonly #performer: Performer;
  /** Language of the client's stream (protocol.md R7). */
  readonly #lang: string | undefined;
  /** Told when nothing is pending or held any more. */
  readonly #settled: () => void;
  #pending: Set<DelegatedRequest> | undefined;
  #blockedBy: DelegatedRequest | undefined;
  #held: HeldFrames | undefined;
  #isReleasing = false;
  #isOver = false;
  /** Priority of the last available presence; only known where components end here (RFC 6121 §4.7.2.3). */
  #priority: number | undefined;

  constructor(
    link: { readonly hub: Hub; readonly up: Pump; readonly down: Pump; readonly performer: Performer },
    session: { readonly jid: Jid; readonly domain: Domain; readonly lang: string | undefined },
    settled: () => void,
  ) {
    this.#hub = link.hub;
    this.#up = link.up;
    this.#down = link.down;
    this.#performer = link.performer;
    this.jid = session.jid;
    this.domain = session.domain;
    this.#lang = session.lang;
    this.#settled = settled;
  }

  get isHolding(): boolean {
    return this.#held !== undefined && !this.#held.isEmpty;
  }

  get isBusy(): boolean {
    return this.isHolding || (this.#pending !== undefined && this.#pending.size > 0);
  }

  /** Priority of the client's available presence, `undefined` while it is not available or nobody needs to know. */
  get priority(): number | undefined {
    return this.#priority;
  }

  /** A stanza or the end of the stream from the client. True: it goes on to the server as it came. */
  fromClient(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    const { childCount, childNamespaceHash } = this.#up.framer;
    if (this.#mustWait(kind)) {
      this.#hold({ kind, bytes: bytes.subarray(start, end), childCount, childNamespaceHash });
      return false;
    }
    return this.#decide(kind, bytes, start, end, childCount, childNamespaceHash);
  }

  answer(request: DelegatedRequest, reply: Element): void {
    this.#pending?.delete(request);
    if (this.#blockedBy === request) this.#blockedBy = undefined;
    this.deliver(reply);
    this.#release();
    if (!this.isBusy) this.#settled();
  }

  /** Puts a stanza of ours, an element in any content namespace, into the client's stream. */
  deliver(stanza: Element): void {
    if (!this.#isOver) this.#down.inject(stanzaBytes(stanza, NS.client));
  }

  /** The server's stream ends: what is pending is answered now, because nothing can be afterwards. */
  failPending(code: RequestFaultCode): void {
    if (this.#pending === undefined) return;
    for (const request of this.#pending) this.#hub.fail(request, code);
  }

  /** No more stanzas reach the client. Late replies are swallowed by the hub. */
  end(): void {
    this.#isOver = true;
    if (this.#pending !== undefined) {
      for (const request of this.#pending) this.#hub.abandon(request);
      this.#pending = undefined;
    }
    this.#held = undefined;
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

  #hold(frame: HeldFrame): void {
    this.#held ??= new HeldFrames();
    this.#held.push(frame);
    const isFull = this.#held.bytes >= this.#hub.limits.heldBytes;
    // The limit of pending requests stops the client itself (`limits.pendingPerSession`).
    if (isFull || this.#blockedBy === undefined) this.#performer.pause("client");
  }

  #release(): void {
    if (this.#isReleasing || this.#held === undefined) return;
    this.#isReleasing = true;
    for (let frame = this.#held?.peek(); frame !== undefined; frame = this.#held?.peek()) {
      if (this.#isBlocked(frame.kind)) break;
      this.#held?.shift();
      const { kind, bytes, childCount, childNamespaceHash } = frame;
      if (this.#decide(kind, bytes, 0, bytes.length, childCount, childNamespaceHash)) this.#up.inject(bytes);
    }
    this.#isReleasing = false;
    if (!this.isHolding) this.#performer.resume("client");
  }

  #decide(kind: FrameKind, bytes: Buffer, start: number, end: number, childCount: number, hash: number): boolean {
    if (this.domain.endsComponents && kind !== FrameKind.streamEnd && this.#isForComponent(kind, bytes, start, end)) {
      return false;
    }
    if (kind !== FrameKind.iq) return true;
    if (!this.domain.mayMatch(hash, childCount)) return true;
    return this.#consider(parseElement(bytes, start, end, this.#up.framer.scope));
  }

  #consider(iq: Element): boolean {
    const request = describeRequest(iq, this.jid.full());
    const decision = this.domain.settings.rules.decide(request);
    switch (decision.kind) {
      case "pass":
        return true;
      case "refuse": {
        const { condition, errorType: type, code } = decision;
        this.#hub.refused(this.domain, decision.rule, code);
        const stanza = { name: "iq", id: request.id, to: this.jid.full(), from: request.to ?? this.jid.bare() };
        this.deliver(stanzaError(stanza, { type, condition }));
        return false;
      }
      case "delegate": {
        const { rule } = decision;
        const sent = this.#hub.delegate(this, {
          iq,
          from: this.jid.full(),
          domain: this.domain,
          rule,
          lang: this.#lang,
        });
        if (sent === undefined) return false;
        (this.#pending ??= new Set()).add(sent);
        if (rule.blocking) this.#blockedBy = sent;
        return false;
      }
      default:
        return decision satisfies never;
    }
  }

  /** Where component links end here, a stanza to one of them is routed by us: the server does not know them. */
  #isForComponent(kind: FrameKind, bytes: Buffer, start: number, end: number): boolean {
    const { attributes } = readHead(bytes, start, end, this.#up.framer.scope);
    const to = attributes.get("to");
    if (to === undefined) {
      if (kind === FrameKind.presence) this.#notePresence(attributes.get("type"), bytes, start, end);
      return false;
    }
    const component = this.domain.componentOf(to);
    if (component === undefined) return false;
    const stanza = parseElement(bytes, start, end, this.#up.framer.scope);
    stanza.attrs["from"] = this.jid.full();
    this.#hub.sendToComponent(component, stanza, (error) => {
      this.deliver(error);
    });
    return true;
  }

  #notePresence(type: string | undefined, bytes: Buffer, start: number, end: number): void {
    if (type === "unavailable") this.#priority = undefined;
    else if (type === undefined) {
      const presence = parseElement(bytes, start, end, this.#up.framer.scope);
      this.#priority = Number.parseInt(presence.getChildText("priority") ?? "0", 10) || 0;
    }
  }
}
