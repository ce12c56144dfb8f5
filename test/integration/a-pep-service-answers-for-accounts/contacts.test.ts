import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { LiberviaScene, liberviaAccounts, liberviaFolder, pubsubJid } from "../../support/libervia.js";
import { befriend, entry, isEventOf, items, publish, request } from "../../support/libervia-requests.js";
import { cannotRun, Peer } from "../../support/peer.js";
import { conditionOf, type XmppStream } from "../../support/xmpp-stream.js";

// What an account's nodes are to others: the service knows rosters and presence, and speaks for accounts, through the
// server's XEP-0356, whose stanzas cross Caesura untouched on the link that also carries the delegation.

const slixmpp = "/usr/lib/python3/dist-packages/slixmpp/__init__.py";
const capsNs = "http://jabber.org/protocol/caps";
const discoNs = "http://jabber.org/protocol/disco#info";

let logins = 0;

describe.skipIf(cannotRun("prosody", "openssl", "twistd3", "psql", liberviaFolder, slixmpp))("contacts", () => {
  let world: LiberviaScene;
  beforeAll(async () => {
    world = await LiberviaScene.start();
    await befriend(await world.scene.login("juliet"), await world.scene.login("romeo"));
    await world.scene.clear();
  });
  afterEach(() => world.scene.clear());
  afterAll(() => world.stop());

  test("two slixmpp clients: the contact that wants tunes (+notify) is told by the account itself (XEP-0163 §4.3)", async () => {
    const { caesura } = world.scene;
    const account = (user: string): object => ({ jid: `${user}@capulet.lit/viol`, password: liberviaAccounts[user] });
    const asked = {
      port: caesura.ports.starttls,
      ca: caesura.certificates.get("capulet.lit")?.certFile,
      service: pubsubJid,
      publisher: account("peter"),
      contact: account("susan"),
    };
    const program = fileURLToPath(new URL("../../support/programs/tune-with-slixmpp.py", import.meta.url));
    const peer = await Peer.start({
      name: "slixmpp",
      command: "/usr/bin/python3",
      args: ["-W", "ignore", program, JSON.stringify(asked)],
      isReady: (log) => /^\{.*\}$/m.test(log),
    });
    const told: unknown = JSON.parse(/^\{.*\}$/m.exec(peer.log)?.[0] ?? "{}");
    await peer.stop();
    expect(told).toEqual({ from: "peter@capulet.lit", title: "Heart's ease" });
  });

  test("a contact without subscription to the node is told when its capabilities ask for it, and a stranger is not", async () => {
    const [juliet, romeo, nurse] = await everybody();
    for (const stream of [romeo, nurse]) await wants(stream, "urn:example:mood");
    await juliet.ask(publish("p1", "urn:example:mood", entry("i1", "merry"), "presence"));
    const { element, raw } = await romeo.take(isEventOf("urn:example:mood"), "the notification");
    expect(element.attrs).toMatchObject({ from: "juliet@capulet.lit", to: romeo.jid });
    expect(raw).toContain("merry");
    await nurse.settle();
    expect(nurse.unread.filter(({ element: one }) => isEventOf("urn:example:mood")(one))).toEqual([]);
  });

  test("what a node of access model presence holds is refused to a stranger (XEP-0060 §4.5, §6.5.9.8)", async () => {
    const [juliet, , nurse] = await everybody();
    await juliet.ask(publish("p1", "urn:example:secret", entry("i1", "tonight"), "presence"));
    // That contacts are refused too, though they are told of items, is this version's: it looks for the full JID in rosters.
    const refused = await nurse.ask(items("n1", "urn:example:secret", "juliet@capulet.lit"));
    expect(conditionOf(refused.element)).toBe("forbidden");
    expect(refused.element.attrs["from"]).toBe("juliet@capulet.lit");
  });

  test("who subscribes to the node is told of items and retractions until it unsubscribes (XEP-0060 §6.1, §6.2, §7.2)", async () => {
    const [juliet, romeo] = await everybody();
    romeo.send("<presence/>");
    const node = "urn:example:blog";
    await juliet.ask(publish("p1", node, entry("i1", "one"), "open"));
    const jid = romeo.jid.split("/")[0] ?? "";
    const subscribe = `<subscribe node='${node}' jid='${jid}'/>`;
    const subscribed = await romeo.ask(request("set", "r1", subscribe, "juliet@capulet.lit"));
    expect(subscribed.raw).toMatch(/subscription=.subscribed./);
    await juliet.ask(publish("p2", node, entry("i2", "two")));
    const told = async (what: string): Promise<string> => {
      const { element, raw } = await romeo.take((one) => isEventOf(node)(one) && one.toString().includes(what), what);
      expect(element.attrs["from"]).toBe("juliet@capulet.lit");
      return raw;
    };
    await told("two");
    await juliet.ask(request("set", "p3", `<retract node='${node}' notify='1'><item id='i2'/></retract>`));
    await told("retract");
    const leave = `<unsubscribe node='${node}' jid='${jid}'/>`;
    expect((await romeo.ask(request("set", "r2", leave, "juliet@capulet.lit"))).element.attrs["type"]).toBe("result");
    await juliet.ask(publish("p4", node, entry("i3", "three")));
    await throughTheService(juliet);
    await romeo.settle();
    expect(romeo.unread.filter(({ raw }) => raw.includes("three"))).toEqual([]);
  });

  async function everybody(): Promise<[XmppStream, XmppStream, XmppStream]> {
    // New resources each time: the service remembers the capabilities of those it knows.
    const resource = `bed-${String(++logins)}`;
    const login = async (user: string): Promise<XmppStream> => world.scene.login(user, { resource });
    return [await login("juliet"), await login("romeo"), await login("nurse")];
  }
});

/** Says by capabilities what it wants to be told (XEP-0163 §4.2), and waits until the service has asked and heard. */
async function wants(stream: XmppStream, node: string): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    stream.intercept = ({ element }) => {
      const query = element.getChild("query", discoNs);
      if (element.attrs["type"] !== "get" || query === undefined) return false;
      const name: unknown = query.attrs["node"];
      const of = typeof name === "string" ? ` node='${name}'` : "";
      stream.send(
        `<iq type='result' id='${String(element.attrs["id"])}' to='${String(element.attrs["from"])}'>` +
          `<query xmlns='${discoNs}'${of}><identity category='client' type='pc'/><feature var='${discoNs}'/>` +
          `<feature var='${node}+notify'/></query></iq>`,
      );
      resolve();
      return true;
    };
  });
  // The hash is of nothing: the service does not check it, and each stream's is its own.
  const ver = stream.jid.replaceAll(/[^a-z0-9]/g, "+");
  stream.send(`<presence><c xmlns='${capsNs}' hash='sha-1' node='urn:example:client' ver='${ver}'/></presence>`);
  await withDeadline(asked, 8_000, () => `the service does not ask ${stream.jid} what it wants`);
  await throughTheService(stream);
}

/** A question to the service itself: it is answered behind all that the stream and the service said to each other before. */
async function throughTheService(stream: XmppStream): Promise<void> {
  await stream.ask(`<iq type='get' id='service' to='${pubsubJid}'><query xmlns='${discoNs}'/></iq>`);
}
