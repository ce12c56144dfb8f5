import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answerDisco, disco, type EntityDisco, feature, features, form, infoNs, infoOf } from "../../support/disco.js";
import { login } from "../../support/login.js";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import { type AnyServer, makeContacts, serverKinds } from "../../support/servers.js";
import type { Received } from "../../support/stream-reader.js";
import { conditionOf } from "../../support/xmpp-stream.js";

// What clients and components are told of the server and of its accounts: the server's own words, but for the namespaces
// that are delegated; there what the managing entity says (XEP-0355 §7.2.1 to §7.2.3; protocol.md D50 to D56).

const pubsubNs = "http://jabber.org/protocol/pubsub";
const serverInfoNs = "http://jabber.org/network/serverinfo";
const otherJid = "echo.capulet.lit";
const components = { [entityJid]: secret, [otherJid]: secret };
const delegations = {
  [verseNs]: { jid: entityJid },
  [pubsubNs]: { jid: entityJid, identities: ["pubsub/pep"] },
  // With a filtering attribute, and all of the namespace is the entity's in discovery nevertheless (D56).
  [serverInfoNs]: { jid: entityJid, filtering: ["node"] },
};

const rsm = "http://jabber.org/protocol/rsm";
/** A real entity says things twice, and things that belong to nobody's namespace. */
const wellBehaved: EntityDisco = (node) => {
  switch (node) {
    case `urn:xmpp:delegation:2::${verseNs}`:
      return `<identity category='automation' type='poet'/>${features(verseNs, `${verseNs}#server`, verseNs)}`;
    case `urn:xmpp:delegation:2:bare:${verseNs}`:
      return features(verseNs, `${verseNs}#account`) + form(`${verseNs}#meter`);
    case `urn:xmpp:delegation:2:bare:${pubsubNs}`:
      return `<identity category='pubsub' type='pep' name='Verona'/>${features(`${pubsubNs}#publish`, rsm, rsm)}`;
    case `urn:xmpp:delegation:2::${serverInfoNs}`:
      return form(serverInfoNs, "abuse-addresses", "mailto:prince@verona.lit");
    default:
      return "";
  }
};

