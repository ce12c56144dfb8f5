import { describe, expect, test } from "vitest";
import { HeldFrames } from "../../src/session/client/held-frames.js";
import { FrameKind } from "../../src/xml/index.js";
import { bind, clientHeader, domain, ENTITY, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const SET =
  "<iq type='set' id='a1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'/></pubsub></iq>";

function outerIdOf(wrapper: string): string {
  const id = / id=["']([^"']+)["']/.exec(wrapper)?.[1];
  if (id === undefined) throw new Error(`no id in ${wrapper}`);
  return id;
}

function reply(outerId: string, inner: string, more = `from='${ENTITY}' to='capulet.lit' type='result'`): string {
  return `<iq ${more} id='${outerId}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded></delegation></iq>`;
}

const RESULT =
  "<iq xmlns='jabber:client' type='result' id='a1' to='juliet@capulet.lit/balcony'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>";

describe("a delegated request", () => {
  test("goes to the entity in a wrapper with the bound JID, and its reply comes back to the client (XEP-0355 §4.3)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    expect(juliet.take("server")).toBe("");
    const wrapper = entity.take("component");
    expect(wrapper).toMatch(/^<iq [^>]*type="set"/);
    expect(wrapper).toContain('xmlns="jabber:client"');
    expect(wrapper).toContain('from="juliet@capulet.lit/balcony"');
    expect(wrapper).toContain('<publish node="n"/>');

    entity.near(reply(outerIdOf(wrapper), RESULT));
    expect(entity.take("server")).toBe("");
    expect(juliet.take("client")).toBe(
      '<iq type="result" id="a1" to="juliet@capulet.lit/balcony" from="juliet@capulet.lit"><pubsub xmlns="http://jabber.org/protocol/pubsub"/></iq>',
    );
    expect(world.outcomes).toEqual(["result"]);
    expect(world.timers).toBe(0);
    expect(world.hub.stats.pending).toBe(0);
    expect(world.hub.stats.ruleMatches.get("capulet.lit")?.get(NAMESPACE)).toBe(1);
  });

  test("carries the language of the client's stream when it names none (RFC 6120 §8.1.5)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    world.boundClient("juliet@capulet.lit/balcony", "it").client(SET);
    expect(entity.take("component")).toContain('xml:lang="it"');
  });

  test("carries the language of the running stream, not of the one before SASL (RFC 6120 §4.7.4)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const link = world.client();
    link.client(clientHeader("en")).connected();
    link.server(SERVER_HEADER);
    login(link, "de");
    bind(link, "juliet@capulet.lit/balcony");
    link.client(SET);
    expect(entity.take("component")).toContain('xml:lang="de"');
  });

  test("is answered with service-unavailable when the entity is not connected (XEP-0355 §4.3)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const juliet = world.boundClient();
    juliet.client(SET);
    expect(juliet.take("client")).toBe(
      '<iq type="error" id="a1" to="juliet@capulet.lit/balcony" from="juliet@capulet.lit"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>',
    );
    expect(world.outcomes).toEqual(["no_link:entity-absent"]);
  });

  test("is answered with service-unavailable after the rule's time, and a late reply reaches nobody (D22, D34)", () => {
    const world = new World([domain([rule(NAMESPACE, { timeoutMs: 5000 })])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    const wrapper = entity.take("component");
    world.advance(4999);
    expect(juliet.take("client")).toBe("");
    world.advance(1);
    expect(juliet.take("client")).toContain("service-unavailable");
    entity.near(reply(outerIdOf(wrapper), RESULT));
    expect(juliet.take("client")).toBe("");
    expect(entity.take("server")).toBe("");
    expect(world.outcomes).toEqual(["timeout:entity-silent", "late:late-reply"]);
  });

  test("is answered when the entity's link dies with the request open (D33)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    const juliet = world.boundClient();
    juliet.client(SET);
    entity.machine.closed("component", "reset");
    expect(juliet.take("client")).toContain("service-unavailable");
    expect(world.outcomes).toEqual(["no_link:entity-lost"]);
    expect(entity.endReason).toBe("client_lost");
    expect(world.timers).toBe(0);
  });

  test("keeps its true reply after a forged one came over another link (protocol.md D30)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const other = world.entity("rogue.capulet.lit");
    other.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    const outerId = outerIdOf(entity.take("component"));
    const forged = reply(outerId, RESULT.replace("<pubsub", "<pubsub forged='1'"));
    other.near(forged);
    expect(other.take("server")).toBe(forged);
    expect(juliet.take("client")).toBe("");
    const romeo = world.boundClient("romeo@capulet.lit/orchard");
    const fromClient = forged.replace(` from='${ENTITY}'`, "");
    romeo.client(fromClient);
    expect(romeo.take("server")).toBe(fromClient);
    entity.near(reply(outerId, RESULT));
    expect(juliet.take("client")).toContain('<iq type="result" id="a1"');
  });

  test.each([
    ["another inner id", RESULT.replace("a1", "a2")],
    ["another inner to", RESULT.replace("balcony", "tomb")],
    ["a forged inner from", RESULT.replace(" to=", " from='romeo@montague.lit' to=")],
    ["an inner get", RESULT.replace("result", "get")],
    ["another content namespace", RESULT.replace("jabber:client", "jabber:component:accept")],
    ["no iq at all", ""],
    ["two of them", RESULT + RESULT],
  ])("is answered with service-unavailable when the reply has %s (D31, D33)", (_, inner) => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    entity.near(reply(outerIdOf(entity.take("component")), inner));
    expect(juliet.take("client")).toContain("service-unavailable");
    expect(entity.take("server")).toBe("");
    expect(world.outcomes[0]).toMatch(/^invalid_reply:/);
    expect(entity.endReason).toBeUndefined();
  });

  test("is given up when its client is lost, and the reply reaches nobody (D36)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    juliet.machine.closed("client", "reset");
    expect(juliet.take("server")).toBe("");
    expect(juliet.actions).toContain("close server");
    expect(world.hub.stats.pending).toBe(0);
    expect(world.timers).toBe(0);
    const again = world.boundClient();
    entity.near(reply(outerIdOf(entity.take("component")), RESULT));
    expect(again.take("client")).toBe("");
  });

  test("is not taken before a resource is bound (R2)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    world.entity();
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER);
    link.client(SET);
    expect(link.take("server")).toContain(SET);
    login(link);
    link.take("server");
    link.client(SET);
    expect(link.take("server")).toBe(SET);
    bind(link, "juliet@capulet.lit/balcony");
    link.take("server");
    link.client(SET);
    expect(link.take("server")).toBe("");
  });
});

