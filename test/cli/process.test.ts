import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { configJsonSchema } from "../../src/config/index.js";

const root = join(import.meta.dirname, "..", "..");

// The program itself, as a process: from the sources, so that it needs no build before the test.
function start(arguments_: readonly string[], input = "") {
  const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
  const program = join(root, "src", "cli", "caesura.ts");
  return spawnSync(process.execPath, [tsx, program, ...arguments_], {
    cwd: root,
    input,
    encoding: "utf8",
    timeout: 30_000,
  });
}

describe("the program", { timeout: 40_000 }, () => {
  test("ends with the exit code of its command", () => {
    const { status, stdout, stderr } = start(["check", "-c", "/nonexistent/proxy.yaml"]);
    expect([status, stderr]).toEqual([1, ""]);
    expect(stdout).toContain("There is no file");
  });

  test("writes a long output whole before it ends", () => {
    const { status, stdout } = start(["schema"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(configJsonSchema());
  });

  test("ends without a word when its reader has gone", () => {
    expect(existsSync("/bin/sh")).toBe(true);
    const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
    const line = `"${process.execPath}" "${tsx}" src/cli/caesura.ts schema | head -c 1`;
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", line], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect([status, stdout, stderr]).toEqual([0, "{", ""]);
  });
});
