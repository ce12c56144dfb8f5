import { describe, expect, test } from "vitest";
import { childElements, copyOf, type Element, parseElement, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";

function tree(text: string): Element {
  const bytes = Buffer.from(text);
  return parseElement(bytes, 0, bytes.length, new Map([["", NS.client]]));
}

function firstChildOf(parent: Element): Element {
  const [child] = childElements(parent);
  if (child === undefined) throw new Error("no child");
  return child;
}

describe("a copy of an element", () => {
  test("names the namespace that the element inherited", () => {
    expect(serialize(copyOf(firstChildOf(tree("<iq><error/></iq>"))), "urn:other")).toBe(
      '<error xmlns="jabber:client"/>',
    );
  });

  test("declares the prefixes that it needs and that were declared further out, and no others (XML names §5)", () => {
    const outer = tree(
      "<iq xmlns:a='urn:a' xmlns:b='urn:b'><x xmlns='urn:x' xmlns:c='urn:c' c:k='1'><y a:k='1' xml:lang='en'/>" +
        "<y xmlns:b='urn:inner' b:k='1'/></x></iq>",
    );
    expect(serialize(copyOf(firstChildOf(outer)))).toBe(
      '<x xmlns="urn:x" xmlns:c="urn:c" c:k="1" xmlns:a="urn:a"><y a:k="1" xml:lang="en"/>' +
        '<y xmlns:b="urn:inner" b:k="1"/></x>',
    );
  });

  test("takes the declaration that is nearest", () => {
    const outer = tree("<iq xmlns:a='urn:far'><x xmlns='urn:x' xmlns:a='urn:near'><y a:k='1'/></x></iq>");
    expect(serialize(copyOf(firstChildOf(firstChildOf(outer))))).toBe('<y xmlns="urn:x" a:k="1" xmlns:a="urn:near"/>');
  });

  test("keeps attributes of every name, and text, and leaves the original as it was", () => {
    const outer = tree("<iq><x xmlns='urn:x' __proto__='p'>a&amp;<y/>b</x></iq>");
    const before = serialize(outer);
    const copy = copyOf(firstChildOf(outer));
    expect(serialize(copy)).toBe('<x xmlns="urn:x" __proto__="p">a&amp;<y/>b</x>');
    expect(copy.parent).toBeNull();
    copy.children = [];
    expect(serialize(outer)).toBe(before);
  });

  test("is a whole tree where a whole tree was copied", () => {
    expect(serialize(copyOf(tree("<iq type='get'><x xmlns='urn:x'/></iq>")))).toBe(
      '<iq xmlns="jabber:client" type="get"><x xmlns="urn:x"/></iq>',
    );
  });
});
