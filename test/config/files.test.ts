import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig, loadRules } from "../../src/config/index.js";
import { caesura } from "../cli/recorder.js";
import { nowMs, pem, workspace, yaml } from "./workspace.js";

const brief = (problems: readonly { readonly severity: string; readonly code: string }[]): readonly string[] =>
  problems.map(({ severity, code }) => `${severity} ${code}`);

describe("permissions", () => {
  test.each(["capulet.key", "capulet.crt", "secret"])("everybody may change %s: a warning, and what to do", (name) => {
    const space = workspace();
    const path = join(space.folder, name);
    chmodSync(path, 0o602);
    const problems = space.problems(yaml());
    expect(brief(problems)).toEqual(["warning world-writable"]);
    expect(problems[0]?.hint).toBe(`chmod o-w ${path}`);
  });

  test("everybody may change the configuration itself: a warning at its first line", () => {
    const space = workspace();
    space.write("proxy.yaml", yaml());
    chmodSync(space.file, 0o666);
    const loaded = loadConfig(space.file, { env: {}, nowMs });
    expect(loaded).toMatchObject({ ok: true, warnings: [{ code: "world-writable", line: 1, column: 1 }] });
    space.write("proxy.yaml", "version: 2");
    chmodSync(space.file, 0o666);
    expect(loadConfig(space.file, { env: {} })).toMatchObject({
      ok: false,
      problems: [{ code: "world-writable" }, {}, {}, {}],
    });
  });
});

describe("a chain of certificates", () => {
  test("that does not lead from the domain's own to its authority is warned about", () => {
    const space = workspace();
    space.write("capulet.crt", pem("capulet.crt") + pem("montague.crt"));
    expect(brief(space.problems(yaml()))).toEqual(["warning certificate-chain"]);
  });

  test("whose order is upside down is told so, once", () => {
    const space = workspace();
    space.write("capulet.crt", pem("montague.crt") + pem("capulet.crt"));
    expect(brief(space.problems(yaml()))).toEqual(["error certificate-chain"]);
  });
});

describe("what is no file to read", () => {
  const big = 10 * 1024 * 1024;
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdefghij".split("").map((name, index) => {
      const before = "abcdefghij"[index] ?? "a";
      return `${name}: &${name} [${Array(9).fill(`*${before}`).join(",")}]`;
    }),
  ].join("\n");

  const makers: Readonly<Record<string, (path: string) => void>> = {
    "a folder": (path) => mkdirSync(path),
    "a pipe that nobody writes to": (path) => expect(spawnSync("mkfifo", [path]).status).toBe(0),
    "a device without end": (path) => symlinkSync("/dev/zero", path),
    "a terminal": (path) => symlinkSync("/dev/tty", path),
    "memory of this process": (path) => symlinkSync("/proc/self/mem", path),
    "a link to itself": (path) => symlinkSync(path, path),
    "a link to nothing": (path) => symlinkSync("nowhere", path),
  };
  const contents: Readonly<Record<string, string | Uint8Array>> = {
    nothing: "",
    "ten megabytes": Buffer.alloc(big, "a: [\n"),
    "a megabyte in one line": "a".repeat(1_000_000),
    "bytes of a picture": Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0xff),
    NUL: "\0".repeat(1000),
    "UTF-16": Buffer.from("\u{feff}version: 1", "utf16le"),
    "aliases that multiply": bomb,
    "aliases in a ring": "a: &a [*a]",
    "brackets without end": "[".repeat(5_000),
    "maps without end": "{a: ".repeat(3_000),
    "blocks without end": "- ".repeat(5_000),
    "unknown keys without end": Array.from({ length: 1_000 }, (_, index) => `k${String(index)}: 1`).join("\n"),
    "half of the example": yaml().slice(0, 150),
  };

  /** The configuration, the secret and the cases of rules are read by the same rules. */
  async function everyReader(path: string): Promise<readonly { readonly code: number; readonly text: string }[]> {
    const runs = [
      ["check", "-c", path],
      ["check", "--json", "-c", path],
      ["check", "--online", "-c", path],
      ["run", "-c", path],
      ["explain", "-c", path, "--from", "juliet@capulet.lit/balcony"],
      ["rules", "test", path],
      ["import", path],
    ];
    const outcomes = [];
    for (const arguments_ of runs) {
      const { code, stdout, stderr } = await caesura(arguments_);
      outcomes.push({ code, text: `${arguments_.join(" ")}\n${stdout}${stderr}` });
    }
    return outcomes;
  }

  function expectRefusals(outcomes: readonly { readonly code: number; readonly text: string }[]): void {
    for (const { code, text } of outcomes) {
      expect(code, text).toBeGreaterThan(0);
      expect(text).toMatch(/error|"severity": "error"/);
      expect(text).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
      expect(text.length).toBeLessThan(200_000);
    }
  }

  test.each(Object.keys(makers))(
    "is told by every command without a stack trace: %s",
    { timeout: 30_000 },
    async (name) => {
      const space = workspace();
      rmSync(space.file, { force: true });
      makers[name]?.(space.file);
      expectRefusals(await everyReader(space.file));
    },
  );

  test.each(Object.keys(contents))(
    "is told by every command without a stack trace: %s",
    { timeout: 60_000 },
    async (name) => {
      const space = workspace();
      const path = space.write("proxy.yaml", contents[name] ?? "");
      expectRefusals(await everyReader(path));
      expect(loadRules(path).ok).toBe(false);
    },
  );

  test.each(Object.keys(makers))("is told at its place when the file names it: %s", (name) => {
    const space = workspace();
    makers[name]?.(join(space.folder, "odd"));
    const text = yaml({ tls: "{ cert: odd, key: odd }", components: "{ pubsub.capulet.lit: { secretFile: odd } }" });
    const findings = space.findings(text);
    expect(findings).toHaveLength(3);
    for (const finding of findings) expect(finding).toMatch(/^error (?:not-a-file|file-missing|file-unreadable) [48]:/);
  });
});
