import { describe, expect, test } from "vitest";
import { NS } from "../../src/xmpp/index.js";
import { clientHeader, domain, ENTITY, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const JULIET = "juliet@capulet.lit/balcony";

function query(to: string | undefined, id = "d1", kind: "info" | "items" = "info", node = "urn:verona:feast"): string {
  return `<iq type='get' id='${id}'${to === undefined ? "" : ` to='${to}'`}><query xmlns='http://jabber.org/protocol/disco#${kind}' node='${node}'/></iq>`;
}

function error(from: string | undefined, condition: string, id = "d1"): string {
  return `<iq type='error' id='${id}'${from === undefined ? "" : ` from='${from}'`} to='${JULIET}'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
}

function idOf(text: string): string {
  const id = / id=["']([^"']+)["']/.exec(text)?.[1];
  if (id === undefined) throw new Error(`no id in ${text}`);
  return id;
}

function special(kind: "info" | "items"): ReturnType<typeof rule> {
  return rule(kind === "info" ? NS.delegationBareDiscoInfo : NS.delegationBareDiscoItems);
}

describe("a question about a node of an account (XEP-0355 §7.2.4, protocol.md D57)", () => {
  test.each([undefined, "juliet@capulet.lit", "romeo@capulet.lit"])(
    "goes to the server first, and to the entity when the server has not found it: to %s",
    (to) => {
      const world = new World([domain([special("info")])]);
      const entity = world.entity();
      entity.forget();
      const juliet = world.boundClient();
      juliet.client(query(to));
      expect(juliet.take("server")).toBe(query(to));
      expect(entity.take("component")).toBe("");

      juliet.server(error(to, "item-not-found"));
      expect(juliet.take("client")).toBe("");
      const wrapper = entity.take("component");
      expect(wrapper).toContain('node="urn:verona:feast"');
      entity.near(
        `<iq from='${ENTITY}' to='capulet.lit' type='result' id='${idOf(wrapper)}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='result' id='d1' to='${JULIET}'${to === undefined ? "" : ` from='${to}'`}><query xmlns='http://jabber.org/protocol/disco#info' node='urn:verona:feast'/></iq></forwarded></delegation></iq>`,
      );
      expect(juliet.take("client")).toContain('type="result" id="d1"');
      expect(world.outcomes).toEqual(["result"]);
      expect(world.timers).toBe(0);
    },
  );

  test.each(["service-unavailable", "forbidden", "feature-not-implemented"])(
    "is the server's when it answers %s, so that nobody learns who exists (XEP-0030 §8)",
    (condition) => {
      const world = new World([domain([special("info")])]);
      const entity = world.entity();
      entity.forget();
      const juliet = world.boundClient();
      juliet.client(query("romeo@capulet.lit"));
      juliet.server(error("romeo@capulet.lit", condition));
      expect(juliet.take("client")).toBe(error("romeo@capulet.lit", condition));
      expect(entity.take("component")).toBe("");
      expect(world.outcomes).toEqual([]);
    },
  );

  test("that the server answers passes as it came, and the operator hears if it is the server's own service", () => {
    const world = new World([domain([special("info")])]);
    const juliet = world.boundClient();
    const result = (identity: string): string =>
      `<iq type='result' id='d1' from='juliet@capulet.lit' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info' node='urn:verona:feast'><identity category='${identity}' type='leaf'/></query></iq>`;
    for (const identity of ["automation", "pubsub"]) {
      juliet.client(query(undefined));
      juliet.server(result(identity));
      expect(juliet.take("client")).toBe(result(identity));
    }
    expect(world.events.filter(({ kind }) => kind === "shadowed")).toEqual([
      { kind: "shadowed", domain: "capulet.lit", rule: NS.delegationBareDiscoInfo },
    ]);
  });

  test("that the server answers with no more than what the account is, is told to the operator, too", () => {
    const world = new World([domain([special("info")])]);
    const juliet = world.boundClient();
    juliet.client(query(undefined));
    juliet.server(
      `<iq type='result' id='d1' from='juliet@capulet.lit' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info' node='urn:verona:feast'><identity category='account' type='registered'/></query></iq>`,
    );
    expect(world.events.filter(({ kind }) => kind === "shadowed")).toHaveLength(1);
  });

  test.each([
    ["romeo@capulet.lit", true],
    ["juliet@capulet.lit", false],
  ])("that the server does not allow is the entity's for a contact (ejabberd): to %s %s", (to, isTaken) => {
    const world = new World([domain([special("info")])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(query(to));
    juliet.server(error(to, "not-allowed"));
    expect(entity.take("component").includes("urn:verona:feast")).toBe(isTaken);
    expect(juliet.take("client").includes("not-allowed")).toBe(!isTaken);
  });

  test("is not settled by an answer from somebody else with the same id", () => {
    const world = new World([domain([special("info")])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(query("romeo@capulet.lit"));
    for (const from of ["tybalt@capulet.lit", "romeo@capulet.lit/orchard", undefined]) {
      juliet.server(error(from, "item-not-found"));
      expect(juliet.take("client")).toBe(error(from, "item-not-found"));
    }
    expect(entity.take("component")).toBe("");
    juliet.server(error("Romeo@Capulet.LIT", "item-not-found"));
    expect(entity.take("component")).toContain('node="urn:verona:feast"');
  });

  test("with the id of another one is told apart by its account, else by the order", () => {
    const world = new World([domain([special("info")])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(query("romeo@capulet.lit", "d1", "info", "one") + query("nurse@capulet.lit", "d1", "info", "two"));
    juliet.server(error("nurse@capulet.lit", "item-not-found"));
    expect(entity.take("component")).toContain('node="two"');
    juliet.server(error("romeo@capulet.lit", "item-not-found"));
    expect(entity.take("component")).toContain('node="one"');
  });

  test("is answered with service-unavailable when the entity is away", () => {
    const world = new World([domain([special("info")])]);
    const juliet = world.boundClient();
    juliet.client(query(undefined));
    juliet.server(error("juliet@capulet.lit", "item-not-found"));
    expect(juliet.take("client")).toContain("<service-unavailable");
    expect(world.outcomes).toEqual(["no_link:entity-absent"]);
  });

  test("is looked at no more when too many are behind it, and then the server's answer stands", () => {
    const world = new World([domain([special("info")])], { pendingPerSession: 1 });
    const juliet = world.boundClient();
    for (const id of ["d1", "d2", "d3"]) juliet.client(query(undefined, id));
    for (const id of ["d1", "d2", "d3"]) juliet.server(error("juliet@capulet.lit", "item-not-found", id));
    const answers = juliet.take("client");
    expect(answers.match(/service-unavailable/g)).toHaveLength(1);
    for (const id of ["d1", "d2"]) expect(answers).toContain(error("juliet@capulet.lit", "item-not-found", id));
  });

  test("is looked at although the server has left many before it unanswered", () => {
    const world = new World([domain([special("info")])], { pendingPerSession: 4 });
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    for (let id = 0; id < 100; id++) juliet.client(query(undefined, `never-${String(id)}`));
    juliet.client(query(undefined, "at-last")).server(error("juliet@capulet.lit", "item-not-found", "at-last"));
    expect(entity.take("component")).toContain('id="at-last"');
    // One that comes very late is the server's.
    juliet.forget();
    juliet.server(error("juliet@capulet.lit", "item-not-found", "never-0"));
    expect(juliet.take("client")).toBe(error("juliet@capulet.lit", "item-not-found", "never-0"));
  });

  test("of a component waits for the server in the same way", () => {
    const world = new World([domain([special("info")])]);
    const entity = world.entity();
    entity.forget();
    const other = world.entity("chorus.capulet.lit");
    other.forget();
    const iq = query("juliet@capulet.lit").replace("<iq ", "<iq from='chorus.capulet.lit' ");
    other.near(iq);
    expect(other.take("server")).toBe(iq);
    other.server(error("juliet@capulet.lit", "item-not-found").replace(JULIET, "chorus.capulet.lit"));
    expect(other.take("component")).toBe("");
    expect(entity.take("component")).toContain('from="chorus.capulet.lit"');
  });
});

describe("items of an account (XEP-0355 §7.2.5, protocol.md D58)", () => {
  test("are the entity's at once without a node, and after the server with one", () => {
    const world = new World([domain([special("items")])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(query(undefined, "i1", "items").replace(" node='urn:verona:feast'", ""));
    expect(juliet.take("server")).toBe("");
    expect(entity.take("component")).toContain("disco#items");
    juliet.client(query(undefined, "i2", "items"));
    expect(juliet.take("server")).toBe(query(undefined, "i2", "items"));
    expect(entity.take("component")).toBe("");
  });
});

describe("with foreignTargets: probe (protocol.md R11)", () => {
  const REQUEST =
    "<iq type='get' id='p1' to='romeo@capulet.lit'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></pubsub></iq>";

  function stage(): { world: World; entity: ReturnType<World["entity"]>; juliet: ReturnType<World["boundClient"]> } {
    const world = new World([domain([rule(NAMESPACE, { foreignTargets: "probe", timeoutMs: 5000 })])]);
    const entity = world.entity();
    entity.forget();
    return { world, entity, juliet: world.boundClient() };
  }

  test("the server is asked about the account on the sender's behalf, and the request follows its answer", () => {
    const { world, entity, juliet } = stage();
    juliet.client(REQUEST);
    const probe = juliet.take("server");
    expect(probe).toMatch(
      /^<iq type="get" to="romeo@capulet.lit" id="[^"]+"><query xmlns="http:\/\/jabber.org\/protocol\/disco#info"\/><\/iq>$/,
    );
    expect(entity.take("component")).toBe("");
    juliet.server(
      `<iq type='result' id='${idOf(probe)}' from='romeo@capulet.lit' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    );
    expect(juliet.take("client")).toBe("");
    expect(entity.take("component")).toContain('<items node="n"/>');
    expect(world.timers).toBe(1);
  });

  test.each(["service-unavailable", "forbidden", "subscription-required", "undefined-condition"])(
    "a sender who is turned away with %s hears service-unavailable, as one who is blocked does (XEP-0191 §3.3)",
    (condition) => {
      const { world, entity, juliet } = stage();
      juliet.client(REQUEST);
      juliet.server(error("romeo@capulet.lit", condition, idOf(juliet.take("server"))));
      const answer = juliet.take("client");
      expect(answer).toContain('type="error" id="p1"');
      expect(answer).toContain("<service-unavailable");
      expect(entity.take("component")).toBe("");
      expect(world.outcomes).toEqual(["refused:target-refused"]);
      expect(world.timers).toBe(0);
    },
  );

  test.each(["item-not-found", "feature-not-implemented"])(
    "an account that is not described passes: %s",
    (condition) => {
      const { entity, juliet } = stage();
      juliet.client(REQUEST);
      juliet.server(error("romeo@capulet.lit", condition, idOf(juliet.take("server"))));
      expect(entity.take("component")).toContain('<items node="n"/>');
    },
  );

  test("an answer that somebody else sends with the probe's id goes to the client and decides nothing", () => {
    const { entity, juliet } = stage();
    juliet.client(REQUEST);
    const forged = `<iq type='result' id='${idOf(juliet.take("server"))}' from='tybalt@capulet.lit/x' to='${JULIET}'/>`;
    juliet.server(forged);
    expect(juliet.take("client")).toBe(forged);
    expect(entity.take("component")).toBe("");
  });

  test("a server that says nothing lets the request time out, and its late answer reaches nobody", () => {
    const { world, entity, juliet } = stage();
    juliet.client(REQUEST);
    const probe = juliet.take("server");
    world.advance(5001);
    expect(juliet.take("client")).toContain("<service-unavailable");
    expect(world.outcomes).toEqual(["timeout:entity-silent"]);
    juliet.server(`<iq type='result' id='${idOf(probe)}' from='romeo@capulet.lit' to='${JULIET}'/>`);
    expect(juliet.take("client")).toBe("");
    expect(entity.take("component")).toBe("");
    expect(world.timers).toBe(0);
  });

  test("nothing is left when the client's stream ends meanwhile", () => {
    const { world, juliet } = stage();
    juliet.client(REQUEST);
    juliet.machine.closed("client", "reset");
    expect(world.timers).toBe(0);
    expect(world.hub.stats.pending).toBe(0);
    expect(world.outcomes).toEqual(["refused:link-closed"]);
  });

  test("counters stay right: the probe is the server's to count and its answer nobody's (XEP-0198, §3.2)", () => {
    const { juliet } = stage();
    juliet.client(`<enable xmlns='${NS.sm3}'/>`);
    juliet.server(`<enabled xmlns='${NS.sm3}'/>`);
    juliet.forget();
    juliet.client(REQUEST);
    const probe = juliet.take("server");
    juliet.server(error("romeo@capulet.lit", "service-unavailable", idOf(probe)));
    // One stanza came from the client and was taken; one of ours went up. One came from the server and was kept, one of ours went down.
    juliet.forget();
    juliet.client(`<r xmlns='${NS.sm3}'/>`);
    juliet.server(`<a xmlns='${NS.sm3}' h='1'/>`);
    expect(juliet.take("client")).toContain("h='1'");
    juliet.forget();
    juliet.server(`<r xmlns='${NS.sm3}'/>`);
    juliet.client(`<a xmlns='${NS.sm3}' h='1'/>`);
    expect(juliet.take("server")).toContain("h='1'");
  });
});

test("a server that never answers questions of ours is remembered for a while, not for ever", () => {
  const world = new World([domain([rule(NAMESPACE, { foreignTargets: "probe", timeoutMs: 10 })])]);
  const juliet = world.boundClient();
  const asked: string[] = [];
  for (let n = 0; n < 300; n++) {
    juliet.client(`<iq type='get' id='p${n}' to='romeo@capulet.lit'><pubsub xmlns='${NAMESPACE}'/></iq>`);
    asked.push(idOf(juliet.take("server")));
    world.advance(11);
  }
  juliet.forget();
  for (const id of asked) juliet.server(`<iq type='result' id='${id}' from='romeo@capulet.lit' to='${JULIET}'/>`);
  // The last 256 are swallowed, the oldest are nobody's any more.
  expect(juliet.take("client").match(/<iq /g)).toHaveLength(300 - 256);
  expect(world.timers).toBe(0);
});

describe("a question to the server whose stream is resumed (XEP-0198 §5)", () => {
  test("is looked at once, however often the client repeats it, and leaves its id to another one", () => {
    const world = new World([domain([special("info")])], { pendingPerSession: 2 });
    const entity = world.entity();
    entity.forget();
    let juliet = world.boundClient();
    juliet.client(`<enable xmlns='${NS.sm3}' resume='true'/>`);
    juliet.server(`<enabled xmlns='${NS.sm3}' id='s-id' resume='true'/>`);
    const cid = idOf(juliet.take("client"));
    juliet.client(query(undefined, "d1", "info", "one"));
    for (let cut = 0; cut < 3; cut++) {
      juliet.machine.closed("client", "reset");
      juliet = world.client();
      juliet.client(clientHeader()).connected();
      juliet.server(`${SERVER_HEADER}<stream:features/>`);
      login(juliet);
      juliet.client(`<resume xmlns='${NS.sm3}' previd='${cid}' h='0'/>`);
      juliet.server(`<resumed xmlns='${NS.sm3}' previd='s-id' h='0'/>`);
      juliet.client(query(undefined, "d1", "info", "one"));
    }
    juliet.server(error("juliet@capulet.lit", "item-not-found"));
    expect(entity.take("component").match(/node="one"/g)).toHaveLength(1);
    juliet.client(query(undefined, "d1", "info", "two"));
    juliet.server(error("juliet@capulet.lit", "item-not-found"));
    expect(entity.take("component")).toContain('node="two"');
  });
});

test("a component's user is asked about in that user's name, not in the component's (R11)", () => {
  const world = new World([domain([rule(NAMESPACE, { foreignTargets: "probe" })])]);
  world.entity();
  const irc = world.entity("irc.capulet.lit");
  irc.forget();
  const request = `<pubsub xmlns='${NAMESPACE}'/>`;
  irc.near(`<iq type='get' id='p1' from='tybalt@irc.capulet.lit/x' to='juliet@capulet.lit'>${request}</iq>`);
  const probe = irc.take("server");
  expect(probe).toContain('from="tybalt@irc.capulet.lit/x"');
  irc.server(
    `<iq type='error' id='${idOf(probe)}' from='juliet@capulet.lit' to='tybalt@irc.capulet.lit/x'><error type='cancel'><service-unavailable xmlns='${NS.stanzaErrors}'/></error></iq>`,
  );
  expect(irc.take("component")).toMatch(/^<iq [^>]*id="p1".*<service-unavailable/);
});

test("a request that the server was asked first is the server's when a reload has taken the rule away meanwhile", () => {
  const world = new World([domain([special("info"), rule(NAMESPACE)])]);
  const entity = world.entity();
  const juliet = world.boundClient();
  juliet.client(query(undefined));
  world.hub.configure([domain([rule(NAMESPACE)])]);
  entity.forget();
  juliet.server(error("juliet@capulet.lit", "item-not-found"));
  expect(juliet.take("client")).toBe(error("juliet@capulet.lit", "item-not-found"));
  expect(entity.take("component")).toBe("");
  expect([...(world.hub.stats.ruleMatches.get("capulet.lit")?.keys() ?? [])]).toEqual([NAMESPACE]);
});
