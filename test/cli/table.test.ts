import { expect, test } from "vitest";
import { cutToScreen, formatBytes, formatSpan, formatTable, widthOf, type Column } from "../../src/cli/table.js";

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

test("a table for a narrow terminal leaves spare columns out, the last one first, and says so", () => {
  const columns: readonly Column<{ jid: string; bytes: number }>[] = [
    { heading: "JID", cell: ({ jid }) => jid },
    { heading: "REMOTE", isSpare: true, cell: () => "192.0.2.1" },
    { heading: "HELD", isMeasure: true, isSpare: true, cell: ({ bytes }) => formatBytes(bytes) },
    { heading: "STATE", cell: () => "connected" },
  ];
  const rows = [
    { jid: "juliet@capulet.lit", bytes: 0 },
    { jid: "romeo", bytes: 20_000 },
  ];
  expect(formatTable(columns, rows, 48)).toBe(
    [
      "JID                 REMOTE       HELD  STATE",
      "juliet@capulet.lit  192.0.2.1     0 B  connected",
      "romeo               192.0.2.1  20 KiB  connected",
      "",
    ].join("\n"),
  );
  expect(formatTable(columns, rows, 47).split("\n")).toEqual([
    "JID                 REMOTE     STATE",
    "juliet@capulet.lit  192.0.2.1  connected",
    "romeo               192.0.2.1  connected",
    "(too narrow for HELD; --json has all)",
    "",
  ]);
  expect(formatTable(columns, rows, 10)).toContain("juliet@capulet.lit  connected\n");
});

test("characters that take two places on a terminal, and marks that take none, keep columns aligned", () => {
  const table = formatTable(
    [
      { heading: "JID", cell: (row: string) => row },
      { heading: "TLS", cell: () => "yes" },
    ],
    ["朱丽叶@capulet.lit", "rom\u0065\u0301o@montague.lit", "🌹@capulet.lit"],
  );
  const rows = table.trimEnd().split("\n").slice(1);
  expect(rows.map((line) => widthOf(line.slice(0, line.indexOf("yes"))))).toEqual([20, 20, 20]);
});

test("what is drawn again and again is cut to the screen, and says how much is missing", () => {
  const size = { columns: 10, rows: 5 };
  expect(cutToScreen("1\n2\n3\n4\n", size)).toBe("1\n2\n3\n4\n");
  expect(cutToScreen("1\n2\n3\n4\n5\n6\n", size)).toBe("1\n2\n3\n… 3 more …\n");
  expect(cutToScreen("0123456789\n01234567890\n朱丽叶朱丽叶\n", size)).toBe("0123456789\n012345678…\n朱丽叶朱…\n");
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
