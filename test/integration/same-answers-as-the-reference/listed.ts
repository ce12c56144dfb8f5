import { readFileSync } from "node:fs";

/** The page that lists the differences. */
export const page = readFileSync(new URL("../../../docs/comparison-with-mod-delegation.md", import.meta.url), "utf8");

/** The differences that the page lists: heading → the lines of its block. */
export const listed: ReadonlyMap<string, readonly string[]> = new Map(
  [...page.matchAll(/^### (.+)\n([^]*?)(?=^##|$(?![^]))/gm)].map(([, heading = "", body = ""]) => [
    heading,
    (/^```diff\n([^]*?)^```$/m.exec(body)?.[1] ?? "").split("\n").filter((text) => text !== ""),
  ]),
);
