import { readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { clientHeader } from "../../support/login.js";
import { MessageClient } from "../../support/message-client.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { entityJid, Scene, secret, verseNs } from "../../support/scene.js";
import { conditionOf, XmppStream } from "../../support/xmpp-stream.js";

interface Listening {
  port: number;
  tls: string;
}

/** What the file holds, as far as it is changed here. */
interface Written {
  domains: Record<string, unknown>;
  listen: Listening[];
  log: { level: string };
  limits?: { stanza: string };
}

describe.skipIf(cannotRun("prosody", "openssl"))("a reload under open streams", () => {
  let scene: Scene;
  let webPort: number;

  beforeEach(async () => {
    webPort = await freePort();
    const domains = ["capulet.lit", "montague.lit"];
    const prosody = await startProsody({ domains, components: { [entityJid]: secret } });
    scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      domains,
      delegations: { [verseNs]: { jid: entityJid } },
      listeners: [{ kind: "websocket", host: "127.0.0.1", port: webPort, tls: "direct" }],
    });
  });
  afterEach(() => scene.stop());

  async function change(how: (settings: Written) => void): Promise<void> {
    const settings: Written = JSON.parse(readFileSync(scene.caesura.file, "utf8"));
    how(settings);
    writeFileSync(scene.caesura.file, JSON.stringify(settings, undefined, 2));
    await scene.caesura.hangUp("success");
  }

  /** The certificate that a new client is shown, as its fingerprint. */
  async function shown(port: number, servername: string): Promise<string> {
    const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  test("renewed certificates are shown to the next client, at direct TLS, STARTTLS and WebSocket, by name", async () => {
    const { direct } = scene.caesura.ports;
    const web = await MessageClient.connect(`wss://127.0.0.1:${String(webPort)}/xmpp-websocket`, {
      rejectUnauthorized: false,
    });
    await web.authenticate("juliet", "r0m30");
    const open = [
      await scene.login("juliet", { transport: "direct" }),
      await scene.login("romeo", { transport: "starttls" }),
    ];
    const before = [await shown(direct, "capulet.lit"), await shown(webPort, "capulet.lit")];
    const other = await shown(direct, "montague.lit");
    const renewed = makeCertificate(scene.caesura.folder, "capulet.lit", ["capulet.lit"]);
    await scene.caesura.hangUp("success");
    const after = [await shown(direct, "capulet.lit"), await shown(webPort, "capulet.lit")];
    expect(new Set(before).size).toBe(1);
    expect(new Set(after).size).toBe(1);
    expect(after[0]).not.toBe(before[0]);
    expect(await shown(direct, "montague.lit")).toBe(other);
    const next = await scene.login("juliet", { transport: "starttls", ca: renewed.pem, resource: "b" });
    for (const stream of [...open, next]) await stream.settle();
    await web.bind();
    web.drop();
  });

  test("a listener's TLS changes for the next connection, the one there is stays as it is", async () => {
    const { clear } = scene.caesura.ports;
    const juliet = await scene.login("juliet");
    await change(({ listen }) => {
      for (const one of listen) if (one.port === clear) one.tls = "starttls";
    });
    const next = scene.owning(await XmppStream.connect(clear));
    await next.open(clientHeader("capulet.lit"));
    const { raw } = await next.take((element) => element.getName() === "features", "features");
    expect(raw).toContain("<required");
    await juliet.settle();
    await change(({ listen }) => {
      for (const one of listen) if (one.port === clear) one.tls = "direct";
    });
    const secured = await scene.login("romeo", { transport: "direct", port: clear });
    await Promise.all([secured.settle(), juliet.settle()]);
  });

  test("a domain that is taken away serves its streams to their end, and nobody new until it is back", async () => {
    const montague = { domain: "montague.lit", transport: "starttls" } as const;
    const romeo = await scene.login("romeo", montague);
    let kept: unknown;
    await change(({ domains }) => {
      kept = domains["montague.lit"];
      delete domains["montague.lit"];
    });
    await romeo.settle();
    const refused = scene.owning(await XmppStream.connect(scene.caesura.ports.starttls));
    await refused.open(clientHeader("montague.lit"));
    expect(await refused.streamError()).toBe("host-unknown");
    await change(({ domains }) => {
      domains["montague.lit"] = kept;
    });
    const again = await scene.login("juliet", montague);
    await Promise.all([again.settle(), romeo.settle()]);
    const iq = `<iq type='get' id='v'><line xmlns='${verseNs}'/></iq>`;
    expect(conditionOf((await romeo.ask(iq)).element)).toBe("service-unavailable");
    expect(
      await scene.caesura.metric("caesura_delegations_total", { domain: "montague.lit", outcome: "no_link" }),
    ).toBe(1);
  });

  test("the log's level holds at once, a limit on stanzas for the next connection", async () => {
    const juliet = await scene.login("juliet");
    const long = `<message to='juliet@capulet.lit/nobody' type='headline'><body>${"x".repeat(30_000)}</body></message>`;
    await change((settings) => {
      settings.log.level = "warn";
      settings.limits = { stanza: "20KB" };
    });
    const lines = scene.caesura.peer.log.length;
    juliet.send(long);
    await juliet.settle();
    const romeo = await scene.login("romeo");
    romeo.send(long);
    expect(await romeo.streamError()).toBe("policy-violation");
    await juliet.settle();
    expect(scene.caesura.peer.log.slice(lines)).not.toMatch(/"level":"(info|debug)"/);
  });
});
