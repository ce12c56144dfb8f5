import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { counting, type CountingClient, managementRequest } from "../../support/counting-client.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq } from "../../support/scene.js";

/** What the server is said to have handled; its own `<a/>` is translated on the way. */
async function handled(client: CountingClient): Promise<number> {
  // The counting client reads the answer itself; another stanza of the server's tells that it has come.
  client.stream.send(managementRequest);
  await client.settle();
  return client.acknowledged;
}

describe.skipIf(cannotRun("prosody", "openssl"))("streamManagement.ackDelegated", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({ more: { streamManagement: { ackDelegated: "reply" } } });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("reply: a delegated request is acknowledged when its answer was queued, not before (S10)", async () => {
    const entity = await scene.entity();
    const juliet = await counting(scene, "juliet");
    juliet.send(verseIq("slow"));
    juliet.send("<message to='juliet@capulet.lit/nobody' type='headline'/>");
    const request = await entity.request();
    // The server has handled the message, yet a counter cannot say "all but the first".
    expect(await handled(juliet)).toBe(0);
    entity.answer(request);
    await juliet.stream.answer("slow");
    expect(await handled(juliet)).toBeGreaterThanOrEqual(2);
    await juliet.synchronise();
  });

  test("reply: an entity that never answers holds acknowledgements back until its timeout only (S10, D34)", async () => {
    await scene.caesura.reload({
      delegations: { "urn:example:verse": { jid: "verse.capulet.lit", timeout: "1s" } },
    });
    await scene.entity();
    const juliet = await counting(scene, "juliet");
    juliet.send(verseIq("never"));
    expect((await juliet.stream.answer("never")).element.attrs["type"]).toBe("error");
    await juliet.synchronise();
  });

  test("accept, after a reload: at once for who enables it then, and as before for who had enabled it", async () => {
    await scene.caesura.reload({ delegations: { "urn:example:verse": { jid: "verse.capulet.lit" } } });
    const entity = await scene.entity();
    const romeo = await counting(scene, "romeo");
    await scene.caesura.reload({ more: { streamManagement: { ackDelegated: "accept" } } });
    const juliet = await counting(scene, "juliet");
    juliet.send(verseIq("slow"));
    romeo.send(verseIq("slower"));
    const requests = [await entity.request(), await entity.request()];
    expect(await handled(juliet)).toBe(1);
    expect(await handled(romeo)).toBe(0);
    for (const request of requests) entity.answer(request);
    await romeo.stream.answer("slower");
    await romeo.synchronise();
    await juliet.synchronise();
  });
});
