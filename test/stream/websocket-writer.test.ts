import type { XmlFault } from "../../src/xml/index.js";
import { describe, expect, test } from "vitest";
import { MessageWriter, writeSeeOtherUri } from "../../src/stream/index.js";
import { forEachCut } from "../support/for-each-cut.js";
import { fixtureLimits } from "../xml/framer-fixtures.js";

const framing = "urn:ietf:params:xml:ns:xmpp-framing";
const streams = "http://etherx.jabber.org/streams";
const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const header =
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${streams}' id='a1' ` +
  "from='capulet.lit' version='1.0' xml:lang='en'>";
const open = `<open xmlns="${framing}" from="capulet.lit" id="a1" version="1.0" xml:lang="en"/>`;

function unwritable({ code }: XmlFault): never {
  throw new Error(code);
}

/** The messages that chunks of a stream become; `ping` for a keepalive. */
function written(chunks: readonly Buffer[]): string[] {
  const messages: string[] = [];
  const writer = new MessageWriter(
    { message: (bytes) => messages.push(bytes.toString()), keepalive: () => messages.push("ping"), unwritable },
    fixtureLimits,
  );
  for (const chunk of chunks) writer.write(chunk);
  return messages;
}

/** What the elements of a stream become, however it is cut. */
function become(elements: string, under = header): string[] {
  const whole = written([Buffer.from(under + elements)]);
  forEachCut(Buffer.from(under + elements), (chunks, how) => {
    // White space is told as soon as it is there, and more of it anew.
    const pings = (list: readonly string[]): string => list.join("\n").replaceAll(/(?:ping\n?)+/g, "ping\n");
    expect(pings(written(chunks)), how).toBe(pings(whole));
  });
  return whole.slice(1);
}

describe("opening and closing", () => {
  test("a stream header becomes <open/> without XML declaration (RFC 7395 §3.3.3, §3.4)", () => {
    expect(written([Buffer.from(header)])).toEqual([open]);
  });

  test("a header with another prefix, without version, with characters to escape", () => {
    const other = `<s:stream xmlns:s='${streams}' xmlns='jabber:client' from="o'capulet&amp;lit" to='juliet@capulet.lit'>`;
    expect(written([Buffer.from(other)])).toEqual([
      `<open xmlns="${framing}" from="o&apos;capulet&amp;lit" to="juliet@capulet.lit"/>`,
    ]);
  });

  test("the end of the stream becomes <close/>, which names no other address (RFC 7395 §3.6)", () => {
    expect(become("</stream:stream>")).toEqual([`<close xmlns='${framing}'/>`]);
  });

  test("<close/> that names another address stands in the place of the plain one (RFC 7395 §3.6.1)", () => {
    const elsewhere = writeSeeOtherUri("wss://other.capulet.lit/?a=1&b=2");
    expect(become(`${elsewhere.toString()}</stream:stream>`)).toEqual([
      `<close xmlns='${framing}' see-other-uri="wss://other.capulet.lit/?a=1&amp;b=2"/>`,
    ]);
  });

  test("a stream error becomes a message of its own before <close/> (RFC 7395 §3.4.1)", () => {
    const error = `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`;
    expect(become(`${error}</stream:stream>`)).toEqual([
      `<stream:error xmlns="jabber:client" xmlns:stream="${streams}">${error.slice("<stream:error>".length)}`,
      `<close xmlns='${framing}'/>`,
    ]);
  });

  test("behind the success of SASL another header follows, and becomes another <open/> (RFC 7395 §3.5)", () => {
    const success = `<success xmlns='${sasl}'/>`;
    expect(become(`${success}${header}<iq type='result'/>`)).toEqual([
      success,
      open,
      "<iq xmlns=\"jabber:client\" type='result'/>",
    ]);
  });

  test("behind the success of SASL2 the stream goes on (XEP-0388 §2.6)", () => {
    const success = "<success xmlns='urn:xmpp:sasl:2'/>";
    expect(become(`${success}<iq xmlns='jabber:client'/>`)).toEqual([success, "<iq xmlns='jabber:client'/>"]);
  });

  test.each([
    [`<success xmlns='${sasl}'/>`, true],
    [`<x:success xmlns:x='${sasl}'/>`, true],
    ["<success xmlns='urn:xmpp:sasl:2'/>", true],
    ["<success xmlns='urn:xmpp:sm:3'/>", false],
    [`<failure xmlns='${sasl}'/>`, false],
    ["<iq><success xmlns='urn:xmpp:sasl:2'/></iq>", false],
  ])("%s tells whether the client is authenticated: %s", (element, isAuthenticated) => {
    const writer = new MessageWriter(
      { message: () => undefined, keepalive: () => undefined, unwritable },
      fixtureLimits,
    );
    writer.write(Buffer.from(header + element));
    expect(writer.isAuthenticated).toBe(isAuthenticated);
  });

  test("white space between elements is a ping (RFC 7395 §3.8)", () => {
    expect(become(" <presence xmlns='jabber:client'/>")).toEqual(["ping", "<presence xmlns='jabber:client'/>"]);
  });
});

