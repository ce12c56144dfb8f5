import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Link } from "./world.js";
import {
  AUTH,
  bind,
  clientHeader,
  componentHeader,
  domain,
  ENTITY,
  login,
  NAMESPACE,
  rule,
  SERVER_HEADER,
  SUCCESS,
  World,
} from "./world.js";

const SERVER_ANSWER =
  "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='b70c' from='pubsub.capulet.lit' xmlns='jabber:component:accept' xml:lang='en'>";

describe("a relayed component link", () => {
  test("passes header and handshake as they came, in both directions (D80)", () => {
    const link = new World([domain([])]).component();
    link.near(`${componentHeader(ENTITY)}<handshake>e3ff</handshake>`);
    expect(link.actions).toEqual(["connect capulet.lit"]);
    expect(link.take("server")).toBe("");
    link.connected();
    expect(link.take("server")).toBe(`${componentHeader(ENTITY)}<handshake>e3ff</handshake>`);
    link.server(`${SERVER_ANSWER}<handshake/>`);
    expect(link.take("component")).toBe(`${SERVER_ANSWER}<handshake/>`);
  });

  test("passes every stanza that is none of our replies as it came (D82)", () => {
    const link = new World([domain([rule(NAMESPACE)])]).entity();
    link.forget();
    const stanzas = [
      `<message  from='${ENTITY}' to='juliet@capulet.lit'/>`,
      `<iq type='result' id='unknown' from='${ENTITY}' to='capulet.lit'><delegation xmlns='urn:xmpp:delegation:2'/></iq>`,
      `<message from='${ENTITY}' to='capulet.lit'><privilege xmlns='urn:xmpp:privilege:2'/></message>`,
      " ",
    ];
    for (const stanza of stanzas) link.near(stanza);
    expect(link.take("server")).toBe(stanzas.join(""));
    link.server(
      "<iq type='get' id='1' from='capulet.lit' to='pubsub.capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    );
    expect(link.take("component")).toContain("disco#info");
  });

  test("passes a server's stanza of another content namespace, as jabberd2 sends them, and goes on", () => {
    const link = new World([domain([rule(NAMESPACE)])]).entity();
    link.forget();
    const question =
      "<iq xmlns='jabber:client' type='get' to='pubsub.capulet.lit' from='sm' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    link.server(question);
    expect(link.take("component")).toBe(question);
    link.server("<iqs xmlns='jabber:client'/>");
    expect(link.take("component")).toContain("internal-server-error");
  });

  test("is not told what it manages before the server accepts the handshake (D10)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const link = world.component();
    link.near(componentHeader(ENTITY)).connected();
    link.server(SERVER_ANSWER).near("<handshake>0</handshake>");
    expect(link.take("component")).toBe(SERVER_ANSWER);
    link.server(
      "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    );
    expect(link.take("component")).not.toContain("delegation");
    expect(world.events).toEqual([]);
  });

  test("of a component that no domain knows gets host-unknown (XEP-0114 §3)", () => {
    const world = new World([domain([]), domain([], { name: "montague.lit" })]);
    const link = world.component();
    link.near(componentHeader("pubsub.verona.lit"));
    expect(link.take("component")).toContain("<host-unknown ");
    const listed = new World([domain([], { components: new Map([[ENTITY, { secret: undefined }]]) })]).component();
    listed.near(componentHeader("bot.capulet.lit"));
    expect(listed.take("component")).toContain("<host-unknown ");
  });

  test("whose server port is closed is told so and closed", () => {
    const link = new World([domain([])]).component();
    link.near(componentHeader(ENTITY));
    link.machine.closed("server", "refused");
    expect(link.take("component")).toContain("<remote-connection-failed ");
    expect(link.endReason).toBe("server_unreachable");
  });

  test("makes the entity unavailable as soon as its stream ends, and available when it is back (D12, D83)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const first = world.entity();
    first.near("</stream:stream>");
    expect(first.take("server")).toMatch(/<\/stream:stream>$/);
    expect(world.hub.stats.entities.get(ENTITY)?.up).toBe(false);
    const second = world.entity();
    expect(second.take("component")).toContain("<delegated ");
    expect(world.hub.stats.entities.get(ENTITY)?.up).toBe(true);
    first.machine.finished("component");
    first.machine.closed("server", "end");
    expect(world.hub.stats.entities.get(ENTITY)?.up).toBe(true);
    expect(world.events.map(({ kind }) => kind).filter((kind) => kind !== "discovery")).toEqual([
      "entity-up",
      "advertised",
      "entity-down",
      "entity-up",
      "advertised",
    ]);
  });

  test("is closed with the precise error when its XML is hostile (X3)", () => {
    const link = new World([domain([])]).entity();
    link.forget();
    link.near(`<message from='${ENTITY}' to='x'><![CDATA[a]]><?php x?></message>`);
    expect(link.take("server")).toBe("</stream:stream>");
    expect(link.take("component")).toContain("<restricted-xml ");
  });
});

