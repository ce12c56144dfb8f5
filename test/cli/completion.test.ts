import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { shells } from "../../src/cli/completion.js";
import { workspace } from "../config/workspace.js";
import { caesura } from "./recorder.js";

describe("completion", () => {
  let script = "";
  beforeAll(async () => {
    script = (await caesura(["completion", "bash"])).stdout;
  });

  /** What bash offers for a line that ends where the cursor is. */
  function offered(line: string, folder = "/"): readonly string[] {
    const words = line.split(" ");
    const asked = `${script}
COMP_WORDS=(${words.map((word) => JSON.stringify(word)).join(" ")}) COMP_CWORD=${String(words.length - 1)}
_caesura
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", asked], { cwd: folder, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    return stdout.split("\n").filter((word) => word !== "");
  }

  test.each([
    ["caesura ch", ["check"]],
    ["caesura check --o", ["--online"]],
    ["caesura check --as ", []],
    ["caesura rules ", expect.arrayContaining(["test", "--watch"])],
    ["caesura rules test --js", ["--json"]],
    ["caesura completion ", expect.arrayContaining([...shells])],
    ["caesura nothing ", []],
  ])("in bash continues %j", (line, words) => {
    expect(offered(line)).toEqual(words);
  });

  test("in bash offers each command and each option of each", async () => {
    const commands = offered("caesura ").filter((word) => !word.startsWith("-"));
    expect(commands).toEqual(expect.arrayContaining(["run", "check", "explain", "import", "tap", "drain", "version"]));
    for (const command of commands) {
      const { stdout } = await caesura([command, "--help"]);
      const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option);
      expect(offered(`caesura ${command} -`)).toEqual(expect.arrayContaining(options));
    }
  });

  test("in bash offers files where a file is meant, also with spaces", () => {
    const { folder } = workspace();
    mkdirSync(join(folder, "two words"));
    expect(offered("caesura check -c cap", folder).toSorted()).toEqual(["capulet.crt", "capulet.key"]);
    expect(offered("caesura import two", folder)).toEqual(["two words"]);
    expect(offered("caesura rules test se", folder)).toEqual(["secret"]);
    expect(offered("caesura import --", folder)).toContain("--output");
  });

  test.each(["zsh", "fish"])("in %s names each command", async (shell) => {
    const { code, stdout } = await caesura(["completion", shell]);
    expect(code).toBe(0);
    for (const command of offered("caesura ")) {
      if (!command.startsWith("-")) expect(stdout).toMatch(new RegExp(`(?:'| -a )${command}\\b`));
    }
  });

  test("of another shell is a wrong command line", async () => {
    const { code, stderr } = await caesura(["completion", "ksh"]);
    expect(code).toBe(2);
    expect(stderr).toContain("bash, zsh, fish");
  });
});

test("the versions are told for a person and for a program", async () => {
  expect((await caesura(["version"])).stdout).toBe(`caesura 0.1.0, Node.js ${process.versions.node}\n`);
  const { stdout } = await caesura(["version", "--json"]);
  expect(JSON.parse(stdout)).toEqual({ caesura: "0.1.0", node: process.versions.node });
});
