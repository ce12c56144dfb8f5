import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { authenticate } from "../../support/login.js";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import type { Scene } from "../../support/scene.js";
import { verseIq } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";
import { enable, Ground, isGone, servers, sm } from "./ground.js";

// Each test: the condition that the standard names, a counter that moves, and then nothing that is left of it.

const ack = (h: string): string => `<a xmlns='${sm}' h='${h}'/>`;
const resume = (previd: string, h: string): string => `<resume xmlns='${sm}' previd='${previd}' h='${h}'/>`;
const bind =
  "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>late</resource></bind></iq>";

describe.skipIf(cannotRun("prosody", "ejabberdctl", "erl", "openssl")).each(["Prosody", "ejabberd"] as const)(
  "with %s behind, a client",
  (server) => {
    let scene: Scene;
    let entity: ManagingEntity;
    let romeo: XmppStream;
    let ground: Ground;
    beforeAll(async () => {
      scene = await servers[server]();
    });
    beforeEach(async () => {
      entity = await scene.entity();
      romeo = await scene.login("romeo");
      ground = await Ground.of(scene);
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    const faults = (code: string): Promise<number> =>
      scene.caesura.metric("caesura_stream_faults_total", { leg: "client", code });
    const refused = (): Promise<number> => scene.caesura.metric("caesura_resumptions_total", { outcome: "refused" });

    /** Juliet, with stream management, a resumable session and a delegated request that waits for its answer. */
    async function busy(): Promise<readonly [juliet: XmppStream, cid: string, answer: () => void]> {
      const juliet = await scene.login("juliet");
      juliet.send(enable);
      const { element } = await juliet.take((one) => one.getName() === "enabled", "enabled");
      juliet.send(verseIq("open"));
      const request = await entity.request();
      const answer = (): void => {
        entity.answer(request);
      };
      return [juliet, String(element.attrs["id"]), answer];
    }

    /** An authenticated stream that has not bound a resource. */
    async function returning(user = "juliet"): Promise<XmppStream> {
      return scene.owning(await authenticate({ port: scene.caesura.ports.clear, user, ca: scene.caesura.ca() }));
    }

    /** The stream goes on as if nothing had been said, and can be bound and closed. */
    async function bindsAndLeaves(stream: XmppStream): Promise<void> {
      expect((await stream.ask(bind)).element.attrs["type"]).toBe("result");
      await stream.close();
    }

    async function failure(stream: XmppStream): Promise<readonly [condition: string | undefined, h: unknown]> {
      const { element } = await stream.take((one) => one.getName() === "failed", "failed");
      // Prosody wraps the condition of its own in <error/>.
      const held = element.getChild("error") ?? element;
      return [held.getChildElements()[0]?.getName(), element.attrs["h"]];
    }

    test.each([
      ["no number", "", "ack-malformed", "invalid-xml"],
      ["a negative number", "-1", "ack-malformed", "invalid-xml"],
      ["a word", "one", "ack-malformed", "invalid-xml"],
      ["a number beyond 32 bits", "4294967296", "ack-malformed", "invalid-xml"],
      ["more than it was sent", "7", "ack-too-high", "undefined-condition"],
    ] as const)("that acknowledges %s gets its condition (XEP-0198 §4, §6; S14)", async (_what, h, code, condition) => {
      const before = await faults(code);
      const [juliet] = await busy();
      juliet.send(ack(h));
      expect(await juliet.streamError()).toBe(condition);
      await juliet.closed();
      expect(await faults(code)).toBe(before + 1);
      await ground.isRegained();
      await isGone(romeo, juliet.jid);
    });

    test("that acknowledges before it enables anything is judged by the server, as without Caesura", async () => {
      const counter = { leg: "client", condition: "unsupported-stanza-type", origin: "peer" };
      const before = await scene.caesura.metric("caesura_stream_errors_total", counter);
      const juliet = await scene.login("juliet");
      juliet.send(ack("0"));
      if (server === "Prosody") {
        expect(await juliet.streamError()).toBe("unsupported-stanza-type");
        await juliet.closed();
        expect(await scene.caesura.metric("caesura_stream_errors_total", counter)).toBe(before + 1);
      } else {
        expect(await failure(juliet)).toEqual(["unexpected-request", undefined]);
        await juliet.settle();
        await juliet.close();
      }
      await ground.isRegained();
      await isGone(romeo, juliet.jid);
    });

    test("that enables twice hears unexpected-request, and both go on counting as before (XEP-0198 §3)", async () => {
      const [juliet, , answer] = await busy();
      juliet.send(enable);
      expect(await failure(juliet)).toEqual(["unexpected-request", undefined]);
      answer();
      await juliet.answer("open");
      juliet.send(`<r xmlns='${sm}'/>`);
      // The delegated request, which the server never saw.
      const { element } = await juliet.take((one) => one.getName() === "a", "the acknowledgement");
      expect(element.attrs["h"]).toBe("1");
      await juliet.close();
      await ground.isRegained();
      await isGone(romeo, juliet.jid);
    });

    test.each([
      ["an unknown id", (cid: string) => resume(`${cid}x`, "0"), "item-not-found"],
      ["an id without an instance", () => resume("x", "0"), "item-not-found"],
      ["no id", () => `<resume xmlns='${sm}' h='0'/>`, "bad-request"],
      ["an h that is no number", (cid: string) => resume(cid, "x"), "bad-request"],
      ["an h that is too high", (cid: string) => resume(cid, "99"), "item-not-found"],
    ] as const)(
      "that resumes with %s gets <failed/> without h, and may bind (XEP-0198 §5; S14, S32, S33)",
      async (_what, request, condition) => {
        const before = await refused();
        const [juliet, cid, answer] = await busy();
        juliet.drop();
        const again = await returning();
        again.send(request(cid));
        expect(await failure(again)).toEqual([condition, undefined]);
        expect(await refused()).toBe(before + 1);
        await bindsAndLeaves(again);
        // The session itself is still there for who asks rightly, unless its owner asked for what it never got.
        if (!request(cid).includes("'99'")) {
          const third = await returning();
          third.send(resume(cid, "0"));
          await third.take((one) => one.getName() === "resumed", "resumed");
          answer();
          await third.answer("open");
          await third.close();
        }
        await ground.isRegained();
      },
    );

    test("that resumes somebody else's session gets what an unknown id gets, and the owner keeps it (S32)", async () => {
      const [juliet, cid, answer] = await busy();
      juliet.drop();
      const thief = await returning("romeo");
      thief.send(resume(cid, "0"));
      expect(await failure(thief)).toEqual(["item-not-found", undefined]);
      await bindsAndLeaves(thief);
      const again = await returning();
      again.send(resume(cid, "0"));
      await again.take((one) => one.getName() === "resumed", "resumed");
      answer();
      await again.answer("open");
      await again.close();
      await ground.isRegained();
      await isGone(romeo, juliet.jid);
    });

    test("that resumes behind binding gets unexpected-request, and its own session goes on (XEP-0198 §5)", async () => {
      const before = await refused();
      const [juliet, cid, answer] = await busy();
      juliet.send(resume(cid, "0"));
      expect(await failure(juliet)).toEqual(["unexpected-request", undefined]);
      expect(await refused()).toBe(before + 1);
      await juliet.settle();
      answer();
      await juliet.answer("open");
      await juliet.close();
      await ground.isRegained();
      await isGone(romeo, juliet.jid);
    });
  },
);
