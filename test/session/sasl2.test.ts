import { describe, expect, test } from "vitest";
import type { DomainSettings } from "../../src/session/index.js";
import type { Link } from "./world.js";
import { AUTH, clientHeader, domain, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const sasl2 = "urn:xmpp:sasl:2";
const JID = "juliet@capulet.lit/balcony";

function opened(more: Partial<DomainSettings> = {}): { world: World; entity: Link; link: Link } {
  const world = new World([domain([rule(NAMESPACE)], more)]);
  const entity = world.entity();
  entity.forget();
  return { world, entity, link: connection(world) };
}

function connection(world: World): Link {
  const link = world.client();
  link.client(clientHeader()).connected();
  link.server(`${SERVER_HEADER}<stream:features/>`);
  link.forget();
  return link;
}

const request = (id: string) => `<iq type='set' id='${id}'><pubsub xmlns='${NAMESPACE}'><publish/></pubsub></iq>`;
const authenticate = (content = "", mechanism = "PLAIN") =>
  `<authenticate xmlns='${sasl2}' mechanism='${mechanism}'><initial-response>AA==</initial-response>${content}</authenticate>`;
const success = (content: string, jid = JID) =>
  `<success xmlns='${sasl2}'><authorization-identifier>${jid}</authorization-identifier>${content}</success>`;
const failure = `<failure xmlns='${sasl2}'><not-authorized xmlns='${sasl}'/></failure>`;
const resume = (previd: string, h = 0) => `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='${h}'/>`;
const bind = (content = "") => `<bind xmlns='urn:xmpp:bind:0'>${content}</bind>`;
const bound = (content = "") => `<bound xmlns='urn:xmpp:bind:0'>${content}</bound>`;
const enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
const enabled = (id: string, more = "") => `<enabled xmlns='urn:xmpp:sm:3' id='${id}' resume='true'${more}/>`;
const cidOf = (text: string) => / id="([^"]+)"/.exec(text)?.[1] ?? "";

describe("while SASL2 goes on (XEP-0388 §2.4)", () => {
  test("what the client sends is held, so that it belongs to the session it then has (A12)", () => {
    const { link, entity } = opened();
    link.client(authenticate(bind()) + request("a1"));
    expect(link.take("server")).toBe(authenticate(bind()));
    expect(link.paused.has("client")).toBe(true);
    link.server(success(bound()));
    expect(link.paused.has("client")).toBe(false);
    expect(link.take("server")).toBe("");
    expect(entity.sends("component")).toBe(1);
  });

  test("a stanza behind <authenticate/> is counted as the server counts it (XEP-0198 §9)", () => {
    const { link } = opened();
    link.client(`${authenticate(bind(enable))}<presence/>`);
    link.server(success(bound(enabled("s1"))));
    link.server("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    expect(link.faults).toEqual([]);
    expect(link.take("client")).toMatch(/<a xmlns='urn:xmpp:sm:3' h='1'\/>$/);
  });

  test.each(["urn:xmpp:bind:0", "urn:xmpp:bind2:1"])(
    "Bind 2 is read in the namespace %s, and stream management inside it (S34)",
    (namespace) => {
      const { link, entity } = opened();
      link.client(authenticate(`<bind xmlns='${namespace}'>${enable}</bind>`));
      link.server(success(`<bound xmlns='${namespace}'>${enabled("s1")}</bound>`));
      expect(cidOf(link.take("client"))).toMatch(/^[\w-]+\.s1$/);
      link.client(request("a1"));
      expect(entity.sends("component")).toBe(1);
    },
  );

  test("challenges and tasks go to and fro, without a restart (§2.5, §2.6.3)", () => {
    const { link, entity } = opened();
    const words = [
      ["response", "challenge"],
      ["response", "continue"],
      ["next", "task-data"],
    ] as const;
    link.client(authenticate(bind(), "SCRAM-SHA-1"));
    for (const [answer, question] of words) {
      link.server(`<${question} xmlns='${sasl2}'/>`);
      link.client(`<${answer} xmlns='${sasl2}'/>`);
      expect(link.take("server")).toMatch(new RegExp(`<${answer} `));
      expect(link.paused.has("client")).toBe(true);
    }
    link.server(success(bound()));
    link.client(request("a1"));
    expect(entity.sends("component")).toBe(1);
    expect(link.faults).toEqual([]);
  });

  test("another attempt may follow a failure, in SASL1 too", () => {
    const { link } = opened();
    link.client(authenticate());
    link.server(failure);
    link.client(AUTH);
    expect(link.take("server")).toBe(authenticate() + AUTH);
    link.server(`<success xmlns='${sasl}'/>`);
    expect(link.faults).toEqual([]);
  });

  test("text between elements ends the stream with bad-format, and nothing is left (X7)", () => {
    for (const behindChallenge of [true, false]) {
      const { link, world } = opened();
      link.client(authenticate(bind(enable)));
      if (behindChallenge) link.server(`<challenge xmlns='${sasl2}'/>`);
      link.forget();
      link.client("but soft");
      if (!behindChallenge) link.server(failure);
      expect(link.faults).toEqual(["text-between-elements"]);
      expect(link.take("client")).toContain("<bad-format ");
      expect(link.take("server")).toBe("</stream:stream>");
      expect(link.endReason).toBe("xml_fault");
      link.machine.closed("server", "end");
      link.machine.closed("client", "end");
      expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
      expect(world.timers).toBe(0);
    }
  });

  test("nothing is put into the stream: an answer to the session that is resumed waits for <success/> (A12)", () => {
    const { world, entity, link } = opened();
    link.client(authenticate(bind(enable)));
    link.server(success(bound(enabled("s1"))));
    const cid = cidOf(link.take("client"));
    link.client(request("a1"));
    link.machine.closed("client", "reset");
    const again = connection(world);
    again.client(authenticate(resume(cid)));
    const [, outer = ""] = /<iq type="set"[^>]* id="([^"]+)"/.exec(entity.take("component")) ?? [];
    entity.near(
      `<iq from='pubsub.capulet.lit' to='capulet.lit' type='result' id='${outer}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='result' id='a1' to='${JID}'/></forwarded></delegation></iq>`,
    );
    expect(again.take("client")).toBe("");
    again.server(success("<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>"));
    expect(again.take("client")).toMatch(/<\/success><iq type="result" id="a1"/);
  });
});

