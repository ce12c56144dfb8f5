import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";

describe.skipIf(cannotRun("prosody", "openssl"))("how a request may be written", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each([
    ["with a prefix", `<c:iq xmlns:c='jabber:client' type='get' id='p1'><line xmlns='${verseNs}'/></c:iq>`],
    [
      "with prefixes everywhere",
      `<c:iq xmlns:c='jabber:client' xmlns:v='${verseNs}' type='get' id='p1'><v:line n='1'/></c:iq>`,
    ],
    [
      "with spaces and line ends between its tags",
      `<iq type='get'\n id='p1'>\n  <line\n\txmlns='${verseNs}' />\n</iq >`,
    ],
    ["with double quotes", `<iq type="get" id="p1"><line xmlns="${verseNs}"/></iq>`],
    ["with its attributes as references", `<iq type='&#103;et' id='p&#49;'><line xmlns='urn:example&#58;verse'/></iq>`],
  ])("an iq %s is delegated like any other (XML 1.0 names §6)", async (_what, iq) => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(iq);
    const wrapped = await entity.request();
    expect(wrapped.payload.getName()).toBe("line");
    expect(wrapped.payload.getNS()).toBe(verseNs);
    expect(wrapped.inner.attrs).toMatchObject({ type: "get", id: "p1", from: juliet.jid });
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'/>` });
    const { element } = await juliet.answer("p1");
    expect(element.attrs["type"]).toBe("result");
    await juliet.settle();
  });

  test("an iq is delegated when it comes a byte at a time", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    await juliet.sendPieces(Array.from(verseIq("b1"), (character) => character));
    expect((await juliet.answer("b1")).element.attrs["type"]).toBe("result");
  });

  test("tab, line feed and carriage return survive in attributes and text, both ways (XML 1.0 §2.11, §3.3.3)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const line = `<line xmlns='${verseNs}' n='a&#9;b&#10;c&#13;d'>e&#9;f&#10;g&#13;h &lt;&amp;&gt; &quot;&apos; ]]&gt; é 🎭</line>`;
    juliet.send(`<iq type='get' id='w1'>${line}</iq>`);
    const wrapped = await entity.request();
    const expected = { n: "a\tb\nc\rd", text: "e\tf\ng\rh <&> \"' ]]> é 🎭" };
    expect({ n: wrapped.payload.attrs["n"] as unknown, text: wrapped.payload.getText() }).toEqual(expected);
    entity.answer(wrapped, { payload: line });
    const { element } = await juliet.answer("w1");
    const back = element.getChild("line", verseNs);
    expect({ n: back?.attrs["n"] as unknown, text: back?.getText() }).toEqual(expected);
  });

  test("prefixed attributes and xml:lang of the payload survive both ways", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    const line = `<line xmlns='${verseNs}' xmlns:a='urn:a' a:n='1' xml:lang='it'><a:b xmlns='urn:b'><c/></a:b></line>`;
    juliet.send(`<iq type='get' id='x1'>${line}</iq>`);
    const wrapped = await entity.request();
    const look = (element: typeof wrapped.payload | undefined): unknown => {
      const prefix = Object.keys(element?.attrs ?? {}).find((name) => name.endsWith(":n")) ?? "";
      const inner = element?.getChildElements()[0];
      return {
        lang: element?.attrs["xml:lang"] as unknown,
        n: element?.attrs[prefix] as unknown,
        inner: [inner?.getName(), inner?.getNS(), inner?.getChildElements()[0]?.getNS()],
      };
    };
    const expected = { lang: "it", n: "1", inner: ["b", "urn:a", "urn:b"] };
    expect(look(wrapped.payload)).toEqual(expected);
    entity.answer(wrapped, { payload: line });
    expect(look((await juliet.answer("x1")).element.getChildElements()[0])).toEqual(expected);
  });

  test("the inner iq carries the language of the client's stream when it names none (RFC 6120 §8.1.5)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet", { lang: "it" });
    juliet.send(verseIq("l1") + verseIq("l2", undefined, " xml:lang='fr'"));
    const first = await entity.request();
    const second = await entity.request();
    expect(first.inner.attrs["xml:lang"]).toBe("it");
    expect(second.inner.attrs["xml:lang"]).toBe("fr");
  });

  test("from is the full JID that the server has bound, whatever the client writes (RFC 6120 §8.1.2.1)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("s1", undefined, " from='romeo@capulet.lit/orchard'"));
    expect((await entity.request()).inner.attrs["from"]).toBe(juliet.jid);
  });

  test("the reply reaches the client in jabber:client without a namespace of the component's stream (XEP-0355 §4.3)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("n1"));
    entity.answer(await entity.request(), { payload: `<line xmlns='${verseNs}'><sub/></line>` });
    const { element, raw } = await juliet.answer("n1");
    expect(element.getNS()).toBe("jabber:client");
    expect(raw).not.toContain("component");
    expect(element.getChild("line", verseNs)?.getChild("sub", verseNs)).toBeDefined();
  });

  test("a reply of 200 KiB arrives whole", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("big"));
    const text = "O, speak again, bright angel! ".repeat(7_000);
    entity.answer(await entity.request(), { payload: `<line xmlns='${verseNs}'>${text}</line>` });
    expect((await juliet.answer("big")).element.getChildText("line", verseNs)).toBe(text);
  });
});
