import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Entry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8");
const { packages }: { readonly packages: Readonly<Record<string, Entry>> } = JSON.parse(text);

test("the lock file names every optional package, so that npm ci takes it (scripts/complete-lock.mjs)", () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`${path}/node_modules/${name}`] === undefined && packages[`node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

test("every package of the lock file has a version and comes from no particular place", () => {
  const bad = Object.entries(packages).filter(([path, entry]) => path !== "" && (entry.version ?? "") === "");
  expect(bad).toEqual([]);
  expect(text).not.toContain('"resolved"');
});
