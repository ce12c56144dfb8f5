import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseConfig, problemCodes } from "../../src/config/index.js";
import { nowMs } from "./workspace.js";

// Whatever an operator's file holds: nothing is thrown, a text that is refused has an error, every problem stands
// inside the file, has a known code and one line of text; and the text is read in a bounded time.

const example = readFileSync(join(import.meta.dirname, "..", "..", "proxy.yaml"), "utf8");

function check(text: string): void {
  const started = performance.now();
  const loaded = parseConfig("/nonexistent/proxy.yaml", text, { env: {}, nowMs });
  const wrong: string[] = performance.now() - started < 5_000 ? [] : ["took too long"];
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  if (problems.some(({ severity }) => severity === "error") === loaded.ok) wrong.push("an error is no refusal");
  const lines = text.replace(/^\u{feff}/u, "").split("\n");
  let before = 0;
  for (const { line, column, code, message, hint = "" } of problems) {
    const length = lines[line - 1]?.length ?? -1;
    if (line < 1 || column < 1 || column > length + 1) wrong.push(`${code} stands outside: ${line}:${column}`);
    if (!Object.hasOwn(problemCodes, code)) wrong.push(`${code} is unknown`);
    // What is quoted is the operator's own.
    const words = `${message} ${hint}`.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
    if (/\n|undefined|\[object|NaN/.test(words)) wrong.push(`${code} says ${message} ${hint}`);
    const position = line * 1_000_000 + column;
    if (position < before) wrong.push(`${code} is out of order`);
    before = position;
  }
  expect(wrong).toEqual([]);
}

const yamlWord = fc.constantFrom(
  "version",
  "domains",
  "listen",
  "tls",
  "cert",
  "server",
  "c2s",
  "component",
  "delegations",
  "jid",
  "limits",
  "streamManagement",
  "injected",
  "stanza",
  "kind",
  "host",
  "port",
  "capulet.lit",
  "urn:xmpp:mam:2",
  "1",
  "0x10",
  "1e999",
  "-1",
  ".nan",
  "null",
  "~",
  "true",
  "30s",
  "256KiB",
  "&a",
  "*a",
  "<<",
  "!!binary",
  "!!set",
  "!x",
  "|",
  ">",
  "- ",
  "? ",
  ": ",
  ", ",
  "[",
  "]",
  "{",
  "}",
  "'",
  '"',
  "#",
  "\n",
  "\n  ",
  "\n    ",
  "\t",
  "---",
  "...",
  "%YAML 1.1",
  "__proto__",
  "constructor",
  "toString",
  "\u{feff}",
  "\0",
  "\r",
  "\u2028",
  "😀",
  "\ud800",
);

test("random words of YAML throw nothing", () => {
  fc.assert(
    fc.property(fc.array(yamlWord, { maxLength: 40 }), (words) => check(words.join(""))),
    { numRuns: 600 },
  );
});

test("random text throws nothing", { timeout: 30_000 }, () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), check), { numRuns: 250 });
});

test("the example with a piece cut out, doubled or replaced throws nothing", { timeout: 30_000 }, () => {
  const mutation = fc.record({
    at: fc.nat(example.length),
    length: fc.nat(60),
    kind: fc.constantFrom("cut", "double", "replace"),
    word: fc.oneof(yamlWord, fc.string({ maxLength: 10 })),
  });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      let text = example;
      for (const { at, length, kind, word } of mutations) {
        const piece = text.slice(at, at + length);
        const replacement = kind === "cut" ? "" : kind === "double" ? piece + piece : word;
        text = text.slice(0, at) + replacement + text.slice(at + length);
      }
      check(text);
    }),
    { numRuns: 200 },
  );
});

test("a mapping with keys of JavaScript's own, in the place of any value of the example, throws nothing", () => {
  const lines = example.split("\n");
  for (const [index, line] of lines.entries()) {
    const [, key] = /^(\s*(?:- )?[A-Za-z]+:)/.exec(line) ?? [];
    if (key === undefined) continue;
    for (const value of ["{ toString: 1, valueOf: 2 }", "[{ toString: 1, valueOf: 2 }]", "{ constructor: {} }"])
      check(lines.with(index, `${key} ${value}`).join("\n"));
  }
  for (const key of ["host", "port", "tls", "proxyProtocol"])
    check(example.replace("{ kind: c2s,", `{ kind: c2s, ${key}: { toString: 1, valueOf: 2 },`));
});

test("any JSON value in any place throws nothing", { timeout: 30_000 }, () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const keys = ["version", "domains", "listen", "admin", "limits", "timeouts", "streamManagement", "log"] as const;
  fc.assert(
    fc.property(fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] }), (document) =>
      check(JSON.stringify(document)),
    ),
    { numRuns: 250 },
  );
  fc.assert(
    fc.property(value, value, value, (tls, server, delegations) =>
      check(
        JSON.stringify({
          version: 1,
          domains: { "capulet.lit": { tls, server, delegations } },
          listen: [{ kind: "c2s" }],
        }),
      ),
    ),
    { numRuns: 250 },
  );
});
