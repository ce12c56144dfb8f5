import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { authenticate, clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const auth = `<auth xmlns='${sasl}' mechanism='PLAIN'>${Buffer.from("\0juliet\0r0m30").toString("base64")}</auth>`;
const wrongAuth = `<auth xmlns='${sasl}' mechanism='PLAIN'>${Buffer.from("\0juliet\0wrong").toString("base64")}</auth>`;
const header = clientHeader("capulet.lit");

describe.skipIf(cannotRun("prosody", "openssl"))("logging in to a real server", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  async function opened(): Promise<XmppStream> {
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    await client.open(header);
    await client.take((element) => element.getName() === "features");
    return client;
  }

  test("a wrong password is refused by the server, and the right one taken after it (RFC 6120 §6.4.5)", async () => {
    const client = await opened();
    client.send(wrongAuth);
    expect((await client.take((element) => element.getName() === "failure")).raw).toContain("not-authorized");
    client.send(auth);
    await client.take((element) => element.getName() === "success");
    await client.open(header);
    await client.take((element) => element.getName() === "features");
    const bound = await client.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    expect(bound.raw).toContain("juliet@capulet.lit/");
  });

  test("a SASL exchange may be aborted and begun anew (RFC 6120 §6.4.4)", async () => {
    const client = await opened();
    client.send(`<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>biwsbj1qdWxpZXQscj1hYmM=</auth>`);
    await client.take((element) => element.getName() === "challenge");
    client.send(`<abort xmlns='${sasl}'/>`);
    expect((await client.take((element) => element.getName() === "failure")).raw).toContain("aborted");
    client.send(auth);
    await client.take((element) => element.getName() === "success");
  });

  test("a delegated request before authentication, or before binding, is the server's to refuse (RFC 6120 §7.1)", async () => {
    const entity = await scene.entity();
    const early = await opened();
    early.send(verseIq("e1"));
    // Prosody closes the stream or answers; never the component.
    await Promise.race([early.closed(), early.answer("e1")]);
    const unbound = scene.owning(await authenticate({ port: scene.caesura.ports.clear, user: "juliet" }));
    unbound.send(verseIq("e2"));
    await Promise.race([unbound.closed(), unbound.answer("e2")]);
    await entity.stream.settle();
    expect(entity.waiting).toEqual([]);
  });

  test("everything of a login in one segment does not confuse the streams (XEP-0305)", async () => {
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>quick</resource></bind>";
    client.send(`${header}${auth}`);
    await client.opened();
    await client.take((element) => element.getName() === "success");
    client.restart();
    client.send(`${header}<iq type='set' id='b'>${bind}</iq>${verseIq("v1")}`);
    expect((await client.answer("b")).raw).toContain("juliet@capulet.lit/quick");
    // Sent before the server's answer to the binding: whoever answers it, answers once.
    const { element } = await client.answer("v1");
    expect(element.attrs["type"]).toBe("error");
  });

  test("the same resource a second time replaces or renames as the server likes, and both stay whole", async () => {
    const entity = await scene.entity();
    const first = await scene.login("juliet", { resource: "same" });
    first.send(verseIq("v1"));
    const wrapped = await entity.request();
    const second = await scene.login("juliet", { resource: "same" });
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>for the first</line>` });
    second.send(verseIq("v2"));
    const next = await entity.request();
    entity.answer(next, { payload: `<line xmlns='${verseNs}'>for the second</line>` });
    expect((await second.answer("v2")).raw).toContain("for the second");
    await second.settle();
    expect(second.unread.map(({ raw }) => raw).join("")).not.toContain("for the first");
  });

  test("binding twice on one stream keeps the first JID for delegation (protocol.md A10)", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(
      "<iq type='set' id='again'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>",
    );
    await juliet.answer("again");
    juliet.send(verseIq("v1"));
    expect((await entity.request()).inner.attrs["from"]).toBe(juliet.jid);
  });

  test("a client that speaks to the wrong domain is told host-unknown, before and after TLS (RFC 6120 §4.9.3.6)", async () => {
    const { starttls, clear } = scene.caesura.ports;
    for (const port of [starttls, clear]) {
      const client = scene.owning(await XmppStream.connect(port));
      client.send(clientHeader("montague.lit"));
      expect(await client.streamError()).toBe("host-unknown");
      await client.closed();
    }
  });

  test("the domain may be written in other letters (RFC 7622 §3.2)", async () => {
    const client = await scene.login("juliet", { domain: "Capulet.LIT" });
    expect(client.jid.toLowerCase()).toBe("juliet@capulet.lit/balcony");
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("logging in without a name of one's own", () => {
  test("SASL ANONYMOUS: requests are delegated from the JID that the server has made (RFC 6120 §7.6.1)", async () => {
    const scene = await Scene.withProsody({}, { authentication: "anonymous" });
    try {
      const entity = await scene.entity();
      const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
      await client.open(header);
      await client.take((element) => element.getName() === "features");
      client.send(`<auth xmlns='${sasl}' mechanism='ANONYMOUS'/>`);
      await client.take((element) => element.getName() === "success");
      await client.open(header);
      await client.take((element) => element.getName() === "features");
      const bound = await client.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
      const jid = bound.element.getChild("bind")?.getChildText("jid") ?? "";
      client.send(verseIq("v1"));
      const wrapped = await entity.request();
      expect(wrapped.inner.attrs["from"]).toBe(jid);
      entity.answer(wrapped);
      expect((await client.answer("v1")).element.attrs).toMatchObject({ type: "result", to: jid });
    } finally {
      await scene.stop();
    }
  });

  test("jabber:iq:auth: the session is relayed, and its requests are the server's (protocol.md A10)", async () => {
    const scene = await Scene.withProsody({}, { modules: ["legacyauth"] });
    try {
      const entity = await scene.entity();
      const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
      await client.open(header);
      const features = await client.take((element) => element.getName() === "features");
      const credentials = "<username>juliet</username><password>r0m30</password><resource>old</resource>";
      const answer = await client.ask(
        `<iq type='set' id='a'><query xmlns='jabber:iq:auth'>${credentials}</query></iq>`,
      );
      // It is not offered any more, but nobody is kept from it.
      expect(features.raw).not.toContain("iq-auth");
      expect(answer.element.attrs["type"]).toBe("result");
      client.send(verseIq("v1"));
      expect((await client.answer("v1")).element.attrs["type"]).toBe("error");
      await entity.stream.settle();
      expect(entity.waiting).toEqual([]);
    } finally {
      await scene.stop();
    }
  });
});