describe("every element stands by itself (RFC 7395 §3.3.3)", () => {
  test("one that names its namespace leaves as the very bytes that came", () => {
    const iq = "<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:roster'/></iq>";
    const chunk = Buffer.from(header + iq);
    const messages: Buffer[] = [];
    new MessageWriter(
      { message: (bytes) => messages.push(bytes), keepalive: () => undefined, unwritable },
      fixtureLimits,
    ).write(chunk);
    expect(messages[1]?.toString()).toBe(iq);
    expect(messages[1]?.buffer).toBe(chunk.buffer);
  });

  test.each([
    ["<presence/>", '<presence xmlns="jabber:client"/>'],
    ["<presence />", '<presence xmlns="jabber:client" />'],
    ["<presence\n\tid='1'></presence>", "<presence xmlns=\"jabber:client\"\n\tid='1'></presence>"],
    ["<iq id='a>b' title=\"xmlns='u'\"/>", "<iq xmlns=\"jabber:client\" id='a>b' title=\"xmlns='u'\"/>"],
    ["<iq id='1' xmlns = 'jabber:client'/>", "<iq id='1' xmlns = 'jabber:client'/>"],
    ["<iq xmlnsx='1'/>", "<iq xmlns=\"jabber:client\" xmlnsx='1'/>"],
    ["<iq xmlns:a='u' a:xmlns='1'/>", "<iq xmlns=\"jabber:client\" xmlns:a='u' a:xmlns='1'/>"],
    ["<a:r xmlns:a='urn:xmpp:sm:3'/>", "<a:r xmlns=\"jabber:client\" xmlns:a='urn:xmpp:sm:3'/>"],
  ])("%s gets the default namespace that it leans on", (element, message) => {
    expect(become(element)).toEqual([message]);
  });

  test("features get the prefix and the default of the header", () => {
    expect(become("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>")).toEqual([
      `<stream:features xmlns="jabber:client" xmlns:stream="${streams}"><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>`,
    ]);
  });

  test("what declares the prefix itself gets no second declaration", () => {
    expect(
      become(
        `<stream:error xmlns:stream='${streams}'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
      ),
    ).toEqual([
      `<stream:error xmlns="jabber:client" xmlns:stream='${streams}'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
    ]);
  });

  test("a prefix of the header's that is used deep inside, in an attribute, is declared", () => {
    const under = header.replace("xmlns:stream", "xmlns:db='urn:x&amp;&apos;' xmlns:stream");
    expect(become("<iq><x xmlns='u' db:a='1'/></iq><iq>db&#58;</iq>", under)).toEqual([
      `<iq xmlns="jabber:client" xmlns:db="urn:x&amp;&apos;"><x xmlns='u' db:a='1'/></iq>`,
      `<iq xmlns="jabber:client">db&#58;</iq>`,
    ]);
  });

  test("a header whose default is the namespace of streams hands that on", () => {
    const under = `<stream xmlns='${streams}' xmlns:c='jabber:client'>`;
    expect(become("<c:iq/><features/></stream>", under)).toEqual([
      `<c:iq xmlns="${streams}" xmlns:c="jabber:client"/>`,
      `<features xmlns="${streams}"/>`,
      `<close xmlns='${framing}'/>`,
    ]);
  });

  test("several elements in one write are as many messages, and one in several writes is one", () => {
    expect(written([header, "<a/><b/><c", "><d/", "></c><e/>"].map((text) => Buffer.from(text))).slice(1)).toEqual([
      '<a xmlns="jabber:client"/>',
      '<b xmlns="jabber:client"/>',
      '<c xmlns="jabber:client"><d/></c>',
      '<e xmlns="jabber:client"/>',
    ]);
  });
});

test("what is no stream is told once, and nothing follows it", () => {
  const messages: string[] = [];
  const faults: string[] = [];
  const writer = new MessageWriter(
    {
      message: (bytes) => messages.push(bytes.toString()),
      keepalive: () => undefined,
      unwritable: ({ code }) => faults.push(code),
    },
    fixtureLimits,
  );
  for (const text of [`${header}<a/>`, "<a></b>", "<c/>"]) writer.write(Buffer.from(text));
  expect(messages).toHaveLength(2);
  expect(faults).toEqual(["mismatched-end-tag"]);
});
