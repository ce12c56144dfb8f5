import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { bind2, enableSm, openSasl2, outcome, plain, requestToken, withToken } from "../../support/sasl2.js";
import { Scene } from "../../support/scene.js";
import { ScramClient } from "../../support/scram.js";
import { XmppStream } from "../../support/xmpp-stream.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const sasl2Module = "/usr/lib/prosody/modules/mod_sasl2/mod_sasl2.lua";

describe.skipIf(cannotRun("prosody", sasl2Module))("at log level trace (A9)", () => {
  let scene: Scene;
  const secrets = new Set<string>(["r0m30", "wr0ng", Buffer.from("r0m30").toString("base64")]);

  beforeAll(async () => {
    scene = await Scene.withProsody(
      { more: { log: { level: "trace" } } },
      { modules: ["sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast", "sasl2_on_prosody_0_12"] },
    );
  });
  afterAll(() => scene.stop());

  /** Sends something of SASL; whatever is text in it is secret from here on. */
  function send(stream: XmppStream, element: string): void {
    for (const [, text = ""] of element.matchAll(/>([^<>]{6,})</g)) secrets.add(text);
    stream.send(element);
  }

  async function opened(): Promise<XmppStream> {
    const { stream } = await openSasl2({ port: scene.caesura.ports.clear, user: "juliet" });
    return scene.owning(stream);
  }

  test("no password, token or word of SASL is logged or counted, whichever way a login goes", async () => {
    const refused = await opened();
    send(refused, plain("juliet", "", "wr0ng"));
    await outcome(refused);

    const first = await opened();
    send(first, plain("juliet", bind2(enableSm) + requestToken));
    const token = String((await outcome(first)).element.getChild("token")?.attrs["token"]);
    expect(token).toMatch(/^secret-token:/);
    secrets.add(token);

    const second = await opened();
    send(second, withToken("juliet", token, "", "HT-SHA-256-EXPR"));
    await outcome(second);
    send(second, withToken("juliet", token, bind2()));
    expect((await outcome(second)).element.getName()).toBe("success");

    const third = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    await third.open(clientHeader("capulet.lit"));
    const scram = new ScramClient("SCRAM-SHA-1", "juliet", "r0m30", "n");
    send(third, `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`);
    const challenge = await third.take((one) => one.getName() === "challenge");
    secrets.add(challenge.element.getText());
    send(third, `<response xmlns='${sasl}'>${scram.final(challenge.element.getText())}</response>`);
    secrets.add((await third.take((one) => one.getName() === "success")).element.getText());

    // Elements that cannot be read, or are not known, with a secret in them.
    for (const broken of [
      `<auth xmlns='${sasl}' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auht>`,
      `<auth xmlns='${sasl}' mechanism='PLAIN' secret='AGp1bGlldAByMG0zMA==' secret=''/>`,
      "<password xmlns='urn:example:unknown'>AGp1bGlldAByMG0zMA==</password>",
    ]) {
      const stream = await opened();
      send(stream, broken);
      await stream.streamError();
    }
    await scene.caesura.untilMetric("caesura_stream_faults_total", { leg: "client" }, (faults) => faults >= 4);

    const { log } = scene.caesura.peer;
    const { text: metrics } = await scene.caesura.admin("/metrics");
    expect(log).toContain('"event":"bound"');
    expect(secrets.size).toBeGreaterThan(10);
    for (const secret of secrets) {
      // "Verona" is what the client calls itself, and its resource says so too.
      if (secret === "Verona" || secret === "verona") continue;
      expect(log).not.toContain(secret);
      expect(metrics).not.toContain(secret);
    }
  });
});
