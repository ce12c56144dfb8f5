import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { replyTo } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("a peer that is slow", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid, timeout: "2s" } },
      more: { limits: { pendingPerSession: 10, entityQueue: "64KiB" } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("a client that asks faster than it may be answered is read no further, and gets every answer", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const romeo = await scene.login("romeo", { transport: "starttls" });
    const ids = Array.from({ length: 200 }, (_, index) => `q${String(index)}`);
    juliet.send(ids.map((id) => verseIq(id)).join(""));
    // Only so many are under way at once, and the others wait where they are.
    for (let count = 0; count < 10; count++) await entity.request();
    await romeo.settle();
    await entity.stream.settle();
    expect(entity.waiting).toEqual([]);
    entity.answerAll();
    for (const id of ids.slice(0, 10))
      expect(conditionOf((await juliet.answer(id)).element)).toBe("service-unavailable");
    for (const id of ids.slice(10)) expect((await juliet.answer(id)).element.attrs["type"]).toBe("result");
  });

  test("a managing entity that stops reading costs its askers an error in time, and nobody else anything", async () => {
    const entity = await scene.entity();
    const askers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => scene.login("juliet", { resource: `r${String(index)}` })),
    );
    const romeo = await scene.login("romeo", { transport: "direct" });
    entity.stream.freeze();
    const payload = `<line xmlns='${verseNs}'>${"word ".repeat(20_000)}</line>`;
    for (const asker of askers) {
      for (let turn = 0; turn < 5; turn++) asker.send(`<iq type='set' id='f${String(turn)}'>${payload}</iq>`);
    }
    const before = performance.now();
    for (let turn = 0; turn < 20; turn++) await romeo.settle();
    expect(performance.now() - before).toBeLessThan(2_000);
    for (const asker of askers) {
      for (let turn = 0; turn < 5; turn++) {
        expect(conditionOf((await asker.answer(`f${String(turn)}`, 15_000)).element)).toBe("service-unavailable");
      }
    }
    expect(await scene.caesura.metric("caesura_entity_queued_bytes", { entity: entityJid })).toBeLessThan(2_000_000);
    await scene.caesura.untilMetric("caesura_delegations_pending", {}, (value) => value === 0);
  });

  test("a managing entity that writes a byte at a time is understood", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("s1"));
    const wrapped = await entity.request();
    await entity.stream.sendPieces(
      Array.from(replyTo(wrapped, { payload: `<line xmlns='${verseNs}'>é</line>` }), (c) => c),
    );
    expect((await juliet.answer("s1")).raw).toContain("é");
  });

  test("a client that reads nothing loses its connection after the drain deadline, not the managing entity its own", async () => {
    const slow = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid } },
      more: { timeouts: { drain: "1s" } },
    });
    try {
      const entity = await slow.entity();
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>${"word ".repeat(40_000)}</line>` }));
      const juliet = await slow.login("juliet");
      const romeo = await slow.login("romeo");
      juliet.freeze();
      for (let turn = 0; turn < 120; turn++) juliet.send(verseIq(`n${String(turn)}`));
      await slow.caesura.untilMetric(
        "caesura_connections_closed_total",
        { reason: "slow_peer" },
        (count) => count === 1,
      );
      expect((await romeo.ask(verseIq("v1"))).element.attrs["type"]).toBe("result");
      await entity.stream.settle();
    } finally {
      await slow.stop();
    }
  });
});
