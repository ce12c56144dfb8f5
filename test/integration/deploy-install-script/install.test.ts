import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";

const root = join(import.meta.dirname, "..", "..", "..");
const script = join(root, "deploy", "install.sh");

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

describe.skipIf(cannotRun("npm", "shellcheck", "openssl"))("deploy/install.sh", () => {
  let destdir = "";
  const install = (...args: readonly string[]): Outcome => run("sh", [script, ...args], { DESTDIR: destdir });
  const at = (path: string): string => join(destdir, path);
  const mode = (path: string): string => (statSync(at(path)).mode & 0o777).toString(8);

  beforeAll(() => {
    destdir = temporaryFolder("destdir");
    // What an interrupted installation left behind.
    mkdirSync(at("usr/lib/caesura.new"), { recursive: true });
    writeFileSync(at("usr/lib/caesura.new/rest"), "");
    const { status, output } = install();
    expect(output).toContain("install: done");
    expect(status).toBe(0);
  }, 120_000);

  test("is POSIX shell without a remark of shellcheck", () => {
    expect(run("shellcheck", ["--shell=sh", script])).toEqual({ status: 0, output: "" });
  });

  test("tells its options and does nothing else when it is asked for help", () => {
    const fresh = temporaryFolder("help");
    const { status, output } = run("sh", [script, "--help"], { DESTDIR: fresh });
    expect(status).toBe(0);
    for (const word of ["--uninstall", "--purge", "DESTDIR", "NODE"]) expect(output).toContain(word);
    expect(existsSync(join(fresh, "etc"))).toBe(false);
  });

  test("puts everything where Debian's administrators look for it", () => {
    for (const path of [
      "usr/bin/caesura",
      "usr/lib/caesura/dist/cli/caesura.js",
      "usr/lib/caesura/node_modules/sax/package.json",
      "usr/lib/systemd/system/caesura.service",
      "usr/lib/systemd/system/caesura.socket",
      "usr/share/caesura/prometheus",
      "usr/share/bash-completion/completions/caesura",
      "usr/share/zsh/vendor-completions/_caesura",
      "usr/share/fish/vendor_completions.d/caesura.fish",
      "etc/caesura/proxy.yaml",
      "etc/caesura/proxy.schema.json",
    ])
      expect(existsSync(at(path)), path).toBe(true);
    expect(existsSync(at("usr/lib/caesura/node_modules/vitest"))).toBe(false);
    expect(existsSync(at("usr/lib/caesura/rest"))).toBe(false);
    expect(readFileSync(at("usr/lib/systemd/system/caesura.service"), "utf8")).toContain(
      `ExecStart=${process.execPath} /usr/lib/caesura/dist/cli/caesura.js run`,
    );
    expect(readFileSync(at("usr/bin/caesura"), "utf8")).toContain(`exec ${process.execPath} /usr/lib/caesura/`);
  });

  test("completes commands in bash", () => {
    const file = at("usr/share/bash-completion/completions/caesura");
    const { output } = run("bash", ["-c", `. "$0"; complete -p caesura`, file]);
    expect(output).toContain("complete ");
  });

  test("lets nobody but root read keys and secrets, and everybody the rest, whatever the umask is", () => {
    expect([mode("etc/caesura/tls"), mode("etc/caesura/secrets")]).toEqual(["700", "700"]);
    const strict = temporaryFolder("strict");
    // Where nvm and its like put it, a service with ProtectHome= and PrivateTmp= cannot run it.
    const node = join(strict, "node");
    writeFileSync(node, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
    const { status, output } = run("sh", ["-c", `umask 077 && exec sh "$0"`, script], { DESTDIR: strict, NODE: node });
    expect(status).toBe(0);
    expect(output).toContain(`${node} is where a service may not look`);
    for (const [path, wanted] of [
      ["usr/lib/caesura/dist/cli/caesura.js", 0o755],
      ["usr/lib/systemd/system/caesura.socket", 0o644],
      ["etc/caesura/proxy.yaml", 0o644],
      ["usr/bin/caesura", 0o755],
    ] as const)
      expect(statSync(join(strict, path)).mode & 0o777, path).toBe(wanted);
  });

  test("installs a program that runs, with the packages that it brings", () => {
    makeCertificate(at("etc/caesura/tls"), "capulet.lit", ["capulet.lit"]);
    const file = at("etc/caesura/here.yaml");
    const text = readFileSync(at("etc/caesura/proxy.yaml"), "utf8");
    writeFileSync(file, text.replaceAll("/run/credentials/caesura.service/tls_", `${at("etc/caesura/tls")}/`));
    const program = at("usr/lib/caesura/dist/cli/caesura.js");
    const { status, output } = run(process.execPath, [program, "check", "-c", file]);
    expect(output).not.toMatch(/error/i);
    expect(status).toBe(0);
  });

  test("can be repeated: the program is new, the configuration stays", () => {
    writeFileSync(at("etc/caesura/proxy.yaml"), "# mine\n");
    writeFileSync(at("etc/caesura/secrets/pubsub"), "but soft\n", { mode: 0o600 });
    writeFileSync(at("usr/lib/caesura/dist/stale.js"), "");
    const { status, output } = install();
    expect(output).toContain("stays as it is");
    expect(status).toBe(0);
    expect(readFileSync(at("etc/caesura/proxy.yaml"), "utf8")).toBe("# mine\n");
    expect(readFileSync(at("etc/caesura/secrets/pubsub"), "utf8")).toBe("but soft\n");
    expect(existsSync(at("usr/lib/caesura/dist/stale.js"))).toBe(false);
    expect(existsSync(at("usr/lib/caesura.old"))).toBe(false);
  });

  test("changes nothing when Node is too old, missing, or an option is unknown", () => {
    const old = join(temporaryFolder("old"), "node");
    writeFileSync(old, '#!/bin/sh\n[ "$1" = --version ] || exit 1\necho v18.20.4\n');
    chmodSync(old, 0o755);
    const fresh = temporaryFolder("fresh");
    for (const [env, reason] of [
      [{ NODE: old }, "v18.20.4; Caesura needs 20.19"],
      [{ NODE: "/nonexistent/node" }, "no Node.js"],
      [{ NODE: "node" }, "whole path"],
    ] as const) {
      const outcome = run("sh", [script], { DESTDIR: fresh, ...env });
      expect(outcome.output).toContain(reason);
      expect(outcome.status).toBe(1);
    }
    expect(run("sh", [script, "--unistall"], { DESTDIR: fresh }).output).toContain("--unistall is no option");
    expect(existsSync(join(fresh, "usr"))).toBe(false);
  });

  test("takes everything away again: the configuration only when told so, and twice does no harm", () => {
    expect(install("--uninstall").status).toBe(0);
    for (const path of [
      "usr/bin/caesura",
      "usr/lib/caesura",
      "usr/share/caesura",
      "usr/share/zsh/vendor-completions/_caesura",
    ])
      expect(existsSync(at(path)), path).toBe(false);
    expect(existsSync(at("usr/lib/systemd/system/caesura.socket"))).toBe(false);
    expect(existsSync(at("etc/caesura/secrets/pubsub"))).toBe(true);
    expect(install("--purge").status).toBe(0);
    expect(existsSync(at("etc/caesura"))).toBe(false);
    expect(install("--purge").status).toBe(0);
  });
});
