import { Buffer } from "node:buffer";
import type { LedgerSnapshot } from "./management-snapshot.js";
import { textOf } from "./management-snapshot.js";
import { advance, distance } from "./sequence.js";

/** A stanza that its receiver never gets. It has a number of the sender's and none of the receiver's. */
export interface Swallowed {
  readonly kind: "swallowed";
  /** What recognises it when the sender sends it again. */
  readonly fingerprint: string;
  /** Somebody has taken responsibility for it, so that it may be acknowledged (XEP-0198 §4). */
  isHandled: boolean;
}

/** A stanza of ours. It has a number of the receiver's and none of the sender's; nobody else could repeat it. */
export interface Injected {
  readonly kind: "injected";
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

interface Entry {
  /** Relayed stanzas, unacknowledged, between the entry before and this one. They need no more than a count. */
  relayedBefore: number;
  readonly item: Swallowed | Injected;
}

/** How far an acknowledgement goes: all entries below `index`, and `runTaken` of the stanzas relayed before that one. */
interface Reach {
  readonly index: number;
  readonly runTaken: number;
  readonly senderCount: number;
  readonly receiverCount: number;
}

/** Where acknowledging stops although it could go on. */
export interface ReachOptions {
  /** The sender's counter behind which no swallowed stanza is acknowledged for its own sake. */
  readonly notBeyond?: number | undefined;
  /** Take what nobody has answered yet as handled. */
  readonly allHandled?: boolean;
}

/** Stanzas that a sender may still repeat behind what was known before a resumption; see `swallowedAgain`. */
const LATE_REPEATS = 32;

/** What remembering one fingerprint is taken to cost, in bytes. */
const BYTES_PER_FINGERPRINT = 64;

/**
 * The unacknowledged stanzas of one direction of a stream, in order, and the two counters that number them: the
 * sender's (the client's upwards) and the receiver's. Both directions are this one machine.
 *
 * It must guarantee that a counter told to the sender covers nothing that the receiver, or we in its place, did not take
 * over; that both counters only grow; and that a stream of relayed stanzas alone costs a few numbers, however long it
 * runs. So relayed stanzas are counted, and only what was swallowed or injected makes an entry.
 *
 * Source  protocol.md §3.2, §3.3, §3.5, with the corrections that `docs/stream-management.md` gives reasons for.
 */
export class Ledger {
  readonly #modulus: number;
  /** The sender's stanzas below this counter are settled; so are the receiver's below the other. */
  #senderAck = 0;
  #receiverAck = 0;
  /** What the receiver has acknowledged. Ahead of `#receiverAck` while a stanza that nobody has handled is in between. */
  #heard = 0;
  #entries: Entry[] = [];
  #head = 0;
  /** Relayed stanzas behind the last entry. */
  #tail = 0;
  #relayed = 0;
  #swallowed = 0;
  #injected = 0;
  #injectedBytes = 0;
  /** Swallowed before a resumption and not sent again yet: fingerprint → how many of them. */
  #repeats: Map<string, number> | undefined;
  /** How many more stanzas of the sender's may be repeats, as far as is known. */
  #repeatsLeft = 0;
  /** Requests of the sender's that the receiver has not answered, and whether one of ours is among them. */
  #asked = 0;
  #ownAsked = false;
  #ownAskedMs = -Infinity;
  /** Entries made since then. */
  #sinceOwnAsked = 0;
  /** The counter that the sender was last told. */
  #told = 0;

  constructor(modulus: number) {
    this.#modulus = modulus;
  }

