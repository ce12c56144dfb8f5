import { describe, expect, test } from "vitest";
import { capabilitiesVer, nest, readDiscoInfo } from "../../src/discovery/index.js";
import { Element, parseElement } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import type { Link } from "./world.js";
import {
  bind,
  clientHeader,
  domain,
  ENTITY,
  framerLimits,
  login,
  NAMESPACE,
  rule,
  SERVER_HEADER,
  World,
} from "./world.js";

const JULIET = "juliet@capulet.lit/balcony";
const PEP = { identities: ["pubsub/pep"] };

function feature(name: string): string {
  return `<feature var='${name}'/>`;
}

const SERVER = `<identity category='server' type='im' name='Verona'/><identity category='pubsub' type='pep'/>${feature(NS.discoInfo)}${feature(NAMESPACE)}${feature(`${NAMESPACE}#publish`)}${feature("urn:xmpp:carbons:2")}`;

/** The entity's answers: an identity, a feature that stands twice, and one that belongs to nobody. */
function entitySays(node: string | undefined): string | undefined {
  if (node === undefined) return SERVER;
  const what = `<identity category='pubsub' type='pep' name='Verona Pubsub'/>${feature(`${NAMESPACE}#rsm`)}${feature(`${NAMESPACE}#rsm`)}`;
  return node.includes(":bare:") ? what : `${what}${feature("urn:xmpp:order-by:0")}`;
}

function connected(world: World, answer: typeof entitySays = entitySays): Link {
  const entity = world.component();
  entity.near(
    `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${ENTITY}'>`,
  );
  entity.connected();
  entity.server(
    `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='${ENTITY}'>`,
  );
  entity.near("<handshake>0</handshake>").server("<handshake/>");
  entity.answerDiscovery(answer);
  entity.forget();
  return entity;
}

function result(from: string | undefined, content = SERVER, node?: string): string {
  const sender = from === undefined ? "" : ` from='${from}'`;
  const at = node === undefined ? "" : ` node='${node}'`;
  return `<iq type='result' id='i1'${sender} to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info'${at}>${content}</query></iq>`;
}

function featuresIn(text: string): string[] {
  return [...text.matchAll(/<feature var=["']([^"']+)["']/g)].map(([, name = ""]) => name);
}

