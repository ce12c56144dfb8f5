import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientHeader, componentHeader } from "../../support/login.js";
import type { ReplyChanges } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

// Client, component and server say things that XMPP knows, in any order and at any moment, and leave in any way.
// Whatever they do, the proxy stays up, keeps nothing of them, and serves the next client.

const seed = Number(process.env["CAESURA_TEST_SEED"] ?? Math.trunc(Math.random() * 1e9));

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const sm = "urn:xmpp:sm:3";
const streamErrors = "urn:ietf:params:xml:ns:xmpp-streams";
const features = (content: string): string => `<stream:features>${content}</stream:features>`;
const auth = `<auth xmlns='${sasl}' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auth>`;
const bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const bound = (jid: string): string =>
  `<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind></iq>`;
const header = clientHeader("capulet.lit");
const answerHeader = header.replace("to=", "id='s' from=");

const clientLogin = [header, auth, header, bind];
const clientWords = [
  ...clientLogin,
  `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>biwsbj1qdWxpZXQscj1hYmM=</auth>`,
  `<response xmlns='${sasl}'>YQ==</response>`,
  `<abort xmlns='${sasl}'/>`,
  "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
  `<enable xmlns='${sm}' resume='true'/>`,
  `<resume xmlns='${sm}' h='0' previd='x'/>`,
  `<r xmlns='${sm}'/>`,
  `<a xmlns='${sm}' h='1'/>`,
  "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
  "<iq type='set' id='l'><query xmlns='jabber:iq:auth'><username>juliet</username></query></iq>",
  verseIq("v1"),
  verseIq("v2", "romeo@capulet.lit"),
  verseIq("v3", "capulet.lit"),
  "<iq type='get' id='e'/>",
  "<presence/>",
  "<message to='romeo@capulet.lit'><body>x</body></message>",
  `<stream:error><conflict xmlns='${streamErrors}'/></stream:error>`,
  "</stream:stream>",
  " ",
  "<iq",
  "<!-- -->",
];

const serverLogin = [
  answerHeader,
  features(`<mechanisms xmlns='${sasl}'><mechanism>PLAIN</mechanism></mechanisms>`),
  `<success xmlns='${sasl}'/>`,
  answerHeader,
  features(`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='${sm}'/>`),
  bound("juliet@capulet.lit/balcony"),
];
const serverWords = [
  ...serverLogin,
  answerHeader.replace("capulet.lit", "montague.lit"),
  features(""),
  `<failure xmlns='${sasl}'><not-authorized/></failure>`,
  `<challenge xmlns='${sasl}'>YQ==</challenge>`,
  "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  `<enabled xmlns='${sm}' id='q' resume='true'/>`,
  `<resumed xmlns='${sm}' h='1' previd='q'/>`,
  `<failed xmlns='${sm}'/>`,
  `<r xmlns='${sm}'/>`,
  `<a xmlns='${sm}' h='99'/>`,
  bound("nobody"),
  bound("romeo@montague.lit/x"),
  "<iq type='error' id='b'/>",
  "<iq type='result' id='v1'/>",
  "<message from='romeo@capulet.lit'><body>x</body></message>",
  "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet.lit/x</authorization-identifier></success>",
  `<stream:error><see-other-host xmlns='${streamErrors}'>montague.lit</see-other-host></stream:error>`,
  "</stream:stream>",
  " ",
  "<iq",
  "<!DOCTYPE x>",
];

const replies: readonly ReplyChanges[] = [
  {},
  { payload: `<line xmlns='${verseNs}'/>` },
  { innerId: "other" },
  { innerTo: "romeo@capulet.lit/x" },
  { outerType: "error", content: "<error type='cancel'/>" },
  { content: "" },
  { outerId: "unknown" },
];

describe.skipIf(cannotRun("openssl"))(`conversations at random, CAESURA_TEST_SEED=${String(seed)}`, () => {
  let server: RecordingServer;
  let scene: Scene;
  let state = seed;

  /** A whole number from 0 to `below` - 1, the same in every run with the same seed. */
  function random(below: number): number {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  }

  function oneOf<T>(all: readonly [T, ...T[]] | readonly T[], otherwise: T): T {
    return all[random(all.length)] ?? otherwise;
  }

  /** The beginning of something right, then anything. */
  function conversation(right: readonly string[], words: readonly string[]): readonly string[] {
    const beginning = random(4) === 0 ? [] : right.slice(0, 1 + random(right.length));
    return [...beginning, ...Array.from({ length: random(8) }, () => oneOf(words, " "))];
  }

  beforeAll(async () => {
    server = await RecordingServer.start();
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port },
      delegations: { [verseNs]: { jid: entityJid, timeout: "1s" } },
      components: { [entityJid]: secret, "echo.capulet.lit": secret },
      more: { timeouts: { drain: "1s", header: "1s", authentication: "2s", connect: "1s", tls: "1s" } },
    });
  });
  afterAll(() => scene.stop());

  async function leave(stream: XmppStream): Promise<void> {
    if (random(3) === 0) stream.finish();
    await pause(random(10));
    if (random(2) === 0) stream.reset();
    else stream.drop();
  }

  async function clientAndServer(): Promise<void> {
    const client = await XmppStream.connect(oneOf([scene.caesura.ports.clear, scene.caesura.ports.starttls], 0));
    const said = conversation(clientLogin, clientWords);
    client.send(said[0] ?? header);
    const behind = await server.connection(200).catch(() => undefined);
    const answered = conversation(serverLogin, serverWords);
    for (let turn = 0; turn < Math.max(said.length, answered.length); turn++) {
      if (turn > 0) client.send(said[turn] ?? " ");
      behind?.send(answered[turn] ?? " ");
      if (random(3) > 0) await pause(random(6));
    }
    if (behind !== undefined && random(2) === 0) await leave(behind);
    await leave(client);
    behind?.drop();
  }

  async function component(): Promise<void> {
    const stream = await XmppStream.connect(scene.caesura.ports.component);
    stream.send(componentHeader(oneOf(["echo.capulet.lit", entityJid, "nobody.capulet.lit"], "")));
    for (let turn = 0; turn < random(6); turn++) {
      stream.send(oneOf([...clientWords, "<handshake>00</handshake>", "<handshake/>"], " "));
      await pause(random(6));
    }
    await leave(stream);
  }

  test("leave the proxy up, with nothing of them kept, and the next client served", async () => {
    const entity = await scene.entity();
    entity.answerAll(() => oneOf(replies, {}));
    for (let round = 0; round < 25; round++) {
      await Promise.all(Array.from({ length: 10 }, async (_, index) => (index < 8 ? clientAndServer() : component())));
    }
    entity.answerAll();
    // Connections that only wait for a deadline of theirs are over in a moment; the managing entity's stays.
    for (const [gauge, rest] of [
      ["caesura_connections", 1],
      ["caesura_delegations_pending", 0],
      ["caesura_buffered_bytes", 0],
    ] as const) {
      await scene.caesura.untilMetric(gauge, {}, (value) => value === rest);
    }
    expect(scene.caesura.peer.log).not.toMatch(/"level":"(fatal|error)"/);

    while (server.untaken > 0) (await server.connection()).drop();
    const [juliet, behind] = await Promise.all([scene.login("juliet"), server.welcome()]);
    scene.owning(behind);
    expect((await juliet.ask(verseIq("last"))).element.attrs["type"]).toBe("result");
  });
});

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
