import { describe, expect, test } from "vitest";
import type { Head, NamespaceScope } from "../../src/xml/index.js";
import { FrameKind, Framer, readHead } from "../../src/xml/index.js";
import { fixtureLimits, headerOf } from "./framer-fixtures.js";

const header = headerOf("jabber:client");

describe("readHead", () => {
  test("reads namespace, name and attributes of a stanza", () => {
    expect(headOf("<iq type='get' to=\"juliet@capulet.lit\" id='a1'><ping xmlns='urn:xmpp:ping'/></iq>")).toEqual({
      namespace: "jabber:client",
      name: "iq",
      attributes: new Map([
        ["type", "get"],
        ["to", "juliet@capulet.lit"],
        ["id", "a1"],
      ]),
    });
  });

  test.each([
    ["<a/>", "jabber:client", "a"],
    ["<a xmlns='urn:x'/>", "urn:x", "a"],
    ["<a xmlns=''/>", "", "a"],
    ["<stream:features></stream:features>", "http://etherx.jabber.org/streams", "features"],
    ["<b:a xmlns='urn:x' xmlns:b='urn:&amp;'/>", "urn:&", "a"],
    ["<xml:a/>", "http://www.w3.org/XML/1998/namespace", "a"],
    ["<stream:iq\n\txmlns:stream = 'jabber:client'\n/>", "jabber:client", "iq"],
    ["<élan:été xmlns:élan='urn:€'>é</élan:été>", "urn:€", "été"],
    ["<a>b='c'</a>", "jabber:client", "a"],
  ])("resolves the name of %s (Namespaces in XML 1.0 §6)", (stanza, namespace, name) => {
    expect(headOf(stanza)).toMatchObject({ namespace, name });
  });

  test.each([
    ["&lt;&gt;&amp;&apos;&quot;", "<>&'\""],
    ["&#9;&#xA;&#13;", "\t\n\r"],
    ["a\tb\nc\rd\r\ne\n\rf", "a b c d e  f"],
    ["&#x1F600;&#128512;é€😀", "😀😀é€😀"],
    ["a > b/>", "a > b/>"],
    ["", ""],
    [" x  y ", " x  y "],
    ["&amp;lt;", "&lt;"],
  ])("expands the value %j (XML 1.0 §3.3.3)", (written, value) => {
    expect(headOf(`<iq id='${written}'/>`).attributes.get("id")).toBe(value);
  });

  test("keeps prefixed attributes and declarations under their names as written", () => {
    const { attributes } = headOf("<iq xml:lang='en' a:b=\"'\" xmlns:a='urn:x' long-name.of_an.attribute='1'/>");
    expect([...attributes]).toEqual([
      ["xml:lang", "en"],
      ["a:b", "'"],
      ["xmlns:a", "urn:x"],
      ["long-name.of_an.attribute", "1"],
    ]);
  });

  test.each(["", "<?xml version='1.0' encoding=\"utf-8\" ?>", "\uFEFF<?xml version='1.0'?>\r\n\n", " \n"])(
    "reads a stream header behind %j (RFC 6120 §4.2)",
    (before) => {
      const text = `${before}<stream:stream to='capulet.lit' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`;
      const bytes = Buffer.from(text);
      const { namespace, name, attributes } = readHead(bytes, 0, bytes.length, new Map());
      expect({ namespace, name, to: attributes.get("to"), version: attributes.get("version") }).toEqual({
        namespace: "http://etherx.jabber.org/streams",
        name: "stream",
        to: "capulet.lit",
        version: "1.0",
      });
    },
  );

  test("reads a frame in the middle of a buffer", () => {
    const bytes = Buffer.from("<a b='1'/><iq c='2'/><d e='3'/>");
    expect([...readHead(bytes, 10, 21, new Map()).attributes]).toEqual([["c", "2"]]);
  });
});

/** As the framer passes it, behind a header. */
function headOf(stanza: string): Head {
  const framer = new Framer({ contentNamespace: "jabber:client", limits: fixtureLimits });
  const heads: Head[] = [];
  const read = (kind: FrameKind, bytes: Buffer, start: number, end: number, scope: NamespaceScope): void => {
    if (kind !== FrameKind.streamHeader) heads.push(readHead(bytes, start, end, scope));
  };
  framer.scan(Buffer.from(header + stanza), {
    frame: (kind, bytes, start, end) => read(kind, bytes, start, end, framer.scope),
    fault: (fault) => {
      throw new Error(fault.code);
    },
  });
  const [head] = heads;
  if (head === undefined) throw new Error("no frame");
  return head;
}
