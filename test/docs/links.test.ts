import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

/** Every Markdown page of the project, as a path below its root. */
const pages = readdirSync(root, { withFileTypes: true })
  .filter(({ name }) => !name.startsWith(".") && !["node_modules", "dist", "coverage"].includes(name))
  .flatMap((entry) => (entry.isDirectory() ? filesBelow(entry.name) : entry.name))
  .filter((path) => path.endsWith(".md"));

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path));
}

const texts = new Map(pages.map((path) => [path, withoutBlocks(readFileSync(join(root, path), "utf8"))]));

/** A link, or a heading, in an example is none. */
function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *(`{3,}|~{3,})[^]*?^ *\1 *$/gm, "");
}

/** Where the links of a page lead, but for those that leave the project. */
function targetsOf(page: string): string[] {
  const text = (texts.get(page) ?? "").replaceAll(/`[^`\n]*`/g, "");
  const inline = [...text.matchAll(/\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)(?: "[^"]*")?\)/g)];
  const listed = [...text.matchAll(/^ *\[[^\]]+\]: *(\S+)/gm)];
  return [...inline, ...listed].map(([, target = ""]) => target).filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that a forge makes of the headings of a page: lower case, words joined, repeated ones numbered. */
function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [...(texts.get(page) ?? "").matchAll(/^#{1,6} +(.+?) *#*$/gm)];
  return new Set(
    headings.map(([, heading = ""]) => {
      const anchor = heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
        .replaceAll(" ", "-");
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${String(before)}`;
    }),
  );
}

/** What is wrong with a link, or undefined. */
function troubleWith(page: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), decodeURIComponent(path));
  if (file.startsWith("..")) return `${target} leads out of the project`;
  if (!existsSync(join(root, file))) return `${target}: ${file} is not there`;
  if (anchor === undefined) return undefined;
  if (statSync(join(root, file)).isDirectory() || !file.endsWith(".md")) return `${target}: ${file} has no anchors`;
  return anchorsOf(file).has(anchor) ? undefined : `${target}: ${file} has no heading for #${anchor}`;
}

test("the README and the pages of docs are among the pages whose links are tested", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/operations.md", "deploy/README.md"]));
});

test("a link to nowhere is found", () => {
  expect(troubleWith("README.md", "docs/nowhere.md")).toContain("is not there");
  expect(troubleWith("README.md", "docs/operations.md#nowhere")).toContain("has no heading");
  expect(troubleWith("README.md", "../elsewhere.md")).toContain("leads out of the project");
});

describe("every link leads to a page, and to a heading of it", () => {
  test.each(pages)("in %s", (page) => {
    const troubles = targetsOf(page).map((target) => troubleWith(page, target));
    expect(troubles.filter((trouble) => trouble !== undefined)).toEqual([]);
  });
});

test("every page of docs can be reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    const next = targetsOf(page).map((target) => join(dirname(page), target.split("#")[0] ?? ""));
    for (const path of next) if (texts.has(path)) reached.add(path);
  }
  const pagesOfDocs = pages.filter((page) => dirname(page) === "docs");
  expect(pagesOfDocs.filter((page) => !reached.has(page))).toEqual([]);
});
