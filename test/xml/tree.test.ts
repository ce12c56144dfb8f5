import * as fc from "fast-check";
import sax from "sax";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { attributeOf, childElements, Element, findChild, namespaceOf, parseElement } from "../../src/xml/index.js";
import { parseWithSax } from "../../src/xml/tree.js";
import { NS, UsageError } from "../../src/xmpp/index.js";
import { element, type Model, modelOf, render } from "./tree-model.js";

const clientScope = new Map([
  ["", NS.client],
  ["stream", NS.streams],
]);

function parse(text: string, scope: ReadonlyMap<string, string> = clientScope): Element {
  const bytes = Buffer.from(text);
  return parseElement(bytes, 0, bytes.length, scope);
}

/** What one text inside a body is read as. */
function textIn(content: string): string {
  return parse(`<message><body>${content}</body></message>`).getChildText("body") ?? "";
}

describe("the values of a tree", () => {
  test.each([
    ["&#60;iq/&#62;", "<iq/>"],
    ["<![CDATA[<iq/>]]>", "<iq/>"],
    ["<![CDATA[a]]]>", "a]"],
    ["<![CDATA[]]>", ""],
    ["a<![CDATA[ & ]]>b&lt;c<![CDATA[]]]]><![CDATA[>]]>", "a & b<c]]>"],
    ["a > b", "a > b"],
    ["\u0085", "\u0085"],
    ["&amp;lt; &#x1F600; &#128512; &apos;&quot;", "&lt; \u{1f600} \u{1f600} '\""],
    ["\u{1f339}", "\u{1f339}"],
  ])("text %j is read as %j (protocol.md table 19)", (written, value) => {
    expect(textIn(written)).toBe(value);
  });

  test.each([
    ["a>b", "a>b"],
    ["tab\there", "tab here"],
    ["line\nhere", "line here"],
    ["both\r\nhere", "both here"],
    ["return\rhere", "return here"],
    ["&#9;&#10;&#13;", "\t\n\r"],
    ["&#x9;&#xA;&#xD;", "\t\n\r"],
    ["&lt;&amp;&gt;&apos;&quot;", "<&>'\""],
    ["  two  spaces  ", "  two  spaces  "],
  ])("attribute %j is read as %j (protocol.md table 42, XML 1.0 §3.3.3)", (written, value) => {
    for (const quote of ["'", '"']) {
      expect(parse(`<iq id=${quote}${written}${quote}/>`).attrs["id"]).toBe(value);
      expect(parse(`<iq id=${quote}${written}${quote}><![CDATA[]]></iq>`).attrs["id"]).toBe(value);
      expect(parse(`<c:iq xmlns:c='jabber:client' id=${quote}${written}${quote}/>`).attrs["id"]).toBe(value);
    }
  });

  test("a quote of the other kind stands in a value", () => {
    expect(parse(`<iq id='say "so"' to="o'brien"/>`).attrs).toMatchObject({ id: 'say "so"', to: "o'brien" });
  });

  test("white space in a tag, before its end and around = counts for nothing (protocol.md table 42)", () => {
    const iq = parse("<iq\n  id = '1'\t\r\n type\n=\n\"get\"\n><a ></a\n></iq\r\n>");
    expect(iq.attrs).toMatchObject({ id: "1", type: "get" });
    expect(childElements(iq)).toHaveLength(1);
  });

  test("line ends in text are LF, references to CR stay (XML 1.0 §2.11)", () => {
    expect(textIn("a\r\nb\rc\nd&#13;e&#xD;\n")).toBe("a\nb\nc\nd\re\r\n");
    expect(textIn("<![CDATA[a\r\nb\tc\rd]]>\t")).toBe("a\nb\tc\nd\t");
  });

  test.each([100 * 1024, 300 * 1024])("text and attributes of %i characters come whole, by either reader", (length) => {
    const long = "0123456789".repeat(length / 10);
    for (const prefix of ["", "c:"]) {
      const iq = parse(
        `<${prefix}iq xmlns:c='jabber:client' id='${long}'>${long}<a b='${long}'/>${long}</${prefix}iq>`,
      );
      expect(iq.attrs["id"]).toBe(long);
      expect(iq.children[0]).toBe(long);
      expect(iq.children[2]).toBe(long);
    }
  });

  test("names that plain objects inherit are names like any other", () => {
    const text =
      "<iq __proto__='1' constructor='2' hasOwnProperty='3'><__proto__ xmlns='urn:x' toString='4'/><p:a xmlns:p='urn:y'/></iq>";
    const iq = parse(text);
    expect(attributeOf(iq, "__proto__")).toBe("1");
    expect(attributeOf(iq, "constructor")).toBe("2");
    expect(attributeOf(iq, "hasOwnProperty")).toBe("3");
    expect(attributeOf(iq, "valueOf")).toBeUndefined();
    expect(findChild(iq, "__proto__", "urn:x")?.attrs["toString"]).toBe("4");
    expect(modelOf(parse(text.replace("<p:a xmlns:p='urn:y'/>", "")))).toEqual({
      ...modelOf(iq),
      children: modelOf(iq).children.slice(0, 1),
    });
  });

  test("prefixes that plain objects inherit are prefixes like any other", () => {
    const iq = parse(
      "<iq><__proto__:a xmlns:__proto__='urn:x' __proto__:b='1'/><toString:c xmlns:toString='urn:y'/></iq>",
    );
    expect(findChild(iq, "a", "urn:x")?.attrs["__proto__:b"]).toBe("1");
    expect(findChild(iq, "c", "urn:y")).toBeDefined();
  });
});

