import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CountingClient, counting } from "../../support/counting-client.js";
import { answerDisco, disco, features, infoNs, infoOf } from "../../support/disco.js";
import { LibraryEntity } from "../../support/library-entity.js";
import { passwords } from "../../support/login.js";
import { ManagingEntity, replyTo, unwrap, type Wrapped } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { serverKinds } from "../../support/servers.js";
import { conditionOf, type XmppStream } from "../../support/xmpp-stream.js";

// A managing entity that is a user (XEP-0355 §4, §4.2): told what it manages when it becomes available, asked in its own
// stream, and no different from another client to the server.

const yes = { payload: `<line xmlns='${verseNs}'>yes</line>` };

/** Becomes available, answers questions of discovery, and takes its advertisement. */
async function manages(stream: XmppStream): Promise<ManagingEntity> {
  const entity = becoming(stream);
  const told = await entity.advertisement();
  expect(told.element.attrs).toMatchObject({ from: "capulet.lit", to: stream.jid });
  return entity;
}

function becoming(stream: XmppStream): ManagingEntity {
  const entity = new ManagingEntity(stream);
  stream.intercept = ({ element }) => answerDisco(element, stream, () => features(verseNs, `${verseNs}#of-a-user`));
  stream.send("<presence/>");
  return entity;
}

