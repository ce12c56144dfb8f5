import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { counting } from "../../support/counting-client.js";
import { answerDisco, disco, features, infoNs, infoOf } from "../../support/disco.js";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { type AnyServer, serverKinds } from "../../support/servers.js";
import type { Received } from "../../support/stream-reader.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// Delegations that appear, disappear or move with a reload (XEP-0355 §8; protocol.md D12): who manages is told, what is under
// way is finished, discovery follows at once, and nothing else is touched.

const otherJid = "echo.capulet.lit";
const proseNs = "urn:example:prose";
const delegations = { [verseNs]: { jid: entityJid } };
const yes = { payload: `<line xmlns='${verseNs}'>yes</line>` };

function namespacesIn({ element }: Received): readonly string[] {
  const delegated = element.getChild("delegation")?.getChildElements() ?? [];
  return delegated.map(({ attrs }) => String(attrs["namespace"]));
}

describe.each(serverKinds)("a reload that changes delegations, in front of $name", ({ programs, start }) => {
  describe.skipIf(cannotRun(...programs))("with two components", () => {
    let scene: Scene;
    beforeAll(async () => {
      const server: AnyServer = await start({ components: { [entityJid]: secret, [otherJid]: secret }, pep: false });
      scene = await Scene.before(server, { behind: server, delegations });
    });
    afterEach(async () => {
      await scene.clear();
      await scene.caesura.reload({ delegations });
    });
    afterAll(() => scene.stop());

    const speaking = async (jid: string): Promise<ManagingEntity> =>
      scene.entity(jid, {
        intercept: ({ element }, stream) =>
          answerDisco(element, stream, () => features(verseNs, `${verseNs}#by-${jid}`)),
      });

    test("tells each entity what it manages now: more, less, nothing (D12)", async () => {
      const entity = await scene.entity();
      await scene.caesura.reload({ delegations: { ...delegations, [proseNs]: { jid: entityJid } } });
      expect(namespacesIn(await entity.advertisement())).toEqual([verseNs, proseNs]);
      await scene.caesura.reload({ delegations: { [proseNs]: { jid: entityJid } } });
      expect(namespacesIn(await entity.advertisement())).toEqual([proseNs]);
      await scene.caesura.reload({ delegations: { [proseNs]: { jid: entityJid, filtering: ["node"] } } });
      expect((await entity.advertisement()).raw).toContain('<attribute name="node"/>');
      await scene.caesura.reload({ delegations: {} });
      expect(namespacesIn(await entity.advertisement())).toEqual([]);
      await scene.caesura.reload({ delegations: {} });
      expect(entity.stream.unread.filter(({ element }) => element.getName() === "message")).toEqual([]);
    });

    test("moves a namespace: the one is told that it lost it, the other that it has it, and discovery follows", async () => {
      const first = await speaking(entityJid);
      const second = await scene.component(otherJid);
      second.intercept = ({ element }) =>
        answerDisco(element, second, () => features(verseNs, `${verseNs}#by-${otherJid}`));
      const juliet = await scene.login("juliet");
      const asked = await scene.caesura.metric("caesura_discovery_questions_total");
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: otherJid } } });
      expect(namespacesIn(await first.advertisement())).toEqual([]);
      const told = await second.take((element) => element.getChild("delegation") !== undefined);
      expect(namespacesIn(told)).toEqual([verseNs]);
      // At once, what the one before said is gone; what the next one says comes with its answer.
      expect((await juliet.ask(disco(infoNs, "capulet.lit"))).raw).not.toContain(`#by-${entityJid}`);
      await scene.caesura.untilMetric("caesura_discovery_questions_total", {}, (count) => count >= asked + 2);
      expect(infoOf(await juliet.ask(disco(infoNs, "capulet.lit"))).features).toContain(`${verseNs}#by-${otherJid}`);
    });

    test("finishes what was asked under a rule that is gone, also over a stream that is resumed meanwhile", async () => {
      const entity = await scene.entity();
      const juliet = await counting(scene, "juliet");
      const romeo = await scene.login("romeo");
      juliet.send(verseIq("v1"));
      const wrapped = await entity.request();
      romeo.send(verseIq("v2"));
      const other = await entity.request();
      await scene.caesura.reload({ delegations: {} });
      const again = await juliet.resume(scene, "juliet");
      entity.answer(wrapped, yes);
      expect((await again.stream.answer("v1")).raw).toContain("yes");
      await again.synchronise();
      // An entity that leaves owes its answers still: they end as they always do (D33).
      await entity.stream.close();
      expect(conditionOf((await romeo.answer("v2")).element)).toBe("service-unavailable");
      expect(other.inner.attrs["id"]).toBe("v2");
      await scene.caesura.untilMetric("caesura_delegations_pending", {}, (pending) => pending === 0);
    });

    test("finishes what was asked of a user who is dismissed", async () => {
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: "nurse@capulet.lit" } } });
      const nurse = await scene.login("nurse");
      nurse.intercept = ({ element }) => answerDisco(element, nurse, () => "");
      nurse.send("<presence/>");
      await nurse.take((element) => element.getChild("delegation") !== undefined && element.getName() === "message");
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("v1"));
      await nurse.take((element) => element.getName() === "iq" && element.getChild("delegation") !== undefined);
      await scene.caesura.reload({ delegations: {} });
      expect(conditionOf((await juliet.answer("v1")).element)).toBe("service-unavailable");
      await juliet.settle();
      await nurse.settle();
    });

    test("touches no connection, and its counters go on", async () => {
      const entity = await speaking(entityJid);
      entity.answerAll(() => yes);
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("v1"));
      await juliet.stream.answer("v1");
      const metrics = async (): Promise<readonly number[]> =>
        Promise.all(
          ["caesura_connections_total", "caesura_connections", "caesura_connections_closed_total"].map((name) =>
            scene.caesura.metric(name),
          ),
        );
      const before = await metrics();
      const matches = (): Promise<number> => scene.caesura.metric("caesura_rule_matches_total", { rule: verseNs });
      const matched = await matches();
      await scene.caesura.reload({ delegations: { ...delegations, [proseNs]: { jid: otherJid } } });
      juliet.send(verseIq("v2"));
      await juliet.stream.answer("v2");
      await juliet.synchronise();
      expect(await metrics()).toEqual(before);
      expect(before[0]).toBeGreaterThan(0);
      expect(await matches()).toBe(matched + 1);
    });
  });
});
