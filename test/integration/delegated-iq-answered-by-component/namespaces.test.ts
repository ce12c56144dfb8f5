import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ManagingEntity } from "../../support/managing-entity.js";
import { componentHandshake } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

// Prefixes and default namespaces that are declared far from where they are used. What is moved into another stream must
// mean there what it meant here (protocol.md X9).

describe.skipIf(cannotRun("openssl"))("a payload whose prefix is declared elsewhere", () => {
  let server: RecordingServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await RecordingServer.start();
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port },
      delegations: { [verseNs]: { jid: entityJid } },
      components: { [entityJid]: secret },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  /** Logs in with stream headers of one's own, the way a client may write them (RFC 6120 §4.8.5). */
  async function loginWith(header: string, prefix = ""): Promise<XmppStream> {
    const welcomed = server.welcome();
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    await client.open(header);
    await client.take((element) => element.getName() === "features");
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auth>");
    await client.take((element) => element.getName() === "success");
    await client.open(header);
    await client.take((element) => element.getName() === "features");
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind>";
    client.send(`<${prefix}iq type='set' id='bind-1'>${bind}</${prefix}iq>`);
    await client.answer("bind-1");
    client.jid = "juliet@capulet.lit/balcony";
    scene.owning(await welcomed);
    return client;
  }

  const plain = "to='capulet.lit' version='1.0' xml:lang='en'";
  const streams = "http://etherx.jabber.org/streams";

  test("by the client's stream header means the same to the managing entity", async () => {
    const client = await loginWith(
      `<stream:stream ${plain} xmlns='jabber:client' xmlns:stream='${streams}' xmlns:v='${verseNs}' xmlns:o='urn:o'>`,
    );
    const entity = await scene.entity();
    client.send("<iq type='get' id='n1'><v:line o:n='1'><o:other/></v:line></iq>");
    const wrapped = await entity.request();
    expect(wrapped.payload.getNS()).toBe(verseNs);
    expect(wrapped.payload.getChildElements()[0]?.getNS()).toBe("urn:o");
    const prefix =
      Object.keys(wrapped.payload.attrs)
        .find((name) => name.endsWith(":n"))
        ?.split(":")[0] ?? "";
    expect(wrapped.payload.findNS(prefix)).toBe("urn:o");
    entity.answer(wrapped);
    expect((await client.answer("n1")).element.attrs["type"]).toBe("result");
  });

  test("with another prefix for the stream itself changes nothing (RFC 6120 §4.8.5)", async () => {
    const client = await loginWith(`<flash:stream ${plain} xmlns='jabber:client' xmlns:flash='${streams}'>`);
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    expect((await client.ask(`<iq type='get' id='n2'><line xmlns='${verseNs}'/></iq>`)).raw).toContain("yes");
  });

  test("in a stream whose stanzas alone are prefixed is delegated as well", async () => {
    const client = await loginWith(`<stream ${plain} xmlns='${streams}' xmlns:c='jabber:client'>`, "c:");
    const entity = await scene.entity();
    client.send(`<c:iq type='get' id='n3'><line xmlns='${verseNs}'><sub/></line></c:iq>`);
    const wrapped = await entity.request();
    expect(wrapped.inner.getNS()).toBe("jabber:client");
    expect(wrapped.payload.getChildElements()[0]?.getNS()).toBe(verseNs);
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>yes</line>` });
    const { element, raw } = await client.answer("n3");
    expect(raw).toContain("yes");
    // The default namespace of this stream is not the client's, so the answer must name it.
    expect(element.getNS()).toBe("jabber:client");
  });

  test("by the iq itself, or in CDATA, means the same to the managing entity", async () => {
    const client = await loginWith(`<stream:stream ${plain} xmlns='jabber:client' xmlns:stream='${streams}'>`);
    const entity = await scene.entity();
    client.send(`<iq xmlns:v='${verseNs}' type='get' id='n4'><v:line><![CDATA[<a> & ]]>b<![CDATA[c]]></v:line></iq>`);
    const wrapped = await entity.request();
    expect(wrapped.payload.getNS()).toBe(verseNs);
    expect(wrapped.payload.getText()).toBe("<a> & bc");
  });

  test.each([
    ["the component's stream header", ` xmlns:v='${verseNs}'`, "", "", ""],
    ["the wrapper", "", ` xmlns:v='${verseNs}'`, "", ""],
    ["the delegation", "", "", ` xmlns:v='${verseNs}'`, ""],
    ["the inner iq", "", "", "", ` xmlns:v='${verseNs}'`],
  ])("by %s means the same to the client", async (_what, header, wrapper, delegation, inner) => {
    const component = scene.owning(await XmppStream.connect(scene.caesura.ports.component));
    component.jid = entityJid;
    await componentHandshake(
      component,
      `<stream:stream to='${entityJid}' xmlns='jabber:component:accept' xmlns:stream='${streams}'${header}>`,
      secret,
    );
    const entity = new ManagingEntity(component);
    const client = await loginWith(`<stream:stream ${plain} xmlns='jabber:client' xmlns:stream='${streams}'>`);
    client.send(`<iq type='get' id='n5'><line xmlns='${verseNs}'/></iq>`);
    const { outer } = await entity.request();
    const attributes = `type='result' id='n5' from='juliet@capulet.lit' to='${client.jid}'`;
    entity.send(
      `<iq type='result' id='${String(outer.attrs["id"])}' from='${entityJid}' to='capulet.lit'${wrapper}>` +
        `<delegation xmlns='urn:xmpp:delegation:2'${delegation}><forwarded xmlns='urn:xmpp:forward:0'>` +
        `<iq xmlns='jabber:client' ${attributes}${inner}><v:line><v:sub v:n='1'/></v:line></iq></forwarded></delegation></iq>`,
    );
    const { element } = await client.answer("n5");
    const line = element.getChildElements()[0];
    expect(line?.getNS()).toBe(verseNs);
    expect(line?.getChildElements()[0]?.getNS()).toBe(verseNs);
  });

  test("a reply whose elements are all prefixed is read like any other", async () => {
    const entity = await scene.entity();
    const client = await loginWith(`<stream:stream ${plain} xmlns='jabber:client' xmlns:stream='${streams}'>`);
    client.send(`<iq type='get' id='n6'><line xmlns='${verseNs}'/></iq>`);
    const { outer } = await entity.request();
    entity.send(
      `<a:iq xmlns:a='jabber:component:accept' type='result' id='${String(outer.attrs["id"])}' from='${entityJid}' ` +
        `to='capulet.lit'><d:delegation xmlns:d='urn:xmpp:delegation:2'><f:forwarded xmlns:f='urn:xmpp:forward:0'>\n ` +
        `<c:iq xmlns:c='jabber:client' type='result' id='n6' from='juliet@capulet.lit' to='${client.jid}'/>\n` +
        `</f:forwarded></d:delegation></a:iq>`,
    );
    const { element } = await client.answer("n6");
    expect(element.attrs["type"]).toBe("result");
    expect(element.getNS()).toBe("jabber:client");
  });
});
