import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("openssl"))("a server that records every byte", () => {
  let server: RecordingServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await RecordingServer.start();
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port, componentPort: server.port },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  async function both(
    transport: "clear" | "starttls" | "direct" = "clear",
  ): Promise<readonly [XmppStream, XmppStream]> {
    const [client, behind] = await Promise.all([scene.login("juliet", { transport }), server.welcome()]);
    return [client, scene.owning(behind)];
  }

  // What a relay that understood less, or wrote anew what it read, would change.
  const stanzas: readonly string[] = [
    "<message to='romeo@capulet.lit'><body>hello</body></message>",
    `<message   to="romeo@capulet.lit"\n\ttype = 'chat' ><body >a > b &gt; &#62; &#x3e; ]] &amp; "'</body ></message >`,
    "<presence/>",
    "<presence></presence>",
    "<c:presence xmlns:c='jabber:client'><c:show>away</c:show></c:presence>",
    "<iq type='get' id='1' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>",
    `<iq type='result' id='2'><line xmlns='${verseNs}'/></iq>`,
    "<message><body><![CDATA[<iq/> & ]] >]]></body></message>",
    "<message><body>é 🎭 \u0085 \u2028 \uFEFF \u00A0</body></message>",
    "<message xmlns:x='urn:x' x:y='1' id='a>b'><x:z/>\n\t  \r\n</message>",
    "<message><body>a\r\nb\tc&#13;&#10;&#9;</body></message>",
    "<message id=''><body/></message>",
    " ",
    "\n\n",
    "<message><body>" + "long ".repeat(30_000) + "</body></message>",
  ];
  const whole = stanzas.join("");

  test.each(["clear", "starttls", "direct"] as const)(
    "whatever a client sends over %s that no rule selects reaches the server as the same bytes",
    async (transport) => {
      const [client, behind] = await both(transport);
      const before = behind.received.length;
      client.send(whole);
      client.send("<message id='last'/>");
      await behind.take((element) => element.attrs["id"] === "last");
      expect(behind.received.slice(before)).toBe(`${whole}<message id='last'/>`);
    },
  );

  test("whatever the server sends reaches the client as the same bytes", async () => {
    const [client, behind] = await both();
    const before = client.received.length;
    behind.send(whole);
    behind.send("<message id='last'/>");
    await client.take((element) => element.attrs["id"] === "last");
    expect(client.received.slice(before)).toBe(`${whole}<message id='last'/>`);
  });

  test("the same bytes arrive when they come cut anywhere", async () => {
    const [client, behind] = await both();
    const bytes = Buffer.from(stanzas.slice(0, -1).join(""));
    const before = behind.received.length;
    await client.sendPieces(
      Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(3 * i, 3 * i + 3)),
    );
    client.send("<message id='last'/>");
    await behind.take((element) => element.attrs["id"] === "last");
    expect(behind.received.slice(before)).toBe(`${bytes.toString("utf8")}<message id='last'/>`);
  });

  test("stanzas around a delegated one keep their bytes and their order (RFC 6120 §10.1)", async () => {
    const [client, behind] = await both();
    const before = behind.received.length;
    client.send(`<message id='a'/><iq type='get' id='d'><line xmlns='${verseNs}'/></iq> <message id='b'/>`);
    await behind.take((element) => element.attrs["id"] === "b");
    // Nobody manages the namespace at the moment, so the client is told so.
    await client.answer("d");
    expect(behind.received.slice(before)).toBe("<message id='a'/> <message id='b'/>");
  });

  test("the stream header and the end of the stream pass, and both connections close", async () => {
    const [client, behind] = await both();
    client.send("</stream:stream>");
    await behind.streamEnd();
    behind.send("</stream:stream>");
    await client.streamEnd();
    client.finish();
    behind.finish();
    await Promise.all([client.closed(), behind.closed()]);
  });

  test("a stream error of the server reaches the client unchanged (RFC 6120 §4.9.1)", async () => {
    const [client, behind] = await both();
    const error = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>é</text></stream:error>";
    const before = client.received.length;
    behind.send(`${error}</stream:stream>`);
    behind.finish();
    await client.streamEnd();
    expect(client.received.slice(before)).toBe(`${error}</stream:stream>`);
    await client.closed();
  });
});