describe("delegation cannot be switched off by the client", () => {
  const pubsub = (id: string) => SET.replace("a1", id);

  test("with acknowledgements that nobody counts", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client("<a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/>");
    juliet.client(pubsub("a2"));
    expect(juliet.take("server")).not.toContain("pubsub");
    expect(entity.sends("component")).toBe(1);
  });

  test("with stream management that the server refuses before binding", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER);
    login(link);
    link.client("<enable xmlns='urn:xmpp:sm:3'/>");
    link.server("<failed xmlns='urn:xmpp:sm:3'/>");
    bind(link, "juliet@capulet.lit/balcony");
    link.client(pubsub("a2"));
    expect(entity.sends("component")).toBe(1);
  });

  test("with a request for binding that comes before the word that it is authenticated (XEP-0388, A10)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER);
    link.client(
      "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/><iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    link.server(
      "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet.lit</authorization-identifier></success>",
    );
    link.server(
      "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/x</jid></bind></iq>",
    );
    expect([...link.timers]).toEqual(["idle"]);
    link.client(pubsub("a2"));
    expect(entity.sends("component")).toBe(1);
  });

  test("with a request for binding behind one that is refused", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER);
    login(link);
    for (const id of ["b1", "b2"]) {
      link.client(`<iq type='set' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
    }
    link.server("<iq type='error' id='b1'><error type='cancel'/></iq>");
    link.server(
      "<iq type='result' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/x</jid></bind></iq>",
    );
    link.client(pubsub("a2"));
    expect(entity.sends("component")).toBe(1);
  });

  test("with so many requests for binding that none is remembered", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const link = world.client();
    link.client(clientHeader()).connected();
    for (let at = 0; at < 65; at++) {
      link.client(`<iq type='set' id='b${at}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
    }
    expect(link.faults).toEqual(["too-many-binds"]);
  });
});

