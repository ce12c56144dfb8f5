import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { breaches, type EntityLink } from "../../src/delegation/index.js";
import { attributeOf, findChild } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import { ask, componentStanza, entityLink, forwarded, JULIET, PUBSUB, type Reply, replyText, rule } from "./entity.js";

const ROMEO = "romeo@capulet.lit/orchard";
const INNER = `xmlns='jabber:client' type='result' id='h1' to='${JULIET}' from='juliet@capulet.lit'`;

function accept(link: EntityLink<string>, reply: Reply | string = {}, now = 0) {
  return link.accept(componentStanza(typeof reply === "string" ? reply : replyText(reply)), now);
}

/** Outcome in a word or two. */
function word(link: EntityLink<string>, reply: Reply | string = {}, now = 0): string {
  const outcome = accept(link, reply, now);
  return "code" in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind;
}

describe("a reply that is wrong ends the request with a breach (XEP-0355 §4.3)", () => {
  const iq = `<iq xmlns='jabber:client' type='result' id='h1' to='${JULIET}'/>`;
  const wrong: readonly (readonly [string, Reply, keyof typeof breaches])[] = [
    ["a wrapper from another address of the entity", { outerFrom: "other@pubsub.capulet.lit" }, "reply-from-elsewhere"],
    [
      "a wrapper from the entity's domain with a resource",
      { outerFrom: "pubsub.capulet.lit/x" },
      "reply-from-elsewhere",
    ],
    ["a wrapper from somebody else", { outerFrom: "capulet.lit" }, "reply-from-elsewhere"],
    ["a wrapper from nobody", { outerFrom: "" }, "reply-from-elsewhere"],
    ["a wrapper to the requester", { outerTo: JULIET }, "reply-to-elsewhere"],
    ["a wrapper to another domain", { outerTo: "montague.lit" }, "reply-to-elsewhere"],
    ["an empty wrapper", { content: "" }, "reply-without-delegation"],
    ["text instead of a delegation", { content: "well met" }, "reply-without-delegation"],
    ["a bare iq", { content: iq }, "reply-without-delegation"],
    [
      "a delegation in the namespace of an earlier version",
      { content: forwarded(iq).replace("delegation:2", "delegation:1") },
      "reply-without-delegation",
    ],
    [
      "a delegation in no namespace",
      { content: forwarded(iq).replace("urn:xmpp:delegation:2", "") },
      "reply-without-delegation",
    ],
    [
      "a privilege instead of a delegation",
      { content: forwarded(iq).replaceAll("delegation", "privilege") },
      "reply-without-delegation",
    ],
    ["two delegations", { content: forwarded(iq) + forwarded(iq) }, "reply-with-extra-content"],
    ["a delegation and an error", { content: `${forwarded(iq)}<error type='cancel'/>` }, "reply-with-extra-content"],
    ["text beside the delegation", { content: `${forwarded(iq)}farewell` }, "reply-with-extra-content"],
    ["an empty delegation", { content: "<delegation xmlns='urn:xmpp:delegation:2'/>" }, "reply-without-forwarded"],
    [
      "forwarded in another namespace",
      { content: forwarded(iq).replace("forward:0", "forward:1") },
      "reply-without-forwarded",
    ],
    [
      "forwarded in the namespace of delegation",
      { content: `<delegation xmlns='urn:xmpp:delegation:2'><forwarded>${iq}</forwarded></delegation>` },
      "reply-without-forwarded",
    ],
    [
      "two forwarded",
      {
        content: forwarded(iq).replace(
          "</delegation>",
          `<forwarded xmlns='urn:xmpp:forward:0'>${iq}</forwarded></delegation>`,
        ),
      },
      "reply-with-extra-content",
    ],
    ["nothing forwarded", { content: forwarded("") }, "reply-without-iq"],
    [
      "an iq of the component's stream",
      { content: forwarded(iq.replace("jabber:client", NS.component)) },
      "reply-without-iq",
    ],
    [
      "an iq of a server's stream",
      { content: forwarded(iq.replace("jabber:client", "jabber:server")) },
      "reply-without-iq",
    ],
    [
      "an iq in the namespace of forwarding",
      { content: forwarded(iq.replace("xmlns='jabber:client'", "")) },
      "reply-without-iq",
    ],
    ["an iq in no namespace", { content: forwarded(iq.replace("jabber:client", "")) }, "reply-without-iq"],
    ["a message", { content: forwarded(iq.replace("<iq", "<message")) }, "reply-without-iq"],
    ["two iqs", { content: forwarded(iq + iq) }, "reply-with-extra-content"],
    [
      "an iq and a message",
      { content: forwarded(`${iq}<message xmlns='jabber:client'/>`) },
      "reply-with-extra-content",
    ],
    ["text beside the iq", { content: forwarded(`${iq}farewell`) }, "reply-with-extra-content"],
    [
      "two delays",
      { content: forwarded(`${iq}<delay xmlns='urn:xmpp:delay'/><delay xmlns='urn:xmpp:delay'/>`) },
      "reply-with-extra-content",
    ],
    ["text within the iq", { payload: "farewell" }, "reply-with-extra-content"],
    ["another inner id", { inner: INNER.replace("h1", "h2") }, "reply-inner-id"],
    ["an inner id of another case", { inner: INNER.replace("h1", "H1") }, "reply-inner-id"],
    ["the wrapper's id inside", { inner: INNER.replace("h1", "W1") }, "reply-inner-id"],
    ["no inner id", { inner: INNER.replace("id='h1'", "") }, "reply-inner-id"],
    ["an inner set", { inner: INNER.replace("result", "set") }, "reply-inner-type"],
    ["an inner get", { inner: INNER.replace("result", "get") }, "reply-inner-type"],
    ["no inner type", { inner: INNER.replace("type='result'", "") }, "reply-inner-type"],
    ["a reply to another resource", { inner: INNER.replace("balcony", "chamber") }, "reply-inner-to"],
    ["a reply to the requester's account", { inner: INNER.replace("/balcony", "") }, "reply-inner-to"],
    ["a reply to another user", { inner: INNER.replace(JULIET, ROMEO) }, "reply-inner-to"],
    ["a reply to nobody", { inner: INNER.replace(`to='${JULIET}'`, "") }, "reply-inner-to"],
    ["a forged sender", { inner: INNER.replace("from='juliet@", "from='romeo@") }, "reply-inner-from"],
    ["the domain as sender", { inner: INNER.replace("from='juliet@", "from='") }, "reply-inner-from"],
    [
      "the entity as sender",
      { inner: INNER.replace("from='juliet@capulet.lit", "from='pubsub.capulet.lit") },
      "reply-inner-from",
    ],
    ["the full JID as sender", { inner: `${INNER.slice(0, -1)}/balcony'` }, "reply-inner-from"],
    [
      "an empty sender",
      { inner: INNER.replace("juliet@capulet.lit'", "'").replace("to=''", `to='${JULIET}'`) },
      "reply-inner-from",
    ],
    ["a result with two children", { payload: "<a xmlns='urn:x'/><b xmlns='urn:x'/>" }, "reply-several-payloads"],
    ["an error without an error", { inner: INNER.replace("result", "error") }, "reply-error-without-error"],
    [
      "an error with an error of another namespace",
      { inner: INNER.replace("result", "error"), payload: "<error xmlns='urn:x'/>" },
      "reply-error-without-error",
    ],
    [
      "an error with two errors",
      { inner: INNER.replace("result", "error"), payload: "<error/><error/>" },
      "reply-error-without-error",
    ],
    [
      "an error with two payloads",
      { inner: INNER.replace("result", "error"), payload: "<error/><a xmlns='urn:x'/><b xmlns='urn:x'/>" },
      "reply-several-payloads",
    ],
  ];

  test.each(wrong)("%s", (_what, reply, code) => {
    const link = entityLink();
    ask(link, { token: "1", now: 100 });
    ask(link, { token: "2", iq: `<iq type='get' id='h2'><pubsub xmlns='${PUBSUB}'/></iq>` });
    expect(accept(link, reply, 350)).toEqual({ kind: "breach", code, token: "1", rule, elapsedMs: 250 });
    expect(link.pending).toBe(1);
    // It is over: neither a second try nor the right reply counts any more, and others do not notice.
    expect(word(link, reply, 351)).toBe("late");
    expect(word(link, {}, 352)).toBe("late");
    expect(word(link, { outerId: "W2", inner: INNER.replace("h1", "h2") }, 353)).toBe("reply");
  });

  test("each breach of the list is among these", () => {
    expect(new Set(wrong.map(([, , code]) => code))).toEqual(new Set(Object.keys(breaches)));
  });

  test("a wrapper without any sender or addressee", () => {
    for (const [attribute, code] of [
      ["from", "reply-from-elsewhere"],
      ["to", "reply-to-elsewhere"],
    ] as const) {
      const link = entityLink();
      ask(link, { token: "1" });
      const stanza = componentStanza(replyText());
      Reflect.deleteProperty(stanza.attrs, attribute);
      expect(link.accept(stanza, 0)).toMatchObject({ kind: "breach", code });
    }
  });

  test("but no absent sender, which is filled in with what was asked (protocol.md D31)", () => {
    for (const to of ["capulet.lit", "romeo@capulet.lit", "juliet@capulet.lit"]) {
      const link = entityLink();
      ask(link, { token: "1", iq: `<iq type='get' id='h1' to='${to}'><pubsub xmlns='${PUBSUB}'/></iq>` });
      expect(accept(link, { inner: INNER.replace("from='juliet@capulet.lit'", "") }, 0)).toMatchObject({
        kind: "reply",
        reply: { attrs: { from: to } },
      });
    }
  });

  test("the requester as sender, when somebody else was asked (protocol.md D31)", () => {
    const link = entityLink();
    ask(link, { token: "1", iq: `<iq type='get' id='h1' to='romeo@capulet.lit'><pubsub xmlns='${PUBSUB}'/></iq>` });
    expect(word(link)).toBe("breach reply-inner-from");
  });
});

