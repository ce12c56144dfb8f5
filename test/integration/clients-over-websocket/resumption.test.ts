import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun, freePort } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import { askOverWebSocket } from "./ask.js";
import { MessageClient } from "../../support/message-client.js";

const sm = "urn:xmpp:sm:3";

describe.skipIf(cannotRun("prosody", "openssl"))("a session over WebSocket that is cut off", () => {
  let scene: Scene;
  let url = "";
  const clients: MessageClient[] = [];
  beforeAll(async () => {
    const port = await freePort();
    url = `ws://127.0.0.1:${port}/xmpp-websocket`;
    scene = await Scene.withProsody({
      listeners: [{ kind: "websocket", host: "127.0.0.1", port, tls: "none" }],
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.drop();
    await scene.clear();
  });
  afterAll(() => scene.stop());

  async function authenticated(): Promise<MessageClient> {
    const client = await MessageClient.connect(url);
    clients.push(client);
    await client.authenticate("juliet", "r0m30");
    return client;
  }

  test("is resumed by strophe.js, which gets the delegated reply that came meanwhile (XEP-0198 §5)", async () => {
    const entity = await scene.entity();
    const outcome = await askOverWebSocket("strophe.js", {
      url,
      iq: { type: "get", payload: `<line xmlns='${verseNs}' n='1'/>` },
      cutWhen: async () => {
        const request = await entity.request();
        // Answered when the client is away, or has come back: whichever it is, the answer arrives.
        setImmediate(() => entity.answer(request));
      },
    });
    expect(outcome).toMatchObject({ bound: "juliet@capulet.lit/library", isResumed: true, type: "result" });
  });

  test.each(["cut", "closed without <close/>"])(
    "and %s keeps an unacknowledged delegated reply, brings it once, and executes nothing twice (S30, RFC 7395 §3.6)",
    async (how) => {
      const entity = await scene.entity();
      let executed = 0;
      entity.answerAll(() => {
        executed++;
        return {};
      });
      const client = await authenticated();
      await client.bind();
      client.send(`<enable xmlns='${sm}' resume='true'/>`);
      const enabled = await client.take((element) => element.getName() === "enabled");
      const id = String(enabled.attrs["id"]);
      client.send(inClient(verseIq("lost")));
      await client.take((element) => element.attrs["id"] === "lost");
      if (how === "cut") client.drop();
      else await client.goAway();

      const again = await authenticated();
      // As far as this client knows, nothing came.
      again.send(`<resume xmlns='${sm}' previd='${id}' h='0'/>`);
      const resumed = await again.take((element) => element.getName() === "resumed");
      // What was taken was taken care of.
      expect(resumed.attrs).toMatchObject({ previd: id, h: "1" });
      const reply = await again.take((element) => element.attrs["id"] === "lost");
      expect(reply.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", xmlns: "jabber:client" });
      again.send(inClient(verseIq("next")));
      await again.take((element) => element.attrs["id"] === "next");
      expect(executed).toBe(2);
    },
  );
});

/** Each message names its namespaces (RFC 7395 §3.3.3). */
function inClient(stanza: string): string {
  return stanza.replace("<iq ", "<iq xmlns='jabber:client' ");
}