describe("the names of a tree", () => {
  test("a prefixed iq is an iq, also by a prefix of the stream header (protocol.md table 37)", () => {
    const query = "<query xmlns='urn:xmpp:mam:2' node='n'/>";
    const plain = parse(`<iq type='get' id='1'>${query}</iq>`);
    const prefixed = parse(`<c:iq xmlns:c='jabber:client' type='get' id='1'>${query}</c:iq>`);
    const byHeader = parse(
      `<stream:iq xmlns:stream='jabber:client' type='get' id='1'><stream:query xmlns:stream='urn:xmpp:mam:2' node='n'/></stream:iq>`,
    );
    for (const iq of [plain, prefixed, byHeader]) {
      expect(iq.name).toBe("iq");
      expect(namespaceOf(iq)).toBe(NS.client);
      expect(findChild(iq, "query", "urn:xmpp:mam:2")?.attrs["node"]).toBe("n");
    }
  });

  test("an element without namespace says so, and its children inherit nothing", () => {
    const iq = parse("<iq><a xmlns=''><b/></a><c/></iq>");
    const [a, c] = childElements(iq);
    expect(a?.attrs["xmlns"]).toBe("");
    expect(c?.attrs).not.toHaveProperty("xmlns");
    expect([a, childElements(a ?? iq)[0], c].map((one) => one && namespaceOf(one))).toEqual(["", "", NS.client]);
  });

  test("xmlns stands on the root and where the namespace changes, and nowhere else", () => {
    const root = parse("<iq xmlns='jabber:client'><a xmlns='urn:x'><b xmlns='urn:x'/><p:c xmlns:p='urn:x'/></a></iq>");
    const a = childElements(root)[0];
    expect(root.attrs["xmlns"]).toBe(NS.client);
    expect(a?.attrs["xmlns"]).toBe("urn:x");
    for (const child of childElements(a ?? root)) expect(child.attrs).not.toHaveProperty("xmlns");
  });

  test("the default namespace below a prefixed element is the written one, not that of the element", () => {
    const iq = parse("<p:a xmlns:p='urn:p' xmlns='urn:d'><b/><p:c><d xmlns='urn:p'/></p:c></p:a>");
    expect(namespaceOf(iq)).toBe("urn:p");
    expect(childElements(iq).map((one) => namespaceOf(one))).toEqual(["urn:d", "urn:p"]);
    expect(findChild(childElements(iq)[1] ?? iq, "d", "urn:p")?.attrs).not.toHaveProperty("xmlns");
  });

  test("a prefix may be bound anew further in", () => {
    const iq = parse("<iq xmlns:p='urn:1'><p:a p:k='v'><p:b xmlns:p='urn:2' p:k='w'/></p:a></iq>");
    const a = findChild(iq, "a", "urn:1");
    expect(a && findChild(a, "b", "urn:2")?.attrs).toMatchObject({ "xmlns:p": "urn:2", "p:k": "w" });
  });

  test("a prefix of the stream header that an attribute uses is declared on the root", () => {
    const scope = new Map([...clientScope, ["x", "urn:x&<'"], ["unused", "urn:unused"]]);
    const iq = parse("<iq><a x:b='1'/></iq>", scope);
    expect(iq.attrs).toMatchObject({ "xmlns:x": "urn:x&<'" });
    expect(Object.keys(iq.attrs).toSorted()).toEqual(["xmlns", "xmlns:x"]);
    expect(parse("<iq xml:lang='en'><a xml:space='preserve'/></iq>", scope).attrs).not.toHaveProperty("xmlns:xml");
  });

  test("the content namespace is found when the header's default namespace is another one (protocol.md table H6)", () => {
    const scope = new Map([["", NS.streams]]);
    expect(namespaceOf(parse("<iq xmlns='jabber:client'/>", scope))).toBe(NS.client);
    expect(namespaceOf(parse("<features/>", scope))).toBe(NS.streams);
    expect(namespaceOf(parse("<flash:features/>", new Map([["flash", NS.streams]])))).toBe(NS.streams);
  });

  test("an element in the namespace of XML keeps its prefix, which cannot be a default (XML 1.0 names §3)", () => {
    const iq = parse("<iq><xml:a b='1'><c/></xml:a></iq>");
    const [a] = childElements(iq);
    expect(a && [a.name, namespaceOf(a)]).toEqual(["xml:a", NS.xml]);
    expect(childElements(a ?? iq).map((one) => namespaceOf(one))).toEqual([NS.client]);
  });
});