describe("an error around the reply", () => {
  test("refuses the request, whatever it holds (XEP-0355 §4.3 N.B.2)", () => {
    for (const content of [
      "",
      "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
      forwarded(""),
    ]) {
      const link = entityLink();
      ask(link, { token: "1", now: 5 });
      expect(accept(link, { outerType: "error", content }, 7)).toEqual({
        kind: "refused",
        code: "wrapper-error",
        token: "1",
        rule,
        elapsedMs: 2,
      });
      expect(word(link)).toBe("late");
    }
  });

  test("must come from the entity, to the domain", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    ask(link, { token: "2" });
    expect(word(link, { outerType: "error", outerFrom: "x.lit" })).toBe("breach reply-from-elsewhere");
    expect(word(link, { outerId: "W2", outerType: "error", outerTo: "x.lit" })).toBe("breach reply-to-elsewhere");
  });
});

describe("what is not ours", () => {
  test.each([
    ["an unknown id", { outerId: "other" }],
    ["an id of another case", { outerId: "w1" }],
    ["the inner id", { outerId: "h1" }],
    ["a request with the same id", { outerType: "set" }],
    ["a request with the same id", { outerType: "get" }],
    ["no type", { outerType: "" }],
  ] satisfies readonly (readonly [string, Reply])[])(
    "%s goes on to the server, and the true reply still counts",
    (_, reply) => {
      const link = entityLink();
      ask(link, { token: "1" });
      expect(accept(link, reply)).toEqual({ kind: "not-ours" });
      expect(word(link)).toBe("reply");
    },
  );

  test("a message or a presence with the id of a wrapper", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    expect(word(link, replyText().replace("<iq", "<message").replace(/iq>$/, "message>"))).toBe("not-ours");
    expect(word(link)).toBe("reply");
  });

  test("a reply to another link of the same entity", () => {
    const [old, fresh] = [entityLink(), entityLink()];
    ask(old, { token: "1" });
    ask(fresh, { token: "2" });
    expect(word(fresh)).toBe("not-ours");
    expect(word(old)).toBe("reply");
  });

  test("is told from what is by the id alone", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    expect([link.isOurs("W1"), link.isOurs("W2")]).toEqual([true, false]);
    accept(link);
    expect(link.isOurs("W1")).toBe(true);
  });
});

