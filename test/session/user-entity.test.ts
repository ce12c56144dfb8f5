import { describe, expect, test } from "vitest";
import { NS } from "../../src/xmpp/index.js";
import type { Link } from "./world.js";
import { AUTH, bind, clientHeader, domain, login, NAMESPACE, rule, SERVER_HEADER, SUCCESS, World } from "./world.js";

const JULIET = "juliet@capulet.lit/balcony";
const SET = `<iq type='set' id='a1'><pubsub xmlns='${NAMESPACE}'><publish node='n'/></pubsub></iq>`;

function user(world: World, jid: string): Link {
  return world.boundClient(jid);
}

function available(link: Link): Link {
  link.client("<presence/>");
  link.answerDiscovery();
  return link;
}

function outerIdOf(wrapper: string): string {
  const id = / type="set"[^>]* id="([^"]+)"/.exec(wrapper)?.[1];
  if (id === undefined) throw new Error(`no wrapper in ${wrapper}`);
  return id;
}

function reply(wrapper: string, more = ""): string {
  return `<iq to='capulet.lit' type='result' id='${outerIdOf(wrapper)}'${more}><delegation xmlns='${NS.delegation}'><forwarded xmlns='${NS.forward}'><iq xmlns='jabber:client' type='result' id='a1' to='${JULIET}'><pubsub xmlns='${NAMESPACE}'/></iq></forwarded></delegation></iq>`;
}

