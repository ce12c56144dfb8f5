import { Buffer } from "node:buffer";
import type { Swallowed } from "./management-ledger.js";
import { Ledger } from "./management-ledger.js";
import type { AckOutcome, Injection, ManagementState, Pressure } from "./management-outcomes.js";
import type { ManagementOptions } from "./management-options.js";
import { DEFAULT_MANAGEMENT_OPTIONS } from "./management-options.js";
import type { ManagementSnapshot } from "./management-snapshot.js";
import { textOf } from "./management-snapshot.js";
import { distance, parseHandled } from "./sequence.js";

export type { Swallowed } from "./management-ledger.js";
export type { AckOutcome, Injection, ManagementState, Pressure } from "./management-outcomes.js";
export type { ManagementOptions } from "./management-options.js";
export { DEFAULT_MANAGEMENT_OPTIONS } from "./management-options.js";
export type { ManagementSnapshot } from "./management-snapshot.js";

/**
 * Stream management of one session (XEP-0198), through which stanzas are taken out of the stream and put into it.
 *
 * Strategy. The session reports what passes, what it takes and what it puts in; a ledger for each direction keeps the
 * two numberings apart and translates `h`. Nobody else touches an `h`. The object outlives its link: it is *detached*
 * when the client or the server is lost, keeps what must still arrive, and is attached to the next link when the
 * server has resumed the stream (`resumption.ts`). It makes no element and sends nothing.
 *
 * Cost    two ledgers of a dozen numbers; relaying adds to one of them. Memory grows with unacknowledged stanzas that
 *         were swallowed or injected, and with nothing else.
 * Errors  none is thrown on a peer's behaviour. A call for a leg that is gone does nothing.
 * Source  XEP-0198 v1.6.3 §3 to §6; protocol.md §3.
 */
export class StreamManagement {
  readonly #options: ManagementOptions;
  #state: ManagementState = "off";
  #isAttached = true;
  /** Client to server, and server to client. */
  #up: Ledger;
  #down: Ledger;
  /** Upward ledgers of further `<enable/>`s that wait for their answer, oldest first. */
  #furtherUp: Ledger[] | undefined;
  /** Stanzas of ours for a stream that cannot take them now. */
  #heldDown: Uint8Array[] | undefined;
  #heldUp: Uint8Array[] | undefined;
  #heldBytes = 0;
  /** Counters of the server's that resumptions in flight have named; the nearest holds. */
  #offers: number[] | undefined;

  constructor(options: ManagementOptions = DEFAULT_MANAGEMENT_OPTIONS) {
    this.#options = options;
    this.#up = new Ledger(options.modulus);
    this.#down = new Ledger(options.modulus);
  }

