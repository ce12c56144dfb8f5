import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, citation, count, escape, foreign, milliseconds, rate, span, table } from "../../src/admin/page-html.js";
import { plotWindows, queryOf, readView } from "../../src/admin/page-view.js";

describe("what a peer chose", () => {
  test("is text, whatever it is: no element but ours, no invisible character, nothing that turns others around", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        const html = foreign(text);
        const rest = html
          .replace(/^<bdi>(.*)<\/bdi>$/su, "$1")
          .replaceAll(/<span class="hidden">U\+[0-9A-F]{4,6}<\/span>/g, "");
        expect(rest).not.toMatch(/[<>"']/);
        expect(rest).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff\u200b]/u);
      }),
    );
  });

  test("keeps the joiners that scripts need, and loses half a character to no cut", () => {
    expect(foreign("نامه\u200cای")).toBe("<bdi>نامه\u200cای</bdi>");
    expect(foreign("🎭".repeat(100), 11)).toBe(`<bdi>${"🎭".repeat(5)}…</bdi>`);
    expect(foreign("juliet@capulet.lit/balcony")).toBe("juliet@capulet.lit/balcony");
  });

  test("is escaped in attributes too", () => {
    const html = table({
      caption: "a",
      columns: [{ heading: "A", cell: (row: string) => escape(row) }],
      rows: [`" onclick="x`],
      key: (row) => row,
      empty: "",
    });
    expect(html).toContain('data-key="&quot; onclick=&quot;x"');
  });
});

test.each([
  ["RFC 6120 §11.1", "https://www.rfc-editor.org/rfc/rfc6120.html#section-11.1"],
  ["RFC 6120 §4.9.3.19, RFC 7395 §3.6.1", "https://www.rfc-editor.org/rfc/rfc6120.html#section-4.9.3.19"],
  ["RFC 7622", "https://www.rfc-editor.org/rfc/rfc7622.html"],
  ["XEP-0355 §4.3 and N.B.1", "https://xmpp.org/extensions/xep-0355.html"],
])("%s is a link to its section", (source, href) => {
  expect(citation(source)).toBe(`<a href="${href}" rel="noopener noreferrer">${source}</a>`);
});

test("what is no RFC and no XEP is no link", () => {
  expect(citation("<decision>")).toBe("&lt;decision&gt;");
});

test("numbers have units, and no more digits than are read", () => {
  expect([bytes(0), bytes(1023), bytes(5_300_000), bytes(93_000_000)]).toEqual(["0 B", "1.0 KiB", "5.1 MiB", "89 MiB"]);
  expect([milliseconds(2.14), milliseconds(481.2), milliseconds(30_012)]).toEqual(["2.1 ms", "481 ms", "30.0 s"]);
  expect([rate(0), rate(0.4), rate(1234.5)]).toEqual(["0/s", "0.4/s", "1,235/s"]);
  expect([count(10_000), span(59), span(3599), span(7200), span(200_000)]).toEqual([
    "10,000",
    "< 1 min",
    "59 min",
    "2 h",
    "2 d",
  ]);
});

describe("the address of the page", () => {
  test("says what is looked at, and nothing of what is as always", () => {
    expect(queryOf(readView(new URLSearchParams()))).toBe("");
    const query = "?match=juliet%40&faults=fault&sort=-seconds&page=3&links-sort=peer&links-page=2&window=3600";
    expect(queryOf(readView(new URLSearchParams(query)))).toBe(query);
  });

  test("may be anything: what is not understood is as if it was not there", () => {
    const hostile = "sort=__proto__&page=-1&links-page=1e9&links-sort=-constructor&window=7&faults=x";
    expect(readView(new URLSearchParams(hostile))).toEqual(readView(new URLSearchParams()));
    fc.assert(
      fc.property(fc.webQueryParameters(), (text) => {
        const view = readView(new URLSearchParams(text));
        expect(readView(new URLSearchParams(queryOf(view)))).toEqual(view);
        expect(plotWindows).toContain(view.window);
        expect(view.match.length).toBeLessThanOrEqual(256);
      }),
    );
  });
});
