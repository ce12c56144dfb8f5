import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Wrapped } from "../../support/managing-entity.js";
import { unwrap } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseNs } from "../../support/scene.js";

const clients = 60;
const requests = 20;

describe.skipIf(cannotRun("prosody", "openssl"))("a crowd", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterAll(() => scene.stop());

  test("gets each its own answers, whatever the order in which they come, and leaves nothing behind", async () => {
    const entity = await scene.entity();
    // Answers come in bundles, the last request first.
    let bundle: Wrapped[] = [];
    entity.stream.intercept = (received) => {
      const wrapped = unwrap(received);
      if (wrapped === undefined) return false;
      bundle.push(wrapped);
      if (bundle.length === 5) {
        for (const one of bundle.toReversed())
          entity.answer(one, { payload: `<line xmlns='${verseNs}'>${echo(one)}</line>` });
        bundle = [];
      }
      return true;
    };
    const transports = ["clear", "starttls", "direct"] as const;
    const crowd = await Promise.all(
      Array.from({ length: clients }, async (_, index) =>
        scene.login(index % 2 === 0 ? "juliet" : "romeo", {
          transport: transports[index % 3] ?? "clear",
          resource: `r${String(index)}`,
        }),
      ),
    );
    await Promise.all(
      crowd.map(async (client, index) => {
        // Everybody uses the same ids.
        const ids = Array.from({ length: requests }, (_, turn) => `id-${String(turn)}`);
        for (const id of ids) {
          client.send(`<iq type='set' id='${id}'><line xmlns='${verseNs}' of='${String(index)}-${id}'/></iq>`);
          client.send(`<iq type='get' id='p-${id}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
        }
        for (const id of ids) {
          const { element } = await client.answer(id, 30_000);
          expect(element.attrs["to"]).toBe(client.jid);
          expect(element.getChildText("line", verseNs)).toBe(`${String(index)}-${id} ${client.jid}`);
          await client.answer(`p-${id}`, 30_000);
        }
        expect(client.unread).toEqual([]);
      }),
    );
    expect(await scene.caesura.metric("caesura_delegations_total", { outcome: "result" })).toBe(clients * requests);

    for (const [index, client] of crowd.entries()) {
      if (index % 3 === 0) client.drop();
      else if (index % 3 === 1) client.reset();
    }
    await scene.clear();
    for (const gauge of [
      "caesura_sessions",
      "caesura_delegations_pending",
      "caesura_connections",
      "caesura_buffered_bytes",
    ]) {
      await scene.caesura.untilMetric(gauge, {}, (value) => value === 0);
    }
  });
});

function echo({ inner, payload }: Wrapped): string {
  return `${String(payload.attrs["of"])} ${String(inner.attrs["from"])}`;
}
