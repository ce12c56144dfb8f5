import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { type AnyServer, makeContacts, serverKinds } from "../../support/servers.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// What becomes of a request to somebody else's account with each `foreignTargets` (protocol.md R11), in front of servers
// that guard accounts each in its way. The table in docs/discovery.md says the same.

type Fate = "the entity's" | "refused";
const everybody = [
  "a contact",
  "a stranger",
  "an account that does not exist",
  "a contact who blocks the sender",
] as const;
type Asked = (typeof everybody)[number];

const addresses: Readonly<Record<Asked, string>> = {
  "a contact": "romeo@capulet.lit",
  "a stranger": "nurse@capulet.lit",
  "an account that does not exist": "nobody@capulet.lit",
  "a contact who blocks the sender": "romeo@capulet.lit",
};

const delegate: Readonly<Record<Asked, Fate>> = {
  "a contact": "the entity's",
  "a stranger": "the entity's",
  "an account that does not exist": "the entity's",
  "a contact who blocks the sender": "the entity's",
};
const probe: Readonly<Record<Asked, Fate>> = {
  "a contact": "the entity's",
  "a stranger": "refused",
  "an account that does not exist": "refused",
  "a contact who blocks the sender": "refused",
};
const refused: Readonly<Record<Asked, Fate>> = { ...probe, "a contact": "refused" };

describe.each(serverKinds)("a request to another account, in front of $name", ({ name, programs, start }) => {
  describe.skipIf(cannotRun(...programs))("is guarded as the operator says", () => {
    let server: AnyServer;
    let scene: Scene;
    beforeAll(async () => {
      server = await start({ components: { [entityJid]: secret }, pep: false });
      scene = await Scene.before(server, { behind: server });
      await makeContacts(server);
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    const fates = [
      ["delegate", delegate],
      // ejabberd 23.01 answers for an account without a look at the account's block list.
      ["probe", name === "ejabberd" ? { ...probe, "a contact who blocks the sender": "the entity's" as const } : probe],
      ["server", refused],
    ] as const;
    const cases = fates.flatMap(([policy, table]) => everybody.map((asked) => [policy, asked, table[asked]] as const));

    test.each(cases)("foreignTargets: %s, to %s: %s", async (foreignTargets, asked, fate) => {
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: entityJid, foreignTargets } } });
      const entity = await scene.entity();
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
      const romeo = await scene.login("romeo");
      const block = asked === "a contact who blocks the sender" ? "block" : "unblock";
      await romeo.ask(
        `<iq type='set' id='${block}'><${block} xmlns='urn:xmpp:blocking'><item jid='juliet@capulet.lit'/></${block}></iq>`,
      );
      const juliet = await scene.login("juliet");
      const answer = await juliet.ask(verseIq("v1", addresses[asked]));
      // Whoever is turned away cannot tell why (XEP-0191 §3.3, XEP-0030 §8).
      if (fate === "refused") expect(conditionOf(answer.element)).toBe("service-unavailable");
      else expect(answer.raw).toContain("yes");
      expect(answer.element.attrs["from"]).toBe(addresses[asked]);
      // The own account and the domain are the entity's in any case.
      for (const to of [undefined, "juliet@capulet.lit", "capulet.lit"]) {
        expect((await juliet.ask(verseIq(`own-${to ?? ""}`, to))).raw).toContain("yes");
      }
      // Nothing of what was asked in the client's name reached it.
      await juliet.settle();
      expect(juliet.unread.filter(({ element }) => element.getName() === "iq")).toEqual([]);
    });

    test("a probe tells nobody else anything: the account's user receives nothing", async () => {
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: entityJid, foreignTargets: "probe" } } });
      const entity = await scene.entity();
      entity.answerAll();
      const [romeo, juliet] = [await scene.login("romeo"), await scene.login("juliet")];
      await juliet.ask(verseIq("v1", "romeo@capulet.lit"));
      await romeo.settle();
      expect(romeo.unread).toEqual([]);
    });
  });
});
