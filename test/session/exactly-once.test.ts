import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Link } from "./world.js";
import { domain, ENTITY, NAMESPACE, rule, World } from "./world.js";

// In every order of requests, replies of every quality, silence, lost links and ended streams: each request of a client
// that is still there is answered exactly once, what was not taken passes in order, and nothing is left behind.

type Step =
  | { readonly kind: "request"; readonly client: number; readonly id: number }
  | { readonly kind: "message"; readonly client: number }
  | { readonly kind: "reply"; readonly which: number; readonly quality: Quality }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "entity-lost" }
  | { readonly kind: "entity-back" }
  | { readonly kind: "client-lost"; readonly client: number }
  | { readonly kind: "stream-end"; readonly client: number };

const qualities = ["result", "error", "wrapper-error", "wrong-id", "wrong-to", "wrong-from", "empty", "twice"] as const;
type Quality = (typeof qualities)[number];

const client = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("request" as const), client, id: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("message" as const), client }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("reply" as const),
      which: fc.nat({ max: 50 }),
      quality: fc.constantFrom(...qualities),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("entity-lost" as const, "entity-back" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("client-lost" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stream-end" as const), client }) },
);

const JIDS = ["juliet@capulet.lit/balcony", "romeo@capulet.lit/orchard", "nurse@capulet.lit/hall"];

class Play {
  readonly world: World;
  readonly clients: readonly {
    readonly link: Link;
    asked: number[];
    sent: string[];
    isThere: boolean;
    hasEnded: boolean;
  }[];
  entity: Link | undefined;
  /** What the entity has seen and may answer at any later time, on whatever link it has then. */
  readonly wrappers: { readonly outerId: string; readonly innerId: string; readonly from: string }[] = [];

  constructor(blocking: boolean, pendingPerSession: number) {
    this.world = new World([domain([rule(NAMESPACE, { blocking })])], { pendingPerSession });
    this.clients = JIDS.map((jid) => ({
      link: this.world.boundClient(jid),
      asked: [],
      sent: [],
      isThere: true,
      hasEnded: false,
    }));
    this.connect();
  }

  connect(): void {
    if (this.entity !== undefined) return;
    this.entity = this.world.entity();
    this.entity.forget();
  }

  perform(one: Step): void {
    switch (one.kind) {
      case "request":
      case "message":
      case "stream-end":
        this.#speak(one);
        break;
      case "reply":
        this.#reply(one.which, one.quality);
        break;
      case "wait":
        this.world.advance(one.ms);
        break;
      case "entity-lost":
        this.#read();
        this.entity?.machine.closed("component", "reset");
        this.entity = undefined;
        break;
      case "entity-back":
        this.connect();
        break;
      case "client-lost": {
        const peer = this.clients[one.client];
        if (peer === undefined) break;
        peer.link.machine.closed("client", "reset");
        peer.isThere = false;
        break;
      }
      default:
        one satisfies never;
    }
    this.#read();
  }

  #speak(one: Extract<Step, { readonly client: number }>): void {
    const peer = this.clients[one.client];
    if (peer === undefined || !peer.isThere || peer.hasEnded) return;
    if (one.kind === "request") {
      peer.asked.push(one.id);
      peer.link.client(`<iq type='set' id='r${one.id}'><pubsub xmlns='${NAMESPACE}'/></iq>`);
    } else if (one.kind === "message") {
      const text = `<message id='m${peer.sent.length}'/>`;
      peer.sent.push(text);
      peer.link.client(text);
    } else {
      peer.hasEnded = true;
      peer.link.client("</stream:stream>");
    }
  }

  #read(): void {
    const text = this.entity?.take("component") ?? "";
    for (const [, outerId = "", inner = ""] of text.matchAll(
      /<iq type="set"[^>]*? id="([^"]+)"[^>]*>(.*?)<\/delegation>/gs,
    )) {
      const innerId = / id="([^"]+)"/.exec(inner)?.[1] ?? "";
      const from = / from="([^"]+)"/.exec(inner)?.[1] ?? "";
      this.wrappers.push({ outerId, innerId, from });
    }
  }

  #reply(which: number, quality: Quality): void {
    const wrapper = this.wrappers[which % Math.max(1, this.wrappers.length)];
    if (wrapper === undefined || this.entity === undefined) return;
    const { outerId, innerId, from } = wrapper;
    const outer = `from='${ENTITY}' to='capulet.lit' id='${outerId}'`;
    const wrap = (inner: string) =>
      `<iq ${outer} type='result'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded></delegation></iq>`;
    const iq = (id: string, to: string, more = "", body = "") =>
      `<iq xmlns='jabber:client' type='${body === "" ? "result" : "error"}' id='${id}' to='${to}'${more}>${body}</iq>`;
    const good = wrap(iq(innerId, from));
    const text: Record<Quality, string> = {
      result: good,
      error: wrap(
        iq(
          innerId,
          from,
          "",
          "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        ),
      ),
      "wrapper-error": `<iq ${outer} type='error'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      "wrong-id": wrap(iq("other", from)),
      "wrong-to": wrap(iq(innerId, "tybalt@capulet.lit/street")),
      "wrong-from": wrap(iq(innerId, from, " from='romeo@montague.lit'")),
      empty: wrap(""),
      twice: good + good,
    };
    this.entity.near(text[quality]);
  }
}

test.each([
  [false, 256],
  [false, 2],
  [true, 256],
])("each request is answered exactly once, whatever happens (blocking %s, at most %i pending)", (blocking, pending) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const play = new Play(blocking, pending);
      for (const one of steps) play.perform(one);
      // Requests that wait behind others get their own time one after the other.
      for (let round = 0; round < 70; round++) play.world.advance(30_000);
      for (const { link, asked, sent, isThere, hasEnded } of play.clients) {
        if (!isThere) continue;
        const answered = [...link.take("client").matchAll(/<iq type="(?:result|error)" id="r(\d)"/g)].map((match) =>
          Number(match[1]),
        );
        expect(answered.toSorted(byNumber)).toEqual(asked.toSorted(byNumber));
        expect(link.take("server")).toBe(sent.join("") + (hasEnded ? "</stream:stream>" : ""));
        expect(link.paused.has("client")).toBe(false);
      }
      expect(play.world.hub.stats.pending).toBe(0);
      expect(play.world.timers).toBe(0);
      expect(play.entity?.take("server") ?? "").toBe("");
    }),
    { numRuns: 150 },
  );
});

function byNumber(a: number, b: number): number {
  return a - b;
}
