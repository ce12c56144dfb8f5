import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { authenticate, clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

// What somebody in the middle cannot honour is not offered; everything else of the server's features stays.

const mechanisms =
  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256-PLUS</mechanism>" +
  "<mechanism>SCRAM-SHA-256</mechanism><mechanism>PLAIN</mechanism></mechanisms>" +
  "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
const compression = "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const others =
  "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>" +
  "<csi xmlns='urn:xmpp:csi:0'/><ver xmlns='urn:xmpp:features:rosterver'/>";

describe.skipIf(cannotRun("openssl"))("the stream features of the server", () => {
  let server: RecordingServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await RecordingServer.start({
      features: `${starttls}${mechanisms}${compression}`,
      boundFeatures: `${others}${compression}`,
    });
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port, componentPort: server.port },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("keep their SASL offers untouched, and lose STARTTLS and compression (RFC 5802 §6, XEP-0138 §7)", async () => {
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    const welcomed = server.welcome().catch(() => undefined);
    await client.open(clientHeader("capulet.lit"));
    const { element, raw } = await client.take((one) => one.getName() === "features");
    expect(element.getChildElements().map((child) => child.getName())).toEqual(["mechanisms", "sasl-channel-binding"]);
    expect(
      element
        .getChild("mechanisms")
        ?.getChildren("mechanism")
        .map((one) => one.getText()),
    ).toEqual(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"]);
    expect(raw).toContain("tls-exporter");
    client.drop();
    await welcomed;
  });

  test("lose compression behind authentication too, and keep the rest", async () => {
    const welcomed = server.welcome().catch(() => undefined);
    const client = scene.owning(await authenticate({ port: scene.caesura.ports.clear, user: "juliet" }));
    const names = /<(?:\w+:)?features[^]*<\/(?:\w+:)?features>$/.exec(client.received)?.[0] ?? "";
    for (const name of ["<bind", "<session", "<csi", "<ver"]) expect(names).toContain(name);
    expect(names).not.toContain("compress");
    client.drop();
    await welcomed;
  });

  test.each([
    [
      "compression",
      "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
      "setup-failed",
    ],
    ["STARTTLS", starttls, "failure"],
  ])(
    "asking for %s all the same is answered with a failure, and the server hears nothing of it",
    async (_what, nonza, answer) => {
      const [client, behind] = await Promise.all([scene.login("juliet"), server.welcome()]);
      scene.owning(behind);
      const before = behind.received.length;
      client.send(nonza);
      expect((await client.take((one) => one.getName() === "failure")).raw).toContain(answer);
      expect(behind.received.slice(before)).toBe("");
    },
  );
});
