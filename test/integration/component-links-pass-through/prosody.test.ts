import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun, freePort } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, XmppStream } from "../../support/xmpp-stream.js";
import { componentHeader } from "../../support/login.js";

describe.skipIf(cannotRun("prosody", "openssl"))("a component behind Caesura at a real server", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("is authenticated by the server, which alone knows the secret (XEP-0114 §3)", async () => {
    const entity = await scene.entity();
    await entity.stream.settle();
    await expect(scene.component("echo.capulet.lit", { secret: "wrong" })).rejects.toThrow("not-authorized");
    await expect(scene.component("unknown.capulet.lit")).rejects.toThrow(/host-unknown|not-authorized/);
  });

  test("sends stanzas to clients and receives theirs, from and to intact", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    entity.send(`<message from='romeo@${entityJid}/x' to='${juliet.jid}' id='m1'><body>But, soft!</body></message>`);
    const { element } = await juliet.take((one) => one.getName() === "message");
    expect(element.attrs["from"]).toBe(`romeo@${entityJid}/x`);
    juliet.send(`<message to='romeo@${entityJid}/x' id='m2'><body>Ay me!</body></message>`);
    const received = await entity.stream.take((one) => one.attrs["id"] === "m2");
    expect(received.element.attrs["from"]).toBe(juliet.jid);
    expect(received.element.getNS()).toBe("jabber:component:accept");
  });

  test("answers plain requests of a client as before", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(`<iq type='get' id='i1' to='${entityJid}'><query xmlns='jabber:iq:version'/></iq>`);
    await entity.stream.take((one) => one.attrs["id"] === "i1");
    entity.send(`<iq type='result' id='i1' from='${entityJid}' to='${juliet.jid}'/>`);
    expect((await juliet.answer("i1")).element.attrs["from"]).toBe(entityJid);
  });

  test("a second connection of the same component is left to the server to judge (protocol.md D83)", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    await expect(scene.component()).rejects.toThrow("conflict");
    const juliet = await scene.login("juliet");
    expect((await juliet.ask(verseIq("v1"))).element.attrs["type"]).toBe("result");
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("a server whose component port is down", () => {
  test("ends the component's stream with an error, and serves clients all the same", async () => {
    const prosody = await startProsody();
    const scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort, componentPort: await freePort() },
      delegations: { [verseNs]: { jid: entityJid } },
    });
    try {
      const component = scene.owning(await XmppStream.connect(scene.caesura.ports.component));
      component.send(componentHeader(entityJid));
      expect(await component.streamError()).toBe("remote-connection-failed");
      await component.closed();
      const juliet = await scene.login("juliet");
      await juliet.settle();
      expect(conditionOf((await juliet.ask(verseIq("v1"))).element)).toBe("service-unavailable");
    } finally {
      await scene.stop();
    }
  });
});