describe("the two readers", () => {
  test("give the tree that was meant, however it was written", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(element, fc.infiniteStream(fc.nat(1000)), (model, chances) => {
        const written = render(model, NS.client, chances);
        expect(modelOf(parse(written))).toEqual(model);
        expect(modelOf(parseWithSax(written.replaceAll(/\r\n?/g, "\n"), clientScope))).toEqual(model);
      }),
      { numRuns: 500 },
    );
  });

  test("agree with an independent parser on what was meant", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(element, fc.infiniteStream(fc.nat(1000)), (model, chances) => {
        const written = render(model, NS.client, chances);
        expect(readBySaxes(written)).toEqual(model);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    "",
    "text",
    "<a/><b/>",
    "<a/>text",
    "<a>",
    "</a>",
    "<a b=1/>",
    "<a><!--c--></a>",
    "<a><?p?></a>",
    "<a>&nbsp;</a>",
    "<p:a xmlns:p='urn:x'>&nbsp;</p:a>",
    "<p:a xmlns:p='urn:x'><!--c--></p:a>",
    "<p:a/>",
  ])("refuse %j as our own mistake, since the framer lets none of it pass", (text) => {
    expect(() => parse(text)).toThrow(UsageError);
  });

  test("every event of sax has a handler", () => {
    const handled = new Set<string>();
    const original = sax.SAXParser;
    class Watched extends original {
      constructor(...given: ConstructorParameters<typeof original>) {
        super(...given);
        return new Proxy(this, {
          set: (target, key, value) => {
            if (typeof key === "string" && key.startsWith("on")) handled.add(key.slice(2));
            return Reflect.set(target, key, value);
          },
        });
      }
    }
    sax.SAXParser = Watched;
    try {
      parseWithSax("<a/>", clientScope);
    } finally {
      sax.SAXParser = original;
    }
    expect(sax.EVENTS.filter((event) => !handled.has(event))).toEqual([]);
  });
});

test("a frame is read where it stands in its buffer, whatever is around it", () => {
  const bytes = Buffer.from("<message/>é<iq id='ü'/>\u{1f339}<presence/>");
  const start = bytes.indexOf("<iq");
  const iq = parseElement(bytes, start, bytes.indexOf("/>", start) + 2, clientScope);
  expect(iq.attrs["id"]).toBe("ü");
});

test("namespaceOf takes the inherited namespace from its caller when it is given", () => {
  const alone = new Element("a");
  expect(namespaceOf(alone)).toBe("");
  expect(namespaceOf(alone, "urn:given")).toBe("urn:given");
  expect(namespaceOf(new Element("a", { xmlns: "urn:own" }), "urn:given")).toBe("urn:own");
});

function readBySaxes(text: string): Model {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: { model: Model; children: (Model | string)[] }[] = [
    { model: modelOf(new Element("none")), children: [] },
  ];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    const children: (Model | string)[] = [];
    const attributes = Object.values(tag.attributes)
      .filter(({ prefix, name }) => prefix !== "xmlns" && name !== "xmlns")
      .map(({ uri, local, value }): [string, string] => [uri === "" ? local : `{${uri}}${local}`, value]);
    const model: Model = { namespace: tag.uri, name: tag.local, attributes: new Map(attributes), children };
    open.at(-1)?.children.push(model);
    open.push({ model, children });
  });
  parser.on("closetag", () => open.pop());
  const text_ = (piece: string) => {
    const children = open.at(-1)?.children ?? [];
    const before = children.at(-1);
    if (typeof before === "string") children[children.length - 1] = before + piece;
    else if (piece !== "") children.push(piece);
  };
  parser.on("text", text_);
  parser.on("cdata", text_);
  parser.write(`<stream xmlns='${NS.client}' xmlns:stream='${NS.streams}'>${text}</stream>`).close();
  const [stream] = open[0]?.children ?? [];
  const [only] = typeof stream === "object" ? stream.children : [];
  if (typeof only !== "object") throw new Error("nothing was read");
  return only;
}