describe("the end of a request", () => {
  test("comes once by its reply, with token, rule and time", () => {
    const link = entityLink();
    ask(link, { token: "1", now: 1000 });
    expect(accept(link, {}, 1250)).toMatchObject({ kind: "reply", type: "result", token: "1", rule, elapsedMs: 250 });
    expect(accept(link, {}, 1300)).toEqual({ kind: "late" });
    expect(link.expire("W1", 1300)).toBeUndefined();
    expect(link.abandon("W1", 1300)).toBeUndefined();
    expect(link.drain(1300)).toEqual([]);
    expect(link.pending).toBe(0);
  });

  test.each(["expire", "abandon"] as const)("comes once by %s, and the reply is swallowed", (end) => {
    const link = entityLink();
    ask(link, { token: "1", now: 1000 });
    expect(link[end]("W1", 31_000)).toEqual({ token: "1", rule, elapsedMs: 30_000 });
    expect(link[end]("W1", 31_000)).toBeUndefined();
    expect(accept(link, {}, 31_001)).toEqual({ kind: "late" });
    expect(accept(link, { outerType: "error", content: "" }, 31_002)).toEqual({ kind: "late" });
    expect(link.expire("unknown", 0)).toBeUndefined();
  });

  test("comes once for all when the link dies, and what comes later is late (D22)", () => {
    const link = entityLink();
    for (const token of ["1", "2", "3"]) ask(link, { token, now: Number(token) });
    accept(link, { outerId: "W2", inner: INNER.replace("h1", "unique-2") }, 5);
    expect(link.drain(10)).toEqual([
      { token: "1", rule, elapsedMs: 9 },
      { token: "3", rule, elapsedMs: 7 },
    ]);
    expect(link.drain(10)).toEqual([]);
    expect([link.pending, link.isOurs("W1"), link.isOurs("W2"), link.isOurs("W4")]).toEqual([0, true, true, false]);
    expect(accept(link, { outerId: "W1" }, 11)).toEqual({ kind: "late" });
    expect(ask(link, { token: "4", now: 12 })).toContain('id="h1"');
  });
});

