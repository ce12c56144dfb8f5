import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const source = (path: string): string => readFileSync(join(root, "src", path), "utf8");

function kindsOf(type: string, text: string): string[] {
  const definition = new RegExp(`^export type ${type} =[^]*?\\n\\n`, "m").exec(text)?.[0] ?? "";
  return [...definition.matchAll(/readonly kind: "([a-z-]+)"/g)].map(([, kind = ""]) => kind);
}

const linkEvents = kindsOf("LinkEvent", source("session/link/performer.ts"));
const hubEvents = kindsOf("HubEvent", source("session/hub/hub-types.ts"));

/**
 * Lines that are written where something happens, also `event: isOne ? "one" : "other"`, and no `event: "connect" | …` of a
 * type. Pure folders have no log, and `event` may mean something else there; so it does in what a tap shows.
 */
const written = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !/^(?:session\/|stream\/|admin\/taps)/.test(path))
  .flatMap((path) => [...source(path).matchAll(/\bevent: ([^,}|\n]*)[,}]/g)])
  .flatMap(([, value = ""]) => [...value.matchAll(/"([a-z-]+)"/g)])
  .map(([, event = ""]) => event);

const events = new Set([...linkEvents, ...hubEvents, ...written]);

const documented = [...readFileSync(join(root, "docs", "logs.md"), "utf8").matchAll(/^\| `([a-z-]+)` +\|/gm)].map(
  ([, event = ""]) => event,
);

test("the events of links and of delegation are found in the source", () => {
  expect(linkEvents).toEqual(expect.arrayContaining(["secured", "bound", "ended"]));
  expect(hubEvents).toEqual(expect.arrayContaining(["delegation", "entity-up", "advertised"]));
  expect(written).toEqual(expect.arrayContaining(["started", "rejected", "log-lines-dropped"]));
});

test("docs/logs.md explains every event of the log once, and no other", () => {
  expect(documented.toSorted()).toEqual([...events].toSorted());
});
