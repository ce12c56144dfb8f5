import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clientHeader } from "../../support/login.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { RecordingServer } from "../../support/recording-server.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("openssl"))("a connection that is lost", () => {
  let server: RecordingServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await RecordingServer.start();
    scene = await Scene.before(server, {
      behind: { c2sPort: server.port, componentPort: server.port },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  async function both(transport: "clear" | "starttls" = "clear"): Promise<readonly [XmppStream, XmppStream]> {
    const [client, behind] = await Promise.all([scene.login("juliet", { transport }), server.welcome()]);
    return [client, scene.owning(behind)];
  }

  test.each(["drop", "reset"] as const)(
    "a client that is lost (%s) never becomes </stream:stream> at the server (XEP-0198 §7)",
    async (way) => {
      const [client, behind] = await both();
      client.send("<message id='m'/>");
      await behind.take((element) => element.attrs["id"] === "m");
      client[way]();
      await behind.closed();
      expect(behind.received).toMatch(/<message id='m'\/>$/);
      expect(behind.hasEnded).toBe(false);
    },
  );

  test("a client that is lost in the middle of a stanza leaves none of it at the server", async () => {
    const [client, behind] = await both("starttls");
    client.send("<presence id='p'/><message id='half'><body>");
    await behind.take((element) => element.attrs["id"] === "p");
    client.drop();
    await behind.closed();
    expect(behind.received).toMatch(/<presence id='p'\/>$/);
  });

  test.each(["drop", "reset"] as const)("a server that is lost (%s) ends the client's connection", async (way) => {
    const [client, behind] = await both();
    behind[way]();
    await client.closed();
    // Nothing that the server did not say is said in its name, but for the reason of the end.
    expect(client.hasEnded ? client.received : "").not.toContain("</stream:stream></stream:stream>");
  });

  test("a client that leaves while its SASL is undecided, and a server that ends, do not wait for each other", async () => {
    const client = scene.owning(await XmppStream.connect(scene.caesura.ports.clear));
    client.send(clientHeader("capulet.lit"));
    const behind = scene.owning(await server.connection());
    await behind.opened();
    behind.send(clientHeader("capulet.lit").replace("to=", "from="));
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth><presence/>");
    await behind.take((element) => element.getName() === "auth");
    behind.send(
      "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    );
    await client.streamEnd();
    client.drop();
    await behind.closed();
    behind.finish();
    await scene.caesura.untilMetric("caesura_connections", {}, (count) => count === 0);
  });

  test("a client that half-closes still gets what the server has to say", async () => {
    const [client, behind] = await both();
    client.send("<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>");
    client.finish();
    await behind.streamEnd();
    behind.send("<iq type='result' id='last'/></stream:stream>");
    expect((await client.answer("last")).element.attrs["type"]).toBe("result");
    await client.streamEnd();
    behind.finish();
    await client.closed();
    await behind.closed();
  });

  test("a frozen client makes the server's connection be read no more, and others notice nothing", async () => {
    const [client, behind] = await both();
    const [other, otherBehind] = await Promise.all([scene.login("romeo"), server.welcome()]);
    scene.owning(otherBehind);
    client.freeze();
    const flood = `<message><body>${"word ".repeat(2_000)}</body></message>`;
    const total = 40_000_000;
    let taken = 0;
    const flooding = (async () => {
      for (; taken < total; taken += flood.length) await behind.sendPieces([flood]);
    })();
    // The flood stands still when it did not move during many round trips of the other session.
    let before = -1;
    let still = 0;
    for (let count = 0; still < 100 && taken < total; count++) {
      other.send(`<message id='n${String(count)}'/>`);
      await otherBehind.take((element) => element.attrs["id"] === `n${String(count)}`);
      still = taken === before ? still + 1 : 0;
      before = taken;
    }
    expect(taken).toBeLessThan(total);
    expect(await scene.caesura.metric("process_resident_memory_bytes")).toBeLessThan(300_000_000);
    client.reset();
    await behind.closed();
    await flooding.catch(() => undefined);
  });
});

describe.skipIf(cannotRun("openssl"))("a server that cannot be reached", () => {
  test("a client is told so with remote-connection-failed, once it is on TLS (RFC 6120 §4.9.3.15)", async () => {
    const scene = await Scene.before(
      { stop: async () => undefined },
      {
        behind: { c2sPort: await freePort() },
        delegations: { [verseNs]: { jid: entityJid } },
        components: { [entityJid]: secret },
      },
    );
    try {
      for (const transport of ["clear", "direct"] as const) {
        const tls = transport === "direct" ? { ca: scene.caesura.ca(), servername: "capulet.lit" } : undefined;
        const client = scene.owning(await XmppStream.connect(scene.caesura.ports[transport], tls));
        client.send(clientHeader("capulet.lit"));
        expect(await client.streamError()).toBe("remote-connection-failed");
        await client.streamEnd();
        await client.closed();
      }
    } finally {
      await scene.stop();
    }
  });
});

describe.skipIf(cannotRun("openssl"))("somebody who only sits there", () => {
  test.each(["starttls", "direct", "clear", "component"] as const)(
    "on the %s port is sent away in time",
    async (port) => {
      const server = await RecordingServer.start();
      const scene = await Scene.before(server, {
        behind: { c2sPort: server.port, componentPort: server.port },
        delegations: { [verseNs]: { jid: entityJid } },
        more: { timeouts: { tls: "1s", header: "1s", authentication: "1s" } },
      });
      try {
        const sitting = scene.owning(await XmppStream.connect(scene.caesura.ports[port]));
        await sitting.closed(5_000);
        expect(server.untaken).toBe(0);
      } finally {
        await scene.stop();
      }
    },
  );
});