  get state(): ManagementState {
    return this.#state;
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** Bytes that are kept for this session; the edge adds them up for its metric. */
  get retainedBytes(): number {
    return this.#up.retainedBytes + this.#down.retainedBytes + this.#heldBytes;
  }

  /** Stanzas of ours that the client, or the server, has not acknowledged yet, those that wait included. */
  get unacknowledged(): { readonly toClient: number; readonly toServer: number } {
    return {
      toClient: this.#down.injectedCount + (this.#heldDown?.length ?? 0),
      toServer: this.#up.injectedCount + (this.#heldUp?.length ?? 0),
    };
  }

  /** To be looked at behind every `injectDown`, `injectUp` and `swallowed`. */
  get pressure(): Pressure {
    const { maxInjected, maxRetainedBytes } = this.#options;
    const count = this.unacknowledged.toClient;
    const bytes = this.retainedBytes;
    if (count > 2 * maxInjected || bytes > 2 * maxRetainedBytes) return "discard";
    return count > maxInjected || bytes > maxRetainedBytes ? "drop" : "none";
  }

  // Enabling (XEP-0198 §3)

  /** `<enable/>` was relayed to the server, alone or inside SASL2. The client counts from here on. */
  enable(): void {
    if (this.#state === "on") return;
    if (this.#state === "enabling") {
      // The server answers each; the client's count begins where the one begins that is granted.
      (this.#furtherUp ??= []).push(new Ledger(this.#options.modulus));
      return;
    }
    this.#state = "enabling";
    this.#up = new Ledger(this.#options.modulus);
  }

  /**
   * The server's `<enabled/>` was relayed; it counts from here on. Returns our stanzas that waited for it, to be sent
   * right behind it. Undefined: nothing was asked for, a fault of the server's (XEP-0198 §3).
   */
  enabled(nowMs: number): readonly Uint8Array[] | undefined {
    if (this.#state !== "enabling") return undefined;
    this.#state = "on";
    this.#furtherUp = undefined;
    this.#down = new Ledger(this.#options.modulus);
    const waiting = this.#takeHeldDown();
    for (const bytes of waiting) this.#down.inject(bytes, nowMs);
    return waiting;
  }

  /**
   * The server's `<failed/>` to an `<enable/>` was relayed. Returns our stanzas that waited, to be sent behind it; they
   * are counted by nobody. The refusal of a further `<enable/>` changes nothing.
   */
  failed(): readonly Uint8Array[] {
    if (this.#state !== "enabling") return NOTHING;
    const next = this.#furtherUp?.shift();
    if (next !== undefined) {
      this.#up = next;
      return NOTHING;
    }
    this.#state = "off";
    return this.#takeHeldDown();
  }

  // Client to server

  /** Stanzas of the client's were relayed. */
  clientStanza(count = 1): void {
    if (this.#state === "off" || !this.#isAttached) return;
    this.#up.relay(count);
    if (this.#furtherUp !== undefined) for (const ledger of this.#furtherUp) ledger.relay(count);
  }

  /**
   * A stanza of the client's was taken and goes to no server (a W entry). With `ackDelegated: "reply"` and
   * `awaitsAnswer` it is acknowledged only after `answered`, which takes the value that is returned.
   */
  swallowed(fingerprint: string, awaitsAnswer = false): Swallowed | undefined {
    if (this.#state === "off" || !this.#isAttached) return undefined;
    const isHandled = !(awaitsAnswer && this.#options.ackDelegated === "reply");
    if (this.#furtherUp !== undefined) for (const ledger of this.#furtherUp) ledger.swallow(fingerprint, true);
    const entry = this.#up.swallow(fingerprint, isHandled);
    this.#up.settle();
    return entry;
  }

  /** The answer to a swallowed request was queued. */
  answered(entry: Swallowed): void {
    entry.isHandled = true;
    this.#up.settle();
  }

  /** `swallowedAgain` is to be asked about each stanza of the client's, before the rules are. */
  get expectsRepeatsFromClient(): boolean {
    return this.#up.expectsRepeats;
  }

  /** True: the client repeats what was swallowed before the resumption. It is counted; nobody acts on it (S30). */
  swallowedAgain(fingerprint: string): boolean {
    if (this.#state !== "on" || !this.#isAttached || !this.#up.swallowedAgain(fingerprint)) return false;
    this.#up.settle();
    return true;
  }

  /** Puts a stanza of ours into the stream to the server (a J entry). `bytes` are kept until it has acknowledged them. */
  injectUp(bytes: Uint8Array, nowMs: number): Injection {
    if (this.#state === "off") return "send";
    if (!this.#isAttached) {
      (this.#heldUp ??= []).push(bytes);
      this.#heldBytes += bytes.length;
      return "keep";
    }
    this.#up.inject(bytes, nowMs);
    if (this.#furtherUp !== undefined) for (const ledger of this.#furtherUp) ledger.inject(bytes, nowMs);
    return "send";
  }

  /** The client's `<r/>` was relayed; it is the server that answers (S11). */
  clientRequests(): void {
    if (this.#state !== "off" && this.#isAttached) this.#up.ask();
  }

  /** An `<a/>` of the client's, for the server (S12). */
  clientAck(hText: string | undefined): AckOutcome {
    return this.#acknowledge(this.#down, hText, this.#heldBack());
  }

  // Server to client

  /** Stanzas of the server's were relayed. */
  serverStanza(count = 1): void {
    if (this.#state === "on" && this.#isAttached) this.#down.relay(count);
  }

  /**
   * A stanza of the server's was taken and does not reach the client (an X entry). `wasAttached`: when it came; what was made
   * of it may have ended the stream since, and the server sends it again in the next one.
   */
  swallowedFromServer(fingerprint: string, wasAttached = this.#isAttached): void {
    if (this.#state !== "on" || !wasAttached) return;
    this.#down.swallow(fingerprint, true);
    this.#down.settle(this.#heldBack());
  }

  /** `swallowedAgainFromServer` is to be asked about each stanza of the server's, before anybody else looks at it. */
  get expectsRepeatsFromServer(): boolean {
    return this.#down.expectsRepeats;
  }

  swallowedAgainFromServer(fingerprint: string): boolean {
    if (this.#state !== "on" || !this.#isAttached || !this.#down.swallowedAgain(fingerprint)) return false;
    this.#down.settle(this.#heldBack());
    return true;
  }

  /**
   * Puts a stanza of ours into the client's stream (a P entry). `keep`: not now, because stream management is being
   * enabled (S3) or the client is away; `enabled`, `failed` or the resumption gives it back.
   */
  injectDown(bytes: Uint8Array, nowMs: number): Injection {
    if (this.#state === "off") return "send";
    if (this.#state === "enabling" || !this.#isAttached) {
      (this.#heldDown ??= []).push(bytes);
      this.#heldBytes += bytes.length;
      return "keep";
    }
    this.#down.inject(bytes, nowMs);
    return "send";
  }

  /** The server's `<r/>` was relayed; it is the client that answers (S11). */
  serverRequests(): void {
    if (this.#state !== "off" && this.#isAttached) this.#down.ask();
  }

  /** An `<a/>` of the server's, for the client. Anything but `relay` and `drop` is the server's fault. */
  serverAck(hText: string | undefined): AckOutcome {
    return this.#acknowledge(this.#up, hText, {});
  }

  // Requests of our own (S13)

  /**
   * Which side is to be sent an `<r/>` of ours now. What is returned counts as sent.
   *
   * Ask behind every `injectDown`, `injectUp`, `swallowed` and acknowledgement, and when `requestDueMs` has come.
   */
  requestsDue(nowMs: number): { readonly toClient: boolean; readonly toServer: boolean } {
    if (this.#state !== "on" || !this.#isAttached) return NO_REQUESTS;
    const { requestAfterCount, requestServerAfterCount, requestAfterMs } = this.#options;
    const toClient = (this.#down.requestDueMs(requestAfterCount, requestAfterMs) ?? Infinity) <= nowMs;
    const toServer = (this.#up.requestDueMs(requestServerAfterCount, requestAfterMs) ?? Infinity) <= nowMs;
    if (!toClient && !toServer) return NO_REQUESTS;
    if (toClient) this.#down.askForUs(nowMs);
    if (toServer) this.#up.askForUs(nowMs);
    return { toClient, toServer };
  }

  /** When `requestsDue` is to be asked again if nothing happens before; undefined while nothing of ours waits. */
  get requestDueMs(): number | undefined {
    if (this.#state !== "on" || !this.#isAttached) return undefined;
    const { requestAfterCount, requestServerAfterCount, requestAfterMs } = this.#options;
    const toClient = this.#down.requestDueMs(requestAfterCount, requestAfterMs);
    const toServer = this.#up.requestDueMs(requestServerAfterCount, requestAfterMs);
    return toClient === undefined || toServer === undefined ? (toClient ?? toServer) : Math.min(toClient, toServer);
  }

  // Resumption (XEP-0198 §5). Called by `resumption.ts`.

  /** The client or the server is lost. What happens on the old legs from now on counts for nothing. */
  detach(): void {
    this.#isAttached = false;
  }

  /**
   * The client wants to resume and has handled `h`. Returns the counter for the server; undefined if `h` is too high.
   * The present legs go on, for the server may still refuse. `withdrawOffer` or `resume` follows.
   *
   * Until then the server is told no more than this for the sake of swallowed stanzas alone: it repeats what lies
   * behind this counter, and an `<a/>` of the old leg that it reads first must not have gone beyond it.
   */
  offer(h: number): number | undefined {
    if (this.#state !== "on") return undefined;
    const serverH = this.#down.peek(h, this.#heldBack());
    if (serverH !== undefined) (this.#offers ??= []).push(serverH);
    return serverH;
  }

  /** No resumption that named this counter is in flight any more. */
  withdrawOffer(serverH: number): void {
    const index = this.#offers?.indexOf(serverH) ?? -1;
    if (this.#offers === undefined || index < 0) return;
    this.#offers.splice(index, 1);
    if (this.#offers.length === 0) this.#offers = undefined;
    this.#down.settle(this.#heldBack());
  }

  /** What the client may be told of an `h` that came with the server's refusal; undefined if it is too high (S31). */
  handledAtFailure(serverH: number): number | undefined {
    return this.#up.peek(serverH);
  }

  /**
   * The server has resumed the stream: `offer` named `serverH` for the client's `clientH`, and the server has handled
   * `handledByServer`. The session is attached to the new legs.
   *
   * Returns the client's `h` for `<resumed/>`, and what is to be sent behind it, in order, before anything newer.
   * Undefined: the counters contradict what was relayed; both legs are to be closed (protocol.md §3.3).
   */
  resume(
    counters: { readonly clientH: number; readonly serverH: number; readonly handledByServer: number },
    nowMs: number,
  ): { readonly h: number; readonly down: readonly Uint8Array[]; readonly up: readonly Uint8Array[] } | undefined {
    const { clientH, serverH, handledByServer } = counters;
    if (this.#state !== "on") return undefined;
    const lostDown = this.#down.resume(clientH, serverH);
    const lostUp = lostDown && this.#up.resume(handledByServer);
    if (lostDown === undefined || lostUp === undefined) return undefined;
    this.#offers = undefined;
    this.#isAttached = true;
    const down = [...lostDown, ...this.#takeHeldDown()];
    const up = [...lostUp, ...this.#takeHeldUp()];
    for (const bytes of down) this.#down.inject(bytes, nowMs);
    for (const bytes of up) this.#up.inject(bytes, nowMs);
    return { h: this.#up.senderAck, down, up };
  }

  /** All of a detached session, for another instance. */
  snapshot(): ManagementSnapshot {
    return {
      up: this.#up.snapshot(),
      down: this.#down.snapshot(),
      heldUp: (this.#heldUp ?? []).map(textOf),
      heldDown: (this.#heldDown ?? []).map(textOf),
    };
  }

  /** The same session at another instance, detached: the next thing that happens to it is a resumption. */
  static restore(
    { up, down, heldUp, heldDown }: ManagementSnapshot,
    options: ManagementOptions = DEFAULT_MANAGEMENT_OPTIONS,
  ): StreamManagement {
    const management = new StreamManagement(options);
    management.#state = "on";
    management.#isAttached = false;
    management.#up = Ledger.restore(up, options.modulus);
    management.#down = Ledger.restore(down, options.modulus);
    for (const text of heldUp) management.injectUp(Buffer.from(text), 0);
    for (const text of heldDown) management.injectDown(Buffer.from(text), 0);
    return management;
  }

  #acknowledge(ledger: Ledger, hText: string | undefined, options: { notBeyond?: number | undefined }): AckOutcome {
    if (!this.#isAttached) return { kind: "ignore" };
    if (this.#state !== "on") return { kind: "pass" };
    const h = parseHandled(hText, this.#options.modulus);
    if (h === undefined) return { kind: "malformed" };
    const told = ledger.acknowledge(h, options);
    if (told === undefined) return { kind: "too-high", h, sendCount: ledger.receiverCount };
    return told.isNews ? { kind: "relay", h: told.h, isSame: told.h === h } : { kind: "drop" };
  }

  #heldBack(): { readonly notBeyond?: number } {
    if (this.#offers === undefined) return {};
    const { modulus } = this.#options;
    const from = this.#down.senderAck;
    const isNearer = (a: number, b: number) => distance(from, a, modulus) < distance(from, b, modulus);
    return { notBeyond: this.#offers.reduce((nearest, offer) => (isNearer(offer, nearest) ? offer : nearest)) };
  }

  #takeHeldDown(): readonly Uint8Array[] {
    const held = this.#heldDown;
    this.#heldDown = undefined;
    return this.#release(held);
  }

  #takeHeldUp(): readonly Uint8Array[] {
    const held = this.#heldUp;
    this.#heldUp = undefined;
    return this.#release(held);
  }

  #release(held: readonly Uint8Array[] | undefined): readonly Uint8Array[] {
    if (held === undefined) return NOTHING;
    for (const bytes of held) this.#heldBytes -= bytes.length;
    return held;
  }
}

const NOTHING: readonly Uint8Array[] = [];
const NO_REQUESTS = { toClient: false, toServer: false } as const;
