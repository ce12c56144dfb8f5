import type { ServerResponse } from "node:http";
import type { DelegatedRequest, DelegationObserver } from "../session/index.js";
import { attributeOf, childElements, type Element, namespaceOf, serialize } from "../xml/index.js";
import { parseJid } from "../xmpp/index.js";

/** What somebody wants to see of delegated requests; what is left out does not matter. */
export interface TapFilter {
  /** The delegated namespace. */
  readonly rule?: string;
  readonly entity?: string;
  /** Full, bare, or a domain, of the requester or of the account that is asked. */
  readonly jid?: string;
  /** Of the requester, or the one over which the managing entity was asked. */
  readonly connection?: string;
  readonly payload: boolean;
}

/** One line of a tap. */
export type TapEvent =
  | {
      readonly event: "request" | "answer";
      /** ISO 8601, UTC. */
      readonly time: string;
      /** The wrapper's id at the managing entity; request and answer have the same. */
      readonly wrapper: string;
      readonly connection: string;
      /** The one over which the managing entity was asked; in an answer. */
      readonly entityConnection?: string;
      readonly domain: string;
      readonly rule: string;
      readonly entity: string;
      /** Of the requester. */
      readonly jid: string;
      readonly to?: string;
      readonly type?: string;
      /** `{namespace}name` of the payload. */
      readonly payload?: string;
      readonly outcome?: string;
      readonly code?: string;
      readonly ms?: number;
      /** The whole stanza, if that was asked for. */
      readonly stanza?: string;
      /** What the managing entity sent instead of a usable reply, if payload was asked for. */
      readonly received?: string;
    }
  /** Events that this reader was too slow for. */
  | { readonly event: "lost"; readonly time: string; readonly lost: number; readonly lostAltogether: number };

/** How much may wait for one reader before it loses events. */
const MOST_WAITING_BYTES = 256 * 1024;
const MOST_STANZA_LENGTH = 16 * 1024;
export const MOST_TAPS = 8;

/** Who looks at delegated requests as they pass. While nobody does, nothing is made for it. */
export class Taps implements DelegationObserver {
  readonly #open = new Set<Tap>();
  #lost = 0;

  /** For the hub; undefined while nobody looks. */
  get observer(): DelegationObserver | undefined {
    return this.#open.size === 0 ? undefined : this;
  }

  /** Readers now. */
  get size(): number {
    return this.#open.size;
  }

  /** Events that readers were too slow for. */
  get lost(): number {
    return this.#lost;
  }

