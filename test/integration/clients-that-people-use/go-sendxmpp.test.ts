import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { passwords } from "../../support/login.js";
import { cannotRun, Peer, temporaryFolder } from "../../support/peer.js";
import { Scene } from "../../support/scene.js";

describe.skipIf(cannotRun("prosody", "openssl", "go-sendxmpp"))("go-sendxmpp", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  // It puts a line end behind each element of the negotiation, <starttls/> included, which RFC 6120 §5.3.3 does not want.
  test.each([
    ["STARTTLS", "starttls", []],
    ["direct TLS", "direct", ["--tls"]],
  ] as const)("sends a message over %s with the certificate verified", async (_what, port, flags) => {
    const romeo = await scene.login("romeo", { transport: "direct" });
    romeo.send("<presence/>");
    const home = temporaryFolder("go");
    const sender = await Peer.start({
      name: "go-sendxmpp",
      command: "sh",
      args: [
        "-c",
        `echo "Deny thy father" | exec go-sendxmpp "$@"`,
        "sh",
        "--username=juliet@capulet.lit",
        `--password=${passwords["juliet"] ?? ""}`,
        `--jserver=127.0.0.1:${String(scene.caesura.ports[port])}`,
        ...flags,
        "romeo@capulet.lit",
      ],
      env: { HOME: home, SSL_CERT_FILE: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "" },
      folder: home,
      isReady: () => true,
    });
    try {
      expect(await sender.ended()).toBe(0);
      const { element } = await romeo.take((one) => one.getChildText("body") !== null);
      expect(element.getChildText("body")).toContain("Deny thy father");
      expect(element.attrs["from"]).toMatch(/^juliet@capulet\.lit\//);
    } finally {
      await sender.stop();
    }
  });
});
