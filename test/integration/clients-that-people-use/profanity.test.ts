import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene } from "../../support/scene.js";
import { Terminal } from "../../support/terminal.js";

describe.skipIf(cannotRun("prosody", "openssl", "profanity", "tmux"))("profanity", () => {
  let scene: Scene;
  let terminal: Terminal | undefined;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(async () => {
    await terminal?.stop();
    await scene.clear();
  });
  afterAll(() => scene.stop());

  test.each([
    ["STARTTLS", "starttls", "trust"],
    ["direct TLS", "direct", "legacy"],
  ] as const)("logs in over %s, sends a message and shows one", async (_what, port, tls) => {
    const romeo = await scene.login("romeo", { transport: "starttls", resource: "orchard" });
    romeo.send("<presence/>");
    terminal = await Terminal.run("profanity");
    await terminal.shows("Type '/help'");
    await terminal.type(
      `/connect juliet@capulet.lit server 127.0.0.1 port ${String(scene.caesura.ports[port])} tls ${tls}`,
    );
    await terminal.shows(/password/i);
    await terminal.type(passwords["juliet"] ?? "");
    if (tls === "legacy") {
      // The certificate is signed by nobody that it knows.
      await terminal.shows("/tls");
      await terminal.type("/tls always");
    }
    await terminal.shows("logged in successfully");
    await terminal.type("/msg romeo@capulet.lit Romeo, doff thy name");
    const { element } = await romeo.take((one) => one.getChildText("body") !== null);
    expect(element.getChildText("body")).toBe("Romeo, doff thy name");
    romeo.send(`<message to='${String(element.attrs["from"])}' type='chat'><body>Call me but love</body></message>`);
    await terminal.shows("Call me but love");
  });
});
