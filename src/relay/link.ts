import type { TLSSocketOptions } from "node:tls";
import type { Logger } from "pino";
import type {
  CloseReason,
  Farewell,
  LegClosed,
  LegName,
  LinkEvent,
  LinkMachine,
  LinkTimer,
  Performer,
} from "../session/index.js";
import { faultEvent } from "../session/index.js";
import type { MessageFault } from "../stream/index.js";
import type { XmlFault } from "../xml/index.js";
import { streamErrorConditions } from "../xmpp/index.js";
import { lengths, type LinkTimeouts } from "./link-timeouts.js";
import { linkView, type LinkView } from "./link-view.js";
import { nearLeg, type CountedLink, type FrameCounts, type ListenerCounters, type RelayMetrics } from "./counters.js";
import type { DrainableLink } from "./drain.js";
import type { LegOwner } from "./leg.js";
import type { LegSocket } from "./leg-socket.js";
import { Leg } from "./leg.js";
import { logLegFailure, logLinkEvent } from "./link-log.js";
import { proxyHeader, type ConnectionEnds } from "./proxy-header.js";
import { PauseReason } from "./room.js";
import type { LegTraffic } from "./traffic.js";
import type { Turns } from "./turn.js";
import { showsEndPoint, type Upstream } from "./upstream.js";

/** A machine as the hub makes it: what it does, and how many frames it saw. */
export type CountingMachine = LinkMachine & { readonly frames: FrameCounts };

/** What all links of a proxy share. Read anew each time, since a reload changes it. */
export interface LinkSurroundings {
  readonly turns: Turns;
  readonly metrics: RelayMetrics;
  readonly log: Logger;
  readonly timeouts: LinkTimeouts;
  /** Told of each event of a link, beside the log. */
  watch?(link: Link, event: LinkEvent, excerpt: string | undefined): void;
  /** Where the server leg of a link for `domain` leads; undefined when the domain is not served. */
  upstream(kind: "c2s" | "component", domain: string): Upstream | undefined;
}

/** What the links of one listener share. */
export interface LinkOrigin {
  readonly kind: "c2s" | "component";
  readonly tls: "starttls" | "direct" | "none";
  readonly counters: ListenerCounters;
  /** Certificates of now, for a client that has named `domain`; undefined on a listener without TLS. */
  tlsOptions(domain: string | undefined): TLSSocketOptions | undefined;
  openMachine(performer: Performer): CountingMachine;
  /** Called once, when the streams of a link are over. Its legs go by themselves. */
  ended(link: Link): void;
  /** Called once, when both legs of a link are gone. */
  gone(link: Link): void;
}

/**
 * The performer of one link: two legs, six timers, one machine. It holds no protocol knowledge and owns every socket and
 * every timer of the link; when `origin.gone` is called nothing of it is left.
 */
export class Link implements Performer, LegOwner, CountedLink, DrainableLink {
  readonly id: string;
  readonly origin: LinkOrigin;
  /** Where the client is: as a trusted proxy said, else as the socket has it. */
  readonly remoteAddress: string;
  /** Milliseconds of the process's clock. */
  readonly openedAt = Math.round(performance.now());
  readonly #surroundings: LinkSurroundings;
  /** What a proxy in front said of the client's connection to it. */
  readonly #announced: ConnectionEnds | undefined;
  readonly #near: Leg;
  readonly #machine: CountingMachine;
  #server: Leg | undefined;
  #domain: string | undefined;
  #upstream: Upstream | undefined;
  /** While the server leg is being connected; dropped then, since a number that is no small integer is kept in a box. */
  #connecting: { readonly sinceMs: number } | undefined;
  /** Only while one of them runs. */
  #timers: Partial<Record<LinkTimer, NodeJS.Timeout>> | undefined;
  #ended: CloseReason | undefined;
  /** When bytes came last, while the idle timer runs. */
  #lastBytesAt = 0;
  /** From the peer, and to it. */
  #bytesUp = 0;
  #bytesDown = 0;

  /** Takes over `socket`, which is a client's own or, where `announced` says so, that of a proxy in front of us. */
  constructor(socket: LegSocket, origin: LinkOrigin, surroundings: LinkSurroundings, announced?: ConnectionEnds) {
    this.id = nextId();
    this.origin = origin;
    this.remoteAddress = announced?.source.address ?? socket.remoteAddress ?? "";
    this.#surroundings = surroundings;
    this.#announced = announced;
    this.#near = Leg.accepted(nearLeg(origin.kind), this, socket);
    surroundings.turns.begin(this);
    this.#machine = origin.openMachine(this);
    if (origin.tls === "direct") this.startTls("client");
    surroundings.turns.end();
    origin.counters.enter(this);
  }

  /** For an operator who asks. */
  get view(): LinkView {
    return linkView(this, {
      domain: this.#domain,
      isSecure: this.#near.secured !== undefined,
      hasServer: this.#server?.isEstablished === true,
      isEnding: this.#ended !== undefined,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
    });
  }