  /** Writes one JSON line for each event to `response`, until it closes. False: there are too many readers. */
  open(filter: TapFilter, response: ServerResponse, closed: (shown: number) => void): boolean {
    if (this.#open.size >= MOST_TAPS) return false;
    const tap = new Tap(filter, response, () => this.#lost++);
    this.#open.add(tap);
    response.once("close", () => {
      this.#open.delete(tap);
      closed(tap.shown);
    });
    response.on("drain", () => tap.sayWhatWasLost());
    return true;
  }

  close(): void {
    for (const tap of this.#open) tap.end();
    this.#open.clear();
  }

  requested(request: DelegatedRequest, iq: Element): void {
    for (const tap of this.#open) tap.requested(request, iq);
  }

  settled(request: DelegatedRequest, end: Parameters<DelegationObserver["settled"]>[1]): void {
    for (const tap of this.#open) tap.settled(request, end);
  }
}

class Tap {
  readonly #filter: TapFilter;
  readonly #wanted: { readonly bare: string; readonly full: string; readonly domain: string | undefined } | undefined;
  readonly #response: ServerResponse;
  readonly #countLost: () => void;
  #lostAltogether = 0;
  /** Since the reader was last told. */
  #lost = 0;
  shown = 0;

  constructor(filter: TapFilter, response: ServerResponse, countLost: () => void) {
    this.#filter = filter;
    this.#response = response;
    this.#countLost = countLost;
    const jid = filter.jid === undefined ? undefined : parseJid(filter.jid);
    if (jid !== undefined) {
      const isDomain = jid.local === undefined && jid.resource === undefined;
      this.#wanted = { bare: jid.bareKey, full: jid.fullKey, domain: isDomain ? jid.domain : undefined };
    }
  }

  requested(request: DelegatedRequest, iq: Element): void {
    if (!this.#isWanted(request, undefined)) return;
    this.#write({
      event: "request",
      ...describe(request),
      type: attributeOf(iq, "type") ?? "",
      ...payloadOf(iq),
      ...(this.#filter.payload ? { stanza: shortened(iq) } : {}),
    });
  }

  settled(request: DelegatedRequest, end: Parameters<DelegationObserver["settled"]>[1]): void {
    const { outcome, code, seconds, answer, received, entityConnection } = end;
    if (!this.#isWanted(request, entityConnection)) return;
    this.#write({
      event: "answer",
      ...describe(request),
      ...(entityConnection === undefined ? {} : { entityConnection }),
      ...(answer === undefined ? {} : { type: attributeOf(answer, "type") ?? "", ...payloadOf(answer) }),
      outcome,
      ...(code === undefined ? {} : { code }),
      ms: Math.round(seconds * 1e6) / 1000,
      ...(this.#filter.payload && answer !== undefined ? { stanza: shortened(answer) } : {}),
      ...(this.#filter.payload && received !== undefined ? { received: shortened(received) } : {}),
    });
  }

  end(): void {
    this.#response.end();
  }

  /** The reader has caught up. */
  sayWhatWasLost(): void {
    if (this.#lost === 0) return;
    const event: TapEvent = {
      event: "lost",
      time: new Date().toISOString(),
      lost: this.#lost,
      lostAltogether: this.#lostAltogether,
    };
    this.#lost = 0;
    this.#response.write(`${JSON.stringify(event)}\n`);
  }

  #write(event: TapEvent): void {
    // Nobody waits for a reader: what it does not take is lost to it.
    if (this.#response.writableLength > MOST_WAITING_BYTES) {
      this.#lost++;
      this.#lostAltogether++;
      this.#countLost();
      return;
    }
    this.sayWhatWasLost();
    this.shown++;
    this.#response.write(`${JSON.stringify(event)}\n`);
  }

  #isWanted({ rule, from, to, domain, requester }: DelegatedRequest, entityConnection: string | undefined): boolean {
    const { rule: namespace, entity, connection } = this.#filter;
    if (connection !== undefined && connection !== requester.connection && connection !== entityConnection)
      return false;
    if (namespace !== undefined && namespace !== rule.namespace) return false;
    if (entity !== undefined && entity !== rule.entity) return false;
    if (this.#wanted === undefined) return true;
    if (this.#wanted.domain !== undefined && this.#wanted.domain === domain) return true;
    return this.#isMeant(from) || (to !== undefined && this.#isMeant(to));
  }

  #isMeant(address: string): boolean {
    const jid = parseJid(address);
    return jid !== undefined && (jid.fullKey === this.#wanted?.full || jid.bareKey === this.#wanted?.full);
  }
}

function describe({ outerId, requester, domain, rule, from, to }: DelegatedRequest) {
  return {
    time: new Date().toISOString(),
    wrapper: outerId,
    connection: requester.connection,
    domain,
    rule: rule.namespace,
    entity: rule.entity,
    jid: from,
    ...(to === undefined ? {} : { to }),
  };
}

/** Name and namespace of what a stanza carries; of an error its condition. */
function payloadOf(stanza: Element): { readonly payload?: string } {
  const children = childElements(stanza);
  const child = children.find(({ name }) => name === "error") ?? children[0];
  if (child === undefined) return {};
  if (child.name === "error") {
    const [condition] = childElements(child);
    return { payload: condition === undefined ? "error" : `error ${condition.name}` };
  }
  return { payload: `{${namespaceOf(child, attributeOf(stanza, "xmlns") ?? "")}}${child.name}` };
}

function shortened(stanza: Element): string {
  const text = serialize(stanza);
  if (text.length <= MOST_STANZA_LENGTH) return text;
  return `${text.slice(0, MOST_STANZA_LENGTH)}… (${String(text.length)} characters)`;
}
