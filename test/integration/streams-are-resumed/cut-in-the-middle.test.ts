import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { counting, sm } from "../../support/counting-client.js";
import { startEjabberd } from "../../support/ejabberd.js";
import type { Wrapped } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Relay } from "../../support/relay.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";

// The three that count: client, Caesura, server. At the moment of the cut one reply of the managing entity is on its way and
// unacknowledged, one request is pending, and stanzas of both ends are unacknowledged too.

const components = { [entityJid]: secret };
const servers = {
  Prosody: () => startProsody({ components }),
  ejabberd: () => startEjabberd({ components }),
} as const;

/** The counters of some element that the server was sent, in order. */
function counters(bytes: Buffer, element: "a" | "resume"): readonly number[] {
  return [...bytes.toString().matchAll(/<(a|resume) [^>]*?\bh=['"](\d+)['"]/g)]
    .filter(([, name]) => name === element)
    .map(([, , h]) => Number(h));
}

describe.skipIf(cannotRun("prosody", "ejabberdctl", "erl")).each(["Prosody", "ejabberd"] as const)(
  "a stream through Caesura to %s that is cut in the middle",
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

    test.each([
      ["once", 1],
      ["twice", 2],
    ])("%s loses nothing, doubles nothing and executes nothing twice (S30, §3.3)", async (_often, cuts) => {
      const entity = await scene.entity();
      const executed: string[] = [];
      const request = async (): Promise<Wrapped> => {
        const wrapped = await entity.request();
        executed.push(String(wrapped.inner.attrs["id"]));
        return wrapped;
      };
      const romeo = await scene.login("romeo");
      let juliet = await counting(scene, "juliet");
      juliet.send("<presence/>");
      juliet.send(verseIq("handled"));
      entity.answer(await request());
      await juliet.stream.answer("handled");
      await juliet.synchronise();
      juliet.stream.send(`<a xmlns='${sm}' h='${String(juliet.received)}'/>`);
      await juliet.settle();
      const handled = juliet.received;

      // From here on Juliet's program acknowledges nothing, and forgets at the cut what came.
      juliet.acknowledges = false;
      juliet.send(verseIq("unacknowledged"));
      entity.answer(await request());
      await juliet.stream.answer("unacknowledged");
      juliet.send(verseIq("pending"));
      const pending = await request();
      romeo.send(`<message id='down' to='${juliet.stream.jid}' type='chat'><body>hist</body></message>`);
      await juliet.stream.take((one) => one.attrs["id"] === "down", "the message");
      juliet.send(`<message id='up' to='${romeo.jid}' type='chat'><body>Romeo?</body></message>`);
      await romeo.take((one) => one.attrs["id"] === "up", "the message");

      for (let cut = 1; cut <= cuts; cut++) {
        juliet.received = handled;
        juliet = await juliet.resume(scene, "juliet");
        juliet.acknowledges = cut === cuts;
        // One of those that were handled was Caesura's, which the server knows nothing of.
        expect(counters(wire.connections.at(-1)?.sent ?? Buffer.alloc(0), "resume")).toEqual([handled - 1]);
        await juliet.stream.answer("unacknowledged");
        await juliet.stream.take((one) => one.attrs["id"] === "down", "the message again");
      }
      entity.answer(pending);
      await juliet.stream.answer("pending");
      await juliet.synchronise();
      await romeo.settle();

      const ours = new Set(["handled", "unacknowledged", "pending", "down"]);
      expect(juliet.seen.filter((id) => ours.has(id)).toSorted()).toEqual(["down", "pending", "unacknowledged"]);
      expect(executed).toEqual(["handled", "unacknowledged", "pending"]);
      expect(romeo.unread.filter(({ element }) => element.attrs["id"] === "up")).toEqual([]);
      for (const { sent } of wire.connections) {
        const told = counters(sent, "a");
        expect(told).toEqual(told.toSorted((one, other) => one - other));
      }
      juliet.send(verseIq("handled"));
      entity.answer(await request());
      await juliet.stream.answer("handled");
    });
  },
);