describe("the client's other stanzas", () => {
  test("pass byte for byte around a delegated one, in order (R10)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    world.entity();
    const juliet = world.boundClient();
    juliet.client(`<message to='romeo@montague.lit' ><body>a</body></message>${SET}\n<presence  />`);
    expect(juliet.take("server")).toBe("<message to='romeo@montague.lit' ><body>a</body></message>\n<presence  />");
  });

  test("leave in one piece when nothing of the chunk was taken", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const juliet = world.boundClient();
    juliet.client("<message id='1'/><iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq> <presence/>");
    expect(juliet.sends("server")).toBe(1);
  });

  test("go to the server when the filter is not matched (D3)", () => {
    const world = new World([domain([rule("urn:xmpp:mam:2", { filtering: ["node"] })])]);
    world.entity();
    const juliet = world.boundClient();
    const query = "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>";
    juliet.client(query);
    expect(juliet.take("server")).toBe(query);
  });

  test("get bad-request when they break the iq rules in a delegated namespace (R4)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    world.entity();
    const juliet = world.boundClient();
    juliet.client(`<iq type='set'><pubsub xmlns='${NAMESPACE}'/></iq>`);
    const answer = juliet.take("client");
    expect(answer).toContain("bad-request");
    expect(answer).toContain('type="modify"');
    juliet.client(`<iq type='set' id='two'><x xmlns='urn:example'/><pubsub xmlns='${NAMESPACE}'/></iq>`);
    expect(juliet.take("client")).toContain('id="two"');
    expect(juliet.take("server")).toBe("");
  });
});

describe("a blocking delegation", () => {
  const blocking = () => new World([domain([rule(NAMESPACE, { blocking: true })])]);

  test("holds later stanzas until the reply, and still passes acknowledgements and keepalives (D41)", () => {
    const world = blocking();
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(`${SET}<message id='m'/><r xmlns='urn:xmpp:sm:3'/> `);
    expect(juliet.take("server")).toBe("<r xmlns='urn:xmpp:sm:3'/> ");
    entity.near(reply(outerIdOf(entity.take("component")), RESULT));
    expect(juliet.take("server")).toBe("<message id='m'/>");
    juliet.client("<message id='n'/>");
    expect(juliet.take("server")).toBe("<message id='n'/>");
  });

  test("ends with the timeout, and delegates the next one held (D41)", () => {
    const world = blocking();
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET + SET.replace("a1", "a2") + "<message id='m'/>");
    expect(entity.sends("component")).toBe(1);
    world.advance(30_000);
    expect(entity.sends("component")).toBe(2);
    expect(juliet.take("server")).toBe("");
    world.advance(30_000);
    expect(juliet.take("server")).toBe("<message id='m'/>");
  });

  test("lets go of what it held as soon as that is sent, however busy the stream stays", () => {
    const held = new HeldFrames();
    const frame = () => ({ kind: FrameKind.message, bytes: Buffer.alloc(100), childCount: 0, childNamespaceHash: 0 });
    held.push(frame());
    for (let at = 0; at < 1000; at++) {
      held.push(frame());
      expect(held.shift()?.bytes).toHaveLength(100);
      expect(held.bytes).toBe(100);
    }
    expect(held.places).toBeLessThanOrEqual(66);
  });

  test("stops reading the client when too many bytes wait", () => {
    const world = new World([domain([rule(NAMESPACE, { blocking: true })])], { heldBytes: 1000 });
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    juliet.client(`<message><body>${"x".repeat(500)}</body></message>`);
    expect(juliet.paused.has("client")).toBe(false);
    juliet.client(`<message><body>${"x".repeat(500)}</body></message>`);
    expect(juliet.paused.has("client")).toBe(true);
    entity.near(reply(outerIdOf(entity.take("component")), RESULT));
    expect(juliet.paused.has("client")).toBe(false);
  });
});

