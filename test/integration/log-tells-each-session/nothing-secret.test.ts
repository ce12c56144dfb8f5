import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { clientHeader, connectComponent } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun, freePort, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));
const here = "ends-here.capulet.lit";

// Something secret through every door, in forms that pass, are refused, and cannot be read; then everything that an operator
// may look at is searched for it. What logins leave behind is in logins-in-one-step/secrets.test.ts.
describe.skipIf(cannotRun("prosody", "openssl"))("what peers and operators keep secret", () => {
  let scene: Scene;
  let ports: { readonly proxied: number; readonly websocket: number };
  const secrets = new Map<string, string>();

  /** A new secret, that is looked for as it is, in base64, in hexadecimal, and as bytes of JSON. */
  function secret(what: string): string {
    const text = `s3cr3t-${randomBytes(6).toString("hex")}`;
    secrets.set(what, text);
    secrets.set(`${what} in base64`, Buffer.from(text).toString("base64").replace(/=+$/, ""));
    secrets.set(`${what} in hexadecimal`, Buffer.from(text).toString("hex"));
    return text;
  }

  beforeAll(async () => {
    ports = { proxied: await freePort(), websocket: await freePort() };
    const folder = temporaryFolder("secrets");
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, `${secret("the token")}\n`, { mode: 0o600 });
    const host = "127.0.0.1";
    const prosody = await startProsody();
    scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort },
      delegations: { [verseNs]: { jid: here } },
      components: { [here]: secret("the secret of a component") },
      listeners: [
        { kind: "c2s", host, port: ports.proxied, tls: "none", proxyProtocol: { from: [host] } },
        { kind: "websocket", host, port: ports.websocket, tls: "none" },
      ],
      admin: { socket: { path: "admin.sock" }, tokenFile },
      more: { log: { level: "trace" } },
    });
  });
  afterAll(() => scene.stop());

  const ask = (command: string, ...args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [bin, command, "-c", scene.caesura.file, ...args], {
      encoding: "utf8",
      timeout: 30_000,
    });
    return `${stdout}${stderr}`;
  };

  /** Writes bytes to a port and waits until the other side is done with it. */
  async function throwAt(port: number, bytes: string | Buffer): Promise<void> {
    const socket = connect({ host: "127.0.0.1", port });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined).resume();
    socket.end(bytes);
    await withDeadline(closed, 15_000, () => "the connection stays open");
  }

  test(
    "is in no log at level trace, no metric, no page, no command and no masked tap",
    { timeout: 90_000 },
    async () => {
      const { caesura } = scene;
      const componentSecret = secrets.get("the secret of a component") ?? "";
      const entity = new ManagingEntity(
        scene.owning(await connectComponent({ port: caesura.ports.component, jid: here, secret: componentSecret })),
      );
      const tap = spawn(process.execPath, [bin, "tap", "--json", "-c", caesura.file], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let tapped = "";
      tap.stdout.setEncoding("utf8").on("data", (text: string) => (tapped += text));
      await caesura.untilMetric("caesura_taps", {}, (value) => value === 1);

      // What people write, and what is delegated: passed, answered, answered wrongly, refused.
      const juliet = await scene.login("juliet", { transport: "starttls" });
      juliet.send(`<message to='juliet@capulet.lit'><body>${secret("a body")}</body></message>`);
      const request = (id: string, what: string): string =>
        verseIq(id)
          .replace("n='1'", `n='${secret(`an attribute ${what}`)}'`)
          .replace("/></iq>", `>${secret(`a text ${what}`)}</line></iq>`);
      juliet.send(request("d1", "that is answered"));
      entity.answer(await entity.request(), { payload: `<line xmlns='${verseNs}'>${secret("an answer")}</line>` });
      await juliet.answer("d1");
      juliet.send(request("d2", "that is answered wrongly"));
      entity.answer(await entity.request(), {
        innerId: secret("an inner id"),
        payload: `<x>${secret("a wrong answer")}</x>`,
      });
      await juliet.answer("d2");
      juliet.send(`<iq type='get' id='d3'><line xmlns='${verseNs}'/><b>${secret("a second child")}</b></iq>`);
      await juliet.answer("d3");
      juliet.send(
        `<message to='juliet@capulet.lit'><body>${secret("a body that is refused")}<!-- ${secret("a comment")} --></body></message>`,
      );
      await juliet.streamError();

      // What breaks the protocol.
      const broken: readonly string[] = [
        `<iq type='set' id='a1'><query xmlns='jabber:iq:auth'><username>juliet</username><password>${secret("a password of jabber:iq:auth")}</password><resource>r</resource></query></iq>`,
        `<iq type='set' id='a2'><query xmlns='jabber:iq:auth'><password>${secret("a password that is not closed")}</query></iq>`,
        `<message><body>${secret("an entity")}&nbsp;</body></message>`,
        `<message ${secret("an attribute's name")}='1' ${secret("another")}='2' a='' a=''/>`,
        `<${secret("an element's name")}/>`,
        `<message><${secret("an element's name that is not closed")}></message>`,
        `<message id='${secret("an id")}' id='2'/>`,
        `<message to='${secret("an address")}@capulet.lit'><body>\u0001</body></message>`,
        secret("text between stanzas"),
        `<message><body>${secret("a body that is too long")}${"x".repeat(300_000)}</body></message>`,
      ];
      for (const bytes of broken) {
        await throwAt(caesura.ports.clear, `${clientHeader("capulet.lit")}${bytes}`);
        await throwAt(
          caesura.ports.component,
          `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${here}'>${bytes}`,
        );
      }
      await throwAt(
        caesura.ports.component,
        `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${here}'><handshake>${secret("a handshake")}</handshake>`,
      );
      await throwAt(caesura.ports.direct, secret("no TLS"));

      // What a proxy in front says beside the addresses (PROXY protocol §2.2), and what it says wrongly.
      const tlv = (text: string): Buffer => Buffer.concat([Buffer.from([0xe0, 0, text.length]), Buffer.from(text)]);
      const header = (extension: Buffer): Buffer => {
        const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
        const addresses = Buffer.from([192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x14, 0x66]);
        const body = Buffer.concat([addresses, extension]);
        return Buffer.concat([signature, Buffer.from([0x21, 0x11, 0, body.length]), body]);
      };
      const behind = scene.owning(await XmppStream.connect(ports.proxied));
      behind.send(header(tlv(secret("a TLV"))));
      await behind.open(clientHeader("capulet.lit"));
      await throwAt(ports.proxied, Buffer.concat([header(tlv(secret("a TLV before nonsense"))), Buffer.from("x")]));
      await throwAt(ports.proxied, `PROXY TCP4 ${secret("no address")} 198.51.100.1 56324 5222\r\n`);

      // What browsers send along.
      const upgrade = (path: string, more: string): string =>
        `GET ${path} HTTP/1.1\r\nHost: capulet.lit\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${more}\r\n\r\n`;
      await throwAt(ports.websocket, upgrade(`/${secret("a path")}`, `Cookie: a=${secret("a cookie")}`));
      await throwAt(
        ports.websocket,
        upgrade(
          "/xmpp-websocket",
          `Authorization: Bearer ${secret("a header")}\r\nSec-WebSocket-Protocol: ${secret("a protocol")}`,
        ),
      );

      // What operators show to get in.
      const page = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
        fetch(`http://127.0.0.1:${String(caesura.ports.admin)}${path}`, { headers });
      const token = secrets.get("the token") ?? "";
      expect((await page("/api/status", { authorization: `Bearer ${token}` })).status).toBe(200);
      expect((await page("/api/status", { authorization: `Bearer ${secret("a wrong token")}` })).status).toBe(401);
      const pair = Buffer.from(`operator:${secret("a wrong token of Basic")}`).toString("base64");
      secrets.set("a pair of Basic", pair);
      expect((await page("/", { authorization: `Basic ${pair}` })).status).toBe(401);
      await page(`/api/status?token=${secret("a token in a query")}`);
      await page(`/${secret("a path of the port")}`);

      const { status: unchanged } = await page("/api/sessions?match=nobody");
      expect(unchanged).toBe(200);
      ask("reload");
      const shown = new Map<string, string>([
        ["the tap", tapped],
        ["/metrics", await (await page("/metrics")).text()],
        ["the page", await (await page("/")).text()],
        ...["status", "sessions", "links", "rules", "errors"].map(
          (command) => [command, ask(command, "--json")] as const,
        ),
      ]);
      // The words themselves: what is searched is there.
      expect(shown.get("the tap")).toContain('"code":"reply-inner-id"');
      expect(shown.get("errors")).toContain('"code": "comment"');
      expect(shown.get("errors")).toContain("<message to='…'><body>…");
      expect(shown.get("links")).toContain("192.0.2.1");
      tap.kill();
      scene.caesura.peer.signal("SIGTERM");
      await scene.caesura.peer.ended();
      shown.set("the log", scene.caesura.peer.log);
      expect(shown.get("the log")).toContain('"event":"stopped"');

      const found = [...shown].flatMap(([where, text]) =>
        [...secrets].filter(([, one]) => text.includes(one)).map(([what]) => `${what}, in ${where}`),
      );
      expect(found).toEqual([]);
    },
  );
});
