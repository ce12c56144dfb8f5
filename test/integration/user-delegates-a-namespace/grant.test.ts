import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Caesura } from "../../support/caesura.js";
import { connectComponent, login } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { type Prosody, startProsody } from "../../support/prosody.js";
import { entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

const delegationNs = "urn:xmpp:delegation:2";
const commandsNs = "http://jabber.org/protocol/commands";
const discoInfoNs = "http://jabber.org/protocol/disco#info";
const node = `${delegationNs}#configure`;

/** What an entity was told of one user: the namespaces. */
async function told(entity: ManagingEntity): Promise<string> {
  const { raw } = await entity.advertisement();
  expect(raw).toMatch(/to=["']juliet@capulet\.lit["']/);
  return [...raw.matchAll(/namespace=["']([^"']+)["']/g)].map(([, namespace]) => namespace).join();
}

describe.skipIf(cannotRun("prosody", "openssl"))("a user delegates a namespace (XEP-0355 §5)", () => {
  let prosody: Prosody;
  let caesura: Caesura;
  let store: string;
  let streams: XmppStream[] = [];

  async function start(): Promise<void> {
    caesura = await Caesura.start({
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      domain: { clientMode: { namespaces: [verseNs], entities: [entityJid] } },
      more: { store: { path: store } },
    });
  }

  beforeAll(async () => {
    prosody = await startProsody({ components: { [entityJid]: secret, "echo.capulet.lit": secret } });
    store = join(temporaryFolder("store"), "grants");
    await start();
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.drop();
  });
  afterAll(async () => {
    await caesura.stop();
    await prosody.stop();
  });

  async function client(user: string, lang?: string): Promise<XmppStream> {
    const stream = await login({ port: caesura.ports.clear, user, ...(lang === undefined ? {} : { lang }) });
    streams.push(stream);
    stream.send("<presence/>");
    return stream;
  }

  async function component(jid = entityJid): Promise<ManagingEntity> {
    const stream = await connectComponent({ port: caesura.ports.component, jid, secret });
    streams.push(stream);
    return new ManagingEntity(stream);
  }

  async function answerTo(stream: XmppStream, id: string): Promise<string> {
    return (await stream.answer(id)).raw;
  }

  async function request(entity: ManagingEntity, id: string, from = entityJid): Promise<string> {
    entity.send(
      `<iq type='get' id='${id}' from='${from}' to='capulet.lit'><query xmlns='${delegationNs}' to='juliet@capulet.lit'><delegate namespace='${verseNs}'/></query></iq>`,
    );
    return answerTo(entity.stream, id);
  }

  async function question(stream: XmppStream): Promise<string> {
    const { raw } = await stream.take(
      (element) => element.getName() === "message" && element.getChild("x", "jabber:x:data") !== undefined,
      "a question",
    );
    return raw;
  }

  /** Answers a question. Who grants is asked what the own client can do: `features`. */
  async function grant(stream: XmppStream, asked: string, features: string): Promise<void> {
    answer(stream, asked, "1");
    const { element } = await stream.take(
      ({ name, attrs }) => name === "iq" && attrs["type"] === "get" && attrs["from"] === "capulet.lit",
      "a question about the client",
    );
    expect(element.getChild("query", "http://jabber.org/protocol/disco#info")).toBeDefined();
    stream.send(
      `<iq type='result' id='${String(element.attrs["id"])}' to='capulet.lit'>` +
        `<query xmlns='http://jabber.org/protocol/disco#info'><feature var='${features}'/></query></iq>`,
    );
  }

  function answer(stream: XmppStream, asked: string, value: string): void {
    const challenge = /challenge["'][^>]*><value>([^<]+)</.exec(asked)?.[1] ?? "";
    stream.send(
      `<message to='capulet.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value/></field>` +
        `<field var='challenge'><value>${challenge}</value></field><field var='${verseNs}'><value>${value}</value></field></x></message>`,
    );
  }

  /** Who answers Juliet's request in the namespace. */
  async function whoAnswers(juliet: XmppStream, entity: ManagingEntity, id: string): Promise<"entity" | "server"> {
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>What light</line>` }));
    juliet.send(verseIq(id));
    return (await answerTo(juliet, id)).includes("What light") ? "entity" : "server";
  }

  test(
    "is asked, grants, is served by the entity through kill and restart, and revokes",
    { timeout: 60_000 },
    async () => {
      let juliet = await client("juliet");
      let entity = await component();
      expect(await whoAnswers(juliet, entity, "v0")).toBe("server");
      expect(await request(entity, "r1")).toMatch(/type=["']result["']/);
      await grant(juliet, await question(juliet), commandsNs);
      expect(await told(entity)).toBe(verseNs);
      expect(await whoAnswers(juliet, entity, "v1")).toBe("entity");
      const romeo = await client("romeo");
      expect(await whoAnswers(romeo, entity, "v2")).toBe("server");
      romeo.send(verseIq("v3", "juliet@capulet.lit"));
      expect(await answerTo(romeo, "v3")).toContain("What light");

      // What was announced is on the disk: no time to do anything is given.
      caesura.peer.signal("SIGKILL");
      await caesura.peer.ended();
      await start();
      juliet = await client("juliet");
      entity = await component();
      expect(await told(entity)).toBe(verseNs);
      expect(await whoAnswers(juliet, entity, "v4")).toBe("entity");

      await caesura.stop();
      await start();
      juliet = await client("juliet");
      entity = await component();
      expect(await told(entity)).toBe(verseNs);
      expect(await caesura.metric("caesura_grants", { domain: "capulet.lit" })).toBe(1);

      juliet.send(
        "<iq type='get' id='d0' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
      );
      const info = await answerTo(juliet, "d0");
      for (const feature of [delegationNs, commandsNs]) expect(info.split(`"${feature}"`).length).toBe(2);
      juliet.send(
        `<iq type='get' id='d1' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#items' node='${commandsNs}'/></iq>`,
      );
      expect(await answerTo(juliet, "d1")).toContain(node);
      juliet.send(
        `<iq type='set' id='c1' to='capulet.lit'><command xmlns='${commandsNs}' node='${node}' action='execute'/></iq>`,
      );
      const shown = await answerTo(juliet, "c1");
      expect(shown).toContain(`managed by ${entityJid}`);
      const session = /sessionid=["']([^"']+)["']/.exec(shown)?.[1] ?? "";
      juliet.send(
        `<iq type='set' id='c2' to='capulet.lit'><command xmlns='${commandsNs}' node='${node}' sessionid='${session}' action='complete'>` +
          `<x xmlns='jabber:x:data' type='submit'><field var='${verseNs}'><value>0</value></field></x></command></iq>`,
      );
      expect(await answerTo(juliet, "c2")).toMatch(/status=["']completed["']/);
      expect(await told(entity)).toBe("");
      expect(await whoAnswers(juliet, entity, "v5")).toBe("server");
      expect(await caesura.metric("caesura_grant_events_total", { step: "revoked" })).toBe(1);

      await caesura.stop();
      await start();
      expect(await caesura.metric("caesura_grants", { domain: "capulet.lit" })).toBe(0);
    },
  );

  test("grants for one session with a client that could not revoke, and is asked again (XEP-0355 §8)", async () => {
    const entity = await component();
    expect(await request(entity, "r1")).toMatch(/type=["']result["']/);
    const juliet = await client("juliet");
    await grant(juliet, await question(juliet), "urn:xmpp:ping");
    expect(await told(entity)).toBe(verseNs);
    expect(await whoAnswers(juliet, entity, "v1")).toBe("entity");
    await juliet.close();
    expect(await told(entity)).toBe("");
    const again = await client("juliet");
    expect(await whoAnswers(again, entity, "v2")).toBe("server");
    answer(again, await question(again), "0");
    await caesura.untilMetric("caesura_grant_events_total", { step: "ended" }, (count) => count === 1);
    expect(await caesura.metric("caesura_grants", { domain: "capulet.lit" })).toBe(0);
    // Otherwise the next question to Juliet would be a repeated one.
    await caesura.stop();
    await start();
  });

  test("has in the account's discovery what the chosen entity says, and nobody else has (XEP-0355 §7.2.2, §9)", async () => {
    const entity = await component();
    const [juliet, romeo] = [await client("juliet"), await client("romeo")];
    expect(await request(entity, "r1")).toMatch(/type=["']result["']/);
    await grant(juliet, await question(juliet), "urn:xmpp:ping");
    const asked = await entity.stream.take(({ name, attrs }) => name === "iq" && attrs["type"] === "get", "a question");
    expect(asked.element.getChild("query", discoInfoNs)?.attrs["node"]).toBe(`${delegationNs}:bare:${verseNs}`);
    entity.send(
      `<iq type='result' id='${String(asked.element.attrs["id"])}' from='${entityJid}' to='capulet.lit'>` +
        `<query xmlns='${discoInfoNs}' node='${delegationNs}:bare:${verseNs}'><feature var='${verseNs}#sonnets'/></query></iq>`,
    );
    await entity.stream.settle();
    const features = async (stream: XmppStream, id: string): Promise<string> => {
      stream.send(
        `<iq type='get' id='${id}' to='${stream.jid.split("/", 1).join()}'><query xmlns='${discoInfoNs}'/></iq>`,
      );
      return answerTo(stream, id);
    };
    expect(await features(juliet, "d1")).toContain(`${verseNs}#sonnets`);
    expect(await features(romeo, "d2")).not.toContain(verseNs);
    await caesura.stop();
    await start();
  });

  test("is asked in the next session when there is none, and what was refused stays refused", async () => {
    const entity = await component();
    expect(await request(entity, "r1")).toMatch(/type=["']result["']/);
    const juliet = await client("juliet");
    answer(juliet, await question(juliet), "0");
    await caesura.untilMetric("caesura_grant_events_total", { step: "denied" }, (count) => count === 1);
    expect(await request(entity, "r2")).toMatch(/type=["']result["']/);
    expect(await whoAnswers(juliet, entity, "v1")).toBe("server");
    await juliet.settle();
    expect(juliet.unread.filter(({ raw }) => raw.includes("challenge"))).toEqual([]);
  });

  test("is not asked for an entity that is not on the list: the server answers that", async () => {
    const echo = await component("echo.capulet.lit");
    const juliet = await client("juliet");
    expect(await request(echo, "r1", "echo.capulet.lit")).toMatch(/type=["']error["']/);
    await juliet.settle();
    expect(juliet.unread.filter(({ raw }) => raw.includes("echo.capulet.lit"))).toEqual([]);
  });
});

test.skipIf(cannotRun("prosody", "openssl"))(
  "a store that another Caesura has open ends the start, with its place in the file",
  async () => {
    const store = { path: join(temporaryFolder("store"), "grants") };
    const options = {
      behind: { c2sPort: 9, componentPort: 9 },
      domain: { clientMode: { namespaces: [verseNs] } },
      more: { store },
    };
    const first = await Caesura.start(options);
    await expect(Caesura.start(options)).rejects.toThrow(/proxy\.yaml:\d+:\d+: store-locked: .*another process/);
    await first.stop();
  },
);
