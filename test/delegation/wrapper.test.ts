import { describe, expect, test } from "vitest";
import { advertisement } from "../../src/delegation/index.js";
import { childElements, findChild, parseElement, serialize } from "../../src/xml/index.js";
import { NS, UsageError } from "../../src/xmpp/index.js";
import {
  ask,
  clientStanza,
  componentStanza,
  DOMAIN,
  ENTITY,
  entityLink,
  forwarded,
  JULIET,
  PUBSUB,
  replyText,
  rule,
} from "./entity.js";

/** The IQ that a wrapper holds. */
function innerOf(wrapper: string) {
  const delegation = findChild(componentStanza(wrapper), "delegation", NS.delegation);
  const carrier = delegation && findChild(delegation, "forwarded", NS.forward);
  const iq = carrier && findChild(carrier, "iq", NS.client);
  if (iq === undefined) throw new Error("no iq in the wrapper");
  return iq;
}

describe("the wrapper", () => {
  test("is a set from the domain with the whole request inside (XEP-0355 §4.3, example 3)", () => {
    const iq =
      "<iq from='juliet@capulet.lit/balcony' id='pep1' type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'>" +
      "<publish node='http://jabber.org/protocol/mood'><item><mood xmlns='http://jabber.org/protocol/mood'>" +
      "<annoyed/><text>curse my nurse!</text></mood></item></publish></pubsub></iq>";
    expect(ask(entityLink(), { token: "1", iq })).toBe(
      '<iq type="set" from="capulet.lit" to="pubsub.capulet.lit" id="W1"><delegation xmlns="urn:xmpp:delegation:2">' +
        '<forwarded xmlns="urn:xmpp:forward:0"><iq xmlns="jabber:client" id="pep1" from="juliet@capulet.lit/balcony" type="set">' +
        '<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="http://jabber.org/protocol/mood"><item>' +
        '<mood xmlns="http://jabber.org/protocol/mood"><annoyed/><text>curse my nurse!</text></mood></item></publish></pubsub>' +
        "</iq></forwarded></delegation></iq>",
    );
  });

  test("is a set also around a get (protocol.md D20)", () => {
    const wrapper = ask(entityLink(), { token: "1", iq: `<iq type='get' id='h1'><pubsub xmlns='${PUBSUB}'/></iq>` });
    expect(componentStanza(wrapper).attrs["type"]).toBe("set");
    expect(innerOf(wrapper).attrs["type"]).toBe("get");
  });

  test("says who asked, as the server bound it, whatever the client claimed (protocol.md D21, R1)", () => {
    const iq = `<iq type='get' id='h1' from='romeo@montague.lit/orchard'><pubsub xmlns='${PUBSUB}'/></iq>`;
    expect(innerOf(ask(entityLink(), { token: "1", iq })).attrs["from"]).toBe(JULIET);
  });

  test("keeps to as written, and absent when absent (protocol.md D21)", () => {
    const withTo = (to: string) => `<iq type='get' id='h1' ${to}><pubsub xmlns='${PUBSUB}'/></iq>`;
    expect(innerOf(ask(entityLink(), { token: "1", iq: withTo("to='ROMEO@Capulet.lit'") })).attrs["to"]).toBe(
      "ROMEO@Capulet.lit",
    );
    expect(innerOf(ask(entityLink(), { token: "1", iq: withTo("") })).attrs).not.toHaveProperty("to");
  });

  test("carries the language of the stream unless the stanza has one (protocol.md R7, RFC 6120 §8.1.5)", () => {
    const own = `<iq type='get' id='h1' xml:lang='it'><pubsub xmlns='${PUBSUB}'/></iq>`;
    expect(innerOf(ask(entityLink(), { token: "1", lang: "en" })).attrs["xml:lang"]).toBe("en");
    expect(innerOf(ask(entityLink(), { token: "1", iq: own, lang: "en" })).attrs["xml:lang"]).toBe("it");
    expect(innerOf(ask(entityLink(), { token: "1" })).attrs).not.toHaveProperty("xml:lang");
  });

  test("declares jabber:client inside however the request was written (XEP-0297 §3.2)", () => {
    for (const iq of [
      `<c:iq xmlns:c='jabber:client' type='get' id='h1'><pubsub xmlns='${PUBSUB}'/></c:iq>`,
      `<iq xmlns='jabber:client' type='get' id='h1'><p:pubsub xmlns:p='${PUBSUB}'/></iq>`,
    ]) {
      const wrapper = ask(entityLink(), { token: "1", iq });
      expect(wrapper).toContain('<iq xmlns="jabber:client"');
      expect(findChild(innerOf(wrapper), "pubsub", PUBSUB)).toBeDefined();
    }
  });

  test("preserves the payload to the last character (protocol.md X9)", () => {
    const payload =
      `<pubsub xmlns='${PUBSUB}' a='&#9;&#10;&#13;&quot;&lt;&apos;' xml:space='preserve' x:b='1' xmlns:x='urn:x'>` +
      "\n  a &lt;&#13;<![CDATA[<b>]]]]><![CDATA[>]]>\u{1f339}<none xmlns=''/><child xmlns='jabber:client'/></pubsub>";
    const iq = innerOf(ask(entityLink(), { token: "1", iq: `<iq type='set' id='h1'>${payload}</iq>` }));
    const original = clientStanza(`<iq type='set' id='h1'>${payload}</iq>`);
    expect(childElements(iq).map((one) => serialize(one))).toEqual(
      childElements(original).map((one) => serialize(one)),
    );
  });

  test("stands by itself when the request used a prefix of the client's stream header", () => {
    const text = Buffer.from(`<iq type='set' id='h1'><pubsub xmlns='${PUBSUB}' stream:k='1' a='2'/></iq>`);
    const iq = parseElement(
      text,
      0,
      text.length,
      new Map([
        ["", NS.client],
        ["stream", "urn:other"],
      ]),
    );
    const link = entityLink();
    const bytes = link.forward({
      outerId: "W1",
      innerIdIfTaken: "u1",
      iq,
      requester: JULIET,
      domain: DOMAIN,
      lang: undefined,
      rule,
      token: "1",
      now: 0,
    });
    expect(bytes.toString()).toContain('xmlns:stream="urn:other"');
  });

  test("leaves the request as it was, attributes of every name included", () => {
    const iq = clientStanza(`<iq type='get' id='h1' __proto__='x'><pubsub xmlns='${PUBSUB}'/></iq>`);
    const before = serialize(iq);
    const link = entityLink();
    const request = { outerId: "W1", innerIdIfTaken: "u1", iq, requester: JULIET, domain: DOMAIN, lang: "en", rule };
    const wrapper = link.forward({ ...request, token: "1", now: 0 }).toString();
    expect(serialize(iq)).toBe(before);
    expect(wrapper).toContain('__proto__="x"');
  });

  test("is refused as our mistake without an id, or with one that is in use", () => {
    const link = entityLink();
    expect(() => ask(link, { token: "1", iq: `<iq type='get'><pubsub xmlns='${PUBSUB}'/></iq>` })).toThrow(UsageError);
    ask(link, { token: "1" });
    expect(() => ask(link, { token: "2", outerId: "W1" })).toThrow(UsageError);
    link.expire("W1", 1);
    expect(() => ask(link, { token: "2", outerId: "W1" })).toThrow(UsageError);
    ask(link, { token: "3" });
    ask(link, { token: "4" });
    expect(() => ask(link, { token: "4", outerId: "W5" })).toThrow(UsageError);
  });
});

