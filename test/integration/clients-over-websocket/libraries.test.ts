import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startHaproxy } from "../../support/haproxy.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { Scene, verseNs } from "../../support/scene.js";
import { askOverWebSocket } from "./ask.js";

const payload = `<line xmlns='${verseNs}' n='1'/>`;

describe.skipIf(cannotRun("prosody", "openssl")).each(["@xmpp/client", "strophe.js"] as const)("%s", (library) => {
  let scene: Scene;
  let ports: { readonly clear: number; readonly secure: number; readonly announced: number };
  beforeAll(async () => {
    ports = { clear: await freePort(), secure: await freePort(), announced: await freePort() };
    const listener = { kind: "websocket", host: "127.0.0.1", tls: "none" };
    scene = await Scene.withProsody({
      listeners: [
        { ...listener, port: ports.clear },
        { ...listener, port: ports.secure, tls: "direct" },
        { ...listener, port: ports.announced, proxyProtocol: { from: ["127.0.0.1"] } },
      ],
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const caFile = (): string => scene.caesura.certificates.get("capulet.lit")?.certFile ?? "";

  test("logs in over WebSocket in clear and gets a delegated reply (RFC 7395)", async () => {
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>But, soft!</line>` }));
    const outcome = await askOverWebSocket(library, {
      url: `ws://127.0.0.1:${ports.clear}/xmpp-websocket`,
      iq: { type: "get", payload },
    });
    expect(outcome).toMatchObject({
      bound: "juliet@capulet.lit/library",
      type: "result",
      from: "juliet@capulet.lit",
      payload: `<line xmlns="${verseNs}">But, soft!</line>`,
    });
  });

  test("logs in over WebSocket with TLS and gets a delegated reply", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const outcome = await askOverWebSocket(library, {
      url: `wss://127.0.0.1:${ports.secure}/xmpp-websocket`,
      caFile: caFile(),
      iq: { type: "set", to: "romeo@capulet.lit", payload },
    });
    expect(outcome).toMatchObject({ type: "result", from: "romeo@capulet.lit" });
  });

  test.skipIf(cannotRun("haproxy"))(
    "does so through HAProxy that ends TLS and tells the client's address",
    async () => {
      const certificate = scene.caesura.certificates.get("capulet.lit");
      if (certificate === undefined) throw new Error("no certificate");
      const haproxy = await startHaproxy({ targetPort: ports.announced, certificate, sends: "send-proxy-v2" });
      try {
        const entity = await scene.entity();
        entity.answerAll();
        const outcome = await askOverWebSocket(library, {
          url: `wss://127.0.0.1:${haproxy.port}/xmpp-websocket`,
          caFile: caFile(),
          iq: { type: "get", payload },
        });
        expect(outcome).toMatchObject({ type: "result", from: "juliet@capulet.lit" });
      } finally {
        await haproxy.stop();
      }
    },
  );
});