describe.skipIf(cannotRun("openssl"))("the component link", () => {
  let server: RecordingServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await RecordingServer.start();
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port, componentPort: server.port },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const header =
    `<?xml version='1.0'?><stream:stream id='s-7' from='${entityJid}' xmlns='jabber:component:accept' ` +
    `xmlns:stream='http://etherx.jabber.org/streams'>`;

  async function both(): Promise<readonly [XmppStream, XmppStream]> {
    const accepted = (async () => {
      const behind = scene.owning(await server.connection());
      await behind.opened();
      behind.send(header);
      await behind.take((element) => element.getName() === "handshake");
      behind.send("<handshake/>");
      // Caesura asks what the server says by itself, in the component's name (XEP-0355 §7.2).
      await behind.take((element) => element.getChild("query", "http://jabber.org/protocol/disco#info") !== undefined);
      return behind;
    })();
    return [await scene.component(), await accepted];
  }

  test("the header, the stream id and the handshake pass untouched (XEP-0114 §3)", async () => {
    const [component, behind] = await both();
    expect(component.received.startsWith(`${header}<handshake/>`)).toBe(true);
    expect(behind.received).toContain(`to='${entityJid}'`);
    expect(behind.received).toMatch(/<handshake>[0-9a-f]{40}<\/handshake><iq type="get"[^>]*><query [^>]*\/><\/iq>$/);
  });

  test("stanzas pass both ways as the same bytes", async () => {
    const [component, behind] = await both();
    await component.take((element) => element.getChild("delegation") !== undefined);
    const stanzas =
      `<message from="${entityJid}"\n to='juliet@capulet.lit'><body>a > b &#62;</body></message >` +
      `<iq type='get' id='1' from='${entityJid}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq> ` +
      `<iq type='set' id='own' from='${entityJid}' to='capulet.lit'><line xmlns='${verseNs}'/></iq>` +
      `<presence from='a@${entityJid}' to='b@capulet.lit'></presence>`;
    const up = behind.received.length;
    component.send(`${stanzas}<message id='last' from='${entityJid}' to='x'/>`);
    await behind.take((element) => element.attrs["id"] === "last");
    expect(behind.received.slice(up)).toBe(`${stanzas}<message id='last' from='${entityJid}' to='x'/>`);
    const down = component.received.length;
    behind.send(`${stanzas}<message id='last'/>`);
    await component.take((element) => element.attrs["id"] === "last");
    expect(component.received.slice(down)).toBe(`${stanzas}<message id='last'/>`);
  });

  test("neither a wrapper nor its reply ever reaches the server (XEP-0355 §4.3)", async () => {
    const [component, behind] = await both();
    const [client, clientBehind] = await Promise.all([scene.login("juliet"), server.welcome()]);
    scene.owning(clientBehind);
    const up = behind.received.length;
    client.send(`<iq type='get' id='d'><line xmlns='${verseNs}'/></iq>`);
    const { element } = await component.take((one) => one.attrs["type"] === "set");
    const id = String(element.attrs["id"]);
    const inner = `<iq xmlns='jabber:client' type='result' id='d' from='juliet@capulet.lit' to='${client.jid}'/>`;
    component.send(
      `<iq type='result' id='${id}' from='${entityJid}' to='capulet.lit'><delegation xmlns='urn:xmpp:delegation:2'>` +
        `<forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded></delegation></iq>`,
    );
    expect((await client.answer("d")).element.attrs["type"]).toBe("result");
    // A late second one is swallowed as well.
    component.send(`<iq type='result' id='${id}' from='${entityJid}' to='capulet.lit'/>`);
    component.send(`<message id='last' from='${entityJid}' to='x'/>`);
    await behind.take((one) => one.attrs["id"] === "last");
    expect(behind.received.slice(up)).toBe(`<message id='last' from='${entityJid}' to='x'/>`);
  });
});
