import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("what is delegated", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: {
        [verseNs]: { jid: entityJid },
        "urn:example:filtered": { jid: entityJid, filtering: ["node", "max"] },
      },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each([
    ["to nobody: the own account", undefined, "juliet@capulet.lit"],
    ["to the served domain", "capulet.lit", "capulet.lit"],
    ["to the own bare JID", "juliet@capulet.lit", "juliet@capulet.lit"],
    ["to the bare JID of another account", "romeo@capulet.lit", "romeo@capulet.lit"],
    ["to a bare JID in other letters (RFC 7622 §3)", "Romeo@CAPULET.lit", "Romeo@CAPULET.lit"],
  ])("an iq %s is delegated, and answered from there (XEP-0355 §4.3)", async (_what, to, from) => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("v1", to));
    const wrapped = await entity.request();
    expect(wrapped.inner.attrs["to"]).toBe(to);
    entity.answer(wrapped);
    const { element } = await juliet.answer("v1");
    expect(element.attrs).toMatchObject({ type: "result", from });
    expect(element.attrs["to"]).toBe(juliet.jid);
  });

  test.each(["get", "set"] as const)(
    "an iq of type %s is delegated in a wrapper of type set (XEP-0355 §4.3)",
    async (type) => {
      const entity = await scene.entity();
      entity.answerAll();
      const juliet = await scene.login("juliet");
      const { element } = await juliet.ask(`<iq type='${type}' id='v1'><line xmlns='${verseNs}'/></iq>`);
      expect(element.attrs["type"]).toBe("result");
    },
  );

  test("an iq with every filtering attribute is delegated whatever their values (XEP-0355 §4.1)", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    const { element } = await juliet.ask(
      "<iq type='get' id='f1'><q xmlns='urn:example:filtered' max='' node='n'/></iq>",
    );
    expect(element.attrs["type"]).toBe("result");
  });

  const toTheServer: readonly (readonly [string, string])[] = [
    ["to a full JID", `<iq type='get' id='n1' to='juliet@capulet.lit/nowhere'><line xmlns='${verseNs}'/></iq>`],
    ["to the domain with a resource", `<iq type='get' id='n1' to='capulet.lit/x'><line xmlns='${verseNs}'/></iq>`],
    ["without the filtering attributes", "<iq type='get' id='n1'><q xmlns='urn:example:filtered'/></iq>"],
    ["with one filtering attribute of two", "<iq type='get' id='n1'><q xmlns='urn:example:filtered' node=''/></iq>"],
    [
      "with a filtering attribute in a namespace",
      "<iq type='get' id='n1'><q xmlns='urn:example:filtered' xmlns:a='urn:a' node='' a:max=''/></iq>",
    ],
    ["in a longer namespace", `<iq type='get' id='n1'><line xmlns='${verseNs}#owner'/></iq>`],
    ["in a namespace that nobody knows", "<iq type='get' id='n1'><line xmlns='urn:example:prose'/></iq>"],
    ["of the namespace written with a space before it", `<iq type='get' id='n1'><line xmlns=' ${verseNs}'/></iq>`],
  ];

  test.each(toTheServer)("an iq %s is answered by the server (XEP-0355 §4.3)", async (_what, iq) => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const { element } = await juliet.ask(iq);
    expect(element.attrs["type"]).toBe("error");
    expect(conditionOf(element)).toBe("service-unavailable");
    await juliet.settle();
    expect(entity.waiting).toEqual([]);
  });

  test.each(["result", "error"])(
    "an iq of type %s in the namespace is never delegated (RFC 6120 §8.2.3)",
    async (type) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet");
      const romeo = await scene.login("romeo");
      const payload = `<line xmlns='${verseNs}'/>${type === "error" ? "<error type='cancel'/>" : ""}`;
      juliet.send(`<iq type='${type}' id='r1' to='${romeo.jid}'>${payload}</iq>`);
      const { element } = await romeo.answer("r1");
      expect(element.attrs["from"]).toBe(juliet.jid);
      juliet.send(`<iq type='${type}' id='r2' to='juliet@capulet.lit'>${payload}</iq>`);
      await juliet.settle();
      expect(entity.waiting).toEqual([]);
    },
  );

  test("a message and a presence with a child in the namespace go to the server", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const romeo = await scene.login("romeo");
    juliet.send(`<message to='${romeo.jid}'><line xmlns='${verseNs}'/></message>`);
    juliet.send(`<presence to='${romeo.jid}'><line xmlns='${verseNs}'/></presence>`);
    expect((await romeo.next()).element.getChild("line", verseNs)).toBeDefined();
    expect((await romeo.next()).element.getChild("line", verseNs)).toBeDefined();
    expect(entity.waiting).toEqual([]);
  });

  test("the managing entity's own request in its namespace goes to the server (XEP-0355 §4.3.1)", async () => {
    const entity = await scene.entity();
    entity.send(`<iq type='get' id='own' from='${entityJid}' to='capulet.lit'><line xmlns='${verseNs}'/></iq>`);
    const { element } = await entity.stream.answer("own");
    expect(conditionOf(element)).toBe("service-unavailable");
    expect(entity.waiting).toEqual([]);
  });

  test("another component's request in the namespace is delegated and answered on its own link", async () => {
    const entity = await scene.entity();
    const echo = await scene.component("echo.capulet.lit");
    echo.send(
      `<iq type='get' id='c1' from='romeo@echo.capulet.lit/x' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    );
    const wrapped = await entity.request();
    expect(wrapped.inner.attrs).toMatchObject({ from: "romeo@echo.capulet.lit/x", to: "juliet@capulet.lit" });
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>yes</line>` });
    const { element } = await echo.answer("c1");
    expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: "romeo@echo.capulet.lit/x" });
    expect(element.getChildText("line", verseNs)).toBe("yes");
  });

  test.each([
    ["without a child", "<iq type='get' id='b1'/>"],
    ["with two children", `<iq type='get' id='b1'><line xmlns='${verseNs}'/><line xmlns='${verseNs}'/></iq>`],
  ])("an iq %s is not delegated and gets bad-request (RFC 6120 §8.2.3)", async (_what, iq) => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const { element } = await juliet.ask(iq);
    expect(conditionOf(element)).toBe("bad-request");
    await juliet.settle();
    expect(entity.waiting).toEqual([]);
  });
});
