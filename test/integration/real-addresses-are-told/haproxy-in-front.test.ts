import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Haproxy, startHaproxy } from "../../support/haproxy.js";
import { connectComponent } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, secret, verseIq, verseNs } from "../../support/scene.js";

const client = "127.0.0.2";

describe.skipIf(cannotRun("prosody", "openssl", "haproxy"))("HAProxy tells Caesura where clients are", () => {
  let scene: Scene;
  let balancers: Haproxy[] = [];
  beforeAll(async () => {
    scene = await Scene.withProsody({ proxyProtocol: { from: ["127.0.0.1"] } });
  });
  afterEach(async () => {
    await scene.clear();
    for (const balancer of balancers) await balancer.stop();
    balancers = [];
  });
  afterAll(() => scene.stop());

  async function balancer(...[options]: Parameters<typeof startHaproxy>): Promise<Haproxy> {
    const started = await startHaproxy(options);
    balancers.push(started);
    return started;
  }

  const lines = (): readonly string[] => scene.caesura.peer.log.split("\n");

  describe.each(["send-proxy", "send-proxy-v2"] as const)("with %s", (sends) => {
    test.each(["clear", "starttls", "direct"] as const)("of %s connections", async (transport) => {
      const component = await balancer({ targetPort: scene.caesura.ports.component, sends });
      const entity = await scene.entity(entityJid, { port: component.port });
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
      const { port } = await balancer({ targetPort: scene.caesura.ports[transport], sends });
      const resource = `${transport}-${sends}`;
      const juliet = await scene.login("juliet", { transport, port, resource, localAddress: client });
      expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
      await juliet.settle();
      const bound = lines().find((line) => line.includes('"event":"bound"') && line.includes(resource));
      expect(bound).toContain(`"remote":"${client}"`);
    });

    test("also where HAProxy ends TLS itself", async () => {
      const certificate = scene.caesura.certificates.get("capulet.lit");
      if (certificate === undefined) throw new Error("no certificate");
      const { port } = await balancer({ targetPort: scene.caesura.ports.clear, sends, certificate });
      const resource = `ended-${sends}`;
      const juliet = await scene.login("juliet", { transport: "direct", port, resource, localAddress: client });
      await juliet.settle();
      const bound = lines().find((line) => line.includes('"event":"bound"') && line.includes(resource));
      expect(bound).toContain(`"remote":"${client}"`);
    });

    test("and its health checks leave no trace", async () => {
      const { peer } = await balancer({ targetPort: scene.caesura.ports.clear, sends });
      // Behind the connections by which the test found out that HAProxy listens.
      await scene.caesura.untilMetric("caesura_connections", {}, (value) => value === 0);
      await pause(300);
      const before = lines().length;
      const rejected = await scene.caesura.metric("caesura_connections_rejected_total");
      const accepted = await scene.caesura.metric("caesura_connections_total");
      // A dozen checks.
      await pause(1_200);
      expect(peer.log).not.toContain("DOWN");
      expect(lines().slice(before).join("\n")).not.toMatch(/"level":"(info|warn|error)"/);
      expect(await scene.caesura.metric("caesura_connections_rejected_total")).toBe(rejected);
      expect(await scene.caesura.metric("caesura_connections_total")).toBe(accepted);
    });
  });

  test("and who comes round HAProxy is refused, with a line that says why", async () => {
    await expect(scene.login("juliet")).rejects.toThrow();
    await scene.caesura.untilMetric(
      "caesura_connections_rejected_total",
      { listener: `c2s:127.0.0.1:${String(scene.caesura.ports.clear)}`, reason: "proxy_missing" },
      (value) => value === 1,
    );
    const { component } = scene.caesura.ports;
    await expect(connectComponent({ port: component, jid: entityJid, secret })).rejects.toThrow();
    await scene.caesura.peer.untilLog((log) => log.includes("a connection without PROXY header was refused"));
  });

  test("and who is no proxy of ours is refused, whatever it says", async () => {
    await expect(scene.login("juliet", { localAddress: client })).rejects.toThrow();
    await scene.caesura.untilMetric(
      "caesura_connections_rejected_total",
      { reason: "proxy_untrusted" },
      (value) => value === 1,
    );
    await scene.caesura.peer.untilLog((log) => log.includes(`"reason":"proxy_untrusted","remote":"${client}"`));
  });
});

// Between two looks at another process. There is nothing to wait on but time.
async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
