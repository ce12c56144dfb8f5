import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene } from "../../support/scene.js";

// What the Prosody module's own documentation shows: queries of XEP-0313 that name a node are the component's, the others
// are the server's archive of messages.

const mam = "urn:xmpp:mam:2";
const pubsub = "http://jabber.org/protocol/pubsub";
const component = "pubsub.capulet.lit";

describe.skipIf(cannotRun("prosody", "openssl"))("urn:xmpp:mam:2 with filtering [node]", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody(
      {
        delegations: {
          [mam]: { jid: component, filtering: ["node"] },
          [pubsub]: { jid: component },
          [`${pubsub}#owner`]: { jid: component },
        },
      },
      { components: { [component]: "but soft" } },
    );
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test("a query with a node is the component's, one without is answered from the server's archive", async () => {
    const entity = await scene.entity(component);
    entity.answerAll(() => ({ payload: `<fin xmlns='${mam}' complete='true' from='component'/>` }));
    const juliet = await scene.login("juliet", { transport: "starttls" });
    const romeo = await scene.login("romeo", { transport: "direct" });
    juliet.send(`<message type='chat' to='romeo@capulet.lit' id='m1'><body>Art thou not Romeo?</body></message>`);
    await juliet.settle();

    const ofNode = await romeo.ask(`<iq type='set' id='a1'><query xmlns='${mam}' node='urn:xmpp:microblog:0'/></iq>`);
    expect(ofNode.raw).toContain("component");
    romeo.send(`<iq type='set' id='a2'><query xmlns='${mam}' queryid='q'/></iq>`);
    const ofArchive = await romeo.answer("a2");
    expect(ofArchive.element.attrs["type"]).toBe("result");
    expect(ofArchive.raw).not.toContain("component");
    const stored = romeo.unread.filter(({ element }) => element.getChild("result", mam) !== undefined);
    expect(stored.map(({ raw }) => raw).join("")).toContain("Art thou not Romeo?");
  });

  test("publishing and configuring reach the component, though the server has PEP of its own (XEP-0163)", async () => {
    const entity = await scene.entity(component);
    entity.answerAll(({ payload }) => ({ payload: `<done xmlns='urn:example:done' of='${payload.getNS() ?? ""}'/>` }));
    const juliet = await scene.login("juliet");
    const item = "<item id='1'><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title></entry></item>";
    const publish = `<iq type='set' id='p1'><pubsub xmlns='${pubsub}'><publish node='n'>${item}</publish></pubsub></iq>`;
    expect((await juliet.ask(publish)).raw).toContain(`of='${pubsub}'`.replaceAll("'", '"'));
    const configure = `<iq type='get' id='p2'><pubsub xmlns='${pubsub}#owner'><configure node='n'/></pubsub></iq>`;
    expect((await juliet.ask(configure)).raw).toContain(`${pubsub}#owner`);
    // The event namespace is nobody's request; the server's own services go on.
    await juliet.settle();
  });
});
