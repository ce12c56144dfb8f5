import { describe, expect, test } from "vitest";
import type { Link } from "./world.js";
import { clientHeader, domain, ENTITY, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const ENABLE = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
const R = "<r xmlns='urn:xmpp:sm:3'/>";
const ack = (h: number | string) => `<a xmlns='urn:xmpp:sm:3' h='${h}'/>`;
const message = (id: string) => `<message id='${id}'/>`;
const request = (id: string) => `<iq type='set' id='${id}'><pubsub xmlns='${NAMESPACE}'><publish/></pubsub></iq>`;
const JID = "juliet@capulet.lit/balcony";

function setUp(more: Parameters<typeof rule>[1] = {}): { world: World; entity: Link } {
  const world = new World([domain([rule(NAMESPACE, more)])]);
  const entity = world.entity();
  entity.forget();
  return { world, entity };
}

/** A bound client that has enabled stream management with the server's id `s-id`; returns the id that it was given. */
function managed(world: World): { link: Link; cid: string } {
  const link = world.boundClient(JID);
  link.client(ENABLE);
  link.server("<enabled xmlns='urn:xmpp:sm:3' id='s-id' resume='true' max='600' location='10.0.0.1'/>");
  const cid = / id="([^"]+)"/.exec(link.take("client"))?.[1] ?? "";
  link.forget();
  return { link, cid };
}

/** A new connection of the same client, authenticated and not bound. */
function returning(world: World): Link {
  const link = world.client();
  link.client(clientHeader()).connected();
  link.server(`${SERVER_HEADER}<stream:features/>`);
  login(link);
  link.forget();
  return link;
}

const resume = (previd: string, h: number | string) => `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='${h}'/>`;
const resumed = (h: number) => `<resumed xmlns='urn:xmpp:sm:3' previd='s-id' h='${h}'/>`;

/** The entity's reply to the wrapper that it was sent last. */
function reply(entity: Link): void {
  const wrapper = entity.take("component");
  const outer = [...wrapper.matchAll(/<iq type="set"[^>]* id="([^"]+)"/g)].at(-1)?.[1] ?? "";
  const inner = [...wrapper.matchAll(/<iq xmlns="jabber:client"[^>]* id="([^"]+)"/g)].at(-1)?.[1] ?? "";
  entity.near(
    `<iq from='${ENTITY}' to='capulet.lit' type='result' id='${outer}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='result' id='${inner}' to='${JID}'/></forwarded></delegation></iq>`,
  );
}

describe("enabling", () => {
  test("gives the client an id of ours, and hides the server's address (S20, R12)", () => {
    const { world } = setUp();
    const link = world.boundClient(JID);
    link.client(ENABLE);
    expect(link.take("server")).toBe(ENABLE);
    link.server("<enabled xmlns='urn:xmpp:sm:3' id='s-id' resume='true' max='600' location='10.0.0.1'/>");
    expect(link.take("client")).toMatch(
      /^<enabled xmlns="urn:xmpp:sm:3" id="[\w-]+\.s-id" resume="true" max="600"\/>$/,
    );
  });

  test("lets no answer of ours come before <enabled/> (S3)", () => {
    const { world, entity } = setUp();
    const link = world.boundClient(JID);
    link.client(request("a1") + ENABLE);
    reply(entity);
    expect(link.take("client")).toBe("");
    link.server("<enabled xmlns='urn:xmpp:sm:3'/>");
    expect(link.take("client")).toMatch(/^<enabled [^>]*\/><iq type="result" id="a1"/);
  });

  test("is left alone where nothing is taken, so that no byte changes", () => {
    const world = new World([domain([])]);
    const link = world.boundClient(JID);
    const down = "<enabled xmlns='urn:xmpp:sm:3'  id='s-id' resume='true'/>" + R + ack(3);
    link.client(ENABLE + message("1") + R + ack(7));
    link.server(down);
    expect(link.take("server")).toBe(ENABLE + message("1") + R + ack(7));
    expect(link.take("client")).toBe(down);
    world.hub.configure([domain([rule(NAMESPACE)])]);
    link.client(request("a1"));
    expect(link.take("server")).toBe(request("a1"));
  });

  test("hides the server's address even where nothing else is touched (R12)", () => {
    const link = new World([domain([])]).boundClient(JID);
    link.client(ENABLE);
    link.server("<enabled xmlns='urn:xmpp:sm:3' id='s-id' resume='true' location='10.0.0.1:5222'/>");
    expect(link.take("client")).toBe('<enabled xmlns="urn:xmpp:sm:3" id="s-id" resume="true"/>');
  });

  test("that the server was not asked for is its fault", () => {
    const { world } = setUp();
    const { link } = managed(world);
    link.server("<enabled xmlns='urn:xmpp:sm:3'/>");
    expect(link.faults).toEqual(["unexpected-enabled"]);
  });
});

