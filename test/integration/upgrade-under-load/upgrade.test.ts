import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CountingClient, sm } from "../../support/counting-client.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { authenticate, connectComponent, login, type LoginOptions, passwords } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { MessageClient } from "../../support/message-client.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { ManagedCaesura } from "../../support/service-manager.js";
import type { XmppStream } from "../../support/xmpp-stream.js";
import { Crowd } from "./crowd.js";

const components = { [entityJid]: secret, "echo.capulet.lit": secret };
const servers = {
  Prosody: () => startProsody({ components }),
  ejabberd: () => startEjabberd({ components }),
} as const;

const programs = ["prosody", "ejabberdctl", "erl", "openssl", "systemd-notify", "/usr/bin/python3"];
const version = "<query xmlns='jabber:iq:version'/>";

describe.skipIf(cannotRun(...programs)).each(["Prosody", "ejabberd"] as const)(
  "a restart with sockets that outlive the process, before %s",
  (kind) => {
    let server: Awaited<ReturnType<(typeof servers)["Prosody" | "ejabberd"]>>;
    let managed: ManagedCaesura;
    const streams: XmppStream[] = [];

    beforeEach(async () => {
      server = await servers[kind]();
      managed = await ManagedCaesura.start({
        behind: { c2sPort: server.c2sPort, componentPort: server.componentPort },
        delegations: { [verseNs]: { jid: entityJid } },
        more: { streamManagement: { handoverFile: join(temporaryFolder("handover"), "streams") } },
      });
    });
    afterEach(async () => {
      for (const stream of streams.splice(0)) stream.drop();
      await managed.stop();
      await server.stop();
    });

    function owning(stream: XmppStream): XmppStream {
      streams.push(stream);
      return stream;
    }

    async function connectEntity(): Promise<ManagingEntity> {
      const { component: port } = managed.ports;
      const entity = new ManagingEntity(owning(await connectComponent({ port, jid: entityJid, secret })));
      await entity.advertisement();
      return entity;
    }

    /** One stream from the greeting to the goodbye; what was received stands in the error if it was not served. */
    async function visit(options: Omit<LoginOptions, "user">): Promise<void> {
      const stream = await login({ ...options, user: "romeo", ca: managed.caesura.ca() });
      try {
        await stream.ask(`<iq type='get' id='v' to='capulet.lit'>${version}</iq>`);
        await stream.close();
      } catch (error) {
        stream.drop();
        throw new Error(stream.received, { cause: error });
      }
    }

    async function visitByWebSocket(): Promise<void> {
      const client = await MessageClient.connect(`ws://127.0.0.1:${String(managed.ports.websocket)}/xmpp-websocket`);
      try {
        await client.authenticate("romeo", passwords["romeo"] ?? "");
        await client.bind();
        client.send(`<iq xmlns='jabber:client' type='get' id='v' to='capulet.lit'>${version}</iq>`);
        await client.take((element) => element.attrs["id"] === "v");
      } finally {
        client.drop();
      }
    }

    async function visitAsComponent(): Promise<void> {
      const stream = await connectComponent({ port: managed.ports.component, jid: "echo.capulet.lit", secret });
      try {
        await stream.close();
      } catch (error) {
        stream.drop();
        throw new Error(stream.received, { cause: error });
      }
    }

    test("refuses nobody at any kind of listener, and ends each session in order (sd_listen_fds(3))", async () => {
      const { clear, starttls, direct } = managed.ports;
      const crowds = [
        new Crowd("clear", 2, (resource) => visit({ port: clear, resource })),
        new Crowd("starttls", 2, (resource) => visit({ port: starttls, transport: "starttls", resource })),
        new Crowd("direct", 2, (resource) => visit({ port: direct, transport: "direct", resource })),
        new Crowd("websocket", 2, visitByWebSocket),
        new Crowd("component", 1, visitAsComponent),
      ];
      const entity = await connectEntity();
      const stayed = await Promise.all([
        login({ port: clear, user: "juliet" }),
        login({ port: direct, user: "juliet", transport: "direct", resource: "b", ca: managed.caesura.ca() }),
      ]);
      stayed.forEach(owning);
      await Promise.all(crowds.map((crowd) => crowd.untilMore(4)));
      await managed.restart();
      for (const stream of [...stayed, entity.stream]) {
        expect(await stream.streamError()).toBe("system-shutdown");
        await stream.streamEnd();
        expect(await stream.closed()).toBe("end");
      }
      await managed.untilRestarted();
      await Promise.all(crowds.map((crowd) => crowd.untilMore(4)));
      await Promise.all(crowds.map((crowd) => crowd.leave()));
      expect(crowds.flatMap(({ failures }) => failures)).toEqual([]);
      expect(managed.caesura.peer.log).toMatch(/ended [0-9]+ with 0/);
    }, 120_000);

    test("lets a client resume and lose nothing: what came meanwhile, and an answer that it had not read", async () => {
      let executed = 0;
      const entity = await connectEntity();
      entity.answerAll(() => {
        executed++;
        return { payload: `<line xmlns='${verseNs}'>yes</line>` };
      });
      const juliet = new CountingClient(owning(await login({ port: managed.ports.clear, user: "juliet" })));
      await juliet.enable();
      juliet.acknowledges = false;
      juliet.send("<presence/>");
      juliet.send(verseIq("unread"));
      await juliet.stream.answer("unread");
      await juliet.settle();
      // It crashed before it stored the answer: as far as it knows nothing of the last two has come.
      juliet.received -= 2;
      await managed.restart();
      expect(await juliet.stream.streamError()).toBe("system-shutdown");
      const romeo = owning(await login({ port: server.c2sPort, user: "romeo" }));
      romeo.send(`<message id='m1' to='${juliet.stream.jid}' type='chat'><body>hist</body></message>`);
      await romeo.settle();
      await managed.untilRestarted();
      const again = await juliet.resume({ caesura: { ports: managed.ports, ca: () => "" }, owning }, "juliet");
      await again.stream.answer("unread");
      await again.stream.take((one) => one.attrs["id"] === "m1", "the message");
      await again.synchronise();
      expect(again.seen.filter((id) => id === "unread" || id === "m1").toSorted()).toEqual(["m1", "unread"]);
      expect(executed).toBe(1);
      expect(managed.caesura.peer.log).toMatch(/"event":"sessions-handed-over","sessions":1,"leftOut":0/);
      expect(managed.caesura.peer.log).toMatch(/"event":"sessions-taken-over","sessions":1,"leftOut":0/);
      const next = await connectEntity();
      next.answerAll(() => ({}));
      again.send(verseIq("anew"));
      await again.stream.answer("anew");
    });

    test("refuses to resume what it does not know, without a number, and the client logs in anew (S33)", async () => {
      const juliet = new CountingClient(owning(await login({ port: managed.ports.clear, user: "juliet" })));
      await juliet.enable();
      const { cid } = juliet;
      const again = owning(await authenticate({ port: managed.ports.clear, user: "juliet" }));
      again.send(`<resume xmlns='${sm}' previd='${cid.replace(/^[^.]+/, "before")}' h='0'/>`);
      const { element } = await again.take((one) => one.getName() === "failed", "failed");
      expect(element.attrs["h"]).toBeUndefined();
      expect(element.getChild("item-not-found")).toBeDefined();
      const bound = await again.ask(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>new</resource></bind></iq>",
      );
      expect(bound.element.attrs["type"]).toBe("result");
    });
  },
);
