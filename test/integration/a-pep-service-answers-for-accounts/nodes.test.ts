import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LiberviaScene, liberviaFolder, pubsubJid, startLibervia } from "../../support/libervia.js";
import {
  entry,
  isEventOf,
  items,
  ownerNs,
  publish,
  pubsubNs,
  request,
  submission,
  titles,
} from "../../support/libervia-requests.js";
import { cannotRun } from "../../support/peer.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// Libervia Pubsub, unmodified, is the PEP service of a Prosody that can neither delegate nor PEP: what an account does
// with its own nodes. Set up with the files of examples/libervia-pubsub.

const node = "urn:xmpp:microblog:0";

describe.skipIf(cannotRun("prosody", "openssl", "twistd3", "psql", liberviaFolder))("an account's own nodes", () => {
  let world: LiberviaScene;
  beforeAll(async () => {
    world = await LiberviaScene.start();
  });
  afterEach(() => world.scene.clear());
  afterAll(() => world.stop());

  test("what is published to the own account is kept there and read back (XEP-0163 §3)", async () => {
    const juliet = await world.scene.login("juliet", { transport: "starttls" });
    const published = await juliet.ask(publish("p1", node, entry("i1", "O Romeo, Romeo!")));
    expect(published.element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: juliet.jid });
    const read = await juliet.ask(items("p2", node));
    expect(titles(read.element)).toEqual(["O Romeo, Romeo!"]);
    expect(read.element.attrs["from"]).toBe("juliet@capulet.lit");
    // The node belongs to the account, not to the component.
    expect(await world.database.query(`select pep from nodes where node = '${node}'`)).toBe("juliet@capulet.lit");
  });

  test("the own bare JID in 'to' means the same account (RFC 6120 §10.3.3)", async () => {
    const juliet = await world.scene.login("juliet");
    await juliet.ask(publish("p1", "urn:example:own", entry("i1", "first")));
    expect(titles((await juliet.ask(items("p2", "urn:example:own", "juliet@capulet.lit"))).element)).toEqual(["first"]);
    expect(titles((await juliet.ask(items("p3", "urn:example:own", "JULIET@Capulet.LIT"))).element)).toEqual(["first"]);
  });

  test("an open node is read by everybody at the account's bare JID, and written by its owner alone (XEP-0163 §3)", async () => {
    const juliet = await world.scene.login("juliet");
    const romeo = await world.scene.login("romeo", { transport: "direct" });
    await juliet.ask(publish("p1", "urn:example:open", entry("i1", "for all"), "open"));
    const read = await romeo.ask(items("r1", "urn:example:open", "juliet@capulet.lit"));
    expect(read.element.attrs["from"]).toBe("juliet@capulet.lit");
    expect(titles(read.element)).toEqual(["for all"]);
    const item = entry("i2", "forged");
    const forged = request("set", "r2", `<publish node='urn:example:open'>${item}</publish>`, "juliet@capulet.lit");
    expect(conditionOf((await romeo.ask(forged)).element)).toBe("forbidden");
    // Equal names in two accounts are two nodes.
    expect(conditionOf((await romeo.ask(items("r3", "urn:example:open"))).element)).toBe("item-not-found");
  });

  test("the error that a client depends on reaches it: a node that is not there is item-not-found (XEP-0060 §6.5.9)", async () => {
    const juliet = await world.scene.login("juliet");
    const answer = await juliet.ask(items("p1", "urn:example:nowhere"));
    expect(answer.element.attrs).toMatchObject({ type: "error", from: "juliet@capulet.lit" });
    expect(conditionOf(answer.element)).toBe("item-not-found");
  });

  test("a node is configured in the #owner namespace, and what was set is shown (XEP-0060 §8.2)", async () => {
    const juliet = await world.scene.login("juliet");
    await juliet.ask(publish("p1", "urn:example:configured", entry("i1", "x")));
    const configure = "<configure node='urn:example:configured'/>";
    const form = await juliet.ask(request("get", "p2", configure, undefined, ownerNs));
    expect(form.raw).toContain(`${pubsubNs}#node_config`);
    const x = submission("node_config", { "pubsub#access_model": "whitelist" });
    const change = `<configure node='urn:example:configured'>${x}</configure>`;
    const set = await juliet.ask(request("set", "p3", change, undefined, ownerNs));
    expect(set.element.attrs["type"]).toBe("result");
    const shown = await juliet.ask(request("get", "p4", configure, undefined, ownerNs));
    expect(valueOf(shown.raw, "pubsub#access_model")).toBe("whitelist");
    const romeo = await world.scene.login("romeo");
    const refused = await romeo.ask(items("r1", "urn:example:configured", "juliet@capulet.lit"));
    expect(refused.element.attrs["type"]).toBe("error");
  });

  test("a retracted item is gone, and a deleted node too; both are told to the owner's devices (XEP-0060 §7.2, §8.4)", async () => {
    const juliet = await world.scene.login("juliet");
    juliet.send("<presence/>");
    await juliet.settle();
    const of = "urn:example:retracted";
    for (const [id, title] of [
      ["i1", "kept"],
      ["i2", "taken back"],
    ] as const) {
      await juliet.ask(publish(`publish-${id}`, of, entry(id, title)));
      const { element, raw } = await juliet.take(isEventOf(of), `the notification of ${id}`);
      expect(element.attrs["from"]).toBe("juliet@capulet.lit");
      expect(raw).toContain(title);
    }
    const retract = request("set", "p3", `<retract node='${of}' notify='true'><item id='i2'/></retract>`);
    expect((await juliet.ask(retract)).element.attrs["type"]).toBe("result");
    expect((await juliet.take(isEventOf(of), "the notification of the retraction")).raw).toContain("<retract");
    expect(titles((await juliet.ask(items("p4", of))).element)).toEqual(["kept"]);
    const remove = request("set", "p5", `<delete node='${of}'/>`, undefined, ownerNs);
    expect((await juliet.ask(remove)).element.attrs["type"]).toBe("result");
    expect(conditionOf((await juliet.ask(items("p6", of))).element)).toBe("item-not-found");
  });

  test("users who send equal ids at the same moment each get their own answers (the entity keys by inner id)", async () => {
    const users = ["juliet", "romeo", "nurse"];
    const streams = await Promise.all(users.map((user) => world.scene.login(user)));
    await Promise.all(
      streams.map((stream, index) => stream.ask(publish("1", "urn:example:same", entry("i", users[index] ?? "")))),
    );
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(streams.map((stream) => stream.ask(items("1", "urn:example:same"))));
      expect(answers.map(({ element }) => titles(element)[0])).toEqual(users);
      expect(answers.map(({ element }) => element.attrs["to"])).toEqual(streams.map(({ jid }) => jid));
    }
    expect(world.libervia.log).not.toContain("IQ id conflict");
  });

  test("while the service is away its requests get service-unavailable; when it is back, all is as before (XEP-0355 §4.3)", async () => {
    const juliet = await world.scene.login("juliet");
    await juliet.ask(publish("p1", "urn:example:lasting", entry("i1", "still here")));
    await world.libervia.stop();
    await world.scene.caesura.untilMetric("caesura_entity_up", { entity: pubsubJid }, (up) => up === 0);
    const away = await juliet.ask(items("p2", "urn:example:lasting"));
    expect(away.element.attrs["from"]).toBe("juliet@capulet.lit");
    expect(conditionOf(away.element)).toBe("service-unavailable");
    world.libervia = await startLibervia(world.scene.caesura, world.database);
    expect(titles((await juliet.ask(items("p3", "urn:example:lasting"))).element)).toEqual(["still here"]);
  });
});

function valueOf(form: string, name: string): string | undefined {
  return new RegExp(`var=.${name}.[^>]*><value>([^<]*)</value>`).exec(form)?.[1];
}
