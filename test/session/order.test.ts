import { describe, expect, test } from "vitest";
import { NS } from "../../src/xmpp/index.js";
import type { Link } from "./world.js";
import { domain, ENTITY, NAMESPACE, rule, World } from "./world.js";

// A reply comes behind what its entity has sent before it, by whatever way (docs/decisions/0016).

const JULIET = "juliet@capulet.lit/balcony";
const QUERY = `<iq type='set' id='a1'><pubsub xmlns='${NAMESPACE}'/></iq>`;
const ITEM = `<message from='${ENTITY}' to='capulet.lit'><privilege xmlns='urn:xmpp:privilege:2'/></message>`;

function stage(): { world: World; entity: Link; juliet: Link; reply: string } {
  const world = new World([domain([rule(NAMESPACE)])]);
  const entity = world.entity();
  entity.forget();
  const juliet = world.boundClient();
  juliet.client(QUERY);
  const outerId = / id="([^"]+)"/.exec(entity.take("component"))?.[1] ?? "";
  const reply = `<iq from='${ENTITY}' to='capulet.lit' type='result' id='${outerId}'><delegation xmlns='${NS.delegation}'><forwarded xmlns='${NS.forward}'><iq xmlns='jabber:client' type='result' id='a1' to='${JULIET}'><fin/></iq></forwarded></delegation></iq>`;
  return { world, entity, juliet, reply };
}

function fenceIn(text: string): string {
  const id = /<iq type="get" to="juliet@capulet.lit\/balcony" id="([^"]+)"/.exec(text)?.[1];
  if (id === undefined) throw new Error(`no fence in ${text}`);
  return id;
}

function held(world: World): readonly string[] {
  return world.events.flatMap((event) => (event.kind === "reply-held" ? [event.outcome] : []));
}

describe("a reply behind messages of the entity", () => {
  test("waits until what follows them comes by, which the client does not see", () => {
    const { world, entity, juliet, reply } = stage();
    entity.near(ITEM + reply);
    const up = entity.take("server");
    expect(up.startsWith(ITEM)).toBe(true);
    expect(juliet.take("client")).toBe("");

    const item = `<message from='juliet@capulet.lit' to='${JULIET}'/>`;
    juliet.server(
      `${item}<iq type='get' id='${fenceIn(up)}' from='${ENTITY}' to='${JULIET}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    expect(juliet.take("client")).toMatch(/^<message [^>]*><iq type="result" id="a1"[^>]*><fin\/><\/iq>$/);
    expect(world.outcomes).toEqual(["result"]);
    expect(held(world)).toEqual(["in_order"]);
    world.advance(2001);
    expect(world.timers).toBe(0);
    expect(held(world)).toEqual(["in_order"]);
  });

  test("goes at once when nothing was sent before it, and when it was before the question", () => {
    const { entity, juliet, reply } = stage();
    entity.near(reply);
    expect(juliet.take("client")).toContain("<fin/>");
    entity.near(ITEM);
    juliet.client(QUERY.replace("a1", "a2"));
    const outerId = / id="([^"]+)"/.exec(entity.take("component"))?.[1] ?? "";
    entity.forget();
    entity.near(reply.replace(/type='result' id='[^']+'>/, `type='result' id='${outerId}'>`).replace("'a1'", "'a2'"));
    expect(juliet.take("client")).toContain('id="a2"');
    expect(entity.take("server")).toBe("");
  });

  test.each(["service-unavailable", "remote-server-timeout"])("goes when the server turns it back: %s", (condition) => {
    const { world, entity, juliet, reply } = stage();
    entity.near(ITEM + reply);
    const id = fenceIn(entity.take("server"));
    entity.server(
      `<iq type='error' id='${id}' from='${JULIET}' to='${ENTITY}'><error type='cancel'><${condition} xmlns='${NS.stanzaErrors}'/></error></iq>`,
    );
    expect(entity.take("component")).toBe("");
    expect(juliet.take("client")).toContain("<fin/>");
    expect(held(world)).toEqual(["missed"]);
    expect(world.timers).toBe(0);
  });

  test("goes after two seconds, whatever the rule's time, and what still comes by is kept from the client", () => {
    const { world, entity, juliet, reply } = stage();
    entity.near(ITEM + reply);
    const id = fenceIn(entity.take("server"));
    world.advance(2001);
    expect(juliet.take("client")).toContain("<fin/>");
    expect(world.outcomes).toEqual(["result"]);
    juliet.server(`<iq type='get' id='${id}' from='${ENTITY}' to='${JULIET}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    expect(juliet.take("client")).toBe("");
    expect(world.timers).toBe(0);
  });

  test("is not let go by somebody else's request with its id", () => {
    const { entity, juliet, reply } = stage();
    entity.near(ITEM + reply);
    const id = fenceIn(entity.take("server"));
    const forged = `<iq type='get' id='${id}' from='tybalt@capulet.lit/x' to='${JULIET}'><ping xmlns='urn:xmpp:ping'/></iq>`;
    juliet.server(forged);
    expect(juliet.take("client")).toBe(forged);
  });

  test("is given before the end of the client's stream, and to nobody after it", () => {
    for (const isClosed of [true, false]) {
      const { world, entity, juliet, reply } = stage();
      entity.near(ITEM + reply);
      if (isClosed) juliet.server("</stream:stream>");
      else juliet.machine.closed("client", "reset");
      if (isClosed) expect(juliet.take("client")).toMatch(/<fin\/><\/iq><\/stream:stream>$/);
      world.advance(2001);
      expect(world.outcomes).toHaveLength(1);
      expect(world.hub.stats.pending).toBe(0);
      expect(world.timers).toBe(0);
    }
  });

  test("goes when the entity's link ends meanwhile", () => {
    const { world, entity, juliet, reply } = stage();
    entity.near(ITEM + reply);
    entity.machine.closed("component", "reset");
    expect(juliet.take("client")).toContain("<fin/>");
    expect(world.outcomes).toEqual(["result"]);
    expect(world.timers).toBe(0);
  });

  test("counts for stream management as what it is: nothing to the client (XEP-0198, X entries)", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    const juliet = world.boundClient();
    juliet.client(`<enable xmlns='${NS.sm3}'/>`).server(`<enabled xmlns='${NS.sm3}'/>`);
    entity.forget();
    juliet.client(QUERY);
    const outerId = / id="([^"]+)"/.exec(entity.take("component"))?.[1] ?? "";
    entity.near(`${ITEM}${stage().reply.replace(/type='result' id='[^']+'>/, `type='result' id='${outerId}'>`)}`);
    juliet.server(
      `<iq type='get' id='${fenceIn(entity.take("server"))}' from='${ENTITY}' to='${JULIET}'><ping xmlns='urn:xmpp:ping'/></iq><r xmlns='${NS.sm3}'/>`,
    );
    expect(juliet.take("client")).toContain("<fin/>");
    // The client has one stanza, our reply; the server is told that its one was handled.
    juliet.take("server");
    juliet.client(`<a xmlns='${NS.sm3}' h='1'/>`);
    expect(juliet.take("server")).toBe(`<a xmlns='${NS.sm3}' h='1'/>`);
  });
});
