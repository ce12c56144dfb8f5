import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { caesura } from "../cli/recorder.js";
import { pem, workspace } from "../config/workspace.js";

// What people copy from the pages: commands and configurations.

const root = join(import.meta.dirname, "..", "..");
const pages = [
  "README.md",
  "deploy/README.md",
  "examples/README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

function blocksOf(language: string): readonly (readonly [page: string, block: string])[] {
  return pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
      .filter(([, name]) => name === language)
      .map(([, , block = ""]) => [page, block] as const),
  );
}

test("the commands of every page are a shell's", () => {
  for (const [page, input] of blocksOf("sh")) {
    const { stderr } = spawnSync("bash", ["-n"], { input, encoding: "utf8" });
    expect(stderr, `${page}\n${input}`).toBe("");
  }
});

test("every caesura command of the pages is there, with the options that it is given", async () => {
  const wrong: string[] = [];
  const help = new Map<string, string>();
  for (const [page, line] of commandLines()) {
    const [name = "", ...words] = line.trim().split(/\s+/);
    const known = help.get(name) ?? (await helpOf(name));
    help.set(name, known);
    const options = words.flatMap((word) => /^\[?(--?[a-z][a-z-]*)/.exec(word)?.[1] ?? []);
    if (known === "" || options.some((option) => !known.includes(option))) wrong.push(`${page}: caesura ${line}`);
  }
  expect(wrong).toEqual([]);
  expect([...help.keys()]).toEqual(expect.arrayContaining(["check", "explain", "status"]));
});

/** What stands behind `caesura` in the commands of a page, and in its text. */
function commandLines(): readonly (readonly [page: string, line: string])[] {
  const inBlocks = blocksOf("sh").flatMap(([page, block]) =>
    [...block.matchAll(/(?:^|\s|\()caesura ([a-z][a-z-]*[^\n|>]*)/gm)].map(([, line = ""]) => [page, line] as const),
  );
  const inText = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/`(?:npx )?caesura ([a-z][a-z-]*[^`\n<]*)/g)].map(
      ([, line = ""]) => [page, line] as const,
    ),
  );
  return [...inBlocks, ...inText];
}

async function helpOf(name: string): Promise<string> {
  const { code, stdout } = await caesura([name, "--help"]);
  return code === 0 ? stdout : "";
}

const configurations = [...blocksOf("yaml"), ...heredocs()].filter(
  ([, block]) => /^version: 1$/m.test(block) && block.includes("\nlisten:"),
);

function heredocs(): readonly (readonly [page: string, block: string])[] {
  return blocksOf("sh").flatMap(([page, block]) =>
    [...block.matchAll(/^cat > \S+\.yaml <<'END'\n([^]*?)^END$/gm)].map(([, text = ""]) => [page, text] as const),
  );
}

describe("a configuration of the pages is one without an error, its files apart", () => {
  test.each(configurations)("in %s", (_, text) => {
    const here = workspace();
    here.write("capulet.lit.crt", pem("capulet.crt"));
    here.write("capulet.lit.key", pem("capulet.key"));
    const local = text.replaceAll(/(?:[\w./-]*\/)(?:tls_)?(capulet\.lit\.(?:crt|key))/g, "$1");
    const loaded = here.load(local.replaceAll("/run/caesura/", `${here.folder}/`));
    expect(loaded.ok ? [] : loaded.problems).toEqual([]);
  });

  test("of the README, the quick start, and the page for existing servers", () => {
    expect(configurations.map(([page]) => page)).toEqual(
      expect.arrayContaining(["README.md", "docs/quick-start.md", "docs/existing-server.md"]),
    );
  });
});