describe("a managing entity that is a user (XEP-0355 §4)", () => {
  test("is told what it manages with its initial presence, is asked over its stream, and answers there", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = user(world, "nurse@capulet.lit/chamber");
    nurse.client("<presence type='unavailable'/>");
    expect(nurse.take("client")).toBe("");
    expect(world.hub.stats.entities.get("nurse@capulet.lit")?.up).toBe(false);
    available(nurse);
    expect(nurse.take("client")).toMatch(
      /^<message from="capulet.lit" to="nurse@capulet.lit\/chamber" id="[^"]+"><delegation xmlns="urn:xmpp:delegation:2"><delegated namespace="[^"]+"\/><\/delegation><\/message>$/,
    );
    nurse.forget();

    const juliet = user(world, JULIET);
    juliet.client(SET);
    const wrapper = nurse.take("client");
    expect(wrapper).toMatch(/^<iq type="set" from="capulet.lit" to="nurse@capulet.lit\/chamber"/);
    nurse.client(reply(wrapper));
    expect(nurse.take("server")).toBe("");
    expect(juliet.take("client")).toContain('<iq type="result" id="a1"');
    expect(world.outcomes).toEqual(["result"]);
    expect(world.timers).toBe(0);
  });

  test("of a bare JID is the resource that came first; when it leaves the next one takes over", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit", timeoutMs: 5000 })])]);
    const first = available(user(world, "nurse@capulet.lit/chamber"));
    const second = available(user(world, "nurse@capulet.lit/kitchen"));
    expect(second.take("client")).toBe("");
    const juliet = user(world, JULIET);
    juliet.client(SET);
    first.client("<presence type='unavailable'/>");
    second.answerDiscovery();
    expect(juliet.take("client")).toContain("<service-unavailable");
    expect(world.outcomes).toEqual(["no_link:entity-lost"]);
    expect(second.take("client")).toContain('<delegated namespace="');
    juliet.client(SET);
    const wrapper = second.take("client");
    expect(wrapper).toContain('to="nurse@capulet.lit/kitchen"');
    second.client(reply(wrapper));
    expect(juliet.take("client")).toContain('type="result"');

    // The first one comes back behind the second.
    available(first);
    first.forget();
    juliet.client(SET);
    expect(first.take("client")).toBe("");
  });

  test("of a full JID is that resource alone", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit/chamber" })])]);
    const other = available(user(world, "nurse@capulet.lit/kitchen"));
    expect(other.take("client")).toBe("");
    const nurse = available(user(world, "Nurse@capulet.lit/chamber"));
    expect(nurse.take("client")).toContain("<delegated ");
  });

  test("may be configured twice, bare and full, and is one stream", () => {
    const world = new World([
      domain([
        rule(NAMESPACE, { entity: "nurse@capulet.lit" }),
        rule("urn:xmpp:mam:2", { entity: "nurse@capulet.lit/chamber" }),
      ]),
    ]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    const told = nurse.take("client");
    expect(told.match(/<message /g)).toHaveLength(1);
    expect(told.match(/<delegated /g)).toHaveLength(2);
  });

  test("has its own requests passed to the server (§4.3.1)", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    nurse.forget();
    nurse.client(SET);
    expect(nurse.take("server")).toBe(SET);
  });

  test("is the only one whose reply counts: the same from another stream goes to the server, and decides nothing", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    nurse.forget();
    const juliet = user(world, JULIET);
    juliet.client(SET);
    const wrapper = nurse.take("client");
    const forger = user(world, "tybalt@capulet.lit/x");
    const forged = reply(wrapper, " from='nurse@capulet.lit/chamber'");
    forger.client(forged);
    expect(forger.take("server")).toBe(forged);
    expect(juliet.take("client")).toBe("");
    nurse.client(reply(wrapper, " from='romeo@capulet.lit'"));
    expect(juliet.take("client")).toContain('type="result"');
  });

  test("keeps its place while its stream is lost and resumed, and is asked in the new one (XEP-0198 §5)", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = user(world, "nurse@capulet.lit/chamber");
    nurse.client(`<enable xmlns='${NS.sm3}' resume='true'/>`);
    nurse.server(`<enabled xmlns='${NS.sm3}' id='s-id' resume='true'/>`);
    const cid = / id="([^"]+)"/.exec(nurse.take("client"))?.[1] ?? "";
    available(nurse);
    const spare = available(user(world, "nurse@capulet.lit/kitchen"));
    spare.forget();
    nurse.machine.closed("client", "reset");

    const juliet = user(world, JULIET);
    juliet.client(SET);
    expect(spare.take("client")).toBe("");
    const again = world.client();
    again.client(clientHeader()).connected();
    again.server(SERVER_HEADER + "<stream:features/>");
    login(again);
    again.forget();
    again.client(`<resume xmlns='${NS.sm3}' previd='${cid}' h='3'/>`);
    again.server(`<resumed xmlns='${NS.sm3}' previd='s-id' h='1'/>`);
    const wrapper = again.take("client");
    expect(wrapper).toContain("<publish ");
    again.client(reply(wrapper.slice(wrapper.lastIndexOf("<iq ", wrapper.indexOf("<delegation ")))));
    expect(juliet.take("client")).toContain('type="result"');
  });

  test("that was away for longer than answers are waited for counts when it is back (XEP-0198 §5)", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = user(world, "nurse@capulet.lit/chamber");
    nurse.client(`<enable xmlns='${NS.sm3}' resume='true'/>`);
    nurse.server(`<enabled xmlns='${NS.sm3}' id='s-id' resume='true'/>`);
    const cid = / id="([^"]+)"/.exec(nurse.take("client"))?.[1] ?? "";
    nurse.client("<presence/>");
    nurse.machine.closed("client", "reset");
    world.advance(40_000);
    const juliet = user(world, JULIET);
    const own = `<iq type='result' id='i' from='juliet@capulet.lit' to='${JULIET}'><query xmlns='${NS.discoInfo}'><feature var='${NAMESPACE}'/></query></iq>`;
    juliet.server(own);
    expect(juliet.take("client")).not.toContain("<feature");
    const again = world.client();
    again.client(clientHeader()).connected();
    again.server(SERVER_HEADER + "<stream:features/>");
    login(again);
    again.client(`<resume xmlns='${NS.sm3}' previd='${cid}' h='0'/>`);
    again.forget();
    again.server(`<resumed xmlns='${NS.sm3}' previd='s-id' h='1'/>`);
    const asked = [...again.take("client").matchAll(/<iq type="get"[^>]* id="([^"]+)"[^>]*>/g)].map(
      ([, id = ""]) => id,
    );
    expect(asked).toHaveLength(2);
    for (const id of asked) {
      again.client(
        `<iq type='result' id='${id}' from='nurse@capulet.lit' to='capulet.lit'><query xmlns='${NS.discoInfo}'><feature var='${NAMESPACE}#rsm'/></query></iq>`,
      );
    }
    juliet.server(own);
    expect(juliet.take("client")).toContain(`<feature var="${NAMESPACE}#rsm"`);
    expect(again.take("server")).not.toContain("rsm");
  });

  test.each([
    "",
    " from='nurse@capulet.lit'",
    " from='Nurse@Capulet.LIT/chamber'",
    " from='nurse@capulet.lit/kitchen'",
  ])("is known by its stream in what it answers, also%s (RFC 6120 §8.1.2.1)", (from) => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = user(world, "nurse@capulet.lit/chamber");
    nurse.client("<presence/>");
    const asked = [...nurse.take("client").matchAll(/<iq type="get"[^>]* id="([^"]+)"[^>]*>/g)].map(
      ([, id = ""]) => id,
    );
    nurse.forget();
    for (const id of asked) nurse.client(`<iq type='error' id='${id}'${from} to='capulet.lit'><error/></iq>`);
    const juliet = user(world, JULIET);
    juliet.client(SET);
    nurse.client(reply(nurse.take("client"), from));
    expect(nurse.take("server")).toBe("");
    expect(juliet.take("client")).toContain('type="result"');
  });

  test("stays while it owes an answer when Caesura is stopped, and leaves then", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    nurse.forget();
    const juliet = user(world, JULIET);
    juliet.client(SET);
    const wrapper = nurse.take("client");
    nurse.machine.shutdown({ condition: "system-shutdown" });
    expect(nurse.take("client")).toBe("");
    nurse.client(reply(wrapper));
    expect(nurse.take("client")).toContain("system-shutdown");
    expect(juliet.take("client")).toContain('type="result"');
  });

  test("or when that is not waited for any more: its time is over, or who asked is gone", () => {
    for (const end of ["time", "requester"] as const) {
      const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
      const nurse = available(user(world, "nurse@capulet.lit/chamber"));
      const juliet = user(world, JULIET);
      juliet.client(SET);
      nurse.forget();
      nurse.machine.shutdown({ condition: "system-shutdown" });
      expect(nurse.take("client")).toBe("");
      if (end === "time") world.advance(30_000);
      else juliet.machine.closed("client", "reset");
      expect(nurse.take("client")).toContain("system-shutdown");
      expect(nurse.endReason).toBe("shutdown");
      if (end === "time") expect(juliet.take("client")).toContain("<service-unavailable");
    }
  });

  test("that is gone for good leaves nothing behind", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    const juliet = user(world, JULIET);
    juliet.client(SET);
    nurse.machine.closed("client", "reset");
    expect(juliet.take("client")).toContain("<service-unavailable");
    expect(world.timers).toBe(0);
    expect(world.hub.stats.pending).toBe(0);
    expect(world.hub.stats.entities.get("nurse@capulet.lit")?.up).toBe(false);
  });

  test("is appointed and dismissed by a reload, while it is connected (XEP-0355 §8)", () => {
    const world = new World([domain([])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    expect(nurse.take("client")).toBe("");
    world.hub.configure([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    nurse.answerDiscovery();
    expect(nurse.take("client")).toContain("<delegated ");
    world.hub.configure([domain([])]);
    expect(nurse.take("client")).toContain('<delegation xmlns="urn:xmpp:delegation:2"/>');
    expect(world.timers).toBe(0);
  });

  test("does not manage over a stream that is left alone: nothing could be put into it (S2)", () => {
    const world = new World([domain([])]);
    const nurse = user(world, "nurse@capulet.lit/chamber");
    nurse.client(`<enable xmlns='${NS.sm3}'/>`).server(`<enabled xmlns='${NS.sm3}'/>`);
    available(nurse);
    nurse.forget();
    world.hub.configure([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    expect(nurse.take("client")).toBe("");
  });
});

describe("a user whose stream the server was asked to count when nothing was delegated (XEP-0198 §3, S2)", () => {
  const rules = [domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])];

  function asking(): { readonly world: World; readonly nurse: Link } {
    const world = new World([domain([])]);
    const nurse = available(user(world, "nurse@capulet.lit/chamber"));
    nurse.forget();
    nurse.client(`<enable xmlns='${NS.sm3}'/>`);
    world.hub.configure(rules);
    return { world, nurse };
  }

  test("is not appointed by a reload before the server's answer, nor after it was granted", () => {
    const { world, nurse } = asking();
    expect(nurse.take("client")).toBe("");
    nurse.server(`<enabled xmlns='${NS.sm3}'/>`);
    world.hub.configure(rules);
    expect(nurse.take("client")).toBe(`<enabled xmlns='${NS.sm3}'/>`);
    expect(world.hub.stats.entities.get("nurse@capulet.lit")?.up).toBe(false);
  });

  test("is appointed when the server refuses", () => {
    const { world, nurse } = asking();
    nurse.server(`<failed xmlns='${NS.sm3}'/>`);
    expect(nurse.take("client")).toContain("<delegated ");
    expect(world.hub.stats.entities.get("nurse@capulet.lit")?.up).toBe(true);
  });

  test("keeps requests that follow its <enable/>, which the server counts too", () => {
    const world = new World([domain([])]);
    const juliet = user(world, JULIET);
    juliet.client(`<enable xmlns='${NS.sm3}'/>`);
    world.hub.configure([domain([rule(NAMESPACE)])]);
    juliet.forget();
    juliet.client(SET);
    expect(juliet.take("server")).toBe(SET);
    expect(juliet.take("client")).toBe("");
    // A second one is refused, and changes nothing.
    juliet.client(`<enable xmlns='${NS.sm3}'/>`).server(`<enabled xmlns='${NS.sm3}'/><failed xmlns='${NS.sm3}'/>`);
    juliet.forget();
    juliet.client(SET);
    expect(juliet.take("server")).toBe(SET);
  });
});

test("a client that binds is no managing entity before it is available", () => {
  const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
  const link = world.client();
  link.client(clientHeader()).connected();
  link.server(SERVER_HEADER + "<stream:features/>");
  login(link);
  bind(link, "nurse@capulet.lit/chamber");
  expect(world.hub.stats.entities.get("nurse@capulet.lit")?.up).toBe(false);
});

test("a user of a domain that delegates nothing may manage for another one, with stream management, too", () => {
  const world = new World([
    domain([rule(NAMESPACE, { entity: "nurse@montague.lit" })]),
    domain([], { name: "montague.lit" }),
  ]);
  const nurse = world.client();
  nurse.client(clientHeader(undefined, "montague.lit")).connected();
  nurse.server(`${SERVER_HEADER}<stream:features/>`);
  nurse.client(AUTH);
  nurse.server(SUCCESS);
  nurse.client(clientHeader(undefined, "montague.lit"));
  nurse.server(`${SERVER_HEADER}<stream:features/>`);
  bind(nurse, "nurse@montague.lit/chamber");
  nurse.client(`<enable xmlns='${NS.sm3}' resume='true'/>`);
  nurse.server(`<enabled xmlns='${NS.sm3}' id='s-id' resume='true'/>`);
  available(nurse);
  nurse.forget();
  const juliet = user(world, JULIET);
  juliet.client(SET);
  nurse.client(reply(nurse.take("client")));
  expect(juliet.take("client")).toContain('type="result"');
});
