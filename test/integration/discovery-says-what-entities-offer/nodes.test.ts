import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CountingClient, counting } from "../../support/counting-client.js";
import { answerDisco, disco, infoNs, itemsNs } from "../../support/disco.js";
import type { ManagingEntity, Wrapped } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq } from "../../support/scene.js";
import { makeContacts, serverKinds } from "../../support/servers.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// Questions about items and nodes of accounts (XEP-0355 §7.2.4, §7.2.5; protocol.md D57, D58): the server knows its own
// nodes, and only what it does not know is the managing entity's.

const bareInfo = "urn:xmpp:delegation:2:bare:disco#info:*";
const bareItems = "urn:xmpp:delegation:2:bare:disco#items:*";
const node = "urn:example:sonnets";
const delegations = { [bareInfo]: { jid: entityJid }, [bareItems]: { jid: entityJid } };
const stanzasNs = "urn:ietf:params:xml:ns:xmpp-stanzas";

function answering(wrapped: Wrapped): { readonly payload: string } {
  const ns = wrapped.payload.getNS() ?? "";
  const { node: asked } = wrapped.payload.attrs as Record<string, string | undefined>;
  const attribute = asked === undefined ? "" : ` node='${asked}'`;
  return { payload: `<query xmlns='${ns}'${attribute}><mark xmlns='urn:example:entity'/></query>` };
}