describe("acknowledgements", () => {
  test("pass unchanged while nothing was taken or put in (S11, S12)", () => {
    const { world } = setUp();
    const { link } = managed(world);
    link.client(message("1") + message("2") + R);
    link.server(ack(2) + message("x") + R);
    link.client(ack(1));
    expect(link.take("server")).toBe(message("1") + message("2") + R + ack(1));
    expect(link.take("client")).toBe(ack(2) + message("x") + R);
  });

  test("cover a taken stanza for the client, and an answer of ours for nobody (S2, S10)", () => {
    const { world, entity } = setUp();
    const { link } = managed(world);
    link.client(message("1") + request("a1") + message("2") + R);
    link.server(ack(2));
    expect(link.take("client")).toBe("<a xmlns='urn:xmpp:sm:3' h='3'/>");
    reply(entity);
    link.server(message("x") + R);
    link.take("client");
    link.take("server");
    link.client(ack(2));
    expect(link.take("server")).toBe("<a xmlns='urn:xmpp:sm:3' h='1'/>");
  });

  test("wait for the answer to a taken stanza where ackDelegated is reply (S10)", () => {
    const world = new World([domain([rule(NAMESPACE)])], {}, { ackDelegated: "reply" });
    const entity = world.entity();
    const { link } = managed(world);
    link.client(message("1") + request("a1") + message("2") + R);
    link.server(ack(2));
    expect(link.take("client")).toBe("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    reply(entity);
    link.take("client");
    link.client(R);
    link.server(ack(2));
    expect(link.take("client")).toBe("<a xmlns='urn:xmpp:sm:3' h='3'/>");
  });

  test("are asked for after as many stanzas of ours as the settings say (S13)", () => {
    const world = new World([domain([rule(NAMESPACE)])], {}, { requestAfterCount: 2 });
    const entity = world.entity();
    const { link } = managed(world);
    link.client(request("a1"));
    reply(entity);
    expect(link.take("client")).not.toContain(R);
    link.client(request("a2"));
    reply(entity);
    expect(link.take("client")).toContain(R);
  });

  test("that are too high end the stream before the server hears of them (XEP-0198 §6)", () => {
    const { world } = setUp();
    const { link } = managed(world);
    link.server(message("x"));
    link.client(ack(2));
    expect(link.take("client")).toContain(
      "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'/>",
    );
    expect(link.take("server")).toBe("</stream:stream>");
    expect(world.hub.stats.resumable).toBe(0);
  });

  test.each(["", "-1", "x", "4294967296"])("with the counter %j get invalid-xml (S14)", (h) => {
    const { world } = setUp();
    const { link } = managed(world);
    link.client(ack(h));
    expect(link.take("client")).toContain("<invalid-xml ");
    expect(link.take("server")).toBe("</stream:stream>");
  });

  test("are asked for behind five answers of ours, or after thirty seconds (S13)", () => {
    const { world, entity } = setUp();
    const { link } = managed(world);
    for (const id of ["a1", "a2", "a3", "a4", "a5"]) {
      link.client(request(id));
      reply(entity);
    }
    expect(link.take("client").endsWith(R)).toBe(true);
    link.client(ack(5));
    expect(link.take("server")).toBe("");
    link.client(request("a6"));
    reply(entity);
    expect(link.take("client")).not.toContain(R);
    world.advance(30_000);
    expect(link.take("client")).toBe(R);
    link.client(ack(6));
    world.advance(60_000);
    expect(link.take("client")).toBe("");
  });
});

describe("resumption", () => {
  test("brings what was answered meanwhile, once, behind <resumed/> (S21, 3.5)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(message("1") + request("a1"));
    link.machine.closed("client", "reset");
    expect(link.take("server")).toBe(message("1"));
    reply(entity);
    expect(world.outcomes).toEqual(["result"]);

    const again = returning(world);
    again.client(resume(cid, 0));
    expect(again.take("server")).toBe('<resume xmlns="urn:xmpp:sm:3" previd="s-id" h="0"/>');
    again.server(resumed(1));
    expect(again.take("client")).toMatch(
      new RegExp(`^<resumed xmlns="urn:xmpp:sm:3" previd="${cid}" h="2"/><iq type="result" id="a1"[^>]*/>$`),
    );
    // The answer counts in the new stream, and the server is told of it as nothing.
    again.client(ack(1) + message("2"));
    expect(again.take("server")).toBe(`${ack(0)}${message("2")}`);
    expect([...again.timers]).toEqual(["idle"]);
  });

  test("is possible after an operator or the end of the proxy: the server keeps the session, and so do we", () => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.machine.shutdown({ condition: "system-shutdown" });
    expect(link.take("client")).toContain("<system-shutdown ");
    expect(link.take("server")).toBe("");
    const again = returning(world);
    again.client(resume(cid, 0));
    again.server(resumed(0));
    expect(again.take("client")).toContain(`<resumed xmlns="urn:xmpp:sm:3" previd="${cid}" h="0"/>`);
  });

  test("keeps from the client what answered Caesura, when that answer ended the stream and is sent again (S30)", () => {
    const { world } = setUp({ foreignTargets: "probe" });
    const { link, cid } = managed(world);
    link.client(`<iq type='set' id='a1' to='romeo@capulet.lit'><pubsub xmlns='${NAMESPACE}'/></iq>`);
    const id = / id="([^"]+)"/.exec(link.take("server"))?.[1] ?? "";
    link.machine.shutdown({ condition: "system-shutdown" });
    const refused = `<iq type='error' id='${id}' from='romeo@capulet.lit' to='${JID}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
    link.server(refused);
    expect(link.take("client")).toMatch(/ id="a1".*<system-shutdown /s);
    const again = returning(world);
    again.client(resume(cid, 0));
    expect(again.take("server")).toContain(' h="0"');
    again.server(resumed(1) + refused);
    const brought = again.take("client");
    expect(brought).toContain(' id="a1"');
    expect(brought).not.toContain(id);
  });

  test("delivers an answer to the resumed stream when it comes after the resumption (D36)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(resume(cid, 0));
    again.server(resumed(0));
    again.take("client");
    reply(entity);
    expect(again.take("client")).toMatch(/^<iq type="result" id="a1"/);
    expect(link.take("client")).toBe("");
    // Who reads the log finds the way from one connection to the next.
    const moved = { connection: again.id, previous: link.id, jid: JID };
    expect(world.events).toContainEqual({ kind: "resumption", outcome: "resumed", domain: "capulet.lit", ...moved });
    expect(world.events).toContainEqual(
      expect.objectContaining({ kind: "delegation", connection: again.id, entityConnection: entity.id }),
    );
  });

  test("does not execute twice what the client sends again (S30)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1") + message("2"));
    link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(resume(cid, 0));
    // The server has not seen the message, so the client repeats everything that was not acknowledged.
    again.server(resumed(0));
    const told = Number(/ h="(\d+)"/.exec(again.take("client"))?.[1]);
    again.forget();
    again.client([request("a1"), message("2")].slice(told).join(""));
    expect(again.take("server")).toBe(message("2"));
    expect(entity.take("component").match(/<iq type="set"/g)).toHaveLength(1);
  });

  test("ends the earlier stream with conflict, and silently at the server (XEP-0198 §5)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    const again = returning(world);
    again.client(resume(cid, 0));
    expect(link.endReason).toBeUndefined();
    again.server(resumed(0));
    expect(link.take("client")).toMatch(/<conflict [^>]*\/><\/stream:error><\/stream:stream>$/);
    expect(link.take("server")).toBe("");
    reply(entity);
    expect(again.take("client")).toContain('<iq type="result" id="a1"');
  });

  test("succeeds although the server takes leave of the earlier stream first", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    const again = returning(world);
    again.client(resume(cid, 0));
    link.server("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
    link.machine.finished("server");
    expect(link.take("client")).not.toContain("service-unavailable");
    again.server(resumed(0));
    expect(again.take("client")).toContain("<resumed ");
    reply(entity);
    expect(again.take("client")).toMatch(/^<iq type="result" id="a1"/);
  });

  test("holds what the client sends behind <resume/> until the server has answered", () => {
    for (const answer of [resumed(0), "<failed xmlns='urn:xmpp:sm:3'/>"]) {
      const { world } = setUp();
      const { link, cid } = managed(world);
      link.machine.closed("client", "reset");
      const again = returning(world);
      again.client(resume(cid, 0) + message("1"));
      expect(again.take("server")).toBe('<resume xmlns="urn:xmpp:sm:3" previd="s-id" h="0"/>');
      expect(again.paused.has("client")).toBe(true);
      again.server(answer);
      expect(again.take("server")).toBe(message("1"));
      expect(again.paused.has("client")).toBe(false);
    }
  });

  test.each([
    ["an unknown id", (cid: string) => resume(`${cid}x`, 0), "item-not-found"],
    ["the server's own id", () => resume("s-id", 0), "item-not-found"],
    ["a counter that is too high", (cid: string) => resume(cid, 9), "item-not-found"],
    ["a counter that is none", (cid: string) => resume(cid, "x"), "bad-request"],
  ])("with %s is refused before the server hears of it (S14, S32, S33)", (_, write, condition) => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(write(cid));
    expect(again.take("server")).toBe("");
    const answer = again.take("client");
    expect(answer).toMatch(/^<failed xmlns="urn:xmpp:sm:3">/);
    expect(answer).toContain(`<${condition} `);
    expect(again.endReason).toBeUndefined();
  });

  test("behind binding is refused, and changes nothing (XEP-0198 §5)", () => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.client(resume(cid, 0));
    expect(link.take("client")).toContain("<unexpected-request ");
    expect(link.take("server")).toBe("");
    link.client(message("1"));
    expect(link.take("server")).toBe(message("1"));
  });

  test("that the server refuses tells the client what was handled, in its own numbers (S31)", () => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.client(message("1") + request("a1") + message("2"));
    link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(resume(cid, 0));
    again.server(
      "<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    );
    expect(again.take("client")).toMatch(/^<failed xmlns="urn:xmpp:sm:3" h="3">/);
    again.client("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    again.server(
      `<iq type='result' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${JID}</jid></bind></iq>`,
    );
    expect(world.hub.stats.resumable).toBe(0);
  });

  test.each([
    [
      "the server's refusal",
      0,
      "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    ],
    ["a counter that is too high", 9, undefined],
  ] as const)("leaves nothing of the session behind after %s, once its owner has bound (S31, S32)", (_, h, answer) => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(resume(cid, h));
    if (answer !== undefined) again.server(answer);
    again.client("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    again.server(
      `<iq type='result' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${JID}2</jid></bind></iq>`,
    );
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 1, pending: 0 });
    again.take("client");
    reply(entity);
    expect(again.take("client")).toBe("");
  });

  test("in vain while its old stream still stands leaves that one alone, and nothing once it is lost (S32)", () => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    const again = returning(world);
    again.client(resume(cid, 9));
    again.client("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    again.server(
      `<iq type='result' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${JID}2</jid></bind></iq>`,
    );
    link.client(request("a1"));
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 2, pending: 1 });
    link.machine.closed("client", "reset");
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 1, pending: 0 });
  });

  test.each([
    ["is detached", true],
    ["still has its old stream", false],
  ])("that the server contradicts ends a session that %s, with what it waits for", (_, isLost) => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    if (isLost) link.machine.closed("client", "reset");
    const again = returning(world);
    again.client(resume(cid, 0));
    again.server(resumed(7));
    expect(again.faults).toEqual(["resumed-contradicts"]);
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0, pending: 0 });
  });

  test("is nobody's where the server offered none: counters are translated, and the session ends with its stream (S23)", () => {
    const { world, entity } = setUp();
    const link = world.boundClient(JID);
    link.client(ENABLE);
    link.server("<enabled xmlns='urn:xmpp:sm:3'/>");
    link.forget();
    link.client(request("a1") + message("m1"));
    reply(entity);
    link.server(ack(1));
    expect(link.take("client")).toContain(ack(2));
    link.client(request("a2"));
    link.machine.closed("client", "reset");
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0, pending: 0 });
    expect(world.timers).toBe(0);
  });

  test("is over when nobody comes back in time, and what was pending with it", () => {
    const { world, entity } = setUp({ timeoutMs: 10_000_000 });
    const { link } = managed(world);
    link.client(request("a1"));
    link.machine.closed("client", "reset");
    world.advance(600_000);
    expect(world.hub.stats.resumable).toBe(1);
    world.advance(60_000);
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0, pending: 0 });
    expect(world.timers).toBe(0);
    reply(entity);
    expect(world.outcomes.at(-1)).toBe("late:late-reply");
  });

  test("is over in time although another stream, lost before, is kept for longer (S21)", () => {
    const { world } = setUp();
    for (const [jid, max] of [
      [JID, 86_400],
      ["romeo@capulet.lit/orchard", 60],
    ] as const) {
      const link = world.boundClient(jid);
      link.client(ENABLE);
      link.server(`<enabled xmlns='urn:xmpp:sm:3' id='${jid}' resume='true' max='${max}'/>`);
      link.machine.closed("client", "reset");
    }
    world.advance(89_000);
    expect(world.hub.stats.resumable).toBe(2);
    world.advance(2_000);
    expect(world.hub.stats).toMatchObject({ resumable: 1, sessions: 1 });
    expect(world.timers).toBe(1);
    world.advance(86_400_000);
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
    expect(world.timers).toBe(0);
  });

  test("is possible as long as the settings say where the server does not (S21)", () => {
    const world = new World([domain([rule(NAMESPACE)])], {}, { defaultMaxSeconds: 60, graceSeconds: 10 });
    const link = world.boundClient(JID);
    link.client(ENABLE);
    link.server("<enabled xmlns='urn:xmpp:sm:3' id='s-id' resume='true'/>");
    link.machine.closed("client", "reset");
    world.advance(69_000);
    expect(world.hub.stats.resumable).toBe(1);
    world.advance(2_000);
    expect(world.hub.stats.resumable).toBe(0);
  });

  test("is not offered for a stream that was closed in order", () => {
    const { world } = setUp();
    const { link } = managed(world);
    link.client("</stream:stream>");
    link.server("</stream:stream>");
    link.machine.finished("client");
    link.machine.finished("server");
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
  });

  test("keeps the session when it is the server's leg that is lost (S22)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    link.machine.finished("server");
    link.machine.closed("server", "reset");
    expect(link.take("client")).toBe("");
    const again = returning(world);
    again.client(resume(cid, 0));
    expect(again.take("server")).toContain('previd="s-id"');
    again.server(resumed(0));
    again.take("client");
    reply(entity);
    expect(again.take("client")).toMatch(/^<iq type="result" id="a1"/);
  });

  test("inside SASL2 is translated the same way, without a restart (S34)", () => {
    const { world, entity } = setUp();
    const { link, cid } = managed(world);
    link.client(request("a1"));
    link.machine.closed("client", "reset");
    reply(entity);
    const again = world.client();
    again.client(clientHeader()).connected();
    again.server(`${SERVER_HEADER}<stream:features/>`);
    again.forget();
    again.client(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AA==</initial-response>${resume(cid, 0)}</authenticate>`,
    );
    expect(again.take("server")).toContain('previd="s-id" h="0"');
    again.server(
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet.lit</authorization-identifier>${resumed(0)}</success>`,
    );
    expect(again.take("client")).toMatch(
      new RegExp(`^<success .*previd="${cid}" h="1"/></success><iq type="result" id="a1"`),
    );
    again.client(message("2"));
    expect(again.take("server")).toBe(message("2"));
  });

  test("that was asked for again after a failed authentication does not keep the session for ever", () => {
    const { world } = setUp();
    const { link, cid } = managed(world);
    link.machine.closed("client", "reset");
    const again = world.client();
    again.client(clientHeader()).connected();
    again.server(`${SERVER_HEADER}<stream:features/>`);
    for (let at = 0; at < 3; at++) {
      again.client(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>${resume(cid, 0)}</authenticate>`);
      again.server(
        "<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
      );
    }
    again.machine.closed("client", "reset");
    world.advance(700_000);
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
    expect(world.timers).toBe(0);
  });

  test("of no concern leaves the <success/> of SASL2 as it came", () => {
    const world = new World([domain([])]);
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    link.forget();
    const authenticate = `<authenticate xmlns='urn:xmpp:sasl:2'  mechanism='PLAIN'>${resume("s-id", 4)}</authenticate>`;
    const success = `<success xmlns='urn:xmpp:sasl:2' ><authorization-identifier>${JID}</authorization-identifier>${resumed(4)}</success>`;
    link.client(authenticate);
    link.server(success);
    expect(link.take("server")).toBe(authenticate);
    expect(link.take("client")).toBe(success);
  });

  test("inside SASL2 with an unknown id fails inside <success/>, and binding goes on (S33, S34)", () => {
    const { world, entity } = setUp();
    const again = world.client();
    again.client(clientHeader()).connected();
    again.server(`${SERVER_HEADER}<stream:features/>`);
    again.forget();
    again.client(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AA==</initial-response>${resume("gone", 4)}<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='1'/></bind></authenticate>`,
    );
    expect(again.take("server")).not.toContain("resume xmlns");
    again.server(
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${JID}</authorization-identifier><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s-2' resume='1'/></bound></success>`,
    );
    const success = again.take("client");
    expect(success).toMatch(/<failed xmlns="urn:xmpp:sm:3"><item-not-found .*<bound /);
    expect(success).toMatch(/ id="[\w-]+\.s-2"/);
    again.client(request("a1"));
    reply(entity);
    again.client(R);
    again.server(ack(0));
    expect(again.take("client")).toMatch(/id="a1".*<a xmlns='urn:xmpp:sm:3' h='1'\/>$/);
  });

  test("keeps no more for a client that is away than the limit (S13)", () => {
    const { world, entity } = setUp();
    const { link } = managed(world);
    const payload = "x".repeat(60_000);
    link.client(Array.from({ length: 60 }, (_, at) => request(`a${at}`)).join(""));
    link.machine.closed("client", "reset");
    const wrappers = entity.take("component");
    for (const [, outer = ""] of wrappers.matchAll(/<iq type="set"[^>]* id="([^"]+)"/g)) {
      const at = wrappers.indexOf(outer);
      const inner = / id="([^"]+)"/.exec(wrappers.slice(wrappers.indexOf("jabber:client", at)))?.[1] ?? "";
      entity.near(
        `<iq from='${ENTITY}' to='capulet.lit' type='result' id='${outer}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='result' id='${inner}' to='${JID}'><x xmlns='urn:x'>${payload}</x></iq></forwarded></delegation></iq>`,
      );
    }
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0, pending: 0 });
    expect(world.events).toContainEqual(expect.objectContaining({ kind: "resumption", jid: JID, outcome: "overflow" }));
  });
});
