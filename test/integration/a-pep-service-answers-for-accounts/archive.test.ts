import type { Element } from "ltx";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LiberviaScene, liberviaFolder } from "../../support/libervia.js";
import { entry, publish } from "../../support/libervia-requests.js";
import { cannotRun } from "../../support/peer.js";

// Archives of nodes are the service's (filtering: [node]), the archive of messages stays the server's.

const mamNs = "urn:xmpp:mam:2";
const rsmNs = "http://jabber.org/protocol/rsm";

describe.skipIf(cannotRun("prosody", "openssl", "twistd3", "psql", liberviaFolder))("urn:xmpp:mam:2", () => {
  let world: LiberviaScene;
  beforeAll(async () => {
    world = await LiberviaScene.start();
  });
  afterEach(() => world.scene.clear());
  afterAll(() => world.stop());

  test("a query with a node is answered from the node's items, one without from the archive of messages", async () => {
    const juliet = await world.scene.login("juliet");
    const romeo = await world.scene.login("romeo");
    for (const number of ["1", "2", "3"]) {
      await juliet.ask(publish(`p${number}`, "urn:example:n", entry(number, `letter ${number}`)));
    }
    romeo.send(`<message type='chat' to='juliet@capulet.lit' id='m1'><body>It is my lady</body></message>`);
    await romeo.settle();

    // This version of the service needs to be told how many it may send.
    const page = `<set xmlns='${rsmNs}'><max>10</max></set>`;
    juliet.send(
      `<iq type='set' id='a1'><query xmlns='${mamNs}' node='urn:example:n' queryid='q1'>${page}</query></iq>`,
    );
    const ofNode = await juliet.answer("a1");
    expect(ofNode.element.getChild("fin", mamNs)?.attrs["complete"]).toBe("true");
    // The items come by way of the server (XEP-0356), the conclusion does not; it waits for them.
    const isItem = ({ element }: { element: Element }): boolean =>
      element.getChild("result", mamNs)?.attrs["queryid"] === "q1";
    expect(juliet.unread.filter(isItem)).toHaveLength(3);
    for (const number of ["1", "2", "3"]) {
      const isLetter = (one: Element): boolean =>
        one.getChild("result", mamNs)?.attrs["queryid"] === "q1" && one.toString().includes(`letter ${number}`);
      const { element } = await juliet.take(isLetter, `letter ${number} of the archive`);
      expect(element.attrs["to"]).toBe(juliet.jid);
    }

    juliet.send(`<iq type='set' id='a2'><query xmlns='${mamNs}' queryid='q2'/></iq>`);
    await juliet.answer("a2");
    const stored = juliet.unread.filter(({ element }) => element.getChild("result", mamNs)?.attrs["queryid"] === "q2");
    expect(stored.map(({ raw }) => raw).join("")).toContain("It is my lady");
  });
});
