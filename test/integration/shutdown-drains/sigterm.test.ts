import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("SIGTERM", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.stop());

  test("ends idle streams with system-shutdown and the process with 0 (RFC 6120 §4.9.3.21)", async () => {
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo", { transport: "starttls" })];
    const entity = await scene.entity();
    scene.caesura.peer.signal("SIGTERM");
    for (const stream of [juliet, romeo, entity.stream]) {
      expect(await stream.streamError()).toBe("system-shutdown");
      await stream.streamEnd();
      await stream.closed();
    }
    expect(await scene.caesura.peer.ended()).toBe(0);
  });

  test("lets a pending request be answered first, takes no new connection, and is not ready meanwhile", async () => {
    const juliet = await scene.login("juliet");
    const entity = await scene.entity();
    juliet.send(verseIq("p1"));
    const wrapped = await entity.request();
    scene.caesura.peer.signal("SIGTERM");
    await scene.caesura.peer.untilLog((log) => log.includes('"event":"draining"'));
    await expect(XmppStream.connect(scene.caesura.ports.clear)).rejects.toThrow(/ECONNREFUSED|closed/);
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>yes</line>` });
    expect((await juliet.answer("p1")).raw).toContain("yes");
    expect(await juliet.streamError()).toBe("system-shutdown");
    expect(await scene.caesura.peer.ended()).toBe(0);
  });

  test("a second signal ends the process at once", async () => {
    const juliet = await scene.login("juliet");
    const entity = await scene.entity();
    juliet.send(verseIq("p1"));
    await entity.request();
    scene.caesura.peer.signal("SIGTERM");
    await scene.caesura.peer.untilLog((log) => log.includes('"event":"draining"'));
    scene.caesura.peer.signal("SIGTERM");
    expect(await scene.caesura.peer.ended(3_000)).toBe(1);
  });
});
