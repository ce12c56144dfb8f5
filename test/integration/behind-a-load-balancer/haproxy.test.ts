import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Haproxy, startHaproxy } from "../../support/haproxy.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";

describe.skipIf(cannotRun("prosody", "openssl", "haproxy"))("HAProxy in front of Caesura", () => {
  let scene: Scene;
  const balancers: Haproxy[] = [];
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(async () => {
    for (const balancer of balancers) await balancer.stop();
    await scene.stop();
  });

  async function balancer(targetPort: number, endsTls = false): Promise<number> {
    const certificate = scene.caesura.certificates.get("capulet.lit");
    const started = await startHaproxy({
      targetPort,
      ...(endsTls && certificate !== undefined ? { certificate } : {}),
    });
    balancers.push(started);
    return started.port;
  }

  test.each(["starttls", "direct"] as const)("that forwards connections leaves %s to Caesura", async (transport) => {
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const port = await balancer(scene.caesura.ports[transport]);
    const juliet = await scene.login("juliet", { transport, port });
    expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
    await juliet.settle();
  });

  test("that ends TLS itself hands clear streams to a loopback listener (tls: none)", async () => {
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const port = await balancer(scene.caesura.ports.clear, true);
    const juliet = await scene.login("juliet", { transport: "direct", port });
    expect((await juliet.ask(verseIq("v1"))).raw).toContain("yes");
    await juliet.settle();
  });
});