test("a client with too many pending requests is no longer read, not refused (design §5)", () => {
  const world = new World([domain([rule(NAMESPACE)])], { pendingPerSession: 2 });
  const entity = world.entity();
  entity.forget();
  const juliet = world.boundClient();
  juliet.client(SET + SET.replace("a1", "a2") + SET.replace("a1", "a3") + "<message/>");
  expect(juliet.paused.has("client")).toBe(true);
  expect(entity.sends("component")).toBe(2);
  expect(juliet.take("server")).toBe("");
  entity.near(reply(outerIdOf(entity.take("component")), RESULT));
  expect(entity.take("component")).toContain("a3");
  expect(juliet.take("server")).toBe("");
  world.advance(30_000);
  expect(juliet.take("server")).toBe("<message/>");
  expect(juliet.paused.has("client")).toBe(false);
});

describe("the end of a stream", () => {
  test("of the client waits for the answers that are pending", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(`${SET}</stream:stream>`);
    expect(juliet.take("server")).toBe("");
    entity.near(reply(outerIdOf(entity.take("component")), RESULT));
    expect(juliet.take("client")).toContain("result");
    expect(juliet.take("server")).toBe("</stream:stream>");
    expect(juliet.timers.has("drain")).toBe(true);
    juliet.server("</stream:stream>");
    juliet.machine.finished("server");
    juliet.machine.finished("client");
    expect(juliet.endReason).toBe("clean");
  });

  test("of the server comes behind the errors of what is still pending", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    world.entity();
    const juliet = world.boundClient();
    juliet.client(SET);
    juliet.server(
      "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    );
    expect(juliet.take("client")).toMatch(/service-unavailable.*<stream:error>.*<\/stream:stream>$/s);
    expect(world.outcomes).toEqual(["refused:server-stream-error"]);
  });
});

test("nothing is taken behind the server's last word, and nothing put behind it (RFC 6120 §4.4)", () => {
  for (const last of [
    "</stream:stream>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
  ]) {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.server(last);
    expect(juliet.take("client")).toBe(last);
    juliet.client(SET);
    expect(entity.sends("component")).toBe(0);
    expect(juliet.take("client")).toBe("");
    expect(world.hub.stats.sessions).toBe(0);
  }
});

