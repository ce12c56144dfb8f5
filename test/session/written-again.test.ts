import { describe, expect, test } from "vitest";
import { MessageWriter } from "../../src/stream/index.js";
import type { XmlFault } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import type { Link } from "./world.js";
import { AUTH, domain, ENTITY, framerLimits, NAMESPACE, rule, SERVER_HEADER, SUCCESS, World } from "./world.js";

const JULIET = "juliet@capulet.lit/balcony";
const SET = `<iq type='set' id='a1'><pubsub xmlns='${NAMESPACE}'/></iq>`;

/** The messages in which a client over WebSocket would get this; throws if there is something that cannot be one. */
function messages(stanzas: string): number {
  let count = 0;
  const unwritable = ({ code }: XmlFault): never => {
    throw new Error(code);
  };
  const writer = new MessageWriter(
    { message: () => count++, keepalive: () => undefined, unwritable },
    framerLimits(1_048_576),
  );
  writer.write(Buffer.from(SERVER_HEADER + stanzas));
  return count - 1;
}

function reply(wrapper: string, payload: string, declarations: readonly string[] = []): string {
  const id = / type="set"[^>]* id="([^"]+)"/.exec(wrapper)?.[1] ?? "";
  const [a = "", b = "", c = "", d = ""] = declarations;
  return `<iq xmlns='jabber:client' to='capulet.lit' type='result' id='${id}'${a}><delegation xmlns='${NS.delegation}'${b}><forwarded xmlns='${NS.forward}'${c}><iq xmlns='jabber:client' type='result' id='a1' to='${JULIET}'${d}>${payload}</iq></forwarded></delegation></iq>`;
}

const numbers = Array.from({ length: 32 }, (_, at) => at);
const declared = (letter: string): string => numbers.map((at) => ` xmlns:${letter}${at}='u:${letter}${at}'`).join("");
const used = (letter: string): string => `<x${numbers.map((at) => ` ${letter}${at}:y=''`).join("")}/>`;
const letters = ["a", "b", "c", "d"];

describe("what one stream holds can be written into another one, or is refused", () => {
  /** Its header declares no prefix at all, so that its stanzas may declare as many as are read. */
  function nurse(world: World): Link {
    const header = "<stream xmlns='http://etherx.jabber.org/streams' to='capulet.lit' version='1.0'>";
    const link = world.client();
    link.client(header).connected();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    link.client(AUTH);
    link.server(SUCCESS);
    link.client(header);
    link.server(`${SERVER_HEADER}<stream:features/>`);
    link.client("<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    link.server(
      "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>nurse@capulet.lit/chamber</jid></bind></iq>",
    );
    link.client("<presence xmlns='jabber:client'/>");
    link.forget();
    return link;
  }

  test("a reply with as many prefixes as its own stream can have", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])]);
    const entity = nurse(world);
    const juliet = world.boundClient(JULIET);
    juliet.client(SET);
    const payload = `<pubsub xmlns='${NAMESPACE}'>${letters.map(used).join("")}</pubsub>`;
    entity.client(reply(entity.take("client"), payload, letters.map(declared)));
    expect(entity.faults).toEqual([]);
    const answer = juliet.take("client");
    expect(answer).toContain("<service-unavailable");
    expect(messages(answer)).toBe(1);
  });

  test("a request with as many prefixes, for a managing entity that is a user", () => {
    const world = new World([domain([rule(NAMESPACE, { entity: "juliet@capulet.lit" })])]);
    const juliet = world.boundClient(JULIET);
    juliet.client("<presence/>");
    juliet.forget();
    const requester = nurse(world);
    requester.client(
      `<iq xmlns='jabber:client' type='set' id='a1'${declared("a")}${declared("b")}${declared("c")}${declared("d")}><pubsub xmlns='${NAMESPACE}'/></iq>`,
    );
    expect(requester.faults).toEqual([]);
    expect(requester.take("client")).toContain("<service-unavailable");
    expect(messages(juliet.take("client"))).toBe(0);
  });

  test("a reply that grows sixfold because all of it must be escaped", () => {
    const world = new World([domain([rule(NAMESPACE)])]);
    const entity = world.entity();
    entity.forget();
    const juliet = world.boundClient(JULIET);
    juliet.client(SET);
    const payload = `<pubsub xmlns='${NAMESPACE}' a='${'"'.repeat(1_000_000)}'/>`;
    const text = reply(entity.take("component"), payload).slice("<iq xmlns='jabber:client'".length);
    entity.near(`<iq from='${ENTITY}'${text}`);
    expect(entity.faults).toEqual([]);
    expect(messages(juliet.take("client"))).toBe(1);
    expect(world.outcomes).toEqual(["result"]);
  });
});

describe("an answer of ours stands within the client's stream (RFC 6120 §4.2)", () => {
  const header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='capulet.lit'>";
  const failed = /^<stream:features\/>.*<(?:failure|failed) /;

  test.each([
    "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>",
    `<resume xmlns='${NS.sm3}' previd='unknown' h='0'/>`,
  ])("the answer to %s follows the header, even if the client did not wait for that (XEP-0305)", (early) => {
    const link = new World([domain([rule(NAMESPACE)])]).client();
    link.client(header + early).connected();
    expect(link.take("client")).toBe("");
    link.server(`${SERVER_HEADER}<stream:features/>`);
    const text = link.take("client");
    expect(text.slice(SERVER_HEADER.length)).toMatch(failed);
    const behind = text.slice(SERVER_HEADER.length);
    expect(messages(behind)).toBe(2);
  });

  test("the one behind a login follows the header of the new stream", () => {
    const link = new World([domain([rule(NAMESPACE)])]).client();
    link.client(header).connected();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    link.client(`${AUTH}${header}<resume xmlns='${NS.sm3}' previd='unknown' h='0'/>`);
    link.server(SUCCESS);
    link.forget();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    expect(link.take("client").slice(SERVER_HEADER.length)).toMatch(failed);
  });

  test("nothing is answered behind its end", () => {
    const link = new World([domain([rule(NAMESPACE)])]).client();
    link.client(header).connected();
    link.server(`${SERVER_HEADER}<stream:features/></stream:stream>`);
    link.forget();
    link.client("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>");
    expect(link.take("client")).toBe("");
  });

  test("who sends on and on before there is a header is not answered for ever", () => {
    const link = new World([domain([rule(NAMESPACE)])]).client();
    link.client(header).connected();
    link.client(`<resume xmlns='${NS.sm3}' previd='unknown' h='0'/>`.repeat(6));
    expect(link.faults).toEqual(["too-many-refusals"]);
    expect(link.endReason).toBe("protocol_fault");
  });
});
