import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answerDisco, disco, features, infoNs, infoOf } from "../../support/disco.js";
import { connectComponent } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";

// Rules are a domain's own: one entity may manage for several domains over one link, several entities for one domain
// (protocol.md D8, D10, D11, D51).

const otherJid = "echo.capulet.lit";
const [proseNs, songNs] = ["urn:example:prose", "urn:example:song"];
const domains = ["capulet.lit", "montague.lit"];
const rules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "capulet.lit": { [verseNs]: { jid: entityJid }, [proseNs]: { jid: otherJid } },
  "montague.lit": { [verseNs]: { jid: entityJid }, [songNs]: { jid: entityJid } },
};

function iq(id: string, ns: string): string {
  return `<iq type='get' id='${id}'><line xmlns='${ns}'/></iq>`;
}

describe.skipIf(cannotRun("prosody", "openssl"))("two domains with rules of their own", () => {
  let scene: Scene;
  let secondPort = 0;
  beforeAll(async () => {
    const prosody = await startProsody({ domains, components: { [entityJid]: secret, [otherJid]: secret } });
    secondPort = await freePort();
    scene = await Scene.before(prosody, {
      behind: prosody,
      domains,
      listeners: [{ kind: "component", host: "127.0.0.1", port: secondPort }],
    });
    const file: unknown = JSON.parse(readFileSync(scene.caesura.file, "utf8"), (key, value: unknown) => {
      const own = rules[key];
      return own === undefined || typeof value !== "object" ? value : { ...value, delegations: own };
    });
    writeFileSync(scene.caesura.file, JSON.stringify(file));
    await scene.caesura.hangUp("success");
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  /** Both entities, the second over another listener; each says in discovery for which domain it was asked. */
  async function entities(): Promise<readonly [ManagingEntity, ManagingEntity, readonly (readonly string[])[]]> {
    const asked: string[][] = [];
    const connect = async (jid: string, port: number): Promise<ManagingEntity> =>
      new ManagingEntity(
        scene.owning(
          await connectComponent({
            port,
            jid,
            secret,
            intercept: ({ element }, stream) => {
              const { from = "" } = element.attrs as Record<string, string>;
              return answerDisco(element, stream, (node) => {
                asked.push([jid, from, node]);
                return features(`${verseNs}#for-${from}-by-${jid}`);
              });
            },
          }),
        ),
      );
    const [first, second] = [
      await connect(entityJid, scene.caesura.ports.component),
      await connect(otherJid, secondPort),
    ];
    return [first, second, asked];
  }

  test("are advertised each for itself, and asked about in the right name (D10, D11, D51)", async () => {
    const [first, second, asked] = await entities();
    const told = new Map<unknown, readonly string[]>();
    for (let message = 0; message < 2; message++) {
      const { element } = await first.advertisement();
      const delegated = element.getChild("delegation")?.getChildElements() ?? [];
      told.set(element.attrs["from"], delegated.map(({ attrs }) => String(attrs["namespace"])).toSorted());
    }
    expect(told).toEqual(
      new Map([
        ["capulet.lit", [verseNs]],
        ["montague.lit", [songNs, verseNs]],
      ]),
    );
    const { element } = await second.advertisement();
    expect(element.attrs["from"]).toBe("capulet.lit");
    expect(
      element
        .getChild("delegation")
        ?.getChildElements()
        .map(({ attrs }) => String(attrs["namespace"])),
    ).toEqual([proseNs]);
    await first.stream.settle();
    await second.stream.settle();
    const nodes = (ns: string): readonly string[] => [
      `urn:xmpp:delegation:2::${ns}`,
      `urn:xmpp:delegation:2:bare:${ns}`,
    ];
    const expected = [
      ...nodes(verseNs).flatMap((node) => domains.map((domain) => [entityJid, domain, node])),
      ...nodes(songNs).map((node) => [entityJid, "montague.lit", node]),
      ...nodes(proseNs).map((node) => [otherJid, "capulet.lit", node]),
    ];
    const lines = (all: readonly (readonly string[])[]): readonly string[] =>
      all.map((one) => one.join(" ")).toSorted();
    expect(lines(asked)).toEqual(lines(expected));
    expect(first.waiting).toEqual([]);
  });

  test("are asked over one link, in the name of the domain, by its own rules (D8)", async () => {
    const [first, second] = await entities();
    for (const domain of domains) {
      const user = await scene.login("juliet", { domain, transport: "starttls" });
      user.send(iq("v1", verseNs));
      const wrapped = await first.request();
      expect(wrapped.outer.attrs["from"]).toBe(domain);
      first.answer(wrapped);
      expect((await user.answer("v1")).element.attrs).toMatchObject({ type: "result", from: `juliet@${domain}` });

      user.send(iq("p1", proseNs));
      if (domain === "capulet.lit") {
        const prose = await second.request();
        expect(prose.outer.attrs).toMatchObject({ from: domain, to: otherJid });
        second.answer(prose);
      }
      const expected = domain === "capulet.lit" ? "result" : "error";
      expect((await user.answer("p1")).element.attrs["type"]).toBe(expected);
    }
    expect(first.waiting).toEqual([]);
    expect(second.waiting).toEqual([]);
  });

  test("an entity does not answer for another one, nor for another domain (D30)", async () => {
    const [first, second] = await entities();
    const juliet = await scene.login("juliet", { domain: "montague.lit", transport: "starttls" });
    juliet.send(iq("v1", verseNs));
    const wrapped = await first.request();
    second.answer(wrapped, { outerFrom: otherJid, payload: "<forged xmlns='urn:example:forged'/>" });
    await second.stream.settle();
    first.answer(wrapped, { outerTo: "capulet.lit", payload: "<forged xmlns='urn:example:forged'/>" });
    const answer = await juliet.answer("v1");
    expect(answer.element.attrs["type"]).toBe("error");
    expect(answer.raw).not.toContain("forged");
  });

  test("are described each by itself (§7.2)", async () => {
    await entities();
    await scene.caesura.untilMetric(
      "caesura_discovery_questions_total",
      { outcome: "answered" },
      (count) => count >= 8,
    );
    for (const domain of domains) {
      const user = await scene.login("juliet", { domain, transport: "starttls" });
      const found = infoOf(await user.ask(disco(infoNs, domain))).features.filter((name) => name.includes("#for-"));
      const own = [`${verseNs}#for-${domain}-by-${entityJid}`];
      // What falls under another entity's delegation is that one's to say.
      expect(found).toEqual(own);
    }
  });
});