describe("what a failed login asked for is not granted with the next", () => {
  test("neither stream management, nor the news of a resumption in vain (XEP-0388 §2.6.2)", () => {
    const { link, entity } = opened();
    link.client(authenticate(resume("gone") + bind(enable)));
    link.server(failure);
    link.client(authenticate(bind()));
    link.take("client");
    link.server(success(bound()));
    expect(link.take("client")).toBe(success(bound()));
    link.client(request("a1"));
    expect(entity.sends("component")).toBe(1);
  });

  test("nor a resumption: its session stays where it is, and expires in time", () => {
    const { world, link } = opened();
    link.client(authenticate(bind(enable)));
    link.server(success(bound(enabled("s1", " max='60'"))));
    const cid = cidOf(link.take("client"));
    link.machine.closed("client", "reset");
    const again = connection(world);
    again.client(authenticate(resume(cid)));
    again.server(failure);
    // The server is asked no more, so this cannot be an answer to it.
    again.client(authenticate());
    again.server(success("<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>", "romeo@capulet.lit"));
    again.machine.closed("client", "reset");
    world.advance(100_000);
    expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
  });
});

test("a session that a silent server is asked about when its time is over still expires", () => {
  const { world, link } = opened();
  link.client(authenticate(bind(enable)));
  link.server(success(bound(enabled("s1", " max='60'"))));
  const cid = cidOf(link.take("client"));
  link.machine.closed("client", "reset");
  const again = connection(world);
  again.client(authenticate(resume(cid)));
  world.advance(95_000);
  again.machine.closed("client", "reset");
  world.advance(10_000);
  expect(world.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
  expect(world.timers).toBe(0);
});

describe("nothing moves the client past us (R12)", () => {
  const isr = "<isr-enabled xmlns='https://xmpp.org/extensions/isr/0' token='t' location='10.0.0.2:5222'/>";
  const moving = `<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' location='10.0.0.1' xmlns:isr='https://xmpp.org/extensions/isr/0' isr:location='10.0.0.3'>${isr}</enabled>`;

  test.each([
    ["that takes stanzas", [rule(NAMESPACE)]],
    ["that is left alone", []],
  ])("in <bound/> of a stream %s", (_, rules) => {
    const link = connection(new World([domain(rules)]));
    link.client(authenticate(bind(enable)));
    link.server(success(bound(moving)));
    const text = link.take("client");
    expect(text).toContain('token="t"');
    expect(text).not.toContain("10.0.0.");
  });

  test.each([
    ["that takes stanzas", [rule(NAMESPACE)]],
    ["that is left alone", []],
  ])("in <enabled/> of a stream %s", (_, rules) => {
    const link = new World([domain(rules)]).boundClient();
    link.client(enable);
    link.server(moving);
    const text = link.take("client");
    expect(text).toContain('token="t"');
    expect(text).not.toContain("10.0.0.");
  });
});

describe("instant stream resumption (XEP-0397 §5.2)", () => {
  const isr = (name: string, content: string) =>
    `<${name} xmlns='https://xmpp.org/extensions/isr/0'>${content}</${name}>`;

  test("is translated inside its own wrapper", () => {
    const { world, link } = opened();
    link.client(authenticate(bind(enable)));
    link.server(success(bound(enabled("s1"))));
    const cid = cidOf(link.take("client"));
    link.machine.closed("client", "reset");
    const again = connection(world);
    again.client(authenticate(isr("inst-resume", resume(cid)), "HT-SHA-256-NONE"));
    expect(again.take("server")).toContain('previd="s1"');
    again.server(success(isr("inst-resumed", "<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>")));
    expect(again.take("client")).toContain(`previd="${cid}"`);
    expect(world.hub.stats).toMatchObject({ sessions: 1 });
    again.client("<presence/>");
    expect(again.take("server")).toBe("<presence/>");
  });

  test("of an unknown stream fails inside <success/>", () => {
    const { link } = opened();
    link.client(authenticate(isr("inst-resume", resume("gone"))));
    expect(link.take("server")).not.toContain("inst-resume");
    link.server(success(""));
    expect(link.take("client")).toMatch(/<inst-resume-failed [^>]*><failed [^>]*><item-not-found /);
  });
});

describe("a mechanism that cannot work through us", () => {
  const auth = (mechanism: string) => `<auth xmlns='${sasl}' mechanism='${mechanism}'>=</auth>`;

  test("is refused at once, unheard by the server, and another may be tried (A7, RFC 6120 §6.5.7)", () => {
    const { link } = opened();
    link.client(auth("EXTERNAL"));
    expect(link.take("client")).toBe(`<failure xmlns='${sasl}'><invalid-mechanism/></failure>`);
    link.client(authenticate("", "HT-SHA-256-EXPR"));
    expect(link.take("client")).toBe(`<failure xmlns='${sasl2}'><invalid-mechanism xmlns='${sasl}'/></failure>`);
    expect(link.take("server")).toBe("");
    link.client(AUTH);
    expect(link.take("server")).toBe(AUTH);
    expect(link.faults).toEqual(["mechanism-not-offered", "mechanism-not-offered"]);
  });

  test("is refused five times, and then the stream ends (RFC 6120 §6.4.5)", () => {
    const { link } = opened();
    for (let at = 0; at < 6; at++) link.client(auth("EXTERNAL"));
    expect(link.take("client").match(/invalid-mechanism/g)).toHaveLength(5);
    expect(link.faults.at(-1)).toBe("too-many-refusals");
    expect(link.endReason).toBe("protocol_fault");
  });

  test("depends on what the operator says of channel binding (A4)", () => {
    const plus = auth("SCRAM-SHA-256-PLUS");
    for (const channelBinding of ["passthrough", "endpoint"] as const) {
      const { link } = opened({ channelBinding });
      link.client(plus);
      expect(link.take("server")).toBe(plus);
    }
    const { link } = opened({ channelBinding: "strip" });
    link.client(plus);
    expect(link.take("server")).toBe("");
  });
});

test("a reload changes what the next stream features offer (A4)", () => {
  const world = new World([domain([])]);
  const link = world.client();
  link.client(clientHeader()).connected();
  world.hub.configure([domain([], { channelBinding: "strip" })]);
  link.server(
    `${SERVER_HEADER}<stream:features><mechanisms xmlns='${sasl}'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding></stream:features>`,
  );
  expect(link.take("client")).toMatch(
    /<mechanisms [^>]*><mechanism>PLAIN<\/mechanism><\/mechanisms><\/stream:features>$/,
  );
});

describe("with Bind 2", () => {
  const unknownCaps =
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://prosody.im' ver='b3RoZXI='/>";

  test("what the server is asked in the client's name is counted from the first stanza on (XEP-0198 §9)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const link = world.client();
    link.client(clientHeader()).connected();
    link.server(`${SERVER_HEADER}<stream:features>${unknownCaps}</stream:features>`);
    link.client(authenticate(bind(enable)));
    link.forget();
    link.server(success(bound(enabled("s1"))));
    expect(link.take("server")).toContain("http://jabber.org/protocol/disco#info");
    link.server("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    expect(link.faults).toEqual([]);
  });

  test("answers do not wait for an <enabled/> that the server has left out", () => {
    const { world, entity, link } = opened();
    link.client(authenticate(bind(enable)));
    link.server(success(bound()));
    link.forget();
    link.client(request("a1"));
    expect(entity.sends("component")).toBe(1);
    world.advance(30_000);
    expect(link.take("client")).toContain("<service-unavailable");
  });
});
