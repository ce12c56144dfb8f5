import type { Element } from "ltx";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { passwords } from "../../support/login.js";
import { cannotRun, Peer, temporaryFolder } from "../../support/peer.js";
import type { Relay } from "../../support/relay.js";
import { cells, transports } from "./matrix.js";
import { room, Stage } from "./stage.js";

const itemsNs = "http://jabber.org/protocol/disco#items";
const ownerNs = "http://jabber.org/protocol/pubsub#owner";

describe.skipIf(cannotRun("prosody", "openssl", "go-sendxmpp"))("go-sendxmpp", () => {
  let stage: Stage;
  let running: Peer | undefined;
  beforeAll(async () => {
    stage = await Stage.withProsody([itemsNs, ownerNs]);
  });
  afterEach(() => running?.stop());
  afterAll(() => stage.close());

  // It puts a line end behind each element of the negotiation, <starttls/> included, which RFC 6120 §5.3.3 does not want.
  describe.each(transports)("%s", (transport) => {
    let relay: Relay;
    beforeAll(async () => {
      relay = await stage.relay(transport);
    });

    /** Runs it as one does in a script; the certificate is verified. */
    async function run(...args: readonly string[]): Promise<Peer> {
      const home = temporaryFolder("go");
      running = await Peer.start({
        name: "go-sendxmpp",
        command: "go-sendxmpp",
        args: [
          "--username=juliet@capulet.lit",
          `--password=${passwords["juliet"] ?? ""}`,
          `--jserver=127.0.0.1:${String(relay.port)}`,
          ...(transport === "direct TLS" ? ["--tls"] : []),
          ...args,
        ],
        env: { HOME: home, SSL_CERT_FILE: stage.caFile },
        folder: home,
        takesInput: true,
        isReady: () => true,
      });
      return running;
    }

    const isHers = (element: Element, type: string | undefined): boolean =>
      element.getName() === "presence" &&
      element.attrs["type"] === type &&
      /^juliet@capulet\.lit\/./.test(String(element.attrs["from"]));

    /** Runs it until it is told otherwise, and says with which address it is online. */
    async function listens(): Promise<readonly [Peer, string]> {
      // Who was there before is of no interest.
      await stage.romeo.settle();
      while (stage.romeo.unread.some(({ element }) => isHers(element, undefined))) {
        await stage.romeo.take((one) => isHers(one, undefined));
      }
      const listener = await run("--listen");
      const { element } = await stage.romeo.take((one) => isHers(one, undefined), "Juliet's presence");
      return [listener, String(element.attrs["from"])];
    }

    async function leaves(listener: Peer, jid: string): Promise<void> {
      await listener.stop();
      await stage.romeo.take((one) => isHers(one, "unavailable") && one.attrs["from"] === jid, "Juliet's departure");
    }

    cells("go-sendxmpp", transport, {
      async login() {
        await leaves(...(await listens()));
      },
      async message() {
        const sender = await run("--interactive", "romeo@capulet.lit");
        sender.write("Deny thy father");
        const { attrs } = await stage.romeoHears("Deny thy father");
        expect(attrs["from"]).toMatch(/^juliet@capulet\.lit\/./);
        await sender.stop();
        const [listener, jid] = await listens();
        stage.romeoSays(jid, "Shall I hear more");
        await listener.untilLog((log) => log.includes("Shall I hear more"));
        await leaves(listener, jid);
      },
      async MUC() {
        await stage.romeoEnters();
        const sender = await run("--chatroom", "--alias=juliet", "--interactive", room);
        sender.write("Good even to my ghostly confessor");
        expect((await stage.romeoHears("Good even to my ghostly confessor")).attrs["from"]).toBe(`${room}/juliet`);
        await stage.romeoLeaves();
      },
      async "delegated IQ"() {
        const cleaner = await run("--ox-delete-nodes");
        const question = await stage.entity.request();
        expect(question.inner.attrs["from"]).toMatch(/^juliet@capulet\.lit\/./);
        expect(question.payload.getNS()).toBe(itemsNs);
        const node = "urn:xmpp:openpgp:0:public-keys";
        const item = `<item jid='juliet@capulet.lit' node='${node}'/>`;
        stage.entity.answer(question, { payload: `<query xmlns='${itemsNs}'>${item}</query>` });
        const deletion = await stage.entity.request();
        expect(deletion.payload.getChild("delete")?.attrs["node"]).toBe(node);
        stage.entity.answer(deletion);
        expect(await cleaner.ended()).toBe(0);
      },
    });

    test(`is to be started anew when its connection is lost, over ${transport}`, async () => {
      const [listener, jid] = await listens();
      relay.cut();
      await listener.untilLog((log) => /read: connection reset|EOF/.test(log));
      await leaves(listener, jid);
      await leaves(...(await listens()));
    });
  });
});
