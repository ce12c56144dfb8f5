import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { counting, managementRequest, sm } from "../../support/counting-client.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { authenticate } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";

const servers = {
  Prosody: () => Scene.withProsody(),
  ejabberd: async () => {
    const ejabberd = await startEjabberd({ components: { [entityJid]: secret } });
    return Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  },
} as const;

describe.skipIf(cannotRun("prosody", "ejabberdctl", "erl")).each(["Prosody", "ejabberd"] as const)(
  "a stream through Caesura to %s",
  (server) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await servers[server]();
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("stays alive through a hundred acknowledgements while stanzas are taken and put in (S2)", async () => {
      const entity = await scene.entity();
      entity.answerAll(() => ({}));
      const juliet = await counting(scene, "juliet");
      for (let at = 0; at < 100; at++) {
        const id = `v${String(at)}`;
        juliet.send(
          at % 3 === 0 ? `<message id='${id}' to='juliet@capulet.lit/nobody' type='headline'/>` : verseIq(id),
        );
        if (at % 3 !== 0) await juliet.stream.answer(id);
        juliet.stream.send(at % 2 === 0 ? managementRequest : `<a xmlns='${sm}' h='${String(juliet.received)}'/>`);
      }
      await juliet.synchronise();
      expect(juliet.stream.ending).toBeUndefined();
    });

    test("brings the answer that came while the client was away, and what the server kept (S21)", async () => {
      const entity = await scene.entity();
      const romeo = await scene.login("romeo");
      const juliet = await counting(scene, "juliet");
      juliet.send("<presence/>");
      juliet.send(verseIq("away"));
      const request = await entity.request();
      await juliet.settle();
      juliet.stream.drop();
      romeo.send(`<message id='m1' to='${juliet.stream.jid}' type='chat'><body>hist</body></message>`);
      await romeo.settle();
      entity.answer(request);
      const again = await juliet.resume(scene, "juliet");
      await again.stream.answer("away");
      await again.stream.take((one) => one.attrs["id"] === "m1", "the message");
      await again.synchronise();
      expect(again.seen.filter((id) => id === "away" || id === "m1").toSorted()).toEqual(["away", "m1"]);
    });

    test("repeats an answer that the client did not acknowledge, and executes no request twice (S30)", async () => {
      const entity = await scene.entity();
      let executed = 0;
      entity.answerAll(() => {
        executed++;
        return {};
      });
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("lost"));
      await juliet.stream.answer("lost");
      // The client crashed before it stored the answer: as far as it knows, nothing came and nothing was handled.
      juliet.received = 0;
      const again = await juliet.resume(scene, "juliet");
      await again.stream.answer("lost");
      await again.synchronise();
      expect(executed).toBe(1);
      again.send(verseIq("next"));
      await again.stream.answer("next");
      expect(executed).toBe(2);
    });

    test("is resumed twice in a row with a request pending, whose answer comes once (D36)", async () => {
      const entity = await scene.entity();
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("slow"));
      const request = await entity.request();
      const second = await juliet.resume(scene, "juliet");
      const third = await second.resume(scene, "juliet");
      entity.answer(request);
      await third.stream.answer("slow");
      await third.synchronise();
      expect(third.seen.filter((id) => id === "slow")).toHaveLength(1);
    });

    test("is not resumed by another account, and its owner still can (S32)", async () => {
      await scene.entity();
      const juliet = await counting(scene, "juliet");
      await juliet.settle();
      juliet.stream.drop();
      const romeo = scene.owning(
        await authenticate({ port: scene.caesura.ports.clear, user: "romeo", ca: scene.caesura.ca() }),
      );
      romeo.send(`<resume xmlns='${sm}' previd='${juliet.cid}' h='${String(juliet.received)}'/>`);
      const { element } = await romeo.take((one) => one.getName() === "failed", "failed");
      expect(element.attrs["h"]).toBeUndefined();
      await romeo.ask("<iq type='set' id='bind-2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
      const again = await juliet.resume(scene, "juliet");
      await again.synchronise();
    });
  },
);
