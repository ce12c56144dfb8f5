import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { componentHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, XmppStream } from "../../support/xmpp-stream.js";

// `server.component` is absent: Caesura itself is the component's server.

describe.skipIf(cannotRun("prosody", "openssl"))("a component whose link ends at Caesura", () => {
  let scene: Scene;
  beforeAll(async () => {
    const prosody = await startProsody();
    scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort },
      delegations: { [verseNs]: { jid: entityJid } },
      components: { [entityJid]: secret },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("answers delegated requests", async () => {
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const juliet = await scene.login("juliet", { transport: "starttls" });
    expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
  });

  test("is refused with not-authorized when its secret is wrong (XEP-0114 §3)", async () => {
    await expect(scene.component(entityJid, { secret: "wrong" })).rejects.toThrow("not-authorized");
    await expect(scene.component(entityJid, { secret: "" })).rejects.toThrow("not-authorized");
  });

  test("is refused with host-unknown when nobody has configured it", async () => {
    const stream = scene.owning(await XmppStream.connect(scene.caesura.ports.component));
    stream.send(componentHeader("unknown.capulet.lit"));
    expect(await stream.streamError()).toBe("host-unknown");
    await stream.closed();
  });

  test("may not send a stanza before its handshake", async () => {
    const stream = scene.owning(await XmppStream.connect(scene.caesura.ports.component));
    await stream.open(componentHeader(entityJid));
    stream.send(`<message from='${entityJid}' to='juliet@capulet.lit'/>`);
    expect(await stream.streamError()).toBe("not-authorized");
    await stream.closed();
  });

  test("gets a stream id that no other connection gets", async () => {
    const ids = new Set<unknown>();
    for (let count = 0; count < 5; count++) {
      const stream = scene.owning(await XmppStream.connect(scene.caesura.ports.component));
      ids.add((await stream.open(componentHeader(entityJid))).attrs["id"]);
    }
    expect(ids.size).toBe(5);
  });

  test("reaches the streams of local users, by full and by bare JID (RFC 6121 §8.5)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send("<presence/>");
    await juliet.settle();
    entity.send(`<message from='${entityJid}' to='${juliet.jid}' id='full'><body>a &amp; b</body></message>`);
    const full = await juliet.take((one) => one.attrs["id"] === "full");
    expect(full.element.attrs["from"]).toBe(entityJid);
    expect(full.element.getNS()).toBe("jabber:client");
    expect(full.element.getChildText("body")).toBe("a & b");
    entity.send(`<message from='${entityJid}' to='juliet@capulet.lit' id='bare'><body>c</body></message>`);
    await juliet.take((one) => one.attrs["id"] === "bare");
  });

  test("receives what a client sends it, from the client's bound JID", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(
      `<iq type='get' id='v9' to='${entityJid}' from='romeo@capulet.lit'><query xmlns='jabber:iq:version'/></iq>`,
    );
    const { element } = await entity.stream.take((one) => one.attrs["id"] === "v9");
    expect(element.attrs["from"]).toBe(juliet.jid);
    entity.send(`<iq type='result' id='v9' from='${entityJid}' to='${juliet.jid}'/>`);
    expect((await juliet.answer("v9")).element.attrs["from"]).toBe(entityJid);
  });

  test("gets a stanza error for a request to somebody who is not here (RFC 6120 §8.3)", async () => {
    const entity = await scene.entity();
    const { element } = await entity.stream.ask(
      `<iq type='get' id='n1' from='${entityJid}' to='juliet@capulet.lit/nowhere'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    expect(element.attrs).toMatchObject({ type: "error", from: "juliet@capulet.lit/nowhere", to: entityJid });
    expect(conditionOf(element)).toBe("service-unavailable");
  });

  test("ends its stream by sending from another domain (XEP-0114 §3)", async () => {
    const entity = await scene.entity();
    entity.send("<message from='echo.capulet.lit' to='juliet@capulet.lit'/>");
    expect(await entity.stream.streamError()).toBe("invalid-from");
    await entity.stream.closed();
  });
});