describe("a server's answer about the domain (XEP-0355 §7.2.1, protocol.md D50 to D54)", () => {
  test("says what the entity says in place of what belongs to the delegated namespace", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    juliet.server(result("capulet.lit"));
    const answer = juliet.take("client");
    expect(featuresIn(answer)).toEqual([
      NS.discoInfo,
      "urn:xmpp:carbons:2",
      NS.delegation,
      `${NAMESPACE}#rsm`,
      "urn:xmpp:order-by:0",
    ]);
    expect(answer.match(/<identity [^>]*>/g)).toEqual([
      '<identity category="server" type="im" name="Verona"/>',
      '<identity category="pubsub" type="pep" name="Verona Pubsub"/>',
    ]);
    expect(answer).toContain(`id="i1" from="capulet.lit" to="${JULIET}"`);
    expect(world.hub.stats.discovery.get("capulet.lit")).toMatchObject({ nested: 1, incomplete: 0 });
  });

  test.each(["juliet@capulet.lit", "Romeo@Capulet.LIT", undefined])(
    "and about the account %s what it says of accounts, without announcing delegation (§7.1, §7.2.2)",
    (account) => {
      const world = new World([domain([rule(NAMESPACE, PEP)])]);
      connected(world);
      const juliet = world.boundClient();
      juliet.server(result(account, feature(`${NAMESPACE}#publish`)));
      expect(featuresIn(juliet.take("client"))).toEqual([`${NAMESPACE}#rsm`]);
    },
  );

  test.each([
    ["of a node", result("capulet.lit", SERVER, "http://jabber.org/protocol/commands")],
    ["of a full JID", result("romeo@capulet.lit/orchard")],
    ["of another domain", result("montague.lit")],
    ["of a component", result(ENTITY)],
    ["that is an error", result("capulet.lit").replace("'result'", "'error'")],
    ["of another namespace", result("capulet.lit").replace("disco#info", "disco#items")],
  ])("passes as it came when it is one %s", (_, answer) => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    juliet.server(answer);
    expect(juliet.take("client")).toBe(answer);
  });

  test("passes as it came without rules", () => {
    const juliet = new World([domain([])]).boundClient();
    juliet.server(result("capulet.lit"));
    expect(juliet.take("client")).toBe(result("capulet.lit"));
  });

  test("is nested for components, too; not for our own question (D50)", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    const entity = connected(world);
    entity.server(result("capulet.lit").replace(JULIET, ENTITY));
    expect(featuresIn(entity.take("component"))).toContain(NS.delegation);
  });

  test("keeps the namespace of an entity that was never there, announces delegation, and is counted (D59)", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    const juliet = world.boundClient();
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client"))).toEqual([...featuresIn(SERVER), NS.delegation]);
    expect(world.hub.stats.discovery.get("capulet.lit")).toMatchObject({ nested: 0, incomplete: 1 });
  });

  test("loses the namespace of an entity that answers with an error, or not within half a minute", () => {
    for (const isSilent of [false, true]) {
      const world = new World([domain([rule(NAMESPACE, PEP)])]);
      const juliet = world.boundClient();
      if (isSilent) {
        const entity = world.component();
        entity.near(
          `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${ENTITY}'>`,
        );
        entity.connected();
        entity.server(
          `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1'>`,
        );
        entity.near("<handshake>0</handshake>").server("<handshake/>");
        world.advance(30_001);
      } else connected(world, () => undefined);
      juliet.server(result("capulet.lit"));
      expect(featuresIn(juliet.take("client"))).toEqual([NS.discoInfo, "urn:xmpp:carbons:2", NS.delegation]);
      const outcomes = world.events.flatMap((event) => (event.kind === "discovery" ? [event.outcome] : []));
      expect(outcomes).toEqual(isSilent ? ["silent", "silent"] : ["error", "error"]);
      expect(world.timers).toBe(0);
    }
  });

  test("keeps what the entity said while it is away, and follows it when it is back (D51)", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    const first = connected(world);
    const juliet = world.boundClient();
    first.machine.closed("component", "reset");
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client"))).toContain(`${NAMESPACE}#rsm`);
    connected(world, (node) => (node === undefined ? SERVER : feature(`${NAMESPACE}#meta-data`)));
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client")).slice(-1)).toEqual([`${NAMESPACE}#meta-data`]);
  });

  test("follows a reload at once: what is not delegated any more is the server's again", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    const entity = connected(world);
    const juliet = world.boundClient();
    world.hub.configure([domain([])]);
    juliet.server(result("capulet.lit"));
    expect(juliet.take("client")).toBe(result("capulet.lit"));
    world.hub.configure([domain([rule(NAMESPACE, PEP)])]);
    entity.answerDiscovery(entitySays);
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client"))).toContain(`${NAMESPACE}#rsm`);
  });

  test("is bounded when the entity names ten thousand features, and says so", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world, (node) =>
      node === undefined ? SERVER : Array.from({ length: 10_000 }, (_, at) => feature(`urn:verona:${at}`)).join(""),
    );
    const juliet = world.boundClient();
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client")).length).toBeLessThan(1100);
    expect(world.events).toContainEqual(expect.objectContaining({ kind: "discovery", scope: "domain", leftOut: 9000 }));
  });

  test("goes on as the server gave it when nesting would make it longer than the server's may be (R8)", () => {
    const many = Array.from({ length: 8 }, (_, at) => feature(`urn:example:${"x".repeat(1000)}:${String(at)}`)).join(
      "",
    );
    const world = new World([domain([rule(NAMESPACE, PEP)])], { trusted: framerLimits(16_384) });
    const entity = connected(world, (node) => (node === undefined ? SERVER : many));
    const juliet = world.boundClient();
    juliet.server(result("capulet.lit"));
    expect(featuresIn(juliet.take("client"))).toContain(NS.delegation);
    const long = SERVER + many.replaceAll("urn:example", "urn:server");
    for (const about of ["capulet.lit", "juliet@capulet.lit"]) {
      juliet.server(result(about, long));
      expect(juliet.take("client")).toBe(result(about, long));
    }
    entity.server(result("capulet.lit", long).replace(JULIET, ENTITY));
    expect(entity.take("component")).toBe(result("capulet.lit", long).replace(JULIET, ENTITY));
    expect(world.hub.stats.discovery.get("capulet.lit")).toMatchObject({ nested: 1, too_large: 3 });
  });

  test("counts as one stanza of the server's, however it is changed (XEP-0198)", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    juliet.client(`<enable xmlns='${NS.sm3}'/>`).server(`<enabled xmlns='${NS.sm3}'/>`);
    juliet.server(result("capulet.lit") + `<r xmlns='${NS.sm3}'/>`);
    juliet.forget();
    juliet.client(`<a xmlns='${NS.sm3}' h='1'/>`);
    expect(juliet.take("server")).toBe(`<a xmlns='${NS.sm3}' h='1'/>`);
  });
});