  /** The sender's stanzas that have come, as a counter. */
  get senderCount(): number {
    return advance(this.#senderAck, this.#relayed + this.#swallowed, this.#modulus);
  }

  /** The receiver's stanzas that have left, as a counter. */
  get receiverCount(): number {
    return advance(this.#receiverAck, this.#relayed + this.#injected, this.#modulus);
  }

  /** Settled stanzas of the sender's: what it may be told now. */
  get senderAck(): number {
    return this.#senderAck;
  }

  get swallowedCount(): number {
    return this.#swallowed;
  }

  get injectedCount(): number {
    return this.#injected;
  }

  /** Memory that grows with what was swallowed and injected. */
  get retainedBytes(): number {
    return this.#injectedBytes + (this.#swallowed + (this.#repeats?.size ?? 0)) * BYTES_PER_FINGERPRINT;
  }

  /** A stanza that the sender repeats may be one that was swallowed before: `swallowedAgain` is to be asked. */
  get expectsRepeats(): boolean {
    return this.#repeats !== undefined;
  }

  /**
   * When the receiver is to be asked for an acknowledgement in our name (protocol.md S13): at once (`-Infinity`) when
   * `afterCount` entries wait for one, or when the oldest stanza of ours is `afterMs` old; undefined if there is nothing
   * to gain. A receiver that answers without acknowledging is not asked again at once.
   */
  requestDueMs(afterCount: number, afterMs: number): number | undefined {
    const heard = distance(this.#receiverAck, this.#heard, this.#modulus);
    if (this.#asked > 0 || this.#ownAsked || heard === this.#relayed + this.#injected) return undefined;
    if (this.#swallowed + this.#injected >= afterCount && this.#sinceOwnAsked >= afterCount) return -Infinity;
    const oldest = this.#oldestInjectedMs(heard);
    return oldest === undefined ? undefined : Math.max(oldest, this.#ownAskedMs) + afterMs;
  }

  relay(count = 1): void {
    this.#tail += count;
    this.#relayed += count;
    if (this.#repeats !== undefined) this.#countRepeats(count);
  }

  swallow(fingerprint: string, isHandled: boolean): Swallowed {
    const item: Swallowed = { kind: "swallowed", fingerprint, isHandled };
    this.#push(item);
    this.#swallowed++;
    if (this.#repeats !== undefined) this.#countRepeats(1);
    return item;
  }

  /**
   * A stanza of the sender's that may repeat one that was swallowed before the last resumption. True: it does, and is
   * counted as swallowed once more; nobody is to act on it.
   *
   * A repeat is expected among the first stanzas behind a resumption, as many as had come unacknowledged before, and
   * a few more because a sender may put new ones first. What was not repeated by then was dropped by its sender, and a
   * later stanza that looks the same is a new one.
   */
  swallowedAgain(fingerprint: string): boolean {
    const count = this.#repeats?.get(fingerprint);
    if (this.#repeats === undefined || count === undefined) return false;
    if (count > 1) this.#repeats.set(fingerprint, count - 1);
    else this.#repeats.delete(fingerprint);
    this.swallow(fingerprint, true);
    if (this.#repeats?.size === 0) this.#repeats = undefined;
    return true;
  }

  inject(bytes: Uint8Array, atMs: number): void {
    this.#push({ kind: "injected", bytes, atMs });
    this.#injected++;
    this.#injectedBytes += bytes.length;
  }

  /** The sender asked; its request was relayed. */
  ask(): void {
    this.#asked++;
  }

  /** A request of ours was sent to the receiver. */
  askForUs(nowMs: number): void {
    this.#ownAsked = true;
    this.#ownAskedMs = nowMs;
    this.#sinceOwnAsked = 0;
  }

  /**
   * The receiver acknowledged in its own counting.
   *
   * Returns the counter for the sender; `isNews` is false when nobody but us has asked and the counter did not move.
   * Undefined: `h` covers more than was sent. Nothing changes then.
   */
  acknowledge(h: number, options: ReachOptions = {}): { readonly h: number; readonly isNews: boolean } | undefined {
    const reach = this.#reach(h, options);
    if (reach === undefined) return undefined;
    this.#heard = h;
    this.#settle(reach);
    const isNews = !this.#ownAsked || this.#asked > 0 || this.#senderAck !== this.#told;
    if (this.#asked > 0) this.#asked--;
    this.#ownAsked = false;
    this.#told = this.#senderAck;
    return { h: this.#senderAck, isNews };
  }

  /** What `acknowledge` would tell the sender; nothing changes. */
  peek(h: number, options: ReachOptions = {}): number | undefined {
    const reach = this.#reach(h, options);
    return reach === undefined ? undefined : advance(this.#senderAck, reach.senderCount, this.#modulus);
  }

  /** Settles what waits for nothing any more. */
  settle(options: ReachOptions = {}): void {
    const reach = this.#reach(this.#heard, options);
    if (reach !== undefined) this.#settle(reach);
  }

  /**
   * Both ends agreed where to go on: the receiver has handled `h` of its counting, and the sender repeats what it sent
   * behind `senderH`. Returns our own stanzas that did not arrive; undefined if the two counters do not belong together.
   *
   * Without `senderH` everything that may be told is told, also what nobody has answered yet: what was swallowed stays
   * our responsibility, while a relayed stanza behind it would be repeated to a receiver that already has it.
   */
  resume(h: number, senderH?: number): readonly Uint8Array[] | undefined {
    const reach = this.#reach(h, senderH === undefined ? { allHandled: true } : { notBeyond: senderH });
    if (reach === undefined) return undefined;
    const reached = advance(this.#senderAck, reach.senderCount, this.#modulus);
    if (senderH !== undefined && reached !== senderH) return undefined;
    this.#settle(reach);
    this.#receiverAck = this.#heard = h;
    const lost: Uint8Array[] = [];
    // Without a memory there was nothing left to recognise; it begins with what is unacknowledged now.
    const repeatsBefore = this.#repeats === undefined ? 0 : Math.max(this.#repeatsLeft, 0);
    this.#repeatsLeft = repeatsBefore + this.#relayed + this.#swallowed;
    for (const { item } of this.#entries.slice(this.#head)) {
      if (item.kind === "injected") lost.push(item.bytes);
      else {
        // Counted, not only noted: two requests may look the same, and a second cut must not forget the first.
        this.#repeats ??= new Map();
        this.#repeats.set(item.fingerprint, (this.#repeats.get(item.fingerprint) ?? 0) + 1);
      }
    }
    this.#entries = [];
    this.#head = 0;
    this.#tail = this.#relayed = this.#swallowed = this.#injected = this.#injectedBytes = this.#asked = 0;
    this.#ownAsked = false;
    this.#sinceOwnAsked = 0;
    this.#told = this.#senderAck;
    return lost;
  }

  snapshot(): LedgerSnapshot {
    const entries: LedgerSnapshot["entries"][number][] = [];
    for (const { relayedBefore, item } of this.#entries.slice(this.#head)) {
      if (relayedBefore > 0) entries.push({ relayed: relayedBefore });
      if (item.kind === "injected") entries.push({ injected: textOf(item.bytes), atMs: item.atMs });
      else entries.push({ swallowed: item.fingerprint, isHandled: item.isHandled });
    }
    if (this.#tail > 0) entries.push({ relayed: this.#tail });
    return {
      senderAck: this.#senderAck,
      receiverAck: this.#receiverAck,
      heard: this.#heard,
      entries,
      repeats: [...(this.#repeats ?? [])],
      repeatsLeft: this.#repeatsLeft,
    };
  }

  static restore(snapshot: LedgerSnapshot, modulus: number): Ledger {
    const ledger = new Ledger(modulus);
    ledger.#senderAck = ledger.#told = snapshot.senderAck;
    ledger.#receiverAck = snapshot.receiverAck;
    ledger.#heard = snapshot.heard;
    for (const entry of snapshot.entries) {
      if ("relayed" in entry) ledger.relay(entry.relayed);
      else if ("injected" in entry) ledger.inject(Buffer.from(entry.injected), entry.atMs);
      else ledger.swallow(entry.swallowed, entry.isHandled);
    }
    ledger.#repeats = snapshot.repeats.length === 0 ? undefined : new Map(snapshot.repeats);
    ledger.#repeatsLeft = snapshot.repeatsLeft;
    return ledger;
  }

  #push(item: Swallowed | Injected): void {
    this.#entries.push({ relayedBefore: this.#tail, item });
    this.#tail = 0;
    this.#sinceOwnAsked++;
  }

  /** Of the stanzas of ours behind the first `heard` ones of the receiver's. */
  #oldestInjectedMs(heard: number): number | undefined {
    if (this.#injected === 0) return undefined;
    let position = 0;
    for (let index = this.#head; index < this.#entries.length; index++) {
      const { relayedBefore, item } = this.#entries[index] ?? NO_ENTRY;
      position += relayedBefore;
      if (item.kind === "injected" && ++position > heard) return item.atMs;
    }
    return undefined;
  }

  #countRepeats(count: number): void {
    this.#repeatsLeft -= count;
    if (this.#repeatsLeft < -LATE_REPEATS) {
      this.#repeats = undefined;
    }
  }

  #reach(h: number, { notBeyond, allHandled = false }: ReachOptions): Reach | undefined {
    const claimed = distance(this.#receiverAck, h, this.#modulus);
    // Less than was acknowledged before is as wrong as more than was sent, and modulo M it is the same.
    if (claimed > this.#relayed + this.#injected || claimed < distance(this.#receiverAck, this.#heard, this.#modulus)) {
      return undefined;
    }
    const allowed = notBeyond === undefined ? Infinity : distance(this.#senderAck, notBeyond, this.#modulus);
    let left = claimed;
    let senderCount = 0;
    let index = this.#head;
    for (; index < this.#entries.length; index++) {
      const { relayedBefore, item } = this.#entries[index] ?? NO_ENTRY;
      const runTaken = Math.min(left, relayedBefore);
      left -= runTaken;
      senderCount += runTaken;
      const isEnd = item.kind === "injected" ? left === 0 : !this.#passes(item, left, senderCount, allowed, allHandled);
      if (runTaken < relayedBefore || isEnd) {
        return { index, runTaken, senderCount, receiverCount: claimed - left };
      }
      if (item.kind === "injected") left--;
      else senderCount++;
    }
    return { index, runTaken: left, senderCount: senderCount + left, receiverCount: claimed };
  }

  #passes(item: Swallowed, left: number, senderCount: number, allowed: number, allHandled: boolean): boolean {
    return (item.isHandled || allHandled) && (left > 0 || senderCount < allowed);
  }

  #settle({ index, runTaken, senderCount, receiverCount }: Reach): void {
    for (; this.#head < index; this.#head++) {
      const { relayedBefore, item } = this.#entries[this.#head] ?? NO_ENTRY;
      this.#relayed -= relayedBefore;
      if (item.kind === "swallowed") this.#swallowed--;
      else {
        this.#injected--;
        this.#injectedBytes -= item.bytes.length;
      }
    }
    const next = this.#entries[index];
    if (next === undefined) this.#tail -= runTaken;
    else next.relayedBefore -= runTaken;
    this.#relayed -= runTaken;
    this.#senderAck = advance(this.#senderAck, senderCount, this.#modulus);
    this.#receiverAck = advance(this.#receiverAck, receiverCount, this.#modulus);
    // The settled half is let go of at once when it is the larger one, so that each entry is moved once at most.
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#head === this.#entries.length ? [] : this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

const NO_ENTRY: Entry = { relayedBefore: 0, item: { kind: "swallowed", fingerprint: "", isHandled: true } };
