import { expect, test } from "vitest";
import { Descriptors } from "../../src/main/descriptors.js";
import { Families } from "../../src/metrics/index.js";

function watched(limit: number | undefined, count: () => Promise<number>) {
  const lines: Record<string, unknown>[] = [];
  const families = new Families();
  const log = { warn: (line: Record<string, unknown>) => void lines.push(line) };
  const descriptors = new Descriptors({ log, families, count, ...(limit === undefined ? {} : { limit }) });
  return { descriptors, lines, families };
}

test("says at the start, and after a reload, that the process may open fewer files than its connections need", () => {
  const { descriptors, lines } = watched(1024, () => Promise.resolve(20));
  descriptors.expect(384);
  expect(lines).toEqual([]);
  descriptors.expect(385);
  expect(lines).toEqual([{ event: "descriptors-few", limit: 1024, needed: 1026, connections: 385 }]);
  descriptors.close();
});

test("says once a minute that hardly any are left, as long as that is so", async () => {
  let open = 899;
  const { descriptors, lines } = watched(1000, () => Promise.resolve(open));
  await descriptors.look();
  expect(lines).toEqual([]);
  open = 900;
  for (let quarter = 0; quarter < 8; quarter++) await descriptors.look();
  expect(lines).toEqual([
    { event: "descriptors-short", open: 900, limit: 1000 },
    { event: "descriptors-short", open: 900, limit: 1000 },
  ]);
});

test("takes it that none are left when they cannot be counted for lack of one", async () => {
  const { descriptors, lines, families } = watched(1000, () => Promise.reject(new Error("EMFILE")));
  await descriptors.look();
  expect(lines).toEqual([{ event: "descriptors-short", open: 1000, limit: 1000 }]);
  expect(await families.text()).toMatch(/^process_open_fds 1000$/m);
});

test("counts those of this process", async () => {
  const families = new Families();
  const descriptors = new Descriptors({ log: { warn: () => undefined }, families });
  await descriptors.look();
  const value = async (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await families.text())?.[1]);
  expect(await value("process_open_fds")).toBeGreaterThan(2);
  expect(await value("process_max_fds")).toBeGreaterThan(await value("process_open_fds"));
});