describe("capability hashes in stream features (XEP-0115 §6.3, protocol.md D55)", () => {
  const bytesOfOwn = Buffer.from(`<query xmlns='${NS.discoInfo}'>${SERVER}</query>`);
  const own = parseElement(bytesOfOwn, 0, bytesOfOwn.length, new Map());
  const ver = capabilitiesVer(readDiscoInfo(own), "sha-1") ?? "";
  const c = (hash: string): string => `<c xmlns='${NS.caps}' hash='sha-1' node='http://prosody.im' ver='${hash}'/>`;

  function featuresGiven(world: World, caps: string): { link: Link; features: string } {
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER + "<stream:features/>");
    login(link);
    link.forget();
    link.server(`<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>${caps}</stream:features>`);
    return { link, features: link.take("client") };
  }

  test("are computed anew, and a question about the node is answered here with just what was hashed", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const { link, features } = featuresGiven(world, c(ver));
    const given = / ver="([^"]+)"/.exec(features)?.[1] ?? "";
    expect(given).not.toBe("");
    expect(given).not.toBe(ver);

    bind(link, JULIET);
    link.forget();
    link.client(
      `<iq type='get' id='c1' to='capulet.lit'><query xmlns='${NS.discoInfo}' node='http://prosody.im#${given}'/></iq>`,
    );
    expect(link.take("server")).toBe("");
    const answer = link.take("client");
    expect(answer).toContain(`type="result" to="${JULIET}" from="capulet.lit" id="c1"`);
    const bytes = Buffer.from(answer);
    const query = parseElement(bytes, 0, bytes.length, new Map([["", NS.client]])).getChild("query");
    if (query === undefined) throw new Error("no query");
    expect(capabilitiesVer(readDiscoInfo(query), "sha-1")).toBe(given);
    expect(featuresIn(answer)).toContain(NS.delegation);
    expect(world.hub.stats.discovery.get("capulet.lit")).toMatchObject({ recomputed: 1, removed: 0 });
  });

  test("of the server's own answer stay the server's to answer", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    const question = `<iq type='get' id='c1' to='capulet.lit'><query xmlns='${NS.discoInfo}' node='http://prosody.im#${ver}'/></iq>`;
    juliet.client(question);
    expect(juliet.take("server")).toBe(question);
  });

  test("that describe something else are taken away; the server is asked, and the next client is given one", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    const { link, features } = featuresGiven(world, c(ver));
    expect(features).not.toContain(NS.caps);
    expect(world.hub.stats.discovery.get("capulet.lit")).toMatchObject({ recomputed: 0, removed: 1 });
    bind(link, JULIET);
    link.answerDiscovery(entitySays);
    expect(link.take("client")).not.toContain("query");
    expect(featuresGiven(world, c(ver)).features).toContain(NS.caps);
    expect(world.timers).toBe(0);
  });

  test("that the server's answer does not explain are asked about once, not by every client", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    for (const [hash, asks] of [
      ["b3RoZXI=", true],
      ["b3RoZXI=", false],
      ["bmV3ZXI=", true],
    ] as const) {
      const { link } = featuresGiven(world, c(hash));
      bind(link, JULIET);
      expect(link.take("server").includes(NS.discoInfo)).toBe(asks);
      if (asks)
        link.server(
          `<iq type='result' id='made-${world.lastId}' from='capulet.lit' to='${JULIET}'><query xmlns='${NS.discoInfo}'>${SERVER}</query></iq>`,
        );
    }
  });

  test("pass as they came where nothing is delegated", () => {
    const { features } = featuresGiven(new World([domain([])]), c(ver));
    expect(features).toContain(c(ver));
  });

  test("in a presence of the server's own are treated alike, those of users are theirs", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    const users = `<presence from='romeo@capulet.lit/orchard' to='${JULIET}'>${c(ver)}</presence>`;
    juliet.server(users);
    expect(juliet.take("client")).toBe(users);
    juliet.server(`<presence from='capulet.lit' to='${JULIET}'>${c(ver)}</presence>`);
    const presence = juliet.take("client");
    expect(presence).toContain(' ver="');
    expect(presence).not.toContain(ver);
  });

  test("agree with what nesting makes of the server's answer", () => {
    const query = new Element("query", { xmlns: NS.discoInfo });
    expect(nest(query, [], { announce: true })).toBe(true);
    expect(featuresIn(query.toString())).toEqual([NS.delegation]);
  });
});

describe("where the server does not describe accounts (protocol.md D53)", () => {
  const question = `<iq type='get' id='o1'><query xmlns='${NS.discoInfo}'/></iq>`;
  const error = (from: string, id: string): string =>
    `<iq type='error' id='${id}' from='${from}' to='${JULIET}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

  test("the owner of an account is told what entities offer it", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    juliet.client(question);
    expect(juliet.take("server")).toBe(question);
    juliet.server(error("juliet@capulet.lit", "o1"));
    const answer = juliet.take("client");
    expect(answer).toContain('type="result"');
    expect(answer).toContain('<identity category="account" type="registered"/>');
    expect(featuresIn(answer)).toEqual([NS.discoInfo, `${NAMESPACE}#rsm`]);
  });

  test("nobody else is: an error stays an error, so that existence is not leaked", () => {
    const world = new World([domain([rule(NAMESPACE, PEP)])]);
    connected(world);
    const juliet = world.boundClient();
    juliet.client(question.replace("id='o1'", "id='o1' to='romeo@capulet.lit'"));
    juliet.server(error("romeo@capulet.lit", "o1"));
    expect(juliet.take("client")).toBe(error("romeo@capulet.lit", "o1"));
  });
});
