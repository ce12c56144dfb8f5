import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { counting, sm } from "../../support/counting-client.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { authenticate } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Relay } from "../../support/relay.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";
import { Ground, isGone } from "../bad-input-leaves-nothing-behind/ground.js";

// The other end of what a client loses: the server's leg, and the server's patience.

const components = { [entityJid]: secret };
const patienceSeconds = 1;
const servers = {
  Prosody: () => startProsody({ components, hibernationSeconds: patienceSeconds }),
  ejabberd: () =>
    startEjabberd({
      components,
      modules: { mod_stream_mgmt: { resend_on_timeout: false, resume_timeout: patienceSeconds } },
    }),
} as const;

const bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const message = "<message to='juliet@capulet.lit/nobody' type='headline'/>";

describe.skipIf(cannotRun("prosody", "ejabberdctl", "erl")).each(["Prosody", "ejabberd"] as const)(
  "a stream through Caesura to %s",
  (server) => {
    let wire: Relay;
    let scene: Scene;
    beforeAll(async () => {
      const behind = await servers[server]();
      wire = await Relay.to(behind.c2sPort);
      scene = await Scene.before(behind, {
        behind: { c2sPort: wire.port, componentPort: behind.componentPort },
        delegations: { [verseNs]: { jid: entityJid } },
      });
    });
    afterEach(() => scene.clear());
    afterAll(async () => {
      await wire.stop();
      await scene.stop();
    });

    async function returning(): Promise<XmppStream> {
      return scene.owning(
        await authenticate({ port: scene.caesura.ports.clear, user: "juliet", ca: scene.caesura.ca() }),
      );
    }

    /** Waits until the server has given up whoever is not there: it keeps a question for them as long, and then sends it back. */
    async function givenUp(observer: XmppStream, jid: string): Promise<void> {
      const { element } = await observer.ask(
        `<iq type='get' id='given-up' to='${jid}'><ping xmlns='urn:xmpp:ping'/></iq>`,
      );
      expect(element.attrs["type"]).toBe("error");
      await isGone(observer, jid);
    }

    test("whose server leg is lost ends without a word, and is resumed with what was under way (S22, R13)", async () => {
      const entity = await scene.entity();
      const juliet = await counting(scene, "juliet");
      juliet.acknowledges = false;
      juliet.send(verseIq("unacknowledged"));
      entity.answer(await entity.request());
      await juliet.stream.answer("unacknowledged");
      juliet.received = 0;
      juliet.send(verseIq("pending"));
      const pending = await entity.request();
      wire.connections.at(-1)?.cut();
      await juliet.stream.closed();
      expect(juliet.stream.received).not.toContain("</stream:stream>");
      entity.answer(pending);

      const again = await juliet.resume(scene, "juliet");
      await again.stream.answer("unacknowledged");
      await again.stream.answer("pending");
      await again.synchronise();
      again.send(verseIq("next"));
      const next = await entity.request();
      expect(next.inner.attrs["id"]).toBe("next");
      entity.answer(next);
      await again.stream.answer("next");
    });

    test("that the server has given up tells the client in its own numbers what arrived (S31)", async () => {
      const entity = await scene.entity();
      const romeo = await scene.login("romeo");
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("taken"));
      entity.answer(await entity.request());
      await juliet.stream.answer("taken");
      juliet.send(message);
      await juliet.synchronise();
      const { acknowledged } = juliet;
      juliet.stream.drop();
      await givenUp(romeo, juliet.stream.jid);
      const again = await returning();
      again.send(`<resume xmlns='${sm}' previd='${juliet.cid}' h='${String(juliet.received)}'/>`);
      const { element } = await again.take((one) => one.getName() === "failed", "failed");
      // The server counts one less: it never saw what was taken.
      expect(acknowledged).toBe(2);
      expect(element.attrs["h"]).toBe("2");
      expect(String(element)).toContain("item-not-found");
      expect((await again.ask(bind)).element.attrs["type"]).toBe("result");
      await again.close();
      await scene.caesura.untilMetric("caesura_resumable_sessions", {}, (left) => left === 0);
    });

    test("that nobody comes back to is forgotten when the server's max is over, and what was pending with it (S21)", async () => {
      const { caesura } = scene;
      await caesura.reload({ more: { streamManagement: { grace: "0s" } } });
      const entity = await scene.entity();
      const romeo = await scene.login("romeo");
      const ground = await Ground.of(scene);
      const late = { outcome: "late" };
      const before = await caesura.metric("caesura_delegations_total", late);
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("pending"));
      const pending = await entity.request();
      await juliet.settle();
      juliet.stream.drop();
      await caesura.untilMetric("caesura_resumable_sessions", {}, (kept) => kept === 1);
      await ground.isRegained();
      await givenUp(romeo, juliet.stream.jid);
      // The entity answers to nobody, and its link takes no harm.
      entity.answer(pending);
      await entity.stream.settle();
      expect(await caesura.metric("caesura_delegations_total", late)).toBe(before + 1);
      const again = await returning();
      again.send(`<resume xmlns='${sm}' previd='${juliet.cid}' h='0'/>`);
      const { element } = await again.take((one) => one.getName() === "failed", "failed");
      expect(element.attrs["h"]).toBeUndefined();
      expect((await again.ask(bind)).element.attrs["type"]).toBe("result");
    });
  },
);
