import {
  hasReadableNamespace,
  isKnownNonza,
  OWN_ROOT_NAME,
  readStreamHeader,
  writeStreamHeader,
} from "../../stream/index.js";
import type { FrameKind as Kind, XmlFault } from "../../xml/index.js";
import { FrameKind, parseElement, readHead } from "../../xml/index.js";
import { normaliseDomain, NS } from "../../xmpp/index.js";
import { ComponentSession } from "./component-session.js";
import type { Domain } from "../domain/domain.js";
import type { LinkFaultCode } from "../link/faults.js";
import { faultEvent, LINK_FAULTS } from "../link/faults.js";
import type { Hub } from "../hub/hub.js";
import { LocalHandshake } from "./local-handshake.js";
import type { LegClosed, LegName, LinkMachine, LinkTimer, Performer } from "../link/performer.js";
import { conditionOf } from "../link/negotiation-events.js";
import { type LinkStats, Pump } from "../link/pump.js";
import { Teardown } from "../link/teardown.js";

/**
 * `opening`        the component's header, which names it, is awaited
 * `connecting`     the server's component port is being opened
 * `handshake`      header sent or relayed; the component proves its secret, to the server or to us
 * `authenticated`  `<handshake/>` went down: the component is told what it manages
 * `leaving`        one of the two streams ended: it is asked nothing more, and its late replies are swallowed
 */
type Phase = "opening" | "connecting" | "handshake" | "authenticated" | "leaving";

/**
 * A component's link (XEP-0114): relayed to the server's component port, handshake and all, or ended here. Wrappers are
 * put into it and their replies taken out; everything else on a relayed link passes as it came (protocol.md D82).
 */
export class ComponentLink implements LinkMachine, LinkStats {
  readonly #hub: Hub;
  readonly #performer: Performer;
  readonly #up: Pump;
  readonly #down: Pump;
  readonly #teardown: Teardown;
  #phase: Phase = "opening";
  #component = "";
  #domain: Domain | undefined;
  #header: Buffer | undefined;
  #rootName: string = OWN_ROOT_NAME;
  /** Where the link ends here. */
  #handshake: LocalHandshake | undefined;
  #isRelayed = true;
  #session: ComponentSession | undefined;
  #isShuttingDown = false;
  readonly servesOthers = true;

