import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { type Prosody, startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("a server that goes away", () => {
  let prosody: Prosody;
  let scene: Scene;
  beforeEach(async () => {
    prosody = await startProsody({ components: { [entityJid]: secret } });
    scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(() => scene.stop());

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "by %s ends all streams, leaves no request waiting, and is there again later",
    async (signal) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet", { transport: "starttls" });
      juliet.send(verseIq("v1"));
      await entity.request();
      prosody.peer.signal(signal);
      expect(conditionOf((await juliet.answer("v1")).element)).toBe("service-unavailable");
      await juliet.closed();
      await entity.stream.closed();
      await prosody.peer.ended();

      const early = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
      early.send(clientHeader("capulet.lit"));
      expect(await early.streamError()).toBe("remote-connection-failed");
      await scene.caesura.untilMetric("caesura_sessions", {}, (count) => count === 0);
      await scene.caesura.untilMetric("caesura_delegations_pending", {}, (count) => count === 0);

      const again = await startProsody({ components: { [entityJid]: secret } });
      try {
        await scene.caesura.reload({ behind: { c2sPort: again.c2sPort, componentPort: again.componentPort } });
        const back = await scene.entity();
        back.answerAll();
        const romeo = await scene.login("romeo", { transport: "direct" });
        expect((await romeo.ask(verseIq("v2"))).element.attrs["type"]).toBe("result");
      } finally {
        await again.stop();
      }
    },
  );
});
