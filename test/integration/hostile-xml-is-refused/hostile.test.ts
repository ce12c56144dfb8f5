import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clientHeader, login } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

// A choice of the framer's fixtures, over real sockets: what the client is told, and that nothing of the broken element
// reaches the server.

const hostile: readonly (readonly [why: string, input: string | Buffer, condition: string])[] = [
  ["a comment", "<message><!-- --><body/></message>", "restricted-xml"],
  ["a processing instruction", "<message><?php x?></message>", "restricted-xml"],
  ["a document type", "<!DOCTYPE foo><message/>", "restricted-xml"],
  ["an entity reference", "<message><body>&nbsp;</body></message>", "restricted-xml"],
  ["a bare ampersand", "<message><body>a & b</body></message>", "not-well-formed"],
  ["mismatched tags", "<message><body></message></body>", "not-well-formed"],
  ["an attribute twice", "<message to='a' to='b'/>", "not-well-formed"],
  ["an unbound prefix", "<message><x:body/></message>", "bad-namespace-prefix"],
  ["a control character", "<message><body>\u0001</body></message>", "not-well-formed"],
  ["]]> in text", "<message><body>a]]>b</body></message>", "not-well-formed"],
  ["an overlong sequence", Buffer.from("3c6d6573736167653ec0bc2f3e", "hex"), "unsupported-encoding"],
  [
    "a sequence that swallows a tag",
    Buffer.from("3c6d6573736167653e3c626f64793eeb3c3e", "hex"),
    "unsupported-encoding",
  ],
  ["text between stanzas", "hello<message/>", "bad-format"],
  ["a second stream header", "<stream:stream to='x'><message/>", "invalid-xml"],
  ["a stream element inside a stanza", "<message><stream:error/></message>", "invalid-xml"],
  ["a stanza too large", `<message><body>${"x".repeat(300_000)}</body></message>`, "policy-violation"],
  ["too deep a nest", `<message>${"<a>".repeat(200)}${"</a>".repeat(200)}</message>`, "policy-violation"],
];

describe.skipIf(cannotRun("openssl"))("hostile XML over a real connection", () => {
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

  test.each(hostile)(
    "%s of a client gets the stream error, and the server none of it (RFC 6120 §4.9)",
    async (_why, input, condition) => {
      const [client, behind] = await Promise.all([scene.login("juliet"), server.welcome()]);
      scene.owning(behind);
      client.send("<presence id='good'/>");
      await behind.take((element) => element.attrs["id"] === "good");
      const before = behind.received.length;
      client.send(input);
      expect(await client.streamError()).toBe(condition);
      await client.streamEnd();
      await client.closed();
      await behind.closed();
      expect(behind.received.slice(before)).not.toMatch(/message|body|hello|DOCTYPE/);
    },
  );

  test.each(hostile.filter(([why]) => why !== "a stanza too large"))(
    "%s of the server ends the client's stream, and the client sees none of it",
    async (_why, input) => {
      const [client, behind] = await Promise.all([scene.login("juliet"), server.welcome()]);
      scene.owning(behind);
      const before = client.received.length;
      behind.send(input);
      await client.closed();
      expect(client.received.slice(before)).not.toMatch(/message|body|hello|DOCTYPE/);
      expect(scene.caesura.peer.log).not.toContain("hello<message");
    },
  );

  const headers: readonly (readonly [why: string, header: string | Buffer, condition: string])[] = [
    ["UTF-16", Buffer.from(`\uFEFF${clientHeader("capulet.lit")}`, "utf16le"), "unsupported-encoding"],
    [
      "a declared ISO-8859-1",
      clientHeader("capulet.lit").replace("'1.0'?", "'1.0' encoding='ISO-8859-1'?"),
      "unsupported-encoding",
    ],
    ["XML 1.1", clientHeader("capulet.lit").replace("version='1.0'?", "version='1.1'?"), "unsupported-version"],
    [
      "another namespace for stanzas",
      clientHeader("capulet.lit").replace("jabber:client", "jabber:server"),
      "invalid-namespace",
    ],
    ["a domain that is not served", clientHeader("montague.lit"), "host-unknown"],
    ["something that is no XML", "GET / HTTP/1.1\r\n\r\n", "not-well-formed"],
  ];

  test.each(headers)(
    "a header with %s is answered by a header, an error and the end (RFC 6120 §4.9.1)",
    async (_why, header, condition) => {
      const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
      client.send(header);
      expect(await client.streamError()).toBe(condition);
      await client.streamEnd();
      await client.closed();
      expect(server.untaken).toBe(0);
    },
  );

  test("bytes behind <starttls/> never survive the upgrade (RFC 6120 §5.4.3.3)", async () => {
    const { starttls } = scene.caesura.ports;
    const client = scene.owning(await XmppStream.connect(starttls));
    await client.open(clientHeader("capulet.lit"));
    await client.take((element) => element.getName() === "features");
    const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auth>";
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${clientHeader("capulet.lit")}${auth}`);
    await client.closed();
    expect(server.untaken).toBe(0);
  });

  test("a stanza before authentication has a limit of 10 000 bytes (RFC 6120 §13.12)", async () => {
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    client.send(clientHeader("capulet.lit"));
    const behind = scene.owning(await server.connection());
    await behind.opened();
    const before = behind.received.length;
    behind.send(clientHeader("capulet.lit").replace("to=", "from="));
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${"A".repeat(10_100)}</auth>`);
    expect(await client.streamError()).toBe("policy-violation");
    await behind.closed();
    expect(behind.received.slice(before)).not.toContain("AAAA");
  });

  test("the other sessions notice nothing of it", async () => {
    const [romeo, romeoBehind] = await Promise.all([scene.login("romeo"), server.welcome()]);
    scene.owning(romeoBehind);
    const [juliet, julietBehind] = await Promise.all([
      login({ port: scene.caesura.ports.clear, user: "juliet" }),
      server.welcome(),
    ]);
    scene.owning(julietBehind);
    juliet.send("<message><!-- --></message>");
    await juliet.closed();
    romeo.send("<message id='m'/>");
    await romeoBehind.take((element) => element.attrs["id"] === "m");
  });

  test("hostile XML of a component gets the stream error, and the server none of it", async () => {
    const accepted = (async () => {
      const behind = scene.owning(await server.connection());
      await behind.opened();
      behind.send(
        `<stream:stream id='s' from='${entityJid}' xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>`,
      );
      await behind.take((element) => element.getName() === "handshake");
      behind.send("<handshake/>");
      return behind;
    })();
    const component = await scene.component();
    const behind = await accepted;
    component.send("<message><!-- --><body>secret</body></message>");
    expect(await component.streamError()).toBe("restricted-xml");
    await component.closed();
    await behind.closed();
    expect(behind.received).not.toContain("secret");
  });
});
