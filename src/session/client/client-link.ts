import type { MessageFault } from "../../stream/index.js";
import {
  FEATURES_BEFORE_TLS,
  hasReadableNamespace,
  OWN_ROOT_NAME,
  readStreamHeader,
  writeSeeOtherUri,
  writeStreamHeader,
} from "../../stream/index.js";
import type { FrameKind as Kind, XmlFault } from "../../xml/index.js";
import { FrameKind } from "../../xml/index.js";
import type { StreamErrorCondition } from "../../xmpp/index.js";
import { normaliseDomain, NS } from "../../xmpp/index.js";
import { beforeTls } from "./before-tls.js";
import { ClientStream } from "./client-stream.js";
import type { Domain } from "../domain/domain.js";
import { faultEvent, LINK_FAULTS, type LinkFaultCode } from "../link/faults.js";
import type { Hub } from "../hub/hub.js";
import type {
  CloseReason,
  Farewell,
  LegClosed,
  LegName,
  LinkMachine,
  LinkTimer,
  Performer,
} from "../link/performer.js";
import { type LinkStats, Pump } from "../link/pump.js";
import { ServerTls } from "../link/server-tls.js";
import { Teardown } from "../link/teardown.js";

/**
 * How far the two legs are:
 * `plain`       the client's stream before TLS, answered by Caesura itself (design decision 2)
 * `securing`    TLS with the client
 * `opening`     the client's header on its final transport is awaited; it names the domain
 * `connecting`  the server leg is being opened; the client's bytes are held
 * `server-tls`  STARTTLS with the server
 * `open`        both streams run through
 */
type Phase = "plain" | "securing" | "opening" | "connecting" | "server-tls" | "open";

/** How clients come in. */
export interface ClientDoor {
  readonly tls: "starttls" | "direct" | "none";
  /** Absent: TCP, with or without TLS. */
  readonly carrier?: "tcp" | "websocket";
}

/** A c2s link: the client leg, the server leg, and what couples them. */
export class ClientLink implements LinkMachine, LinkStats {
  readonly #hub: Hub;
  readonly #carrier: "tcp" | "websocket";
  readonly #performer: Performer;
  readonly #up: Pump;
  readonly #down: Pump;
  readonly #teardown: Teardown;
  #phase: Phase;
  #serverName: string | undefined;
  #domain: Domain | undefined;
  /** The client's header on its final transport, until the server leg is there. */
  #header: Buffer | undefined;
  /** How the server leg is secured; what a reload says meanwhile holds for the next connection. */
  #tlsOfServer: "none" | "starttls" | "direct" = "none";
  #lang: string | undefined;
  #rootName: string = OWN_ROOT_NAME;
  #serverTls: ServerTls | undefined;
  #stream: ClientStream | undefined;
  #clientFinished = false;
  /** Set while the link is drained. */
  #farewell: Farewell | undefined;