describe.each(serverKinds)("behind Caesura, $name", ({ programs, start }) => {
  describe.skipIf(cannotRun(...programs))("and a managing entity", () => {
    let server: AnyServer;
    let scene: Scene;
    let asksBefore = 0;

    const questions = (outcome: string, rule = verseNs): Promise<number> =>
      scene.caesura.metric("caesura_discovery_questions_total", { rule, outcome });

    /** Connects an entity, and waits until each of its namespaces has been asked about. */
    async function entity(say: EntityDisco): Promise<ManagingEntity> {
      asksBefore = await scene.caesura.metric("caesura_discovery_questions_total");
      const found = await scene.entity(entityJid, {
        intercept: ({ element }, stream) => answerDisco(element, stream, say),
      });
      await scene.caesura.untilMetric("caesura_discovery_questions_total", {}, (now) => now >= asksBefore + 6);
      return found;
    }

    beforeAll(async () => {
      server = await start({ components, pep: true });
      scene = await Scene.before(server, { behind: server, delegations });
      await makeContacts(server);
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("describe the domain together, without a word twice (D50, D52, D54)", async () => {
      await entity(wellBehaved);
      const juliet = await scene.login("juliet");
      const own = await direct("capulet.lit");
      const answer = await juliet.ask(disco(infoNs, "capulet.lit"));
      const info = infoOf(answer);
      expect(info.leftOut).toEqual({ repeated: 0, malformed: 0, beyondLimits: 0 });
      const kept = own.features.filter((name) => name !== pubsubNs && !name.startsWith(`${pubsubNs}#`));
      expect(info.features.toSorted()).toEqual(
        [...kept, "urn:xmpp:delegation:2", verseNs, `${verseNs}#server`].toSorted(),
      );
      const kinds = info.identities.map(({ category, type }) => `${category}/${type}`);
      expect(kinds.toSorted()).toEqual(["automation/poet", "server/im"]);
      expect(own.forms.map(({ formType }) => formType)).toEqual([serverInfoNs]);
      expect(info.forms.map(({ formType }) => formType)).toEqual([serverInfoNs]);
      expect(answer.raw).toContain("mailto:prince@verona.lit");
      expect(answer.raw).not.toContain("support-addresses");
      await juliet.settle();
    });

    test.each([undefined, "juliet@capulet.lit", "Juliet@CAPULET.lit", "romeo@capulet.lit"])(
      "describe an account together, to its owner and to a contact: %s (D52)",
      async (to) => {
        await entity(wellBehaved);
        const juliet = await scene.login("juliet");
        const own = await direct(to);
        expect(own.identities.map(({ category, type }) => `${category}/${type}`)).toContain("pubsub/pep");
        expect(own.features).toContain(pubsubNs);
        const info = infoOf(await juliet.ask(disco(infoNs, to)));
        const kept = own.features.filter((name) => name !== pubsubNs && !name.startsWith(`${pubsubNs}#`));
        const added = [verseNs, `${verseNs}#account`, `${pubsubNs}#publish`, rsm];
        expect(info.features.toSorted()).toEqual([...new Set([...kept, ...added])].toSorted());
        expect(info.leftOut.repeated).toBe(0);
        expect(info.identities.filter(({ category }) => category === "pubsub")).toMatchObject([
          { type: "pep", name: "Verona" },
        ]);
        expect(info.forms.map(({ formType }) => formType)).toContain(`${verseNs}#meter`);
      },
    );

    test.each(["nurse@capulet.lit", "nobody@capulet.lit", "juliet@capulet.lit/nowhere", "capulet.lit/nowhere"])(
      "leave the server's answer to a question about %s as it is (D53)",
      async (to) => {
        await entity(wellBehaved);
        const juliet = await scene.login("juliet");
        const stream = await login({ port: server.c2sPort, user: "juliet", resource: "terrace" });
        const own = await stream.ask(disco(infoNs, to));
        await stream.close();
        const answer = await juliet.ask(disco(infoNs, to));
        expect(answer.element.attrs["type"]).toBe(own.element.attrs["type"]);
        expect(conditionOf(answer.element)).toBe(conditionOf(own.element));
        expect(answer.raw).not.toContain(verseNs);
      },
    );

    test("are described alike to another component (D50)", async () => {
      await entity(wellBehaved);
      const info = infoOf(await askAsComponent("capulet.lit"));
      expect(info.features).toContain("urn:xmpp:delegation:2");
      expect(info.features).toContain(`${verseNs}#server`);
      const own = infoOf(await (await scene.login("juliet")).ask(disco(infoNs, "capulet.lit")));
      expect(info.features.toSorted()).toEqual(own.features.toSorted());
    });

    test("stay in what was last said while the entity is away, and follow what it says when it is back (D51)", async () => {
      const first = await entity(wellBehaved);
      const juliet = await scene.login("juliet");
      await first.stream.close();
      expect(infoOf(await juliet.ask(disco(infoNs, "capulet.lit"))).features).toContain(`${verseNs}#server`);
      await entity(() => features(verseNs, `${verseNs}#later`));
      const { features: now } = infoOf(await juliet.ask(disco(infoNs, "capulet.lit")));
      expect(now).toContain(`${verseNs}#later`);
      expect(now).not.toContain(`${verseNs}#server`);
    });

    test("change with a reload at once, and the streams stay (XEP-0355 §8)", async () => {
      const verse = await entity(wellBehaved);
      const juliet = await scene.login("juliet");
      const own = await direct("capulet.lit");
      await scene.caesura.reload({ delegations: {} });
      expect(infoOf(await juliet.ask(disco(infoNs, "capulet.lit"))).features.toSorted()).toEqual(
        own.features.toSorted(),
      );
      await scene.caesura.reload({ delegations: { [verseNs]: { jid: entityJid } } });
      await verse.stream.settle();
      const { features: now } = infoOf(await juliet.ask(disco(infoNs, "capulet.lit")));
      expect(now).toContain(`${verseNs}#server`);
      expect(now.filter((name) => name.startsWith(pubsubNs))).toEqual(
        own.features.filter((name) => name.startsWith(pubsubNs)),
      );
      await scene.caesura.reload({ delegations });
    });

    test("an entity that answers with an error, takes the namespace with it", async () => {
      const before = await questions("error");
      await entity(() => null);
      expect(await questions("error")).toBe(before + 2);
      const juliet = await scene.login("juliet");
      const { features: account } = infoOf(await juliet.ask(disco(infoNs)));
      expect(account.filter((name) => name === pubsubNs || name.startsWith(`${pubsubNs}#`))).toEqual([]);
      await juliet.settle();
    });

    test("an entity that says nothing holds nobody up, and what it said before stands (D59)", async () => {
      await entity(wellBehaved);
      await scene.clear();
      await scene.entity(entityJid, {
        intercept: ({ element }, stream) => answerDisco(element, stream, () => undefined),
      });
      const juliet = await scene.login("juliet");
      expect(infoOf(await juliet.ask(disco(infoNs, "capulet.lit"))).features).toContain(`${verseNs}#server`);
    });

    test("an entity that names ten thousand features is heard as far as there is room, and that is counted", async () => {
      const many = Array.from({ length: 10_000 }, (_, at) => feature(`${verseNs}#${String(at)}`)).join("");
      const rewritten = (): Promise<number> =>
        scene.caesura.metric("caesura_discovery_rewritten_total", { domain: "capulet.lit", kind: "nested" });
      await entity((node) => (node.endsWith(`:${verseNs}`) ? many : ""));
      const juliet = await scene.login("juliet");
      const before = await rewritten();
      const answer = await juliet.ask(disco(infoNs, "capulet.lit"));
      const { features: heard, leftOut } = infoOf(answer);
      expect(heard).toContain(`${verseNs}#0`);
      expect(heard.length).toBeLessThan(1100);
      expect(answer.raw.length).toBeLessThan(100_000);
      expect(leftOut.repeated).toBe(0);
      expect(await rewritten()).toBe(before + 1);
      expect(scene.caesura.peer.log).toMatch(/"leftOut":\s?\d{4}/);
      await juliet.settle();
    });

    test("an entity's forms without FORM_TYPE, and what is others' to say, are left out", async () => {
      const nameless = "<x xmlns='jabber:x:data' type='result'><field var='lines'><value>14</value></field></x>";
      const foreign = features("urn:xmpp:delegation:2", "urn:xmpp:delegation:2:bare:disco#info:*", `${verseNs}#mine`);
      await entity((node) => (node.endsWith(`:${verseNs}`) ? nameless + foreign : ""));
      const juliet = await scene.login("juliet");
      const account = await juliet.ask(disco(infoNs));
      expect(account.raw).toContain(`${verseNs}#mine`);
      expect(account.raw).not.toContain("urn:xmpp:delegation");
      expect(account.raw).not.toContain("lines");
      const domain = infoOf(await juliet.ask(disco(infoNs, "capulet.lit")));
      expect(domain.features.filter((name) => name.startsWith("urn:xmpp:delegation"))).toEqual([
        "urn:xmpp:delegation:2",
      ]);
      expect(domain.leftOut.repeated).toBe(0);
    });

    /** ejabberd 23.01 often does not know a component that has just connected, and then answers it nothing for ever. */
    async function askAsComponent(to: string): Promise<Received> {
      for (let attempt = 1; ; attempt++) {
        const other = await scene.component(otherJid);
        try {
          return await other.ask(disco(infoNs, to, undefined, otherJid), 1000);
        } catch (error) {
          if (attempt === 20) throw error;
          await other.close();
        }
      }
    }

    async function direct(to: string | undefined): Promise<ReturnType<typeof infoOf>> {
      const stream = await login({ port: server.c2sPort, user: "juliet", resource: "terrace" });
      const info = infoOf(await stream.ask(disco(infoNs, to)));
      await stream.close();
      return info;
    }
  });
});
