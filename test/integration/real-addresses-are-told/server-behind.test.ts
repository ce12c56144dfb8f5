import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEjabberd, type Ejabberd } from "../../support/ejabberd.js";
import { type Haproxy, startHaproxy } from "../../support/haproxy.js";
import { temporaryFolder, cannotRun } from "../../support/peer.js";
import { askServers } from "../../../src/cli/online.js";
import { workspace, yaml } from "../../config/workspace.js";
import { makeCertificate } from "../../support/certificate.js";
import { type Prosody, startProsody } from "../../support/prosody.js";
import { entityJid, Scene, secret, verseIq, verseNs } from "../../support/scene.js";

const client = "127.0.0.2";
const versions = ["v1", "v2"] as const;

describe.skipIf(cannotRun("ejabberdctl", "erl", "openssl", "haproxy")).each(versions)(
  "ejabberd with use_proxy_protocol hears of clients by %s",
  (proxyProtocol) => {
    let ejabberd: Ejabberd;
    let scene: Scene;
    beforeAll(async () => {
      ejabberd = await startEjabberd({ components: { [entityJid]: secret }, expectsProxyHeader: true });
      scene = await Scene.before(ejabberd, {
        behind: {
          c2sPort: ejabberd.c2sPort,
          componentPort: ejabberd.componentPort,
          c2s: { proxyProtocol },
          component: { proxyProtocol },
        },
        delegations: { [verseNs]: { jid: entityJid } },
      });
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("and of caesura check --online", async () => {
      const port = (number: number): string =>
        `{ host: 127.0.0.1, port: ${String(number)}, proxyProtocol: ${proxyProtocol} }`;
      const config = workspace().config(
        yaml({
          c2s: port(ejabberd.c2sPort),
          component: `component: ${port(ejabberd.componentPort)}`,
          components: `{ ${entityJid}: {} }`,
          delegations: `{ ${verseNs}: { jid: ${entityJid} } }`,
        }),
      );
      const findings = await askServers(config);
      expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(findings.map(({ port: which }) => which)).toEqual(["c2s", "component"]);
    });

    test.each(["clear", "starttls", "direct"] as const)("that connect to Caesura over %s", async (transport) => {
      const entity = await scene.entity();
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
      const localAddress = { clear: "127.0.0.3", starttls: "127.0.0.4", direct: "127.0.0.5" }[transport];
      const juliet = await scene.login("juliet", { transport, localAddress });
      expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
      await juliet.settle();
      await ejabberd.peer.untilLog((log) =>
        new RegExp(`Accepted c2s PLAIN authentication for juliet@capulet.lit .* from ${localAddress}`).test(log),
      );
    });
  },
);

describe.skipIf(cannotRun("ejabberdctl", "erl", "openssl", "haproxy"))("HAProxy, Caesura and ejabberd in a row", () => {
  test("let ejabberd see the client's address, though nobody but HAProxy met the client", async () => {
    const ejabberd = await startEjabberd({ expectsProxyHeader: true });
    const scene = await Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, c2s: { proxyProtocol: "v2" } },
      proxyProtocol: { from: ["127.0.0.1"] },
    });
    let balancer: Haproxy | undefined;
    try {
      balancer = await startHaproxy({ targetPort: scene.caesura.ports.starttls, sends: "send-proxy-v2" });
      const { port } = balancer;
      const juliet = await scene.login("juliet", { transport: "starttls", port, localAddress: client });
      await juliet.settle();
      await ejabberd.peer.untilLog((log) => new RegExp(`authentication for juliet@.* from ${client}`).test(log));
    } finally {
      await scene.clear();
      await balancer?.stop();
      await scene.stop();
    }
  });
});

describe.skipIf(cannotRun("prosody", "openssl")).each(versions)(
  "Prosody with a module that reads %s",
  (proxyProtocol) => {
    let prosody: Prosody;
    let scene: Scene;
    beforeAll(async () => {
      prosody = await startProsody({ components: { [entityJid]: secret }, expectsProxyHeader: true });
      scene = await Scene.before(prosody, {
        behind: { c2sPort: prosody.toldPort, componentPort: prosody.componentPort, c2s: { proxyProtocol } },
        delegations: { [verseNs]: { jid: entityJid } },
      });
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test.each(["clear", "starttls", "direct"] as const)(
      "has clients at their own addresses that connect to Caesura over %s",
      async (transport) => {
        const entity = await scene.entity();
        entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
        const localAddress = { clear: "127.0.0.3", starttls: "127.0.0.4", direct: "127.0.0.5" }[transport];
        const juliet = await scene.login("juliet", { transport, localAddress, resource: transport });
        expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
        await juliet.settle();
        await prosody.peer.untilLog((log) => log.includes(`juliet@capulet.lit/${transport} is at ${localAddress}\n`));
      },
    );
  },
);

describe.skipIf(cannotRun("prosody", "openssl", "haproxy"))("HAProxy with accept-proxy, in front of Prosody", () => {
  test.each(
    versions.flatMap((version) => (["none", "starttls", "direct"] as const).map((tls) => [version, tls] as const)),
  )("reads %s in front of a server leg with tls: %s, and Prosody the rest", async (proxyProtocol, tls) => {
    const folder = temporaryFolder("behind");
    const certificate = makeCertificate(folder, "server", ["capulet.lit"]);
    const prosody = await startProsody(tls === "none" ? {} : { certificate });
    const reader = await startHaproxy({
      targetPort: tls === "direct" ? prosody.directTlsPort : prosody.c2sPort,
      accepts: true,
    });
    const scene = await Scene.before(prosody, {
      behind: {
        c2sPort: reader.port,
        c2s: { proxyProtocol, tls, ...(tls === "none" ? {} : { ca: certificate.certFile }) },
      },
    });
    try {
      const juliet = await scene.login("juliet", { transport: "direct", localAddress: client });
      await juliet.settle();
      await juliet.close();
      const { direct } = scene.caesura.ports;
      await reader.peer.untilLog((log) =>
        new RegExp(`connection from ${client}:\\d+ to 127\\.0\\.0\\.1:${String(direct)} ended`).test(log),
      );
    } finally {
      await scene.clear();
      await scene.stop();
      await reader.stop();
    }
  });
});