describe.each(serverKinds)("questions about nodes, in front of $name", ({ name, programs, start }) => {
  describe.skipIf(cannotRun(...programs))("without a PEP service of its own", () => {
    let scene: Scene;
    let entity: ManagingEntity;

    beforeAll(async () => {
      const server = await start({ components: { [entityJid]: secret }, pep: false });
      scene = await Scene.before(server, { behind: server, delegations });
      await makeContacts(server);
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    const connected = async (): Promise<void> => {
      entity = await scene.entity();
      await entity.stream.settle().catch(() => undefined);
    };

    test.each([
      ["items of the own account", itemsNs, undefined, undefined],
      ["items of a contact", itemsNs, "romeo@capulet.lit", undefined],
      ["items of a node of the own account", itemsNs, undefined, node],
      ["items of a node of a contact", itemsNs, "romeo@capulet.lit", node],
      ["information on a node of the own account", infoNs, undefined, node],
      ["information on a node of a contact", infoNs, "Romeo@CAPULET.lit", node],
    ])("are the entity's: %s", async (_what, ns, to, about) => {
      await connected();
      entity.answerAll(answering);
      const juliet = await scene.login("juliet");
      const answer = await juliet.ask(disco(ns, to, about));
      expect(answer.element.attrs["type"]).toBe("result");
      expect(answer.raw).toContain("urn:example:entity");
      expect(await scene.caesura.metric("caesura_delegations_shadowed_total")).toBe(0);
      await juliet.settle();
    });

    test.each([
      ["a node of a stranger's", "nurse@capulet.lit"],
      ["a node of an account that does not exist", "nobody@capulet.lit"],
    ])("are the server's to refuse, alike: %s (XEP-0030 §8)", async (_what, to) => {
      await connected();
      entity.answerAll(answering);
      const juliet = await scene.login("juliet");
      const answer = await juliet.ask(disco(infoNs, to, node));
      expect(conditionOf(answer.element)).toBe(name === "Prosody" ? "service-unavailable" : "subscription-required");
      expect(answer.raw).not.toContain("urn:example:entity");
    });

    test("that the entity does not know either end in its own error (D32)", async () => {
      await connected();
      const notFound = `<error type='cancel'><item-not-found xmlns='${stanzasNs}'/></error>`;
      entity.answerAll(() => ({ innerType: "error", payload: notFound }));
      const juliet = await scene.login("juliet");
      expect(conditionOf((await juliet.ask(disco(infoNs, undefined, node))).element)).toBe("item-not-found");
    });

    test("that nobody is there to answer end in service-unavailable (D33)", async () => {
      const juliet = await scene.login("juliet");
      expect(conditionOf((await juliet.ask(disco(infoNs, undefined, node))).element)).toBe("service-unavailable");
    });

    test("are answered once when the stream is cut behind the server's withheld answer, and resumed (§3.2, X; S30)", async () => {
      await connected();
      const juliet = await counting(scene, "juliet");
      const question = disco(infoNs, "romeo@capulet.lit", node);
      const id = /id='([^']+)'/.exec(question)?.[1] ?? "";
      juliet.send(question);
      // The server has said that it does not know the node; nobody has acknowledged anything.
      const wrapped = await entity.request();
      const second = await juliet.resume(scene, "juliet");
      // What the server sends again, since it was not acknowledged, is swallowed again.
      await second.settle();
      expect(second.seen).not.toContain(id);
      entity.answer(wrapped, answering(wrapped));
      await second.stream.answer(id);
      await second.synchronise();
      expect(entity.waiting).toEqual([]);
      // Counters that went astray would end the next resumption, or the stream.
      const third = await second.resume(scene, "juliet");
      third.send(`<message to='${third.stream.jid}' id='m1'><body>anon</body></message>`);
      await third.stream.take((element) => element.attrs["id"] === "m1");
      await third.synchronise();
      expect([...second.seen, ...third.seen].filter((one) => one === id)).toHaveLength(1);
    });

    test("and an answer that came while the stream was lost waits for the next one", async () => {
      await connected();
      const juliet = await counting(scene, "juliet");
      const question = disco(itemsNs, undefined, node);
      const id = /id='([^']+)'/.exec(question)?.[1] ?? "";
      juliet.send(question);
      const wrapped = await entity.request();
      juliet.stream.drop();
      await scene.caesura.untilMetric("caesura_delegations_pending", {}, (pending) => pending === 1);
      entity.answer(wrapped, answering(wrapped));
      await scene.caesura.untilMetric("caesura_delegations_pending", {}, (pending) => pending === 0);
      const again: CountingClient = await juliet.resume(scene, "juliet");
      await again.stream.answer(id);
      await again.synchronise();
      expect(again.seen.filter((one) => one === id)).toHaveLength(1);
    });

    test("of another namespace go on as they came", async () => {
      await connected();
      const juliet = await scene.login("juliet");
      expect((await juliet.ask(verseIq("v1"))).element.attrs["type"]).toBe("error");
      expect(entity.waiting).toEqual([]);
    });
  });

  describe.skipIf(cannotRun(...programs))("whose own PEP service answers", () => {
    let scene: Scene;

    beforeAll(async () => {
      const server = await start({ components: { [entityJid]: secret }, pep: true });
      scene = await Scene.before(server, { behind: server, delegations });
      await makeContacts(server);
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("are the server's where it has an answer, and the operator is told, once in the log (R15)", async () => {
      const entity = await scene.entity(entityJid, {
        intercept: ({ element }, stream) => answerDisco(element, stream, () => ""),
      });
      const juliet = await scene.login("juliet");
      const published = await juliet.ask(
        `<iq type='set' id='p1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item id='18'><line xmlns='urn:example:verse'/></item></publish></pubsub></iq>`,
      );
      expect(published.element.attrs["type"]).toBe("result");
      for (const ns of [infoNs, itemsNs, infoNs]) {
        const answer = await juliet.ask(disco(ns, undefined, node));
        expect(answer.element.attrs["type"]).toBe("result");
        expect(answer.raw).not.toContain("urn:example:entity");
      }
      expect(entity.waiting).toEqual([]);
      await scene.caesura.untilMetric("caesura_delegations_shadowed_total", { rule: bareInfo }, (count) => count === 2);
      await scene.caesura.untilMetric(
        "caesura_delegations_shadowed_total",
        { rule: bareItems },
        (count) => count === 1,
      );
      const warnings = scene.caesura.peer.log
        .split("\n")
        .filter((line) => line.includes(bareInfo) && line.includes("warn"));
      expect(warnings).toHaveLength(1);
    });
  });
});