  constructor(hub: Hub, performer: Performer, { tls, carrier = "tcp" }: ClientDoor) {
    this.#hub = hub;
    this.#carrier = carrier;
    this.#performer = performer;
    this.#up = new Pump(
      { from: "client", to: "server" },
      { contentNamespace: NS.client, limits: hub.limits.unauthenticated },
      this,
      performer,
    );
    this.#down = new Pump(
      { from: "server", to: "client" },
      { contentNamespace: NS.client, limits: hub.limits.trusted },
      this,
      performer,
    );
    this.#teardown = new Teardown(performer, "client", (mayResume) => {
      this.#endOfLink(mayResume);
    });
    this.#phase = tls === "direct" ? "securing" : tls === "starttls" ? "plain" : "opening";
    performer.setTimer(tls === "direct" ? "tls" : "header");
  }

  get frames(): LinkStats["frames"] {
    return { up: this.#up.counts, down: this.#down.counts };
  }

  get servesOthers(): boolean {
    return this.#stream?.session?.isEntity === true;
  }

  bytes(leg: LegName, chunk: Buffer): void {
    if (this.#teardown.hasEnded) return;
    (leg === "server" ? this.#down : this.#up).feed(chunk);
    this.#afterBytes();
  }

  finished(leg: LegName): void {
    if (this.#teardown.hasEnded) return;
    if (leg === "server") {
      this.#stream?.serverFinished();
      if (this.#phase === "open") this.#teardown.finished("server");
      else this.#serverUnreachable();
      if (this.#clientFinished) this.#passClientFinish();
      return;
    }
    this.#clientFinished = true;
    if (this.#phase === "open") this.#passClientFinish();
    else this.#teardown.end("client_lost");
  }

  closed(leg: LegName, cause: LegClosed): void {
    if (this.#teardown.hasEnded) return;
    if (leg === "server" && this.#phase !== "open") this.#serverUnreachable();
    else this.#teardown.closed(leg, cause);
  }

  connected(): void {
    if (this.#teardown.hasEnded || this.#phase !== "connecting" || this.#domain === undefined) return;
    if (this.#tlsOfServer === "starttls") {
      this.#phase = "server-tls";
      this.#serverTls = new ServerTls(this.#domain.name, this.#down, this.#performer);
      this.#serverTls.start();
    } else {
      this.#runThrough();
    }
  }

  secured(leg: LegName, serverName?: string): void {
    if (this.#teardown.hasEnded) return;
    this.#performer.clearTimer("tls");
    this.#performer.report({ kind: "secured", leg, ...(serverName === undefined ? {} : { serverName }) });
    if (leg === "server") {
      this.#down.discardUnread();
      this.#down.framer.restart();
      this.#down.release();
      this.#runThrough();
      return;
    }
    if (this.#phase !== "securing") return;
    // RFC 6120 §5.4.3.3: nothing that was learnt before TLS is kept.
    this.#serverName = serverName === undefined ? undefined : normaliseDomain(serverName);
    this.#domain = undefined;
    this.#teardown.streamForgotten("client");
    this.#up.discardUnread();
    this.#up.framer.restart();
    this.#phase = "opening";
    if (this.#farewell !== undefined) {
      this.#leave();
      return;
    }
    this.#performer.setTimer("header");
    this.#up.release();
    this.#afterBytes();
  }

  timerExpired(timer: LinkTimer): void {
    if (this.#teardown.hasEnded) return;
    switch (timer) {
      case "tls":
        this.#teardown.end("timeout");
        break;
      case "connect":
        this.#serverUnreachable();
        break;
      case "header":
      case "authentication":
        this.#fail("connection-timeout", "timeout");
        break;
      case "idle":
        // The server hears nothing, as when a client is lost (protocol.md R13).
        this.#teardown.leave("connection-timeout", "timeout", { header: this.#ownHeader() });
        break;
      case "drain":
        if (this.#farewell !== undefined) this.#leave();
        else this.#teardown.end(this.#teardown.isClean ? "clean" : "timeout");
        break;
      default:
        timer satisfies never;
    }
  }

  /** Waits for the answers that are pending, then takes leave of the client; the server may keep the session. */
  shutdown(farewell: Farewell): void {
    if (this.#teardown.hasEnded) return;
    this.#farewell = farewell;
    // In the middle of a TLS handshake nothing can be said.
    if (this.#phase === "securing" || this.#stream?.session?.isBusy === true) this.#performer.setTimer("drain");
    else this.#leave();
  }

  judge(pump: Pump, kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    if (this.#stream !== undefined) {
      return pump === this.#up
        ? this.#stream.fromClient(kind, bytes, start, end)
        : this.#stream.fromServer(kind, bytes, start, end);
    }
    if (pump === this.#down) this.#fromServerInClear(kind, bytes, start, end);
    else if (kind === FrameKind.streamHeader) this.#clientHeader(bytes, start, end);
    else if (this.#phase === "plain") this.#beforeTls(kind, bytes, start, end);
    return false;
  }

  excerpt(leg: LegName): string | undefined {
    return (leg === "server" ? this.#down : this.#up).framer.excerpt;
  }

  broken(pump: Pump, fault: XmlFault): void {
    const { code, condition, source, offset } = fault;
    this.#performer.report({ kind: "fault", leg: pump.from, code, condition, source, offset });
    if (this.#phase !== "open" && pump === this.#down) this.#serverUnreachable();
    else this.#teardown.fail(pump.from, condition, "xml_fault", { header: this.#ownHeader() });
  }

  unreadable(fault: MessageFault | XmlFault): void {
    if (this.#teardown.hasEnded) return;
    if (typeof fault === "string") this.#breach(fault);
    else this.broken(this.#up, fault);
  }

  /** The stream of a client that is not secured yet. */
  #beforeTls(kind: Kind, bytes: Buffer, start: number, end: number): void {
    const verdict = beforeTls(kind, { bytes, start, end, scope: this.#up.framer.scope });
    if (verdict === "breach") this.#breach("stanza-before-tls");
    else if (verdict === "ended") {
      this.#teardown.sendEnd("client");
      this.#teardown.end("clean");
    } else if (verdict === "starttls") {
      this.#phase = "securing";
      this.#up.hold();
    } else if (verdict !== "ignored") this.#performer.send("client", verdict);
  }

  #clientHeader(bytes: Buffer, start: number, end: number): void {
    const header = readStreamHeader(bytes, start, end);
    this.#performer.clearTimer("header");
    const domain = this.#hub.domainOfClient(header.to, this.#serverName);
    this.#domain = domain;
    if (!hasReadableNamespace(header, NS.client)) {
      this.#breach("stream-namespace");
    } else if (domain === undefined) {
      this.#breach("stream-host");
    } else if (this.#phase === "plain") {
      this.#performer.setTimer("tls");
      this.#sendOwnHeader();
      this.#performer.send("client", FEATURES_BEFORE_TLS);
    } else {
      this.#lang = header.lang;
      this.#rootName = header.rootName;
      // A copy: the header waits for the server, the chunk around it need not.
      this.#header = Buffer.from(bytes.subarray(start, end));
      this.#phase = "connecting";
      this.#up.hold();
      this.#performer.pause("client");
      this.#performer.report({ kind: "opened", domain: domain.name });
      this.#performer.setTimer("connect");
      this.#teardown.connecting();
      this.#tlsOfServer = domain.settings.serverTls;
      this.#performer.connect(domain.name);
    }
  }

  #fromServerInClear(kind: Kind, bytes: Buffer, start: number, end: number): void {
    this.#serverErred(this.#serverTls?.frame(kind, bytes, start, end));
  }

  /** The server's leg cannot be opened, if there is a fault. */
  #serverErred(fault: LinkFaultCode | undefined): void {
    if (fault === undefined) return;
    this.#performer.report(faultEvent("server", fault));
    this.#serverUnreachable();
  }

  /** What must not happen while a framer is at work: upgrades, and reading on the other leg. */
  #afterBytes(): void {
    if (this.#teardown.hasEnded) return;
    if (this.#phase === "securing" && this.#up.isHeld()) this.#startClientTls();
    if (this.#phase === "server-tls") this.#serverErred(this.#serverTls?.afterBytes());
    this.#stream?.afterBytes();
    if (this.#clientFinished) this.#passClientFinish();
  }

  #startClientTls(): void {
    if (this.#up.hasUnreadContent) {
      // RFC 6120 §5.4.3.3: bytes behind <starttls/> would be read as if they had come through TLS.
      this.#breach("bytes-behind-starttls");
      return;
    }
    this.#up.discardUnread();
    this.#performer.send("client", Buffer.from(`<proceed xmlns='${NS.tls}'/>`));
    this.#performer.setTimer("tls");
    this.#performer.startTls("client", this.#domain?.name);
  }

  /** Both legs stand: the client's header goes to the server, and from here on the streams run through. */
  #runThrough(): void {
    const domain = this.#domain;
    const header = this.#header;
    if (domain === undefined || header === undefined) return;
    this.#phase = "open";
    this.#header = undefined;
    this.#serverTls = undefined;
    this.#performer.clearTimer("connect");
    this.#performer.setTimer("authentication");
    this.#stream = new ClientStream({
      hub: this.#hub,
      domain,
      up: this.#up,
      down: this.#down,
      performer: this.#performer,
      teardown: this.#teardown,
      lang: this.#lang,
      link: this,
    });
    this.#performer.send("server", header);
    this.#teardown.headerSent("server", this.#rootName);
    this.#performer.resume("client");
    this.#up.release();
    this.#afterBytes();
  }

  /** No request is pending and nothing is held any more. */
  whenSettled(): void {
    if (this.#farewell !== undefined) this.#leave();
    else if (this.#clientFinished) this.#passClientFinish();
  }

  /** A client's FIN goes on when everything before it went on. */
  #passClientFinish(): void {
    if (this.#teardown.hasEnded || this.#stream?.session?.isHolding === true || this.#up.hasUnread) return;
    this.#clientFinished = false;
    this.#teardown.finished("client");
  }

  #leave(): void {
    const farewell = this.#farewell;
    const header = this.#ownHeader();
    // RFC 6120 §4.9.3.19: before TLS nobody is sent elsewhere.
    const isSecured = this.#phase !== "plain" && this.#phase !== "securing";
    // What is not answered by now is answered for good, and not left to a stream that may be resumed elsewhere.
    this.#stream?.session?.failPending("link-closed");
    const { host, uri } = farewell?.condition === "see-other-host" && isSecured ? farewell : NOWHERE;
    if (this.#carrier === "websocket" && uri !== undefined) this.#teardown.move(writeSeeOtherUri(uri), header);
    else if (this.#carrier === "tcp" && host !== undefined)
      this.#teardown.leave("see-other-host", "shutdown", { header, text: host });
    else this.#teardown.leave("system-shutdown", "shutdown", { header });
  }

  #serverUnreachable(): void {
    this.#teardown.leave("remote-connection-failed", "server_unreachable", { header: this.#ownHeader() });
  }

  #breach(code: LinkFaultCode): void {
    this.#performer.report(faultEvent("client", code));
    this.#fail(LINK_FAULTS[code].condition, "protocol_fault");
  }

  #fail(condition: StreamErrorCondition, reason: CloseReason): void {
    this.#teardown.fail("client", condition, reason, { header: this.#ownHeader() });
  }

  #endOfLink(mayResume: boolean): void {
    this.#up.flush();
    this.#down.flush();
    this.#stream?.end(mayResume);
    this.#up.stop();
    this.#down.stop();
  }

  #sendOwnHeader(): void {
    this.#performer.send("client", this.#ownHeader());
    this.#teardown.headerSent("client", OWN_ROOT_NAME);
  }

  #ownHeader(): Buffer {
    const from = this.#domain?.name ?? this.#hub.onlyDomain?.name;
    return writeStreamHeader({
      contentNamespace: NS.client,
      ...(from === undefined ? {} : { from }),
      id: this.#hub.newId(),
      version: true,
    });
  }
}

const NOWHERE = { host: undefined, uri: undefined } as const;