  get frames(): FrameCounts | undefined {
    return this.#machine.frames;
  }

  get endedBecause(): CloseReason | undefined {
    return this.#ended;
  }

  queuedOn(side: "near" | "server"): number {
    return (side === "near" ? this.#near : this.#server)?.queuedBytes ?? 0;
  }

  get servesOthers(): boolean {
    return this.#machine.servesOthers;
  }

  /** Asks the machine to end in an orderly way. */
  shutdown(farewell: Farewell): void {
    this.#surroundings.turns.begin(this);
    this.#machine.shutdown(farewell);
    this.#surroundings.turns.end();
  }

  /** Nothing that is pending is waited for any more. */
  hurry(): void {
    this.expired("drain");
  }

  /** What the client sent cannot be made a stream; only over WebSocket. */
  unreadable(fault: MessageFault | XmlFault): void {
    this.#surroundings.turns.begin(this);
    this.#machine.unreadable?.(fault);
    this.#surroundings.turns.end();
  }

  /** Ends at once, whatever the machine thinks of it. */
  destroy(): void {
    this.#near.abort();
    this.#server?.abort();
    this.#end("shutdown");
  }

  // What the machine asks for.

  send(leg: LegName, bytes: Uint8Array): void {
    if (leg !== "server") this.#bytesDown += bytes.byteLength;
    this.#leg(leg)?.send(bytes);
  }

  finish(leg: LegName): void {
    this.#leg(leg)?.finish();
  }

  close(leg: LegName): void {
    this.#leg(leg)?.close();
  }

  abort(leg: LegName): void {
    this.#leg(leg)?.abort();
  }

  connect(domain: string): void {
    const upstream = this.#surroundings.upstream(this.origin.kind, domain);
    this.#domain = domain;
    this.#upstream = upstream;
    if (upstream === undefined) {
      setImmediate(() => this.#tellClosed("server", "refused"));
      return;
    }
    this.#connecting = { sinceMs: performance.now() };
    const { proxyProtocol } = upstream;
    const header =
      proxyProtocol === undefined ? undefined : proxyHeader(proxyProtocol, this.#announced ?? this.#near.ends);
    this.#server = Leg.connecting("server", this, upstream, header);
    if (this.#near.isFilled) this.#server.pause(PauseReason.room);
  }

  startTls(leg: LegName, domain?: string): void {
    if (leg === "server") {
      // What the connection was begun with: a reload meanwhile may name another server, or none.
      if (this.#upstream === undefined) this.#server?.abort();
      else this.#server?.secure({ client: this.#upstream });
      return;
    }
    const tlsOptions = this.origin.tlsOptions(domain);
    if (tlsOptions === undefined) throw new Error("this listener has no certificate");
    this.#near.secure({ server: tlsOptions });
  }

  pause(leg: LegName): void {
    this.#leg(leg)?.pause(PauseReason.machine);
  }

  resume(leg: LegName): void {
    this.#leg(leg)?.resume(PauseReason.machine);
  }

  queuedBytes(leg: LegName): number {
    return this.#leg(leg)?.queuedBytes ?? 0;
  }

  setTimer(timer: LinkTimer): void {
    if (this.#ended !== undefined) return;
    const running = this.#timers?.[timer];
    if (running !== undefined) {
      running.refresh();
      return;
    }
    const ms = this.#surroundings.timeouts[lengths[timer]];
    if (ms <= 0) return;
    if (timer === "idle") this.#lastBytesAt = Math.round(performance.now());
    this.#arm(timer, ms);
  }

  #arm(timer: LinkTimer, ms: number): void {
    this.#timers ??= {};
    this.#timers[timer] = setTimeout(expire, ms, this, timer);
  }

  clearTimer(timer: LinkTimer): void {
    const running = this.#timers?.[timer];
    if (this.#timers === undefined || running === undefined) return;
    clearTimeout(running);
    delete this.#timers[timer];
    if (Object.keys(this.#timers).length === 0) this.#timers = undefined;
  }

  report(event: LinkEvent): void {
    const { metrics, log } = this.#surroundings;
    if (event.kind === "ended") {
      this.#end(event.reason);
      return;
    }
    if (event.kind === "fault") metrics.faults.add(event.leg, event.code);
    else if (event.kind === "stream-error")
      metrics.streamErrors.add(event.leg, knownCondition(event.condition), event.ours ? "caesura" : "peer");
    logLinkEvent(log, this, event);
    this.#surroundings.watch?.(this, event, event.kind === "fault" ? this.#machine.excerpt?.(event.leg) : undefined);
  }

  expired(timer: LinkTimer): void {
    this.clearTimer(timer);
    if (timer === "idle") {
      // Not refreshed with every chunk: the timer finds out how much of the silence is still to come.
      const remainingMs = this.#surroundings.timeouts.idleMs - (performance.now() - this.#lastBytesAt);
      if (remainingMs >= 1) {
        this.#arm("idle", remainingMs);
        return;
      }
    }
    this.#surroundings.turns.begin(this);
    this.#machine.timerExpired(timer);
    this.#surroundings.turns.end();
  }

  // What the legs ask and tell.

  get turns(): Turns {
    return this.#surroundings.turns;
  }

  get drainMs(): number {
    return this.#surroundings.timeouts.drainMs;
  }

  trafficOf(leg: Leg): LegTraffic {
    const { counters } = this.origin;
    return leg.name === "server" ? counters.server : counters.near;
  }

  legBytes(leg: Leg, chunk: Buffer): void {
    const { turns } = this.#surroundings;
    if (this.#timers?.idle !== undefined) this.#lastBytesAt = Math.round(performance.now());
    if (leg === this.#near) this.#bytesUp += chunk.byteLength;
    turns.begin(this);
    this.#machine.bytes(leg.name, chunk);
    turns.end();
  }

  legFinished(leg: Leg): void {
    this.#surroundings.turns.begin(this);
    this.#machine.finished(leg.name);
    this.#surroundings.turns.end();
  }

  legConnected(leg: Leg): void {
    this.#serverAnswered((performance.now() - (this.#connecting?.sinceMs ?? 0)) / 1000);
    if (leg.secured !== undefined) this.#surroundings.metrics.handshakes.add(leg.name, "done");
    this.#compareCertificates(leg);
    this.#surroundings.turns.begin(this);
    this.#machine.connected();
    this.#surroundings.turns.end();
  }

  legSecured(leg: Leg, serverName: string | undefined): void {
    this.#surroundings.metrics.handshakes.add(leg.name, "done");
    this.#compareCertificates(leg);
    this.#surroundings.turns.begin(this);
    this.#machine.secured(leg.name, serverName);
    this.#surroundings.turns.end();
  }

  legFilled(leg: Leg): void {
    this.#opposite(leg)?.pause(PauseReason.room);
  }

  legDrained(leg: Leg): void {
    this.#opposite(leg)?.resume(PauseReason.room);
  }

  legFailed(leg: Leg, error: Error): void {
    logLegFailure(this.#surroundings.log, this, leg, { error, domain: this.#domain });
  }

  legClosed(leg: Leg, reason: LegClosed): void {
    if (reason === "tls_failed") this.#surroundings.metrics.handshakes.add(leg.name, "failed");
    if (leg === this.#server && this.#connecting !== undefined) this.#serverAnswered(undefined);
    this.#opposite(leg)?.resume(PauseReason.room);
    this.#tellClosed(leg.name, reason);
    if (!this.#near.isGone || this.#server?.isGone === false) return;
    if (this.#ended === undefined) {
      // A machine that lets both legs go without a word has a fault; the books are balanced all the same.
      this.#surroundings.log.error({ connection: this.id, event: "unreported-end" }, "a link ended unreported");
      this.#end(leg === this.#server ? "server_lost" : "client_lost");
    }
    this.origin.counters.leave(this);
    this.origin.gone(this);
  }

  #compareCertificates({ name, secured }: Leg): void {
    if (name !== "server" || secured === undefined || this.#upstream === undefined) return;
    if (!showsEndPoint(secured, this.#upstream)) this.report(faultEvent("server", "certificate-differs"));
  }

  #tellClosed(leg: LegName, reason: LegClosed): void {
    this.#surroundings.turns.begin(this);
    this.#machine.closed(leg, reason);
    this.#surroundings.turns.end();
  }

  #serverAnswered(seconds: number | undefined): void {
    this.#connecting = undefined;
    this.#surroundings.metrics.serverConnected(this.#domain ?? "", this.origin.kind, seconds);
  }

  /** Exactly one close reason is counted, the first; the legs go by themselves within the drain deadline. */
  #end(reason: CloseReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const timer of Object.values(this.#timers ?? {})) clearTimeout(timer);
    this.#timers = undefined;
    this.origin.counters.closed.add(reason);
    logLinkEvent(this.#surroundings.log, this, { kind: "ended", reason });
    this.#near.close();
    this.#server?.close();
    this.origin.ended(this);
  }

  #leg(name: LegName): Leg | undefined {
    return name === "server" ? this.#server : this.#near;
  }

  #opposite(leg: Leg): Leg | undefined {
    return leg === this.#server ? this.#near : this.#server;
  }
}

/** A peer must not make labels. */
function knownCondition(condition: string): string {
  return streamErrorConditions.some((one) => one === condition) ? condition : "other";
}

function expire(link: Link, timer: LinkTimer): void {
  link.expired(timer);
}

let lastId = 0;

/** Names a connection in the logs: unique in this process, short, says nothing about the peer. */
function nextId(): string {
  lastId++;
  return lastId.toString(36).padStart(4, "0");
}
