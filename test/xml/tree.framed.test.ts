import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  attributeOf,
  childElements,
  Framer,
  FrameKind,
  type NamespaceScope,
  parseElement,
  serialize,
} from "../../src/xml/index.js";
import { isNameCharacter, isNameStart } from "../../src/xml/names.js";
import { parseWithSax } from "../../src/xml/tree.js";
import { NS } from "../../src/xmpp/index.js";
import { element, modelOf, render } from "./tree-model.js";

// Invariant: whatever the framer passes becomes a tree, by either reader the same, and is written as what the framer
// passes again and reads as the same tree. A tree that cannot be built would end the process, so no input may lead there.

const limits = { maxFrameBytes: 100_000, maxDepth: 128, maxAttributes: 256, maxNameBytes: 1024, maxChildren: 25_000 };
const HEADER = `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' xmlns:p='urn:h'>`;

/** The elements that the framer passes below our header, until it finds fault. */
function framed(input: Buffer): { readonly bytes: Buffer; readonly scope: NamespaceScope }[] {
  const framer = new Framer({ contentNamespace: NS.client, limits });
  const found: { bytes: Buffer; scope: NamespaceScope }[] = [];
  framer.scan(Buffer.concat([Buffer.from(HEADER), input]), {
    frame(kind, bytes, start, end) {
      if (kind === FrameKind.streamHeader || kind === FrameKind.streamEnd || kind === FrameKind.whitespace) return;
      found.push({ bytes: Buffer.from(bytes.subarray(start, end)), scope: framer.scope });
    },
    fault: () => undefined,
  });
  return found;
}

const token = fc.constantFrom(
  ..."<>/='\"&;:\n\r\t ".split(""),
  "<a>",
  "</a>",
  "<a/>",
  "<![CDATA[",
  "]]>",
  "<!--",
  "<?",
  "&lt;",
  "&#10;",
  "&#x1F339;",
  "&nbsp;",
  "xmlns=",
  "xmlns:p=",
  "p:",
  "xml:",
  "xmlns:",
  "__proto__",
  "constructor",
  "urn:x",
  "''",
  " k='v'",
  "\u00e9",
  "\u{1f339}",
  "\ud800",
  "\u0001",
  "stream:",
  "<p:a p:k='v'/>",
  "<xml:a/>",
  "<a xmlns=''>",
  " xml:lang='en'",
  " p:k='w'",
  " k='x'",
  "\u3005",
  "\u20d0",
);
const edit = fc.record({
  at: fc.nat(1000),
  remove: fc.constantFrom(0, 0, 1, 3, 10),
  insert: fc.option(token, { nil: "" }),
});

function mangled(text: string, edits: readonly { at: number; remove: number; insert: string }[]): string {
  return edits.reduce((now, { at, remove, insert }) => {
    const where = (at * now.length) / 1000;
    return now.slice(0, where) + insert + now.slice(where + remove);
  }, text);
}

test(
  "what the framer passes becomes one tree by either reader, and is written as what it passes again",
  { timeout: 60_000 },
  () => {
    let passed = 0;
    fc.assert(
      fc.property(
        element,
        fc.infiniteStream(fc.nat(1000)),
        fc.array(edit, { maxLength: 3 }),
        (model, chances, edits) => {
          for (const { bytes, scope } of framed(Buffer.from(mangled(render(model, NS.client, chances), edits)))) {
            passed++;
            const tree = parseElement(bytes, 0, bytes.length, scope);
            const meaning = modelOf(tree);
            expect(modelOf(parseWithSax(bytes.toString().replaceAll(/\r\n?/g, "\n"), scope))).toEqual(meaning);
            const [again, ...others] = framed(Buffer.from(serialize(tree, NS.client)));
            expect(others).toEqual([]);
            expect(again && modelOf(parseElement(again.bytes, 0, again.bytes.length, again.scope))).toEqual(meaning);
          }
        },
      ),
      { numRuns: 800 },
    );
    expect(passed).toBeGreaterThan(100);
  },
);

test("every character that the framer lets into a name is one to sax", { timeout: 60_000 }, () => {
  const names: string[] = [];
  for (let code = 0x80; code < 0x10000; code++) {
    const c = String.fromCharCode(code);
    if (isNameStart(code)) names.push(c);
    if (isNameCharacter(code)) names.push(`a${c}`);
  }
  expect(names.length).toBeGreaterThan(60_000);
  for (let at = 0; at < names.length; at += 1000) {
    const some = names.slice(at, at + 1000);
    const text = `<iq>${some.map((name) => `<p:${name} ${name}='1'/>`).join("")}</iq>`;
    const trees = framed(Buffer.from(text)).map(({ bytes, scope }) => parseElement(bytes, 0, bytes.length, scope));
    const children = trees.flatMap((tree) => childElements(tree));
    expect(children.map((child) => [child.name, attributeOf(child, child.name)])).toEqual(
      some.map((name) => [name, "1"]),
    );
  }
});