describe("inner ids", () => {
  const inner = (wrapper: string): string | undefined => {
    const delegation = findChild(componentStanza(wrapper), "delegation", NS.delegation);
    const carrier = delegation && findChild(delegation, "forwarded", NS.forward);
    const iq = carrier && findChild(carrier, "iq", NS.client);
    return iq && attributeOf(iq, "id");
  };
  const idOf = (link: EntityLink<string>, reply: Reply) => {
    const outcome = accept(link, reply);
    return outcome.kind === "reply" ? attributeOf(outcome.reply, "id") : outcome.kind;
  };
  const answer = (id: string, to = JULIET) =>
    INNER.replace("h1", id).replace(JULIET, to).replace("from='juliet@capulet.lit'", "");

  test("of two users do not collide at the entity, and each gets the own one back (protocol.md D23)", () => {
    const link = entityLink();
    expect(inner(ask(link, { token: "1" }))).toBe("h1");
    expect(inner(ask(link, { token: "2", requester: ROMEO }))).toBe("unique-2");
    expect(inner(ask(link, { token: "3", requester: "nurse@capulet.lit/hall" }))).toBe("unique-3");
    expect(idOf(link, { outerId: "W2", inner: answer("unique-2", ROMEO) })).toBe("h1");
    expect(idOf(link, { outerId: "W1", inner: answer("h1") })).toBe("h1");
    expect(idOf(link, { outerId: "W3", inner: answer("unique-3", "nurse@capulet.lit/hall") })).toBe("h1");
  });

  test("that were avoided are not accepted under the name that was avoided", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    ask(link, { token: "2" });
    expect(word(link, { outerId: "W2" })).toBe("breach reply-inner-id");
    expect(word(link)).toBe("reply");
  });

  test("are kept as written again once the first request is answered", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    ask(link, { token: "2" });
    accept(link);
    expect(inner(ask(link, { token: "3" }))).toBe("h1");
    accept(link, { outerId: "W2", outerType: "error", content: "" });
    expect(inner(ask(link, { token: "4" }))).toBe("unique-4");
  });

  test("stay taken while the entity may still be busy with a request that timed out", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    link.expire("W1", 10);
    expect(inner(ask(link, { token: "2" }))).toBe("unique-2");
    expect(word(link)).toBe("late");
    expect(inner(ask(link, { token: "3" }))).toBe("h1");
    expect(word(link)).toBe("late");
    expect(inner(ask(link, { token: "4" }))).toBe("unique-4");
  });

  test("are the rewritten ones' own, even if a client hits upon one", () => {
    const link = entityLink();
    ask(link, { token: "1" });
    ask(link, { token: "2" });
    const iq = `<iq type='get' id='unique-2'><pubsub xmlns='${PUBSUB}'/></iq>`;
    expect(inner(ask(link, { token: "3", iq }))).toBe("unique-3");
    expect(idOf(link, { outerId: "W3", inner: answer("unique-3") })).toBe("unique-2");
    expect(idOf(link, { outerId: "W2", inner: answer("unique-2") })).toBe("h1");
  });
});