describe("the reply", () => {
  function reply(text: string, asked: Partial<Parameters<typeof ask>[1]> = {}): string {
    const link = entityLink();
    ask(link, { token: "1", ...asked });
    const outcome = link.accept(componentStanza(text), 0);
    if (outcome.kind !== "reply") throw new Error(JSON.stringify(outcome));
    return serialize(outcome.reply);
  }

  const answer =
    '<iq xmlns="jabber:client" type="result" id="h1" to="juliet@capulet.lit/balcony" from="juliet@capulet.lit"';

  test("is in jabber:client, to the requester, from whom was asked (XEP-0355 §4.3; protocol.md D35, R3)", () => {
    expect(reply(replyText())).toBe(`${answer}/>`);
    expect(reply(replyText({ payload: `<pubsub xmlns='${PUBSUB}'/>` }))).toBe(
      `${answer}><pubsub xmlns="${PUBSUB}"/></iq>`,
    );
  });

  test("is given the sender that XEP-0355 omits in its examples (protocol.md D31)", () => {
    const inner = `xmlns='jabber:client' type='result' id='h1' to='${JULIET}'`;
    expect(reply(replyText({ inner }))).toBe(`${answer}/>`);
    const iq = `<iq type='get' id='h1' to='Juliet@capulet.lit'><pubsub xmlns='${PUBSUB}'/></iq>`;
    expect(reply(replyText({ inner }), { iq })).toBe(
      `${answer.replace('juliet@capulet.lit"', 'Juliet@capulet.lit"').replace('to="Juliet', 'to="juliet')}/>`,
    );
  });

  test("is addressed as the requester and the request were spelled, not as the entity spells them (protocol.md D4)", () => {
    const iq = `<iq type='get' id='h1' to='ROMEO@Capulet.lit'><pubsub xmlns='${PUBSUB}'/></iq>`;
    const inner =
      "xmlns='jabber:client' type='result' id='h1' to='JULIET@CAPULET.LIT/balcony' from='romeo@capulet.lit.'";
    expect(reply(replyText({ inner, outerFrom: "PubSub.Capulet.lit", outerTo: "CAPULET.LIT" }), { iq })).toBe(
      '<iq xmlns="jabber:client" type="result" id="h1" to="juliet@capulet.lit/balcony" from="ROMEO@Capulet.lit"/>',
    );
  });

  test("may be an error, with or without the payload of the request (protocol.md D32)", () => {
    const error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    const inner = `xmlns='jabber:client' type='error' id='h1' to='${JULIET}' from='juliet@capulet.lit'`;
    const expected = '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>';
    expect(reply(replyText({ inner, payload: error }))).toBe(`${answer.replace("result", "error")}>${expected}`);
    expect(reply(replyText({ inner, payload: `<pubsub xmlns='${PUBSUB}'/>${error}` }))).toBe(
      `${answer.replace("result", "error")}><pubsub xmlns="${PUBSUB}"/>${expected}`,
    );
  });

  test("is understood pretty-printed and with a delay beside the iq (XEP-0297 §3.2)", () => {
    const iq = `\n    <iq xmlns='jabber:client' type='result' id='h1' to='${JULIET}'>\n      <pubsub xmlns='${PUBSUB}'/>\n    </iq>\n`;
    const delay = "<delay xmlns='urn:xmpp:delay' stamp='1597-01-01T00:00:00Z'/>";
    const content = `\n${forwarded(`\n${delay}${iq}`).replace("><forwarded", ">\n  <forwarded").replace("></delegation", ">\n</delegation")}\n`;
    expect(reply(replyText({ content }))).toBe(`${answer}><pubsub xmlns="${PUBSUB}"/></iq>`);
  });

  test("is understood with prefixes, and none of the component's stream remains (protocol.md D35)", () => {
    const text =
      "<c:iq xmlns:c='jabber:component:accept' xmlns:unused='urn:unused' type='result' id='W1' " +
      `from='${ENTITY}' to='${DOMAIN}'><d:delegation xmlns:d='urn:xmpp:delegation:2'><f:forwarded xmlns:f='urn:xmpp:forward:0'>` +
      `<j:iq xmlns:j='jabber:client' type='result' id='h1' to='${JULIET}'><p:pubsub xmlns:p='${PUBSUB}' a='1'><j:x/></p:pubsub>` +
      "</j:iq></f:forwarded></d:delegation></c:iq>";
    const written = reply(text);
    expect(written).toBe(
      `${answer}><pubsub xmlns="${PUBSUB}" xmlns:p="${PUBSUB}" a="1"><x xmlns="jabber:client"/></pubsub></iq>`,
    );
  });

  test("keeps a prefix that an attribute of the payload uses, wherever it was declared", () => {
    const text = replyText({
      inner: `xmlns='jabber:client' xmlns:q='urn:inner' type='result' id='h1' to='${JULIET}'`,
      payload: `<pubsub xmlns='${PUBSUB}'><item q:a='1' r:b='2'/></pubsub>`,
    }).replace("<delegation ", "<delegation xmlns:q='urn:outer' xmlns:r='urn:r' xmlns:s='urn:s' ");
    expect(reply(text)).toBe(
      `${answer}><pubsub xmlns="${PUBSUB}" xmlns:q="urn:inner" xmlns:r="urn:r"><item q:a="1" r:b="2"/></pubsub></iq>`,
    );
  });

  test("is given no prefix that the payload declares for itself, further in or not", () => {
    const payload = `<pubsub xmlns='${PUBSUB}' xmlns:q='urn:own' q:a='1'><item xmlns:r='urn:own' r:b='2'><x r:c='3'/></item></pubsub>`;
    const inner = `xmlns='jabber:client' xmlns:q='urn:q' xmlns:r='urn:r' type='result' id='h1' to='${JULIET}'`;
    expect(reply(replyText({ inner, payload }))).toBe(
      `${answer}><pubsub xmlns="${PUBSUB}" xmlns:q="urn:own" q:a="1">` +
        '<item xmlns:r="urn:own" r:b="2"><x r:c="3"/></item></pubsub></iq>',
    );
  });

  test("keeps xml:lang, also one that the iq inherits from its wrapper", () => {
    const own = `xmlns='jabber:client' type='result' id='h1' to='${JULIET}' xml:lang='it'`;
    expect(reply(replyText({ inner: own }))).toBe(`${answer} xml:lang="it"/>`);
    const inherited = replyText()
      .replace("<forwarded ", "<forwarded xml:lang='la' ")
      .replace("<iq ", "<iq xml:lang='en' ");
    expect(reply(inherited)).toBe(`${answer} xml:lang="la"/>`);
  });

  test("carries no attribute of the entity's own making", () => {
    const inner = `xmlns='jabber:client' type='result' id='h1' to='${JULIET}' from='juliet@capulet.lit' extra='1' x:y='2' xmlns:x='urn:x'`;
    expect(reply(replyText({ inner }))).toBe(`${answer}/>`);
  });

  test("to a component's request goes to the component", () => {
    const requester = "gateway.capulet.lit";
    const iq = `<iq type='get' id='h1' from='${requester}' to='romeo@capulet.lit'><pubsub xmlns='${PUBSUB}'/></iq>`;
    const inner = `xmlns='jabber:client' type='result' id='h1' to='${requester}' from='romeo@capulet.lit'`;
    expect(reply(replyText({ inner }), { iq, requester })).toBe(
      '<iq xmlns="jabber:client" type="result" id="h1" to="gateway.capulet.lit" from="romeo@capulet.lit"/>',
    );
  });
});

describe("the advertisement (XEP-0355 §4.2)", () => {
  test("names everything that is delegated, with the filtering attributes", () => {
    const rules = [
      { namespace: "urn:xmpp:mam:2", filtering: ["node"] },
      { namespace: PUBSUB, filtering: [] },
    ];
    expect(advertisement(DOMAIN, ENTITY, rules, "a1").toString()).toBe(
      '<message from="capulet.lit" to="pubsub.capulet.lit" id="a1"><delegation xmlns="urn:xmpp:delegation:2">' +
        '<delegated namespace="urn:xmpp:mam:2"><attribute name="node"/></delegated>' +
        `<delegated namespace="${PUBSUB}"/></delegation></message>`,
    );
  });

  test("takes everything back when nothing is left, and escapes what needs it", () => {
    expect(advertisement(DOMAIN, ENTITY, [], "a1").toString()).toContain('<delegation xmlns="urn:xmpp:delegation:2"/>');
    expect(advertisement(DOMAIN, ENTITY, [{ namespace: "urn:'&", filtering: [] }], "a1").toString()).toContain(
      'namespace="urn:&apos;&amp;"',
    );
  });
});
