import { describe, expect, test } from "vitest";
import type { Farewell } from "../../src/session/index.js";
import { bind, clientHeader, domain, type Link, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const uri = "wss://other.capulet.lit/ws?a=1&b='2'";
const elsewhere: Farewell = { condition: "see-other-host", host: "[2001:db8::1]:5222", uri };

/** A bound client that came over WebSocket. */
function overWebSocket(): Link {
  const link = new World([domain([])]).client("none", "websocket");
  link.client(clientHeader()).connected();
  link.server(SERVER_HEADER + "<stream:features/>");
  login(link);
  bind(link, "juliet@capulet.lit/balcony");
  link.forget();
  return link;
}

const SET = `<iq type='set' id='1'><pubsub xmlns='${NAMESPACE}'><publish node='n'/></pubsub></iq>`;

describe("see-other-host, when the proxy goes", () => {
  test("names the other host, and lets the server keep the session (RFC 6120 §4.9.3.19, protocol.md R13)", () => {
    const link = new World([domain([])]).boundClient();
    link.machine.shutdown(elsewhere);
    expect(link.take("client")).toMatch(
      /<see-other-host xmlns="urn:ietf:params:xml:ns:xmpp-streams">\[2001:db8::1\]:5222<\/see-other-host><\/stream:error><\/stream:stream>$/,
    );
    expect(link.take("server")).toBe("");
    expect(link.endReason).toBe("shutdown");
  });

  test("is told to a client whose TLS stands, behind a header if there was none (RFC 6120 §4.9.1.2)", () => {
    const link = new World([domain([])]).client("direct");
    link.machine.secured("client", "capulet.lit");
    link.machine.shutdown(elsewhere);
    expect(link.take("client")).toMatch(/^<\?xml .*<stream:stream .*<stream:error.*<see-other-host /);
  });

  test("is told to nobody before TLS: those hear system-shutdown (RFC 6120 §4.9.3.19)", () => {
    const world = new World([domain([])]);
    const silent = world.client("starttls");
    const greeting = world.client("starttls");
    greeting.client(clientHeader());
    for (const link of [silent, greeting]) {
      link.machine.shutdown(elsewhere);
      expect(link.take("client")).toMatch(/<system-shutdown [^>]*\/><\/stream:error><\/stream:stream>$/);
      expect(link.endReason).toBe("shutdown");
    }
  });

  test("waits for TLS that is being negotiated, since nothing can be said meanwhile", () => {
    for (const tls of ["starttls", "direct"] as const) {
      const link = new World([domain([])]).client(tls);
      if (tls === "starttls") link.client(`${clientHeader()}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      link.forget();
      link.machine.shutdown(elsewhere);
      expect(link.take("client")).toBe("");
      expect(link.endReason).toBeUndefined();
      link.machine.secured("client");
      expect(link.take("client")).toMatch(/^<\?xml .*<stream:stream .*<stream:error.*<see-other-host /);
      expect(link.endReason).toBe("shutdown");
    }
  });

  test("is see-other-uri inside WebSocket, where an address is no place to go, and no error (RFC 7395 §3.6.1)", () => {
    const link = overWebSocket();
    link.machine.shutdown(elsewhere);
    expect(link.take("client")).toBe(
      "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri=\"wss://other.capulet.lit/ws?a=1&amp;b=&apos;2&apos;\"/></stream:stream>",
    );
    expect(link.take("server")).toBe("");
    expect(link.endReason).toBe("shutdown");
  });

  test("is told to a WebSocket that has not opened its stream behind a header of ours (RFC 7395 §3.4.1)", () => {
    const link = new World([domain([])]).client("none", "websocket");
    link.machine.shutdown(elsewhere);
    expect(link.take("client")).toMatch(/^<\?xml .*<stream:stream .*<close .* see-other-uri=.*<\/stream:stream>$/);
  });

  test("is not told to whom no place is named: those hear system-shutdown", () => {
    const overTcp = new World([domain([])]).boundClient();
    overTcp.machine.shutdown({ condition: "see-other-host", uri });
    expect(overTcp.take("client")).toContain("<system-shutdown ");
    const other = overWebSocket();
    other.machine.shutdown({ condition: "see-other-host", host: "other.capulet.lit" });
    expect(other.take("client")).toContain("<system-shutdown ");
  });

  test("says nothing to a client whose stream has ended already", () => {
    const link = overWebSocket();
    link.client("</stream:stream>").server("</stream:stream>");
    link.forget();
    link.machine.shutdown(elsewhere);
    expect(link.take("client")).toBe("");
  });

  test("waits for what is pending, until it is not to be waited for any more", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    const juliet = world.boundClient();
    juliet.client(SET);
    juliet.machine.shutdown(elsewhere);
    expect(juliet.take("client")).toBe("");
    expect([...juliet.timers]).toContain("drain");
    juliet.machine.timerExpired("drain");
    expect(juliet.take("client")).toMatch(/<service-unavailable .*<see-other-host .*<\/stream:stream>$/s);
    entity.forget();
    entity.machine.shutdown(elsewhere);
    expect(entity.take("component")).toContain("<system-shutdown ");
  });
});

test("a component stays for an answer that it owes, and for no longer than that is waited for", () => {
  const world = new World([domain([rule(NAMESPACE)])]);
  const entity = world.entity();
  const juliet = world.boundClient();
  juliet.client(SET);
  entity.forget();
  entity.machine.shutdown(elsewhere);
  expect(entity.take("component")).toBe("");
  world.advance(30_000);
  expect(entity.take("component")).toContain("<system-shutdown ");
  expect(juliet.take("client")).toContain("<service-unavailable ");
});

test("a component that owes answers at the end is given up once, though whoever waits is answered then", () => {
  const world = new World([domain([rule(NAMESPACE)])]);
  const entity = world.entity();
  const juliet = world.boundClient();
  juliet.client(SET);
  entity.forget();
  entity.machine.shutdown(elsewhere);
  entity.machine.timerExpired("drain");
  expect(entity.take("component").match(/<system-shutdown /g)).toHaveLength(1);
  expect(entity.events.filter(({ kind }) => kind === "ended")).toHaveLength(1);
  expect(juliet.take("client")).toContain("<service-unavailable ");
});

test("components, and users who are managing entities, serve others; nobody else does", () => {
  const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
  const nurse = world.boundClient("nurse@capulet.lit/chamber");
  expect(nurse.machine.servesOthers).toBe(false);
  nurse.client("<presence/>");
  nurse.server("<presence from='nurse@capulet.lit/chamber' to='nurse@capulet.lit/chamber'/>");
  expect(nurse.machine.servesOthers).toBe(true);
  expect(world.boundClient().machine.servesOthers).toBe(false);
  expect(world.client().machine.servesOthers).toBe(false);
  expect(world.component().machine.servesOthers).toBe(true);
});

describe("a component's link that is asked to end while the component owes a reply", () => {
  const ways: Record<string, (entity: Link) => void> = {
    "half-closes": (entity) => entity.machine.finished("component"),
    "ends its stream": (entity) => entity.near("</stream:stream>"),
    "is lost": (entity) => entity.machine.closed("component", "reset"),
    "loses the server": (entity) => entity.machine.closed("server", "end"),
    "hears the server end its stream": (entity) => entity.server("</stream:stream>"),
    "has its server half-close": (entity) => entity.machine.finished("server"),
  };

  test.each(Object.entries(ways))(
    "ends once when it %s: whoever waits is answered, and nothing is left (D33)",
    (_, go) => {
      const world = new World([domain([rule(NAMESPACE)])]);
      const entity = world.entity();
      const juliet = world.boundClient();
      juliet.client(SET);
      entity.machine.shutdown({ condition: "system-shutdown" });
      expect(entity.endReason).toBeUndefined();
      go(entity);
      expect(juliet.take("client")).toContain("service-unavailable");
      expect(world.outcomes).toEqual(["no_link:entity-lost"]);
      entity.machine.closed("component", "end");
      expect(entity.events.filter(({ kind }) => kind === "ended")).toHaveLength(1);
      expect(world.hub.delegations.pending).toBe(0);
    },
  );
});
