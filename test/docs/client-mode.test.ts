import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { storeProblems } from "../../src/store/index.js";

const page = readFileSync(new URL("../../docs/client-mode.md", import.meta.url), "utf8");

test("docs/client-mode.md explains each way in which a store can be wrong, and no other", () => {
  const rows = [...page.matchAll(/^\| `(store-[a-z]+)` +\| ([^|]*?) +\|/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ]);
  expect(Object.fromEntries(rows)).toEqual(storeProblems);
});
