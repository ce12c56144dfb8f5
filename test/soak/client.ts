import type { Element } from "ltx";
import type { Received } from "../support/stream-reader.js";
import { conditionOf } from "../support/xmpp-stream.js";
import type { Asked } from "./book.js";
import { type Chance, pause } from "./chance.js";
import { act, ask } from "./deeds.js";
import type { Line } from "./line.js";
import {
  authenticate,
  authenticateInline,
  bindRequest,
  type Door,
  enableElement,
  openStream,
  type Person,
  smNs,
  type Resumption,
} from "./entrance.js";
import { Session, type Sent } from "./session.js";
import type { Stage } from "./stage.js";
import { takeStanza } from "./stanzas.js";

/**
 * A client in the storm: it comes, says and asks what chance wants, loses its stream in every way, and comes back as XEP-0198
 * wants it. It writes everything into the book.
 */
export class StormClient {
  readonly person: Person;
  readonly chance: Chance;
  readonly stage: Stage;
  /** Its user is a managing entity. */
  readonly isEntity: boolean;
  session: Session | undefined;
  readonly #doors: readonly [Door, ...Door[]];
  #line: Line | undefined;
  #visits = 0;

  constructor(stage: Stage, person: Person, doors: readonly [Door, ...Door[]], chance: Chance, isEntity = false) {
    this.stage = stage;
    this.person = person;
    this.chance = chance;
    this.isEntity = isEntity;
    this.#doors = doors;
  }

  get jid(): string {
    return `${this.person.user}@${this.person.domain}`;
  }

  get isThere(): boolean {
    return this.#line?.session !== undefined && this.#line.stream.ending === undefined;
  }

  /** Until the storm is over. */
  async live(): Promise<void> {
    while (!this.stage.isOver) {
      if (this.isThere) await act(this);
      else await this.#return();
      await pause(this.chance.between(1, this.stage.options.restlessMs));
    }
  }

  /** The storm is over: comes back if it is not there, and waits until the server has handled everything. */
  async settle(): Promise<void> {
    this.#thaw();
    const deadlineMs = Date.now() + 30_000;
    let ping: Asked | undefined;
    for (;;) {
      if (Date.now() > deadlineMs) {
        this.stage.book.breach(`${this.jid} does not come to rest: ${this.session?.story ?? "no session"}`);
        return;
      }
      const { session } = this;
      if (!this.isThere || session === undefined) {
        ping = undefined;
        await this.#return();
        continue;
      }
      ping ??= ask(this, session);
      if (session.open.length === 0 && session.unacknowledged.length === 0) return;
      if (session.isManaged) this.sendUncounted(`<r xmlns='${smNs}'/>`);
      await pause(100);
    }
  }

  /** Sends a stanza; kept until it is acknowledged, if anything is. */
  send(sent: Sent): void {
    this.session?.sent(sent);
    if (this.isThere) this.#line?.stream.send(sent.xml);
  }

  /** Something that does not count. */
  sendUncounted(xml: string): void {
    if (this.isThere) this.#line?.stream.send(xml);
  }

  /** Sends only the first part of a stanza, and loses the connection. */
  async breakOffIn(sent: Sent): Promise<void> {
    this.session?.sent(sent);
    const line = this.#line;
    if (line === undefined) return;
    this.#note("broken off");
    this.#giveUp(line);
    line.stream.send(sent.xml.slice(0, this.chance.between(1, sent.xml.length - 1)));
    await pause(this.chance.between(0, 5));
    line.stream.reset();
  }