describe("what is remembered of finished requests (protocol.md D22)", () => {
  test("is bounded in number, the oldest go first", () => {
    const link = entityLink({ tombstones: 2, tombstoneMs: 1000 });
    for (const token of ["1", "2", "3"]) {
      ask(link, { token });
      link.expire(`W${token}`, 1);
    }
    expect(["W1", "W2", "W3"].map((id) => link.isOurs(id))).toEqual([false, true, true]);
    expect(word(link)).toBe("not-ours");
    expect(word(link, { outerId: "W3" })).toBe("late");
  });

  test("is the last so many, however many there were", () => {
    const link = entityLink({ tombstones: 40, tombstoneMs: 1000 });
    for (let at = 0; at < 500; at++) {
      ask(link, { token: String(at) });
      link.expire(`W${at}`, 1);
    }
    const remembered = Array.from({ length: 500 }, (_, at) => at).filter((at) => link.isOurs(`W${at}`));
    expect(remembered).toEqual(Array.from({ length: 40 }, (_, at) => 460 + at));
    expect(word(link, { outerId: "other" }, 1002)).toBe("not-ours");
    expect(link.isOurs("W499")).toBe(false);
    expect(ask(link, { token: "500", now: 1002 })).toContain('id="h1"');
  });

  test("is bounded in age", () => {
    const link = entityLink({ tombstones: 10, tombstoneMs: 1000 });
    ask(link, { token: "1" });
    link.expire("W1", 100);
    expect(word(link, {}, 1100)).toBe("late");
    expect(word(link, {}, 1101)).toBe("not-ours");
    expect(link.isOurs("W1")).toBe(false);
  });

  test("may be nothing, and then no inner id stays taken", () => {
    const link = entityLink({ tombstones: 0, tombstoneMs: 1000 });
    ask(link, { token: "1" });
    link.abandon("W1", 0);
    expect(link.isOurs("W1")).toBe(false);
    expect(ask(link, { token: "2" })).toContain('id="h1"');
  });

  test("releases the inner id of a request that was never answered when it is forgotten", () => {
    const link = entityLink({ tombstones: 10, tombstoneMs: 1000 });
    ask(link, { token: "1" });
    link.expire("W1", 0);
    expect(ask(link, { token: "2", now: 1000 })).toContain('id="unique-2"');
    expect(ask(link, { token: "3", now: 1001 })).toContain('id="h1"');
  });
});

test("every request has exactly one outcome, whatever happens in whatever order", { timeout: 60_000 }, () => {
  const request = fc.nat(9);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant("forward" as const), id: fc.constantFrom("a", "b", "c") }) },
    { weight: 4, arbitrary: fc.record({ does: fc.constant("reply" as const), request }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constantFrom("breach", "error", "expire", "abandon"), request }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("wait" as const), ms: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.constant({ does: "drain" as const }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(5), (steps, tombstones) => {
      const link = entityLink({ tombstones, tombstoneMs: 100 });
      const asked: { readonly id: string; readonly innerId: string; readonly at: number }[] = [];
      const outcomes: string[][] = [];
      const open = () => outcomes.filter((all) => all.length === 0).length;
      let now = 0;
      const settle = (settled: { readonly token: string; readonly elapsedMs: number } | undefined, kind: string) => {
        if (settled === undefined) return;
        outcomes[Number(settled.token)]?.push(kind);
        expect(settled.elapsedMs).toBe(now - (asked[Number(settled.token)]?.at ?? -1));
      };
      for (const one of steps) {
        if ("ms" in one) {
          now += one.ms;
        } else if ("id" in one) {
          const token = String(asked.length);
          const iq = `<iq type='get' id='${one.id}'><pubsub xmlns='${PUBSUB}'/></iq>`;
          const wrapper = ask(link, { token, iq, now });
          const innerId = /<iq xmlns="jabber:client"[^>]* id="([^"]*)"/.exec(wrapper)?.[1] ?? "";
          // No two requests that the entity can still be asked about bear one id.
          const inUse = asked.filter((_, at) => outcomes[at]?.length === 0).map((other) => other.innerId);
          expect(inUse).not.toContain(innerId);
          asked.push({ id: one.id, innerId, at: now });
          outcomes.push([]);
        } else if ("request" in one) {
          const outerId = `W${one.request}`;
          const { innerId = "none", id } = asked[one.request] ?? {};
          const wasOpen = outcomes[one.request]?.length === 0;
          if (one.does === "expire" || one.does === "abandon") {
            settle(link[one.does](outerId, now), one.does);
          } else {
            const reply: Reply = {
              outerId,
              outerType: one.does === "error" ? "error" : "result",
              inner: INNER.replace("h1", one.does === "breach" ? "wrong" : innerId),
            };
            const outcome = accept(link, reply, now);
            if ("token" in outcome) settle(outcome, outcome.kind);
            if (outcome.kind === "reply") expect(outcome.reply.attrs["id"]).toBe(id);
            expect("token" in outcome).toBe(wasOpen);
          }
        } else {
          for (const settled of link.drain(now)) settle(settled, "drain");
        }
        expect(link.pending).toBe(open());
      }
      for (const settled of link.drain(now)) settle(settled, "drain");
      expect(outcomes.map((all) => all.length)).toEqual(asked.map(() => 1));
    }),
    { numRuns: 500 },
  );
});