describe("a component link that ends here", () => {
  const world = (secret = "nurse") =>
    new World([domain([rule(NAMESPACE)], { relaysComponents: false, components: new Map([[ENTITY, { secret }]]) })]);

  function shake(link: Link, secret = "nurse"): void {
    link.near(componentHeader(ENTITY));
    const id = / id='([^']+)'/.exec(link.take("component"))?.[1] ?? "";
    link.near(
      `<handshake>${createHash("sha1")
        .update(id + secret)
        .digest("hex")}</handshake>`,
    );
  }

  /** A bound client whose server is a recorder. */
  function juliet(of: World, resource = "balcony"): Link {
    const link = of.client();
    link.client(clientHeader()).connected();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    login(link);
    bind(link, `juliet@capulet.lit/${resource}`);
    link.forget();
    return link;
  }

  test("accepts the digest of stream id and secret, and tells what is managed (XEP-0114 §3, D10)", () => {
    const link = world().component();
    shake(link);
    expect(link.take("component")).toMatch(/^<handshake\/><message .*<delegated /);
    expect(link.actions).toEqual([]);
  });

  test.each(["wrong", ""])("refuses the secret %j with not-authorized (XEP-0114 §3)", (secret) => {
    const w = world();
    const link = w.component();
    shake(link, secret);
    expect(link.take("component")).toMatch(/<not-authorized .*<\/stream:stream>$/);
    expect(w.events).toEqual([]);
  });

  test("refuses stanzas before the handshake, and a component that is not listed", () => {
    const link = world().component();
    link.near(`${componentHeader(ENTITY)}<message from='${ENTITY}' to='juliet@capulet.lit'/>`);
    expect(link.take("component")).toContain("<not-authorized ");
    const stranger = world().component();
    stranger.near(componentHeader("bot.capulet.lit"));
    expect(stranger.take("component")).toContain("<host-unknown ");
  });

  test("refuses a second connection while the first stands (D83)", () => {
    const w = world();
    const first = w.component();
    shake(first);
    const second = w.component();
    first.forget();
    shake(second);
    expect(second.take("component")).toContain("<conflict ");
    // The first is asked whether it is still there, and is.
    expect(first.take("component")).toContain('<ping xmlns="urn:xmpp:ping"/>');
    first.near(" ");
    w.advance(20_000);
    expect(first.endReason).toBeUndefined();
    first.machine.closed("component", "reset");
    const third = w.component();
    shake(third);
    expect(third.take("component")).toContain("<handshake/>");
  });

  test("gives way to a second connection when it does not answer any more (D83)", () => {
    const w = world();
    const first = w.component();
    shake(first);
    shake(w.component());
    w.advance(9_999);
    expect(first.endReason).toBeUndefined();
    w.advance(1);
    expect(first.endReason).toBe("timeout");
    expect(w.timers).toBe(0);
    const third = w.component();
    shake(third);
    expect(third.take("component")).toContain("<handshake/>");
  });

  test("delivers its stanzas to the stream of a full JID, in the client's namespace", () => {
    const w = world();
    const client = juliet(w);
    const link = w.component();
    shake(link);
    link.near(`<message from='${ENTITY}' to='juliet@capulet.lit/balcony'><body>hi</body></message>`);
    expect(client.take("client")).toBe(
      `<message from="${ENTITY}" to="juliet@capulet.lit/balcony"><body>hi</body></message>`,
    );
    expect(client.take("server")).toBe("");
  });

  test("delivers a message to the bare JID at the resources that are available (RFC 6121 §8.5.2.1)", () => {
    const w = world();
    const [balcony, tomb, away] = [juliet(w, "balcony"), juliet(w, "tomb"), juliet(w, "away")];
    balcony?.client("<presence/>");
    away?.client("<presence><priority>-1</priority></presence>");
    expect(balcony?.take("server")).toBe("<presence/>");
    const link = w.component();
    shake(link);
    link.forget();
    link.near(`<message from='${ENTITY}' to='juliet@capulet.lit' type='headline'/>`);
    expect(balcony?.take("client")).toContain("<message");
    expect((tomb?.take("client") ?? "") + (away?.take("client") ?? "")).toBe("");
    expect(link.take("component")).toBe("");
  });

  test.each([
    ["an absent resource", "juliet@capulet.lit/tomb", "service-unavailable"],
    ["an absent account", "nurse@capulet.lit", "service-unavailable"],
    ["an unknown domain", "romeo@montague.lit", "remote-server-not-found"],
    ["no address at all", "@@", "jid-malformed"],
  ])("answers a request to %s with a stanza error", (_, to, condition) => {
    const w = world();
    const link = w.component();
    shake(link);
    link.forget();
    link.near(`<iq type='get' id='p' from='${ENTITY}' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const answer = link.take("component");
    expect(answer).toContain(`<${condition} `);
    expect(answer).toContain('id="p"');
    link.near(`<iq type='error' id='q' from='${ENTITY}' to='${to}'/><presence from='${ENTITY}' to='${to}'/>`);
    expect(link.take("component")).toBe("");
  });

  test("is closed when it speaks for another domain, or to nobody (D81)", () => {
    for (const [stanza, condition] of [
      ["<message from='capulet.lit' to='juliet@capulet.lit'/>", "invalid-from"],
      [`<message from='${ENTITY}'/>`, "improper-addressing"],
    ] as const) {
      const w = world();
      const link = w.component();
      shake(link);
      link.near(stanza);
      expect(link.take("component")).toContain(`<${condition} `);
      expect(w.hub.stats.entities.get(ENTITY)?.up).toBe(false);
    }
  });

  test("gets what clients send to it, with the sender that the server bound", () => {
    const w = world();
    const client = juliet(w);
    const request = `<iq type='get' id='d' to='${ENTITY}' from='nurse@capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`;
    client.client(request);
    expect(client.take("client")).toContain("<service-unavailable ");
    const link = w.component();
    shake(link);
    link.forget();
    client.client(request);
    expect(client.take("server")).toBe("");
    expect(link.take("component")).toBe(
      `<iq type="get" id="d" to="${ENTITY}" from="juliet@capulet.lit/balcony"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
    );
    link.near(`<iq type='result' id='d' from='${ENTITY}' to='juliet@capulet.lit/balcony'/>`);
    expect(client.take("client")).toContain('id="d"');
  });

  test("hears that a client is gone which had sent it its presence (RFC 6121 §4.6.3)", () => {
    const w = world();
    const link = w.component();
    shake(link);
    for (const leave of ["unavailable", "lost"] as const) {
      const client = juliet(w);
      client.client(`<presence to='room@${ENTITY}/nick'/><presence to='other@${ENTITY}'/>`);
      client.client(`<presence to='other@${ENTITY}' type='unavailable'/>`);
      link.forget();
      if (leave === "lost") client.machine.closed("client", "reset");
      else client.client("<presence type='unavailable'/>");
      expect(link.take("component")).toBe(
        `<presence type="unavailable" from="juliet@capulet.lit/balcony" to="room@${ENTITY}/nick"/>`,
      );
      client.machine.closed("client", "reset");
      expect(link.take("component")).toBe("");
    }
  });

  test("gets an error for a subscription that nobody could answer", () => {
    const link = world().component();
    shake(link);
    link.forget();
    link.near(`<presence from='${ENTITY}' to='juliet@capulet.lit' type='subscribe' id='s'/>`);
    expect(link.take("component")).toContain('<presence type="error" id="s"');
  });

  test("does not reach the clients of a domain whose components are its server's own", () => {
    const w = new World([
      domain([], { relaysComponents: false, components: new Map([[ENTITY, { secret: "nurse" }]]) }),
      domain([], { name: "montague.lit" }),
    ]);
    const romeo = w.client();
    romeo.client(clientHeader(undefined, "montague.lit")).connected();
    romeo.server(`${SERVER_HEADER}<stream:features/>`);
    romeo.client(AUTH);
    romeo.server(SUCCESS);
    romeo.client(clientHeader(undefined, "montague.lit"));
    romeo.server(SERVER_HEADER);
    bind(romeo, "romeo@montague.lit/orchard");
    romeo.forget();
    const link = w.component();
    shake(link);
    link.forget();
    link.near(`<message id='m' from='${ENTITY}' to='romeo@montague.lit/orchard'/>`);
    expect(romeo.take("client")).toBe("");
    expect(link.take("component")).toContain("<service-unavailable ");
  });
});
