import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ReplyChanges, replyTo } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// A managing entity that is absent, dies, keeps silent or answers in any wrong way. The client gets exactly one answer.

const line = `<line xmlns='${verseNs}'>yes</line>`;
const forwarded = (iq: string): string =>
  `<delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'>${iq}</forwarded></delegation>`;

const wrongReplies: readonly (readonly [what: string, changes: ReplyChanges])[] = [
  [
    "an error instead of a reply",
    {
      outerType: "error",
      content: "<error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    },
  ],
  ["an empty result", { content: "" }],
  ["something that is no delegation", { content: "<query xmlns='jabber:iq:version'/>" }],
  ["a delegation of another version", { content: "<delegation xmlns='urn:xmpp:delegation:1'/>" }],
  ["an empty delegation", { content: "<delegation xmlns='urn:xmpp:delegation:2'/>" }],
  ["nothing forwarded", { content: forwarded("") }],
  ["a forwarded message", { content: forwarded("<message xmlns='jabber:client'/>") }],
  ["an inner iq in the component's namespace", { innerNamespace: null }],
  ["an inner iq in jabber:server", { innerNamespace: "jabber:server" }],
  ["another inner id", { innerId: "other" }],
  ["no inner id", { innerId: null }],
  ["another inner to", { innerTo: "romeo@capulet.lit/orchard" }],
  ["a bare inner to", { innerTo: "juliet@capulet.lit" }],
  ["no inner to", { innerTo: null }],
  ["another inner from", { innerFrom: "romeo@capulet.lit" }],
  ["the domain as inner from", { innerFrom: "capulet.lit" }],
  ["itself as inner from", { innerFrom: entityJid }],
  ["an inner type set", { innerType: "set" }],
  ["an inner type get", { innerType: "get" }],
  ["no inner type", { innerType: null }],
  ["a result with two children", { payload: `${line}${line}` }],
  ["an inner error without an error", { innerType: "error" }],
];

describe.skipIf(cannotRun("prosody", "openssl"))("a managing entity that answers wrongly", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each(wrongReplies)(
    "%s makes service-unavailable for the client, and costs nobody else anything (XEP-0355 §4.3)",
    async (_what, changes) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("w1", "juliet@capulet.lit"));
      entity.answer(await entity.request(), { payload: line, ...changes });
      const { element } = await juliet.answer("w1");
      expect(element.attrs).toMatchObject({ type: "error", from: "juliet@capulet.lit", to: juliet.jid });
      expect(conditionOf(element)).toBe("service-unavailable");
      // The link lives, and the next request is answered.
      juliet.send(verseIq("w2"));
      entity.answer(await entity.request(), { payload: line });
      expect((await juliet.answer("w2")).element.attrs["type"]).toBe("result");
      await juliet.settle();
      expect(juliet.unread.map(({ raw }) => raw)).toEqual([]);
    },
  );

  test.each(["juliet@capulet.lit", "romeo@capulet.lit", "capulet.lit", undefined])(
    "an absent from in the reply is filled in with what the request was addressed to, %s (XEP-0355 §4.3, example 4)",
    async (to) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("f1", to));
      entity.answer(await entity.request(), { innerFrom: null });
      const { element } = await juliet.answer("f1");
      expect(element.attrs).toMatchObject({ type: "result", from: to ?? "juliet@capulet.lit" });
    },
  );

  test("an inner error reaches the client as it is", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("e1"));
    const error =
      "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><x xmlns='urn:x'/></error>";
    entity.answer(await entity.request(), { innerType: "error", payload: error });
    const { element } = await juliet.answer("e1");
    expect(conditionOf(element)).toBe("item-not-found");
    expect(element.getChild("error")?.getChild("x", "urn:x")).toBeDefined();
  });

  test("a second reply to the same request is swallowed", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("t1"));
    const wrapped = await entity.request();
    entity.answer(wrapped, { payload: line });
    entity.answer(wrapped, { payload: "<again/>" });
    expect((await juliet.answer("t1")).raw).toContain("yes");
    await entity.stream.settle();
    await juliet.settle();
    expect(juliet.unread).toEqual([]);
    // Were it relayed, the server would answer or complain.
    expect(entity.unexpected).toEqual([]);
  });

  test("a reply forged on another component's link gives nothing, and the true one still arrives", async () => {
    const entity = await scene.entity();
    const echo = await scene.component("echo.capulet.lit");
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("g1"));
    const wrapped = await entity.request();
    echo.send(replyTo(wrapped, { outerFrom: "echo.capulet.lit", payload: "<forged/>" }));
    await echo.settle();
    entity.answer(wrapped, { payload: line });
    expect((await juliet.answer("g1")).raw).toContain("yes");
    await juliet.settle();
    expect(juliet.unread).toEqual([]);
  });

  test("a reply forged by another client gives nothing, and the true one still arrives", async () => {
    const entity = await scene.entity();
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
    juliet.send(verseIq("g2"));
    const wrapped = await entity.request();
    romeo.send(`<iq type='result' id='g2' to='${juliet.jid}' from='juliet@capulet.lit'><forged/></iq>`);
    romeo.send(`<iq type='result' id='${String(wrapped.outer.attrs["id"])}' to='capulet.lit'><forged/></iq>`);
    await romeo.settle();
    entity.answer(wrapped, { payload: line });
    const true_ = await juliet.take((element) => element.attrs["from"] === "juliet@capulet.lit");
    expect(true_.raw).toContain("yes");
    await juliet.settle();
    // What the server relays of romeo's carries romeo's own address.
    for (const { element } of juliet.unread) expect(element.attrs["from"]).toBe(romeo.jid);
  });

  test("two users with the same id at once get each their own answer (protocol.md D23)", async () => {
    const entity = await scene.entity();
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
    juliet.send(verseIq("1"));
    const first = await entity.request();
    romeo.send(verseIq("1"));
    const second = await entity.request();
    expect(first.inner.attrs["id"]).toBe("1");
    expect(second.inner.attrs["id"]).not.toBe("1");
    entity.answer(second, { payload: "<for-romeo/>" });
    entity.answer(first, { payload: "<for-juliet/>" });
    expect((await juliet.answer("1")).raw).toContain("for-juliet");
    expect((await romeo.answer("1")).raw).toContain("for-romeo");
  });

  test("the same id twice from one stream gets two answers in order", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("2") + verseIq("2"));
    const [first, second] = [await entity.request(), await entity.request()];
    entity.answer(first, { payload: "<a/>" });
    entity.answer(second, { payload: "<b/>" });
    expect((await juliet.answer("2")).raw).toContain("<a");
    expect((await juliet.answer("2")).raw).toContain("<b");
  });

  test("an absent managing entity makes service-unavailable at once (XEP-0355 §4.3)", async () => {
    const juliet = await scene.login("juliet");
    const { element } = await juliet.ask(verseIq("a1"));
    expect(conditionOf(element)).toBe("service-unavailable");
    expect(element.attrs["from"]).toBe("juliet@capulet.lit");
  });

  test.each(["close", "drop", "reset"] as const)(
    "a managing entity that is lost (%s) with requests open leaves none unanswered",
    async (way) => {
      const entity = await scene.entity();
      const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
      juliet.send(verseIq("d1") + verseIq("d2", "romeo@capulet.lit"));
      romeo.send(verseIq("d3"));
      for (let count = 0; count < 3; count++) await entity.request();
      if (way === "close") await entity.stream.close();
      else entity.stream[way]();
      for (const [stream, id] of [
        [juliet, "d1"],
        [juliet, "d2"],
        [romeo, "d3"],
      ] as const) {
        expect(conditionOf((await stream.answer(id)).element)).toBe("service-unavailable");
      }
      await juliet.settle();
      expect(juliet.unread).toEqual([]);
    },
  );

  test("a client that leaves while its request is open disturbs nobody", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("q1"));
    const wrapped = await entity.request();
    juliet.drop();
    const again = await scene.login("juliet", { resource: "garden" });
    entity.answer(wrapped, { payload: line });
    await entity.stream.settle();
    await again.settle();
    expect(again.unread).toEqual([]);
    expect(entity.unexpected).toEqual([]);
  });

  test("of a hundred requests sent at once each gets its own answer, in order (RFC 6120 §10.1)", async () => {
    const entity = await scene.entity();
    entity.answerAll(({ inner }) => ({ payload: `<line xmlns='${verseNs}'>${String(inner.attrs["id"])}</line>` }));
    const juliet = await scene.login("juliet");
    const ids = Array.from({ length: 100 }, (_, index) => `h${String(index)}`);
    juliet.send(ids.map((id) => verseIq(id)).join(""));
    const last = await juliet.answer("h99");
    expect(last.raw).toContain(">h99<");
    expect(juliet.unread.map(({ element }) => [element.attrs["id"], element.getChildText("line")])).toEqual(
      ids.slice(0, 99).map((id) => [id, id]),
    );
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("time limits", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: {
        [verseNs]: { jid: entityJid, timeout: "500ms" },
        "urn:example:blocking": { jid: entityJid, blocking: true },
      },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("a silent managing entity makes service-unavailable after the time limit (protocol.md D34)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const before = performance.now();
    juliet.send(verseIq("s1"));
    const wrapped = await entity.request();
    const { element } = await juliet.answer("s1");
    expect(performance.now() - before).toBeGreaterThan(450);
    expect(conditionOf(element)).toBe("service-unavailable");

    // The late reply is swallowed: neither the client nor the server sees it.
    entity.answer(wrapped, { payload: line });
    await scene.caesura.untilMetric("caesura_delegations_total", { outcome: "late" }, (count) => count === 1);
    await entity.stream.settle();
    await juliet.settle();
    expect(juliet.unread).toEqual([]);
    expect(entity.unexpected).toEqual([]);
    expect(await scene.caesura.metric("caesura_delegations_total", { outcome: "timeout" })).toBe(1);
  });

  test("behind a blocking delegation the client's next stanza waits for the answer (XEP-0355 §9)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send("<iq type='get' id='b1'><q xmlns='urn:example:blocking'/></iq>");
    juliet.send("<iq type='get' id='b2' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>");
    const wrapped = await entity.request();
    await entity.stream.settle();
    expect(juliet.unread).toEqual([]);
    entity.answer(wrapped);
    expect((await juliet.next()).element.attrs["id"]).toBe("b1");
    expect((await juliet.next()).element.attrs["id"]).toBe("b2");
  });
});