describe("the managing entity", () => {
  test("is told what it manages right behind the server's handshake (D10, D11)", () => {
    const world = new World([domain([rule(NAMESPACE), rule("urn:xmpp:mam:2", { filtering: ["node"] })])]);
    const entity = world.entity();
    const told = entity.take("component");
    expect(told).toMatch(/<handshake\/><message /);
    expect(told).toContain('from="capulet.lit"');
    expect(told).toContain(`to="${ENTITY}"`);
    expect(told).toContain('<delegated namespace="urn:xmpp:mam:2"><attribute name="node"/></delegated>');
  });

  test("is told anew when its delegations change, and only then (D12)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    world.hub.configure([domain([rule(NAMESPACE)])]);
    expect(entity.answerDiscovery().take("component")).toBe("");
    world.hub.configure([domain([rule(NAMESPACE), rule("urn:xmpp:mam:2")])]);
    expect(entity.answerDiscovery().take("component")).toContain('<delegated namespace="urn:xmpp:mam:2"/>');
  });

  test("has its own requests on its namespace passed to the server (D6)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const own = `<iq from='${ENTITY}' to='juliet@capulet.lit' type='get' id='x'><pubsub xmlns='${NAMESPACE}'/></iq>`;
    entity.near(own);
    expect(entity.take("server")).toBe(own);
    expect(entity.take("component")).toBe("");
  });

  test("may connect twice where the server lets it: each link answers what it was asked (D33, D82)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const first = world.entity();
    first.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    const asked = outerIdOf(first.take("component"));
    const second = world.entity();
    second.forget();
    // Not over this link, and not to the server either.
    second.near(reply(asked, RESULT));
    expect(second.take("server")).toBe("");
    first.near(reply(asked, RESULT));
    expect(juliet.take("client")).toContain('<iq type="result" id="a1"');
    juliet.client(SET.replace("a1", "a2"));
    expect(second.take("component")).toContain('id="a2"');
    second.machine.closed("component", "reset");
    expect(juliet.take("client")).toContain("service-unavailable");
    juliet.client(SET.replace("a1", "a3"));
    expect(first.take("component")).toContain('id="a3"');
  });

  test("has replies swallowed that come when its stream is over already (D82)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    const asked = outerIdOf(entity.take("component"));
    entity.machine.finished("server");
    entity.near(reply(asked, RESULT));
    expect(entity.take("server")).toBe("");
    expect(world.outcomes).toEqual(["no_link:entity-lost", "late:late-reply"]);
  });

  test("manages again what a reload took away and another brought back, for streams that stayed too", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    world.hub.configure([]);
    expect(entity.take("component")).toContain("<delegation ");
    juliet.client(SET);
    expect(juliet.take("server")).toBe(SET);
    world.hub.configure([domain([rule(NAMESPACE)])]);
    expect(entity.take("component")).toContain("<delegated ");
    juliet.client(SET);
    expect(entity.take("component")).toContain('id="a1"');
  });

  test("answers requests of another component, in that component's stream", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const other = world.entity("bot.capulet.lit");
    other.forget();
    other.near(
      `<iq from='bot.capulet.lit/x' to='juliet@capulet.lit' type='get' id='a1'><pubsub xmlns='${NAMESPACE}'/></iq>`,
    );
    const wrapper = entity.take("component");
    expect(wrapper).toContain('<iq xmlns="jabber:client"');
    entity.near(
      reply(
        outerIdOf(wrapper),
        "<iq xmlns='jabber:client' type='result' id='a1' from='juliet@capulet.lit' to='bot.capulet.lit/x'/>",
      ),
    );
    expect(other.take("component")).toBe(
      '<iq type="result" id="a1" to="bot.capulet.lit/x" from="juliet@capulet.lit"/>',
    );
    expect(other.take("server")).toBe("");
  });
});

describe("what may grow", () => {
  test("a request that would grow a hundredfold in its wrapper is refused, and harms nobody else (R8)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    const children = "<p:a/>".repeat(20_000);
    juliet.client(
      `<iq type='set' id='a1'><pubsub xmlns='${NAMESPACE}' xmlns:p='urn:${"x".repeat(900)}'>${children}</pubsub></iq>`,
    );
    expect(juliet.take("client")).toContain("<service-unavailable ");
    expect(world.outcomes).toEqual(["refused:request-too-large"]);
    juliet.client(SET.replace("a1", "a2"));
    expect(entity.take("component")).toContain('id="a2"');
  });

  test("a reply that would grow as much is none", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET);
    const inner = `<iq xmlns='jabber:client' xmlns:p='urn:${"x".repeat(900)}' type='result' id='a1' to='juliet@capulet.lit/balcony'><b xmlns='urn:y'>${"<p:a/>".repeat(10_000)}</b></iq>`;
    entity.near(reply(outerIdOf(entity.take("component")), inner));
    expect(world.outcomes).toEqual(["invalid_reply:reply-too-large"]);
    expect(juliet.take("client")).toContain("<service-unavailable ");
  });

  test("a client that does not read its answers is closed, and its requests end", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    juliet.client(SET + SET.replace("a1", "a2"));
    juliet.queued = 1_048_577;
    entity.near(reply(outerIdOf(entity.take("component")), RESULT));
    expect(juliet.endReason).toBe("slow_peer");
    expect(world.hub.stats).toMatchObject({ sessions: 0, pending: 0 });
    expect(world.timers).toBe(0);
  });

  test("an entity that does not read is asked no more, until it does", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient();
    entity.queued = 1_048_576;
    juliet.client(SET);
    expect(world.outcomes).toEqual(["refused:entity-congested"]);
    entity.queued = 0;
    juliet.client(SET);
    expect(entity.sends("component")).toBe(1);
  });
});