describe.each(serverKinds)("a user that manages a namespace, in front of $name", ({ programs, start }) => {
  describe.skipIf(cannotRun(...programs))("as a bare JID", () => {
    let scene: Scene;
    beforeAll(async () => {
      const server = await start({ components: { [entityJid]: secret }, pep: false });
      scene = await Scene.before(server, {
        behind: { c2sPort: server.c2sPort },
        delegations: { [verseNs]: { jid: "nurse@capulet.lit" } },
      });
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("is the resource that came first; the next one takes over when that leaves (§4)", async () => {
      const first = await manages(await scene.login("nurse", { resource: "chamber" }));
      const other = becoming(await scene.login("nurse", { resource: "kitchen" }));
      await other.stream.settle();
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("v1"));
      first.answer(await first.request(), yes);
      expect((await juliet.answer("v1")).raw).toContain("yes");

      juliet.send(verseIq("v2"));
      await first.request();
      first.send("<presence type='unavailable'/>");
      expect(conditionOf((await juliet.answer("v2")).element)).toBe("service-unavailable");
      expect((await other.advertisement()).element.attrs["to"]).toBe(other.stream.jid);
      juliet.send(verseIq("v3"));
      other.answer(await other.request(), yes);
      expect((await juliet.answer("v3")).raw).toContain("yes");

      // A lost connection without stream management is an end, too.
      other.stream.drop();
      first.send("<presence/>");
      await first.advertisement();
      juliet.send(verseIq("v4"));
      first.answer(await first.request(), yes);
      expect((await juliet.answer("v4")).raw).toContain("yes");
    });

    test("sends its own requests to the server, and is a client like others (§4.3.1)", async () => {
      const nurse = await manages(await scene.login("nurse"));
      expect(conditionOf((await nurse.stream.ask(verseIq("own"))).element)).toBe("service-unavailable");
      expect(nurse.waiting).toEqual([]);
      const juliet = await scene.login("juliet");
      nurse.send(`<message to='${juliet.jid}' id='m1' type='chat'><body>anon</body></message>`);
      await juliet.take((element) => element.attrs["id"] === "m1");
    });

    test("is the only one whose reply counts (D30)", async () => {
      const nurse = await manages(await scene.login("nurse"));
      const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
      juliet.send(verseIq("v1"));
      const wrapped = await nurse.request();
      romeo.send(replyTo(wrapped, { outerFrom: null, payload: "<forged xmlns='urn:example:forged'/>" }));
      await romeo.settle();
      nurse.answer(wrapped, { ...yes, outerFrom: null });
      const answer = await juliet.answer("v1");
      expect(answer.raw).toContain("yes");
      expect(answer.raw).not.toContain("forged");
    });

    test("says what accounts can do (§7.2)", async () => {
      const before = await scene.caesura.metric("caesura_discovery_questions_total", { outcome: "answered" });
      await manages(await scene.login("nurse"));
      await scene.caesura.untilMetric(
        "caesura_discovery_questions_total",
        { outcome: "answered" },
        (n) => n >= before + 2,
      );
      const juliet = await scene.login("juliet");
      expect(infoOf(await juliet.ask(disco(infoNs))).features).toContain(`${verseNs}#of-a-user`);
    });

    test("keeps its place when its stream is cut with a request unread, and is asked in the next one (XEP-0198 §5)", async () => {
      const nurse = await counted(scene);
      const juliet = await scene.login("juliet");
      nurse.stream.drop();
      juliet.send(verseIq("v1"));
      await scene.caesura.untilMetric("caesura_delegations_pending", {}, (pending) => pending === 1);
      const again = await nurse.resume(scene, "nurse");
      const wrapped = await nextRequest(again);
      again.send(replyTo(wrapped, yes));
      expect((await juliet.answer("v1")).raw).toContain("yes");
      await again.synchronise();
    });

    test("may lose its stream with its reply unacknowledged: the reply that it sends again is taken once (S30)", async () => {
      const nurse = await counted(scene);
      const juliet = await counting(scene, "juliet");
      juliet.send(verseIq("v1"));
      const wrapped = await nextRequest(nurse);
      nurse.send(replyTo(wrapped, yes));
      await juliet.stream.answer("v1");
      // As far as the user's client knows, the reply was lost.
      nurse.stream.send("<presence><priority>1</priority></presence>");
      nurse.unacknowledged.push("");
      const again = await nurse.resume(scene, "nurse");
      await again.synchronise();
      expect(juliet.seen.filter((id) => id === "v1")).toHaveLength(1);
      juliet.send(verseIq("v2"));
      again.send(replyTo(await nextRequest(again), yes));
      await juliet.stream.answer("v2");
      await juliet.synchronise();
      await again.synchronise();
    });

    test("may be made of a client library, over STARTTLS", async () => {
      const entity = await LibraryEntity.start({
        port: scene.caesura.ports.starttls,
        jid: "nurse@capulet.lit",
        password: passwords["nurse"] ?? "",
        caFile: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "",
        features: [verseNs],
      });
      try {
        const juliet = await scene.login("juliet", { transport: "starttls" });
        const answer = await juliet.ask(verseIq("v1", "juliet@capulet.lit"));
        expect(answer.element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: juliet.jid });
        expect(answer.element.getChild("line", verseNs)).toBeDefined();
        expect(entity.events).toContainEqual({ event: "advertised", namespaces: [verseNs] });
        expect(entity.events).toContainEqual({ event: "asked", namespace: verseNs, from: juliet.jid });
      } finally {
        await entity.stop();
      }
    });

    test("as a full JID, is that resource alone; a reload appoints it while it is connected (§8)", async () => {
      const kitchen = becoming(await scene.login("nurse", { resource: "kitchen" }));
      await kitchen.advertisement();
      const chamber = becoming(await scene.login("nurse", { resource: "chamber" }));
      await chamber.stream.settle();
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: "nurse@capulet.lit/chamber" } } });
      await chamber.advertisement();
      // The one before is told that it manages nothing any more.
      expect((await kitchen.advertisement()).element.getChild("delegation")?.getChildElements()).toEqual([]);
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("v1"));
      chamber.answer(await chamber.request(), yes);
      expect((await juliet.answer("v1")).raw).toContain("yes");
      chamber.send("<presence type='unavailable'/>");
      await chamber.stream.settle();
      expect(conditionOf((await juliet.ask(verseIq("v2"))).element)).toBe("service-unavailable");
      expect(kitchen.waiting).toEqual([]);
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: "nurse@capulet.lit" } } });
    });
  });
});

/** A managing user with stream management. */
async function counted(scene: Scene): Promise<CountingClient> {
  const nurse = await counting(scene, "nurse");
  nurse.send("<presence/>");
  await nurse.stream.take((element) => element.getName() === "message" && element.getChild("delegation") !== undefined);
  for (let questions = 0; questions < 2; questions++) {
    const { element } = await nurse.stream.take((one) => one.getChild("query", infoNs) !== undefined);
    answerDisco(
      element,
      {
        send: (answer) => {
          nurse.send(String(answer));
        },
      },
      () => "",
    );
  }
  await nurse.synchronise();
  return nurse;
}

async function nextRequest({ stream }: CountingClient): Promise<Wrapped> {
  const received = await stream.take((element) => unwrap({ raw: "", element }) !== undefined, "a wrapper");
  const wrapped = unwrap(received);
  if (wrapped === undefined) throw new Error("unreachable");
  return wrapped;
}
