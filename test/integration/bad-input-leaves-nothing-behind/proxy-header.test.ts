import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";
import { Ground } from "./ground.js";

const v2Signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

// What a load balancer has to write first and does not: the connection ends without a word, since nothing that could be
// said would be read by a client.
describe.skipIf(cannotRun("prosody", "openssl"))("a PROXY header", () => {
  let scene: Scene;
  let ground: Ground;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      proxyProtocol: { from: ["127.0.0.1"] },
      more: { timeouts: { header: "500ms" } },
    });
  });
  beforeEach(async () => {
    ground = await Ground.of(scene);
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const rejected = (reason: string): Promise<number> =>
    scene.caesura.metric("caesura_connections_rejected_total", { reason });

  test.each([
    ["of version 1 cut off in the middle", Buffer.from("PROXY TCP4 192.0.2.1 198"), "proxy_truncated"],
    ["of version 2 cut off behind its signature", v2Signature, "proxy_truncated"],
    [
      "of version 2 shorter than it says",
      Buffer.concat([v2Signature, Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 1])]),
      "proxy_truncated",
    ],
    ["that is none but a stream header", Buffer.from(clientHeader("capulet.lit")), "proxy_missing"],
    ["of version 1 without its addresses", Buffer.from("PROXY TCP4\r\n"), "proxy_malformed"],
  ])("%s is counted, and nothing is said or kept (T6)", async (_what, header, reason) => {
    const before = await rejected(reason);
    const proxy = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    proxy.send(header);
    proxy.finish();
    await proxy.closed();
    expect(proxy.received).toBe("");
    expect(await rejected(reason)).toBe(before + 1);
    await ground.isRegained();
  });

  test("whose end does not come is waited for until timeouts.header only (T6)", async () => {
    const before = await rejected("proxy_timeout");
    const proxy = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    proxy.send("PROXY TCP4 192.0.2.1 ");
    await proxy.closed();
    expect(proxy.received).toBe("");
    expect(await rejected("proxy_timeout")).toBe(before + 1);
    await ground.isRegained();
  });
});
