import { cpuSeconds } from "./process-accounting.js";
import { quantile } from "./statistics.js";
import { delegatedIq, stanzasOf, unmatchedIq } from "./stanzas.js";
import type { Session } from "./xmpp-session.js";

/** What is sent, and how the end of its answer is known. */
export type Traffic =
  /** Stanzas of exactly this many bytes that come back as they are. */
  | { readonly kind: "mixed" | "iq"; readonly bytes: number }
  /** Delegated IQs, each answered by the managing entity. */
  | { readonly kind: "delegated" };

export interface PingPongOptions {
  readonly traffic: Traffic;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** How many requests are under way; one per session when absent. */
  readonly inFlight?: number;
  /** With `inFlight` below the number of sessions: the next request goes to the next session, so that all get their turn. */
  readonly rotate?: boolean;
  /** Requests a second, spread evenly; absent: the next as soon as one is answered. */
  readonly rate?: number;
  /** Processes whose CPU is read at both ends of the measured time. */
  readonly pids: readonly number[];
}

export interface PingPongResult {
  readonly roundTrips: number;
  readonly seconds: number;
  /** CPU seconds of each of `pids` within the measured time. */
  readonly cpuSeconds: readonly number[];
  /** Microseconds from the write of a request to the end of its answer. */
  readonly p50: number;
  readonly p90: number;
  /** Requests that found every session busy (with a rate only): above a few, the rate was not held. */
  readonly missed: number;
}

/** Between the end of the measured time and the last answer. */
const SETTLE_MS = 10_000;

/** Requests and their answers over a set of sessions. One run of it is one measurement. */
export class PingPong {
  readonly #sessions: readonly Session[];
  readonly #options: PingPongOptions;
  readonly #stanzas: readonly Buffer[];
  readonly #answerBytes: number;
  readonly #idle: Session[] = [];
  readonly #latencies: number[] = [];
  #next = 0;
  #kind = 0;
  #missed = 0;
  #underWay = 0;
  #isMeasuring = false;
  #isEnding = false;
  #failed: (error: Error) => void = () => {};
  #settled: () => void = () => {};

  constructor(sessions: readonly Session[], options: PingPongOptions) {
    const { traffic } = options;
    this.#sessions = sessions;
    this.#options = options;
    this.#answerBytes = traffic.kind === "delegated" ? 0 : traffic.bytes;
    this.#stanzas =
      traffic.kind === "mixed" ? stanzasOf(traffic.bytes) : traffic.kind === "iq" ? [unmatchedIq(traffic.bytes)] : [];
  }

  async run(): Promise<PingPongResult> {
    const failure = new Promise<never>((_resolve, reject) => {
      this.#failed = reject;
    });
    return await Promise.race([this.#measure(), failure]);
  }

  /** One tick of the pacer: sends a request on the next free session. */
  tick(): void {
    if (this.#isEnding) return;
    const session = this.#idle.shift();
    if (session === undefined) this.#missed++;
    else this.#send(session);
  }

  async #measure(): Promise<PingPongResult> {
    const { inFlight, pids, rate, seconds, warmupSeconds } = this.#options;
    for (const session of this.#sessions) {
      session.onData =
        this.#answerBytes === 0
          ? (chunk) => this.#readText(session, chunk)
          : (chunk) => this.#readBytes(session, chunk);
      session.socket.on("close", this.#onClose);
    }
    if (rate === undefined) this.#start(inFlight ?? this.#sessions.length);
    else this.#idle.push(...this.#sessions);
    await wait(warmupSeconds);
    this.#isMeasuring = true;
    this.#missed = 0;
    const cpuBefore = pids.map(cpuSeconds);
    const startedAt = performance.now();
    await wait(seconds);
    const elapsed = (performance.now() - startedAt) / 1000;
    this.#isMeasuring = false;
    const cpu = pids.map((pid, index) => cpuSeconds(pid) - (cpuBefore[index] ?? 0));
    const missed = this.#missed;
    await this.#settle();
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      roundTrips: sorted.length,
      seconds: elapsed,
      cpuSeconds: cpu,
      p50: quantile(sorted, 0.5),
      p90: quantile(sorted, 0.9),
      missed,
    };
  }

  readonly #onClose = (): void => this.#failed(new Error("a connection was lost during the measurement"));

  #start(inFlight: number): void {
    for (const session of this.#sessions.slice(0, inFlight)) this.#send(session);
    this.#next = inFlight;
  }

  async #settle(): Promise<void> {
    this.#isEnding = true;
    const timer = setTimeout(() => this.#failed(new Error(`${this.#underWay} answers never came`)), SETTLE_MS);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
    clearTimeout(timer);
    for (const session of this.#sessions) {
      session.onData = () => {};
      session.socket.off("close", this.#onClose);
    }
  }

  #send(session: Session): void {
    this.#underWay++;
    session.sentAt = performance.now();
    const stanza = this.#stanzas[this.#kind];
    if (stanza === undefined) {
      session.socket.write(delegatedIq(`q${session.number}-${session.sent++}`), "latin1");
      return;
    }
    this.#kind = (this.#kind + 1) % this.#stanzas.length;
    session.socket.write(stanza);
  }

  #readBytes(session: Session, chunk: Buffer): void {
    session.received += chunk.length;
    if (session.received < this.#answerBytes) return;
    if (session.received > this.#answerBytes) this.#failed(new Error("more came back than was sent"));
    // A sample of the answers is compared byte for byte; to compare all would make the generator the measured thing.
    if (this.#underWay % 64 === 0 && chunk.length === this.#answerBytes && !this.#isOurs(chunk)) {
      this.#failed(new Error("another stanza came back than was sent"));
    }
    session.received = 0;
    this.#answered(session);
  }

  #readText(session: Session, chunk: Buffer): void {
    session.text += chunk.toString("latin1");
    if (!session.text.endsWith("</iq>")) return;
    if (!/^<iq [^>]*type=['"]result['"]/.test(session.text)) this.#failed(new Error(`refused: ${session.text}`));
    session.text = "";
    this.#answered(session);
  }

  #isOurs(chunk: Buffer): boolean {
    return this.#stanzas.some((stanza) => stanza.equals(chunk));
  }

  #answered(session: Session): void {
    this.#underWay--;
    if (this.#isMeasuring) this.#latencies.push((performance.now() - session.sentAt) * 1000);
    if (this.#isEnding) {
      if (this.#underWay === 0) this.#settled();
    } else if (this.#options.rate !== undefined) this.#idle.push(session);
    else this.#send(this.#options.rotate === true ? this.#turn() : session);
  }

  #turn(): Session {
    const session = this.#sessions[this.#next++ % this.#sessions.length];
    if (session === undefined) throw new RangeError("no session is open");
    return session;
  }
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
}