  cut(how: "reset" | "fin" | "drop"): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#note(`cut by ${how}`);
    this.#giveUp(line);
    if (how === "reset") line.stream.reset();
    else if (how === "drop") line.stream.drop();
    else {
      line.stream.finish();
      // A peer that half-closes and stays would be waited for.
      setTimeout(() => line.stream.drop(), 200);
    }
  }

  /** Ends the stream in order; everything that was sent before was handled (RFC 6120 §4.4). */
  async leave(): Promise<void> {
    const { session } = this;
    const line = this.#line;
    if (line === undefined || session === undefined) return;
    this.stage.book.count("closed in order");
    line.stream.thaw();
    this.#giveUp(line);
    session.end("closed");
    this.session = undefined;
    try {
      await line.stream.close();
    } catch {
      line.stream.drop();
    }
  }

  /** Another stream resumes the session while this one is still open. */
  async overtake(): Promise<void> {
    const { session } = this;
    const line = this.#line;
    if (session?.cid === undefined || line === undefined) return;
    this.#note("overtaken");
    line.isGivenUp = true;
    await this.#come();
    if (this.#line !== line) line.stream.thaw();
  }

  async freeze(ms: number): Promise<void> {
    const line = this.#line;
    if (line === undefined) return;
    this.#note("frozen");
    line.stream.freeze();
    line.isFrozen = true;
    for (let burst = 0; burst < 3; burst++) {
      await pause(ms / 3);
      if (this.#line === line && !this.stage.isOver) await act(this, true);
    }
    this.#thaw();
  }

  #note(what: string): void {
    this.stage.book.count(what);
    this.session?.note(what);
  }

  #thaw(): void {
    if (this.#line?.isFrozen === true) this.#line.stream.thaw();
  }

  #giveUp(line: Line): void {
    line.isGivenUp = true;
    line.stream.whenOver = undefined;
    line.stream.intercept = () => true;
    if (this.#line !== line) return;
    this.#line = undefined;
    if (line.session !== undefined) line.session.lostMs ??= Date.now();
  }

  /** Comes again: to the old session, mostly, or to a new one. */
  async #return(): Promise<void> {
    const { session, chance, stage } = this;
    if (session !== undefined) {
      if (this.#line?.stream.fault !== undefined)
        stage.book.breach(`${session.jid}: ${this.#line.stream.fault.message}`);
      await pause(chance.once(3) ? 0 : chance.between(0, 300));
      if (session.cid === undefined) session.end("cut");
      else if (!stage.isOver && chance.once(15)) session.end("given up");
      else if (!stage.isOver && chance.once(40)) await pause(stage.options.hibernationSeconds * 1000 + 1500);
      if (session.over !== undefined) this.session = undefined;
    }
    await this.#come();
  }

  async #come(): Promise<void> {
    const { session, stage, chance } = this;
    const resource = `r${String(++this.#visits)}-${String(chance.below(1e6))}`;
    let line: Line | undefined;
    try {
      const stream = await openStream(chance.oneOf(this.#doors), this.person);
      const opened: Line = { stream, session: undefined, isGivenUp: false, resuming: session, isFrozen: false };
      line = opened;
      stream.intercept = (received) => this.#intercept(opened, received);
      if (this.person.sasl === 2) await this.#enterInline(opened);
      else await this.#enter(opened, resource);
      if (opened.session === undefined) throw new Error("no session");
      this.send({ xml: "<presence/>" });
      stage.book.count("visits");
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (line !== undefined) {
        line.isGivenUp = true;
        line.stream.drop();
      }
      stage.book.count("visits in vain");
      const known = line?.session ?? session;
      // A session whose end nobody knows cannot be judged by.
      if (known !== undefined && known.cid === undefined) known.end("cut while coming");
      // On a busy machine much is late; who cannot come at all is found when the storm is over.
      if (text.includes("did not come")) stage.book.count("visits too slow");
      else if (!stage.excuses(this.jid)) stage.book.breach(`${this.jid} cannot come: ${text.slice(0, 600)}`);
      await pause(100);
    }
  }

  /** What it has of the session that it comes back to. What the old stream still brings is brought again. */
  #resumption({ resuming: session }: Line): Resumption | undefined {
    if (session?.cid === undefined) return undefined;
    if (this.#line?.session === session) this.#line.stream.intercept = () => true;
    return { cid: session.cid, h: session.handled };
  }

  async #enter(line: Line, resource: string): Promise<void> {
    const { stream } = line;
    await authenticate(stream, this.person);
    const resume = this.#resumption(line);
    if (resume !== undefined) {
      stream.send(`<resume xmlns='${smNs}' previd='${resume.cid}' h='${String(resume.h)}'/>`);
      if (await this.#isCutWhileComing(line)) return;
      await stream.take((one) => /^(resumed|failed)$/.test(one.getName()), "the outcome of the resumption");
      if (line.session !== undefined) return;
    }
    const bound = await stream.ask(bindRequest(resource));
    this.#bound(line, bound.element.getChild("bind")?.getChildText("jid") ?? "", undefined);
    const { management } = this.person;
    if (management === "none") return;
    stream.send(enableElement(management));
    await stream.take((one) => one.getName() === "enabled", "enabled");
  }

  async #enterInline(line: Line): Promise<void> {
    const resume = this.#resumption(line);
    line.stream.send(authenticateInline(this.person, resume));
    if (resume !== undefined && (await this.#isCutWhileComing(line))) return;
    const { raw } = await line.stream.take((one) => /^(success|failure)$/.test(one.getName()), "the outcome of SASL2");
    if (!raw.startsWith("<success")) throw new Error(`not authenticated: ${raw}`);
  }

  /** Some do not even wait for the outcome of a resumption, and come once more. */
  async #isCutWhileComing(line: Line): Promise<boolean> {
    if (this.stage.isOver || !this.chance.once(12)) return false;
    await pause(this.chance.between(0, 10));
    this.#note("cut while resuming");
    if (line.session !== undefined) this.cut("reset");
    else line.stream.reset();
    this.stage.expectsFailure(this.jid);
    throw new Error("cut while resuming");
  }

  /** Undefined is taken by whoever waits for it. */
  #intercept(line: Line, received: Received): boolean {
    const { element } = received;
    const { session } = line;
    switch (element.getName()) {
      case "success":
        if (this.person.sasl === 2) this.#inlineOutcome(line, element);
        return false;
      case "resumed":
        this.#resumed(line, element);
        return false;
      case "failed":
        this.#notResumed(line, received.raw);
        return false;
      case "enabled":
        this.#enabled(line, element);
        return false;
      case "r":
        line.stream.send(`<a xmlns='${smNs}' h='${String(session?.handled ?? 0)}'/>`);
        return true;
      case "a":
        session?.acknowledge(element.attrs["h"]);
        return true;
      case "iq":
      case "message":
      case "presence":
        if (session === undefined) return false;
        session.handled++;
        takeStanza(this, session, received);
        return true;
      default:
        return false;
    }
  }

  #inlineOutcome(line: Line, success: Element): void {
    const resumed = success.getChild("resumed");
    if (resumed !== undefined) {
      this.#resumed(line, resumed);
      return;
    }
    if (line.resuming !== undefined) this.#notResumed(line, String(success));
    const enabled = success.getChild("bound")?.getChild("enabled");
    this.#bound(line, success.getChildText("authorization-identifier") ?? "", enabled);
  }

  #bound(line: Line, jid: string, enabled: Element | undefined): void {
    const { management } = this.person;
    const isLater = management !== "none" && this.person.sasl === 1;
    const cid = enabled?.attrs["id"];
    const isManaged = isLater || enabled !== undefined;
    this.#begin(line, new Session(this.stage.book, jid, isManaged, typeof cid === "string" ? cid : undefined));
  }

  #enabled(line: Line, { attrs }: Element): void {
    if (line.session === undefined) return;
    line.session.handled = 0;
    line.session.grant(attrs["id"]);
  }

  #begin(line: Line, session: Session): void {
    if (!session.jid.startsWith(`${this.jid}/`)) this.stage.book.breach(`${this.jid} is bound as ${session.jid}`);
    this.stage.sessions.add(session);
    this.session = session;
    this.#attach(line, session);
  }

  #attach(line: Line, session: Session): void {
    const old = this.#line;
    if (old !== undefined && old !== line) {
      this.#giveUp(old);
      // What its old stream still brings is brought again in the new one; the other end closes it.
      setTimeout(() => old.stream.drop(), 2000);
    }
    session.lostMs = undefined;
    line.session = session;
    this.#line = line;
    line.stream.whenOver = () => this.#lost(line);
  }

  /** From here on the session goes on in this stream; what the server does not have is sent again first. */
  #resumed(line: Line, { attrs }: Element): void {
    const session = line.resuming;
    if (session === undefined) return;
    this.stage.book.count("resumed");
    session.resumedMs = Date.now();
    session.note(`resumed with h=${String(session.handled)}`);
    if (attrs["previd"] !== session.cid) this.stage.book.breach(`${session.jid}: previd ${String(attrs["previd"])}`);
    session.acknowledge(attrs["h"]);
    this.#attach(line, session);
    for (const { xml } of session.unacknowledged) line.stream.send(xml);
  }

  #notResumed(line: Line, how: string): void {
    const session = line.resuming;
    if (session === undefined) return;
    this.stage.book.count("not resumed");
    session.end("not resumed");
    line.resuming = undefined;
    const lateMs = this.stage.options.hibernationSeconds * 1000 - 500;
    const isLate = session.lostMs !== undefined && Date.now() - session.lostMs > lateMs;
    if (!isLate && !this.stage.excuses(this.jid))
      this.stage.book.breach(`${session.jid} is not resumed: ${how}: ${session.history.join(", ")}`);
  }

  #lost(line: Line): void {
    if (this.#line === line) this.#line = undefined;
    if (line.session !== undefined) line.session.lostMs ??= Date.now();
    if (line.isGivenUp) return;
    const error = line.stream.unread.find(({ element }) => element.getName() === "error")?.element;
    const how = error === undefined ? "cut" : conditionOf(error);
    this.stage.book.count(`lost by ${how}`);
    line.session?.note(`lost by ${how}`);
    // Prosody 0.12 goes on with the parser of the stream that was overtaken, and finds half a stanza in it. It does the same
    // without Caesura, and then for every stream that is cut in a stanza. What Caesura itself refuses is counted in its metrics.
    const resumedMs = line.session?.resumedMs ?? 0;
    if (how === "not-well-formed" && Date.now() - resumedMs < 5000) this.stage.expectsFailure(this.jid);
    if (!this.stage.excuses(this.jid)) {
      const last = line.stream.received.slice(-500);
      this.stage.book.breach(`${line.session?.jid ?? this.jid} lost its stream (${how}): ${last}`);
    }
  }
}
