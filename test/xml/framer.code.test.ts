import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { xmlFaults } from "../../src/xml/index.js";
import { readFileSync } from "node:fs";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("the compiled scanner is that of the sources beside it", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/build-wasm.mjs", "--check"], { cwd: root });
  expect(stderr.toString()).toBe("");
  expect(status).toBe(0);
});

test("the scanner numbers the faults as the table lists them", () => {
  const source = readFileSync(`${root}/src/xml/wasm/faults.ts`, "utf8");
  const numbered = [...source.matchAll(/export const (\w+): u32 = (\d+);/g)].map(
    ([, name = "", number = ""]) => `${number} ${name.replaceAll("_", "")}`,
  );
  const listed = Object.keys(xmlFaults).map((name, index) => `${index + 1} ${name.toUpperCase()}`);
  expect(numbered).toEqual(["0 NONE", ...listed]);
});
