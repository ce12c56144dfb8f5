import type { Element } from "ltx";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LiberviaScene, liberviaFolder } from "../../support/libervia.js";
import { befriend, entry, publish, pubsubNs } from "../../support/libervia-requests.js";
import { cannotRun } from "../../support/peer.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// What a client that browses sees of accounts whose nodes are with the service (XEP-0030, XEP-0163 §8, XEP-0355 §7.2).

const itemsNs = "http://jabber.org/protocol/disco#items";
const infoNs = "http://jabber.org/protocol/disco#info";

describe.skipIf(cannotRun("prosody", "openssl", "twistd3", "psql", liberviaFolder))("discovery", () => {
  let world: LiberviaScene;
  beforeAll(async () => {
    world = await LiberviaScene.start();
    const juliet = await world.scene.login("juliet");
    await befriend(juliet, await world.scene.login("romeo"));
    await juliet.ask(publish("p1", "urn:example:open", entry("i1", "first"), "open"));
    await juliet.ask(publish("p2", "urn:example:open", entry("i2", "second")));
    await juliet.ask(publish("p3", "urn:example:contacts", entry("i1", "x"), "presence"));
    await world.scene.clear();
  });
  afterEach(() => world.scene.clear());
  afterAll(() => world.stop());

  const ask = (id: string, ns: string, node?: string): string =>
    `<iq type='get' id='${id}' to='juliet@capulet.lit'><query xmlns='${ns}'${node === undefined ? "" : ` node='${node}'`}/></iq>`;

  async function nodesSeenBy(user: string): Promise<readonly string[]> {
    const stream = await world.scene.login(user);
    const { element } = await stream.ask(ask("d1", itemsNs));
    expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: stream.jid });
    const listed = element.getChild("query", itemsNs)?.getChildren("item") ?? [];
    for (const item of listed) expect(item.attrs["jid"]).toBe("juliet@capulet.lit");
    return listed.map((item) => String(item.attrs["node"])).sort();
  }

  test("the nodes of an account are listed as the service lists them: to a contact more than to a stranger (§7.2.5)", async () => {
    expect(await nodesSeenBy("romeo")).toEqual(["urn:example:contacts", "urn:example:open"]);
    expect(await nodesSeenBy("nurse")).toEqual(["urn:example:open"]);
  });

  test("the items of a node, and what the node is, are the service's to say (§7.2.4, §7.2.5)", async () => {
    for (const user of ["juliet", "romeo"]) {
      const stream = await world.scene.login(user);
      const { element } = await stream.ask(ask("d1", itemsNs, "urn:example:open"));
      expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: stream.jid });
      const query = element.getChild("query", itemsNs);
      expect(query?.attrs["node"]).toBe("urn:example:open");
      expect((query?.getChildren("item") ?? []).map((item) => item.attrs["name"])).toEqual(["i1", "i2"]);
      const what = await stream.ask(ask("d2", infoNs, "urn:example:open"));
      expect(what.element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: stream.jid });
      expect(identities(what.element)).toContain("pubsub/leaf");
      expect(what.raw).toContain(`${pubsubNs}#meta-data`);
    }
  });

  test("a stranger's question about a node is refused by the server, which is asked first (§7.2.4, XEP-0030 §8)", async () => {
    const nurse = await world.scene.login("nurse");
    for (const ns of [itemsNs, infoNs]) {
      const { element } = await nurse.ask(ask("d1", ns, "urn:example:open"));
      expect(conditionOf(element)).toBe("service-unavailable");
    }
  });

  test("the nodes of the own account are listed with and without its address in 'to' (XEP-0030 §4.1)", async () => {
    expect(await nodesSeenBy("juliet")).toContain("urn:example:open");
    const juliet = await world.scene.login("juliet");
    const { element } = await juliet.ask(`<iq type='get' id='d1'><query xmlns='${itemsNs}'/></iq>`);
    const listed = element.getChild("query", itemsNs)?.getChildren("item") ?? [];
    expect(listed.map((item) => item.attrs["node"])).toContain("urn:example:open");
  });

  test("an account is announced as a PEP service with what the service can do, to itself and to contacts (§7.2.2)", async () => {
    for (const user of ["juliet", "romeo"]) {
      const stream = await world.scene.login(user);
      const { element } = await stream.ask(ask("d1", infoNs));
      expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit" });
      // The server's own words stay beside the service's.
      expect(identities(element)).toEqual(expect.arrayContaining(["account/registered", "pubsub/pep"]));
      const announced = features(element);
      for (const feature of ["publish", "retrieve-items", "publish-options"]) {
        expect(announced).toContain(`${pubsubNs}#${feature}`);
      }
      // The service says some of them twice; an answer that does is ill-formed (XEP-0115 §5.4).
      expect(announced).toEqual([...new Set(announced)]);
    }
    const nurse = await world.scene.login("nurse");
    expect(conditionOf((await nurse.ask(ask("d1", infoNs))).element)).toBe("service-unavailable");
  });

  test("the server announces the service's features, and delegation itself (§7.1, §7.2.1)", async () => {
    const juliet = await world.scene.login("juliet");
    const { element } = await juliet.ask(`<iq type='get' id='d1' to='capulet.lit'><query xmlns='${infoNs}'/></iq>`);
    expect(features(element)).toEqual(
      expect.arrayContaining(["urn:xmpp:delegation:2", `${pubsubNs}#publish`, "urn:xmpp:blocking"]),
    );
    expect(features(element)).toEqual([...new Set(features(element))]);
  });
});

function features(element: Element): readonly string[] {
  const found = element.getChild("query", infoNs)?.getChildren("feature") ?? [];
  return found.map(({ attrs }) => String(attrs["var"]));
}

function identities(element: Element): readonly string[] {
  const found = element.getChild("query", infoNs)?.getChildren("identity") ?? [];
  return found.map(({ attrs }) => `${String(attrs["category"])}/${String(attrs["type"])}`);
}