  constructor(hub: Hub, performer: Performer) {
    this.#hub = hub;
    this.#performer = performer;
    const options = { contentNamespace: NS.component, limits: hub.limits.trusted };
    // Nobody has authenticated yet; the handshake raises the limit.
    const unauthenticated = { contentNamespace: NS.component, limits: hub.limits.unauthenticated };
    this.#up = new Pump({ from: "component", to: "server" }, unauthenticated, this, performer);
    this.#down = new Pump({ from: "server", to: "component" }, options, this, performer);
    this.#teardown = new Teardown(performer, "component", () => {
      this.#endOfLink();
    });
    performer.setTimer("header");
  }

  get frames(): LinkStats["frames"] {
    return { up: this.#up.counts, down: this.#down.counts };
  }

  bytes(leg: LegName, chunk: Buffer): void {
    if (this.#teardown.hasEnded) return;
    if (leg === "component") this.#session?.heard();
    (leg === "server" ? this.#down : this.#up).feed(chunk);
  }

  finished(leg: LegName): void {
    if (this.#teardown.hasEnded) return;
    // No more replies, or no more wrappers: either way the entity is gone.
    this.#componentDown();
    if (this.#phase !== "connecting") this.#teardown.finished(leg);
    else if (leg === "server") this.#serverUnreachable();
    else this.#teardown.end("client_lost");
  }

  closed(leg: LegName, cause: LegClosed): void {
    if (this.#teardown.hasEnded) return;
    if (leg === "server" && this.#phase === "connecting") this.#serverUnreachable();
    else this.#teardown.closed(leg, cause);
  }

  connected(): void {
    if (this.#teardown.hasEnded || this.#phase !== "connecting" || this.#header === undefined) return;
    this.#performer.clearTimer("connect");
    this.#phase = "handshake";
    this.#performer.setTimer("authentication");
    this.#performer.send("server", this.#header);
    this.#header = undefined;
    this.#teardown.headerSent("server", this.#rootName);
    this.#performer.resume("component");
    this.#up.release();
  }

  /** XEP-0114 §3: component streams know no STARTTLS. */
  secured(): void {}

  timerExpired(timer: LinkTimer): void {
    if (this.#teardown.hasEnded) return;
    switch (timer) {
      case "connect":
        this.#serverUnreachable();
        break;
      case "tls":
      case "header":
      case "authentication":
      case "idle":
        this.#teardown.fail("component", "connection-timeout", "timeout", { header: this.#ownHeader() });
        break;
      case "drain":
        if (this.#isShuttingDown) this.#leave();
        else this.#teardown.end(this.#teardown.isClean ? "clean" : "timeout");
        break;
      default:
        timer satisfies never;
    }
  }

  /** The component stays until what it owes is answered, or until the drain deadline. */
  shutdown(): void {
    if (this.#teardown.hasEnded) return;
    this.#isShuttingDown = true;
    if (this.#session?.isOwed === true) this.#performer.setTimer("drain");
    else this.#leave();
  }

  judge(pump: Pump, kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    return pump === this.#up ? this.#fromComponent(kind, bytes, start, end) : this.#fromServer(kind, bytes, start, end);
  }

  excerpt(leg: LegName): string | undefined {
    return (leg === "server" ? this.#down : this.#up).framer.excerpt;
  }

  broken(pump: Pump, fault: XmlFault): void {
    const { code, condition, source, offset } = fault;
    this.#performer.report({ kind: "fault", leg: pump.from, code, condition, source, offset });
    this.#teardown.fail(pump.from, condition, "xml_fault", { header: this.#ownHeader() });
  }

  #fromComponent(kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    switch (kind) {
      case FrameKind.whitespace:
        return this.#isRelayed;
      case FrameKind.streamHeader:
        this.#componentHeader(bytes, start, end);
        return false;
      case FrameKind.streamEnd:
        return this.#endFromComponent();
      case FrameKind.nonza:
        return this.#nonzaFromComponent(bytes, start, end);
      case FrameKind.message:
      case FrameKind.presence:
      case FrameKind.iq:
        return this.#stanzaFromComponent(kind, bytes, start, end);
      default:
        return kind satisfies never;
    }
  }

  #componentHeader(bytes: Buffer, start: number, end: number): void {
    const header = readStreamHeader(bytes, start, end);
    this.#performer.clearTimer("header");
    const component = header.to === undefined ? undefined : normaliseDomain(header.to);
    const domain = component === undefined ? undefined : this.#hub.domainOfComponent(component);
    if (!hasReadableNamespace(header, NS.component)) {
      this.#breach("component", "stream-namespace");
    } else if (component === undefined || domain === undefined) {
      this.#breach("component", "stream-host");
    } else {
      this.#component = component;
      this.#domain = domain;
      this.#isRelayed = domain.settings.relaysComponents;
      this.#performer.report({ kind: "opened", domain: domain.name });
      if (this.#isRelayed) this.#connect(domain, Buffer.from(bytes.subarray(start, end)), header.rootName);
      else this.#openHere(domain);
    }
  }

  #connect(domain: Domain, header: Buffer, rootName: string): void {
    this.#header = header;
    this.#rootName = rootName;
    this.#phase = "connecting";
    this.#up.hold();
    this.#performer.pause("component");
    this.#performer.setTimer("connect");
    this.#teardown.connecting();
    this.#performer.connect(domain.name);
  }

  #openHere(domain: Domain): void {
    this.#phase = "handshake";
    this.#performer.setTimer("authentication");
    const secret = domain.settings.components?.get(this.#component)?.secret;
    this.#handshake = new LocalHandshake(
      { performer: this.#performer, teardown: this.#teardown },
      { component: this.#component, id: this.#hub.newId(), secret },
    );
  }

  #nonzaFromComponent(bytes: Buffer, start: number, end: number): boolean {
    const { namespace, name } = readHead(bytes, start, end, this.#up.framer.scope);
    if (!isKnownNonza(namespace, name)) {
      this.#breach("component", "unknown-nonza");
      return false;
    }
    if (this.#isRelayed) return true;
    if (namespace === NS.component && name === "handshake" && this.#phase === "handshake") {
      this.#checkHandshake(parseElement(bytes, start, end, this.#up.framer.scope).getText());
    } else if (namespace === NS.streams && name === "error") {
      this.#teardown.sendEnd("component");
      this.#teardown.end("clean");
    }
    return false;
  }

  #checkHandshake(digest: string): void {
    if (this.#handshake?.isValid(digest) !== true) {
      this.#breach("component", "handshake-digest");
    } else if (this.#hub.challengeEntity(this.#component)) {
      // protocol.md D83: the first connection is believed to be alive, until it does not answer.
      this.#breach("component", "component-conflict");
    } else {
      this.#performer.send("component", Buffer.from("<handshake/>"));
      this.#authenticated();
    }
  }

  #authenticated(): void {
    const domain = this.#domain;
    if (domain === undefined) return;
    this.#phase = "authenticated";
    this.#up.framer.setLimits(this.#hub.limits.trusted);
    this.#performer.clearTimer("authentication");
    this.#performer.setTimer("idle");
    this.#session = new ComponentSession(this.#hub, {
      component: this.#component,
      domain,
      isRelayed: this.#isRelayed,
      up: this.#up,
      down: this.#down,
      performer: this.#performer,
      teardown: this.#teardown,
      breach: (code) => {
        this.#breach("component", code);
      },
      settled: () => {
        if (this.#isShuttingDown) this.#leave();
      },
    });
    this.#performer.report({ kind: "authenticated", domain: domain.name });
    this.#hub.entityUp(this.#session);
  }

  #stanzaFromComponent(kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    if (this.#session !== undefined) return this.#session.fromComponent(kind, bytes, start, end);
    if (this.#isRelayed) return true;
    this.#breach("component", "stanza-before-handshake");
    return false;
  }

  #endFromComponent(): boolean {
    this.#componentDown();
    if (this.#teardown.hasEnded) return false;
    if (this.#isRelayed) {
      this.#teardown.endSent("server");
      return true;
    }
    this.#teardown.sendEnd("component");
    this.#teardown.end("clean");
    return false;
  }

  #fromServer(kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.streamHeader) {
      const { rootName } = readStreamHeader(bytes, start, end);
      this.#teardown.headerSent("component", rootName);
    } else if (kind === FrameKind.streamEnd) {
      this.#componentDown();
      if (this.#teardown.hasEnded) return false;
      this.#teardown.endSent("component");
    } else if (kind === FrameKind.nonza) {
      return this.#nonzaFromServer(bytes, start, end);
    } else if (kind !== FrameKind.whitespace && this.#session !== undefined) {
      return this.#session.fromServer(kind, bytes, start, end);
    }
    return true;
  }

  #nonzaFromServer(bytes: Buffer, start: number, end: number): boolean {
    const { scope } = this.#down.framer;
    const { namespace, name } = readHead(bytes, start, end, scope);
    // COMPAT(jabberd2 2.7.0): its router puts stanzas into components' streams in the namespace that they have inside of it.
    // Components take them as they are meant, and none of them is an answer to us.
    if (namespace === NS.client && (name === "iq" || name === "message" || name === "presence")) return true;
    if (!isKnownNonza(namespace, name)) {
      this.#breach("server", "unknown-nonza");
      return false;
    }
    if (namespace === NS.component && name === "handshake" && this.#phase === "handshake") {
      // The advertisement follows the server's own word (XEP-0355 §4.2), so that word leaves first.
      this.#down.inject(Buffer.from(bytes.subarray(start, end)));
      this.#authenticated();
      return false;
    }
    if (namespace === NS.streams && name === "error") {
      const condition = conditionOf(parseElement(bytes, start, end, scope));
      this.#performer.report({ kind: "stream-error", leg: "component", condition, ours: false });
    }
    return true;
  }

  #componentDown(): void {
    if (this.#phase === "authenticated") this.#phase = "leaving";
    this.#session?.end();
  }

  #leave(): void {
    this.#teardown.leave("system-shutdown", "shutdown", { header: this.#ownHeader() });
  }

  #serverUnreachable(): void {
    this.#teardown.leave("remote-connection-failed", "server_unreachable", { header: this.#ownHeader() });
  }

  #breach(leg: "component" | "server", code: LinkFaultCode): void {
    this.#performer.report(faultEvent(leg, code));
    this.#teardown.fail(leg, LINK_FAULTS[code].condition, "protocol_fault", { header: this.#ownHeader() });
  }

  #endOfLink(): void {
    this.#up.flush();
    this.#down.flush();
    this.#componentDown();
    this.#up.stop();
    this.#down.stop();
  }

  #ownHeader(): Buffer {
    return writeStreamHeader({
      contentNamespace: NS.component,
      ...(this.#component === "" ? {} : { from: this.#component }),
      id: this.#hub.newId(),
      version: false,
    });
  }
}
