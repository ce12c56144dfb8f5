import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cannotRun, freePort } from "../../support/peer.js";
import { Scene, verseIq } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";
import { MessageClient } from "../../support/message-client.js";
import { enable, Ground, isGone } from "./ground.js";

const jid = "juliet@capulet.lit/balcony";
const bind = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>`;
const presence = "<presence xmlns='jabber:client'/>";

describe.skipIf(cannotRun("prosody", "openssl"))("a message over WebSocket, with Prosody behind", () => {
  let scene: Scene;
  let url = "";
  beforeAll(async () => {
    const port = await freePort();
    url = `ws://127.0.0.1:${port}/xmpp-websocket`;
    scene = await Scene.withProsody({ listeners: [{ kind: "websocket", host: "127.0.0.1", port, tls: "none" }] });
  });
  let ground: Ground;
  beforeEach(async () => {
    ground = await Ground.of(scene);
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each([
    ["two elements", presence + presence, "message-crowded", "not-well-formed"],
    ["none", "", "message-empty", "not-well-formed"],
    ["half of one", "<message xmlns='jabber:client'>", "message-incomplete", "not-well-formed"],
    ["text", "but soft", "message-text", "bad-format"],
  ])(
    "that holds %s ends a resumable stream with a request under way (RFC 7395 §3.3.3)",
    async (_, bad, code, condition) => {
      const counted = { leg: "client", code };
      const before = await scene.caesura.metric("caesura_stream_faults_total", counted);
      const entity = await scene.entity();
      const client = await MessageClient.connect(url);
      await client.authenticate("juliet", "r0m30");
      client.send(bind);
      await client.take((element) => element.attrs["id"] === "b");
      client.send(enable);
      await client.take((element) => element.getName() === "enabled");
      client.send(verseIq("open").replace("<iq ", "<iq xmlns='jabber:client' "));
      const request = await entity.request();
      client.send(bad);
      expect(conditionOf(await client.take((element) => element.getName() === "error"))).toBe(condition);
      await client.take((element) => element.getName() === "close");
      expect(await scene.caesura.metric("caesura_stream_faults_total", counted)).toBe(before + 1);
      entity.answer(request);
      await entity.stream.settle();
      await isGone(entity.stream, jid);
      await entity.stream.close();
      await ground.isRegained();
    },
  );
});
