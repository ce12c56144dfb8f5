import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { workspace } from "../config/workspace.js";
import { caesura } from "./recorder.js";

// However proxy.yaml is mutilated, `caesura check` ends with 0 or 1, soon, without a stack trace; each problem stands inside of
// the file and is told once; and what it prints for a person quotes the line that it names.

const example = readFileSync(join(import.meta.dirname, "..", "..", "proxy.yaml"));

async function check(content: Uint8Array): Promise<void> {
  const space = workspace();
  space.write("proxy.yaml", content);
  const started = performance.now();
  const { code, stdout, stderr } = await caesura(["check", "--json", "-c", space.file]);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect([0, 1]).toContain(code);
  expect(stderr).toBe("");
  const { ok, problems }: { ok: boolean; problems: readonly { line: number; column: number; message: string }[] } =
    JSON.parse(stdout);
  expect(ok).toBe(code === 0);
  const lines = Buffer.from(content)
    .toString("utf8")
    .replace(/^\u{feff}/u, "")
    .split("\n");
  for (const { line, column } of problems) {
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
  }
  const told = problems.map(({ line, column, message }) => `${String(line)}:${String(column)} ${message}`);
  expect(new Set(told).size).toBe(told.length);
  const text = await caesura(["check", "-c", space.file]);
  expect(text.code).toBe(code);
  expect(text.stdout).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
}

const options = { numRuns: 40 };
const place = fc.nat(example.length - 1);

test("cut anywhere", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(place, (end) => check(example.subarray(0, end))),
    options,
  );
});

test("with lines swapped", { timeout: 60_000 }, async () => {
  const lines = example.toString("utf8").split("\n");
  const line = fc.nat(lines.length - 1);
  await fc.assert(
    fc.asyncProperty(line, line, (one, other) => {
      const swapped = lines.with(one, lines[other] ?? "").with(other, lines[one] ?? "");
      return check(Buffer.from(swapped.join("\n")));
    }),
    options,
  );
});

test("with bytes changed, be they UTF-8 or not", { timeout: 60_000 }, async () => {
  const change = fc.tuple(place, fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(example);
      for (const [at, byte] of changes) bytes[at] = byte;
      return check(bytes);
    }),
    options,
  );
});

test("with any value of another type", { timeout: 60_000 }, async () => {
  const document: unknown = parse(example.toString("utf8"));
  const paths = pathsIn(document, []);
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(null, "", [], {}, -1, Number.POSITIVE_INFINITY, "yes", "0.0.0.0:1"),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), strange, (path, value) =>
      check(Buffer.from(stringify(replaced(document, path, value)))),
    ),
    options,
  );
});

type Path = readonly (string | number)[];

function pathsIn(value: unknown, path: Path): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Object.entries(value).map(([key, inner]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return pathsIn(inner, [...path, step]);
  });
  return [path, ...entries.flat()];
}

function replaced(value: unknown, [step, ...rest]: Path, by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? replaced(item, rest, by) : item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === step ? replaced(inner, rest, by) : inner]),
  );
}
