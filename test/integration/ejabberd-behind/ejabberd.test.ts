import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEjabberd } from "../../support/ejabberd.js";
import { askWith } from "../../support/library-client.js";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("ejabberdctl", "erl", "openssl"))("ejabberd without delegation behind Caesura", () => {
  let scene: Scene;
  beforeAll(async () => {
    const ejabberd = await startEjabberd({ components: { [entityJid]: secret, "echo.capulet.lit": secret } });
    scene = await Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
      delegations: {
        [verseNs]: { jid: entityJid },
        "urn:example:filtered": { jid: entityJid, filtering: ["node"] },
      },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each(["clear", "starttls", "direct"] as const)(
    "a client over %s logs in and gets the component's answer",
    async (transport) => {
      const entity = await scene.entity();
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
      const juliet = await scene.login("juliet", { transport });
      const { element, raw } = await juliet.ask(verseIq("v1"));
      expect(raw).toContain("yes");
      expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: juliet.jid });
      await juliet.settle();
    },
  );

  test.each([undefined, "capulet.lit", "juliet@capulet.lit", "romeo@capulet.lit", "ROMEO@Capulet.Lit"])(
    "a request to %s is delegated and answered from there (XEP-0355 §4.3)",
    async (to) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("v1", to));
      const wrapped = await entity.request();
      expect(wrapped.inner.attrs).toMatchObject({ from: juliet.jid, id: "v1" });
      entity.answer(wrapped);
      expect((await juliet.answer("v1")).element.attrs["from"]).toBe(to ?? "juliet@capulet.lit");
    },
  );

  test.each([
    ["without the filtering attribute", "<iq type='get' id='n1'><q xmlns='urn:example:filtered'/></iq>"],
    ["to a full JID", `<iq type='get' id='n1' to='romeo@capulet.lit/nowhere'><line xmlns='${verseNs}'/></iq>`],
    ["in an unknown namespace", "<iq type='get' id='n1' to='capulet.lit'><line xmlns='urn:example:prose'/></iq>"],
  ])("a request %s is the server's to answer", async (_what, iq) => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    expect((await juliet.ask(iq)).element.attrs["type"]).toBe("error");
    await juliet.settle();
    expect(entity.waiting).toEqual([]);
  });

  test("a prefixed request is delegated, which ejabberd's own module does not do", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    const { element } = await juliet.ask(
      `<c:iq xmlns:c='jabber:client' type='get' id='p1'><v:line xmlns:v='${verseNs}'/></c:iq>`,
    );
    expect(element.attrs["type"]).toBe("result");
  });

  test("the managing entity's own request is not handed back to it (ejabberd#1737)", async () => {
    const entity = await scene.entity();
    const { element } = await entity.stream.ask(
      `<iq type='get' id='own' from='${entityJid}' to='capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    );
    expect(element.attrs["type"]).toBe("error");
    expect(entity.waiting).toEqual([]);
  });

  test("a component with a wrong secret is refused by the server", async () => {
    await expect(scene.component(entityJid, { secret: "wrong" })).rejects.toThrow("not-authorized");
  });

  test("messages between clients and with the component pass", async () => {
    const entity = await scene.entity();
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo", { transport: "direct" })];
    juliet.send(`<message to='${romeo.jid}' id='m1'><body>Romeo?</body></message>`);
    expect((await romeo.take((one) => one.attrs["id"] === "m1")).element.attrs["from"]).toBe(juliet.jid);
    entity.send(`<message from='${entityJid}' to='${romeo.jid}' id='m2'><body>x</body></message>`);
    await romeo.take((one) => one.attrs["id"] === "m2");
    romeo.send(`<message to='${entityJid}' id='m3'><body>y</body></message>`);
    await entity.stream.take((one) => one.attrs["id"] === "m3");
  });

  test("an error of the managing entity and its loss are answered, where ejabberd's module leaves the client waiting", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("e1"));
    const wrapped = await entity.request();
    entity.answer(wrapped, { outerType: "error", content: "<error type='cancel'/>" });
    expect(conditionOf((await juliet.answer("e1")).element)).toBe("service-unavailable");
    juliet.send(verseIq("e2"));
    await entity.request();
    entity.stream.drop();
    expect(conditionOf((await juliet.answer("e2")).element)).toBe("service-unavailable");
  });

  test.each(["@xmpp/client", "slixmpp"] as const)("%s gets the component's answer", async (library) => {
    if (library === "slixmpp" && cannotRun("/usr/lib/python3/dist-packages/slixmpp/__init__.py")) return;
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const outcome = await askWith(library, {
      port: scene.caesura.ports.starttls,
      caFile: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "",
      jid: "juliet@capulet.lit",
      password: passwords["juliet"] ?? "",
      iq: { type: "get", payload: `<line xmlns='${verseNs}'/>` },
    });
    expect(outcome.payload).toContain("yes");
  });
});
