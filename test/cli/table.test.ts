import { expect, test } from "vitest";
import { formatBytes, formatSpan, formatTable, type Column } from "../../src/cli/table.js";

test("a table has aligned columns, numbers to the right, and no spaces at the end of a line", () => {
  const columns: readonly Column<{ jid: string; hits: number }>[] = [
    { heading: "JID", cell: ({ jid }) => jid },
    { heading: "HITS", cell: ({ hits }) => hits },
    { heading: "", cell: () => "" },
  ];
  const rows = [
    { jid: "juliet@capulet.lit", hits: 7 },
    { jid: "romeo", hits: 12_345 },
  ];
  expect(formatTable(columns, rows)).toBe(
    ["JID                  HITS", "juliet@capulet.lit      7", "romeo               12345", ""].join("\n"),
  );
});

test("what a peer may have chosen cannot play tricks with a terminal", () => {
  const table = formatTable([{ heading: "JID", cell: (row: string) => row }], ["a\u001b[2Jb\nc\u202Ed"]);
  expect(table).toBe("JID\na\\u{1b}[2Jb\\u{a}c\\u{202e}d\n");
});

test.each([
  [0, "0s"],
  [59.9, "59s"],
  [60, "1m"],
  [3600, "1h"],
  [12_000, "3h 20m"],
  [86_400 * 5 + 7200, "5d 2h"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatSpan(seconds)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [50_000_000, "48 MiB"],
  [5 * 1024 ** 4, "5120 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
