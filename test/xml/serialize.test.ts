import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { childElements, Element, namespaceOf, parseElement, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import { element, modelOf, render } from "./tree-model.js";

const scope = new Map([
  ["", NS.client],
  ["stream", NS.streams],
]);

function parse(text: string, within: ReadonlyMap<string, string> = scope): Element {
  const bytes = Buffer.from(text);
  return parseElement(bytes, 0, bytes.length, within);
}

describe("what is written", () => {
  test("is read back as the same tree, wherever it is put", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        element,
        fc.infiniteStream(fc.nat(1000)),
        fc.constantFrom("", NS.client, NS.component, "urn:x"),
        (model, chances, context) => {
          const tree = parse(render(model, NS.client, chances));
          const written = serialize(tree, context);
          expect(modelOf(parse(written, new Map([["", context]])))).toEqual(model);
          expect(written).not.toMatch(/\r|]]>/);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("says of each subtree what it says within the whole, but for prefixes declared further out", () => {
    const tree = parse("<iq><a xmlns='urn:x'><b k='1'>t</b></a></iq>");
    const b = childElements(childElements(tree)[0] ?? tree)[0] ?? tree;
    expect(serialize(b)).toBe('<b xmlns="urn:x" k="1">t</b>');
    expect(serialize(b, "urn:x")).toBe('<b k="1">t</b>');
  });

  test("keeps CR in text, and TAB, LF and CR in attributes (protocol.md X9)", () => {
    const tree = new Element("a", { k: "\t\n\r" }).t("\t\n\r");
    expect(serialize(tree)).toBe('<a k="&#9;&#10;&#13;">\t\n&#13;</a>');
  });

  test("escapes markup, both quotes and the end of CDATA", () => {
    const tree = new Element("a", { k: "<>&'\"" }).t("<>&]]>'\"");
    expect(serialize(tree)).toBe('<a k="&lt;&gt;&amp;&apos;&quot;">&lt;&gt;&amp;]]&gt;\'"</a>');
  });

  test("names the root's namespace unless it is that of the place", () => {
    const iq = new Element("iq", { xmlns: NS.client, id: "1" });
    iq.c("query", { xmlns: "urn:x" });
    expect(serialize(iq)).toBe('<iq xmlns="jabber:client" id="1"><query xmlns="urn:x"/></iq>');
    expect(serialize(iq, NS.client)).toBe('<iq id="1"><query xmlns="urn:x"/></iq>');
    expect(serialize(iq, NS.component)).toBe('<iq xmlns="jabber:client" id="1"><query xmlns="urn:x"/></iq>');
    expect(serialize(parse("<a xmlns=''/>"), NS.client)).toBe('<a xmlns=""/>');
  });

  test("moves a stanza to another stream when its root is given that namespace", () => {
    const iq = parse("<iq type='error'><error type='cancel'/><query xmlns='urn:x'/></iq>");
    iq.attrs["xmlns"] = NS.component;
    expect(serialize(iq, NS.component)).toBe('<iq type="error"><error type="cancel"/><query xmlns="urn:x"/></iq>');
    expect(childElements(iq).map((one) => namespaceOf(one))).toEqual([NS.component, "urn:x"]);
  });

  test("declares the prefix xml nowhere (XML 1.0 names §3)", () => {
    const tree = parse("<iq xml:lang='en'><xml:a><b/></xml:a></iq>");
    expect(serialize(tree, NS.client)).toBe('<iq xml:lang="en"><xml:a><b xmlns="jabber:client"/></xml:a></iq>');
    expect(serialize(childElements(tree)[0] ?? tree)).toBe('<xml:a><b xmlns="jabber:client"/></xml:a>');
  });

  test("gives the root other attributes, and leaves the tree as it was", () => {
    const iq = parse("<iq id='1' type='get'><a id='2'/></iq>");
    const written = serialize(iq, "urn:x", { xmlns: "urn:y", id: "<", to: "romeo" });
    expect(written).toBe('<iq xmlns="urn:y" id="&lt;" to="romeo" type="get"><a id="2"/></iq>');
    expect(serialize(iq, NS.client)).toBe('<iq id="1" type="get"><a id="2"/></iq>');
  });

  test("leaves out attributes without a value, and writes numbers", () => {
    const tree = new Element("a", { none: undefined, nothing: null, max: 3 });
    expect(serialize(tree)).toBe('<a max="3"/>');
  });
});
