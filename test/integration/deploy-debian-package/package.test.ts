import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { cannotRun, temporaryFolder } from "../../support/peer.js";

const root = join(import.meta.dirname, "..", "..", "..");
const source = join(root, "deploy", "debian");

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, NODE: process.execPath, ...env },
  });
  return { status, output: `${stdout}${stderr}` };
}

// What a system does with the package, systemd included, is tried by scripts/machine/systemd.sh.
describe.skipIf(cannotRun("npm", "dpkg-deb", "fakeroot", "shellcheck"))("the Debian package", () => {
  let file = "";
  /** Where its content and its control files are. */
  let unpacked = "";

  beforeAll(() => {
    const folder = temporaryFolder("package");
    const { status, output } = run(join(source, "build.sh"), [folder], { SOURCE_DATE_EPOCH: "1700000000" });
    expect(status, output).toBe(0);
    const architecture = run("dpkg", ["--print-architecture"]).output.trim();
    file = join(folder, `caesura_0.1.0_${architecture}.deb`);
    unpacked = temporaryFolder("unpacked");
    expect(run("dpkg-deb", ["--raw-extract", file, unpacked]).status).toBe(0);
  }, 180_000);

  const at = (path: string): string => join(unpacked, path);

  test("is built by scripts without a remark of shellcheck", () => {
    const scripts = ["build.sh", "postinst", "prerm", "postrm"].map((name) => join(source, name));
    expect(run("shellcheck", ["--shell=sh", ...scripts])).toEqual({ status: 0, output: "" });
  });

  test("belongs to root, and nobody else may write to it or read keys", () => {
    const { output } = run("dpkg-deb", ["--contents", file]);
    const lines = output.trim().split("\n");
    expect(lines.filter((line) => !line.includes(" root/root "))).toEqual([]);
    expect(lines.filter((line) => /^[^l]....w|^[^l].......w/.test(line))).toEqual([]);
    for (const name of ["tls", "secrets"]) expect(statSync(at(`etc/caesura/${name}`)).mode & 0o777, name).toBe(0o700);
  });

  test("asks for the Node.js that it needs, and runs with Debian's", () => {
    const least = /"node": ">=([0-9.]+)"/.exec(readFileSync(join(root, "package.json"), "utf8"))?.[1];
    const control = readFileSync(at("DEBIAN/control"), "utf8");
    expect(control).toContain(`nodejs (>= ${String(least)})`);
    expect(control).toMatch(/^Version: 0\.1\.0\nArchitecture: [a-z0-9]+$/m);
    expect(control).not.toMatch(/@[A-Z]+@/);
    for (const path of ["usr/bin/caesura", "usr/lib/systemd/system/caesura.service"])
      expect(readFileSync(at(path), "utf8"), path).toContain("/usr/bin/node /usr/lib/caesura/");
  });

  test("knows the configuration as the operator's file, and no other", () => {
    expect(readFileSync(at("DEBIAN/conffiles"), "utf8")).toBe("/etc/caesura/proxy.yaml\n");
    expect(lstatSync(at("etc/caesura/proxy.schema.json")).isSymbolicLink()).toBe(true);
  });

  test("holds what this machine runs, with the store of grants, and nothing to compile with", () => {
    const program = at("usr/lib/caesura/dist/cli/caesura.js");
    expect(run(process.execPath, [program, "--version"])).toEqual({ status: 0, output: "0.1.0\n" });
    const folder = temporaryFolder("store");
    const opens = `import { ClassicLevel } from "classic-level"; await new ClassicLevel(${JSON.stringify(folder)}).open();`;
    const script = at("usr/lib/caesura/opens.mjs");
    writeFileSync(script, opens);
    expect(run(process.execPath, [script])).toEqual({ status: 0, output: "" });
    expect(existsSync(at("usr/lib/caesura/node_modules/classic-level/deps"))).toBe(false);
    expect(existsSync(at("usr/lib/caesura/node_modules/typescript"))).toBe(false);
    expect(Number(/^Installed-Size: ([0-9]+)$/m.exec(readFileSync(at("DEBIAN/control"), "utf8"))?.[1])).toBeLessThan(
      30_000,
    );
  });

  test("has a page of the manual that names each command", () => {
    const page = gunzipSync(readFileSync(at("usr/share/man/man1/caesura.1.gz"))).toString("utf8");
    const words = page.replaceAll("\\-", "-").split(/[\s",]+/);
    const help = run(process.execPath, [at("usr/lib/caesura/dist/cli/caesura.js"), "--help"]).output;
    const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*)(?= |$)/gm)].map(([, name]) => name);
    expect(commands.length).toBeGreaterThan(10);
    for (const name of commands) expect(words, name).toContain(name);
  });

  test("is the same, byte for byte, when it is built again", () => {
    const folder = temporaryFolder("again");
    mkdirSync(folder, { recursive: true });
    run(join(source, "build.sh"), [folder], { SOURCE_DATE_EPOCH: "1700000000" });
    const again = join(folder, file.slice(file.lastIndexOf("/") + 1));
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
  }, 180_000);
});
