import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { cannotRun, findProgram, freePort, Peer, temporaryFolder, untilListening } from "../../support/peer.js";

// The page is followed as it is written, with a folder in place of the machine's root and free ports in place of its own.
// Left out: to install packages, and what systemd does; the tests of `deploy` do the installing.

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(join(root, "docs", "quick-start.md"), "utf8");

function blocksOf(language: string, text: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , block = ""]) => block);
}

/** The commands of one section of the page. */
function commandsOf(heading: string): string {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`the page has no section ${heading}`);
  return blocksOf("sh", section).join("\n");
}

/** The text with something else in one place, which has to be there. */
function changed(text: string, before: string, after: string): string {
  if (!text.includes(before)) throw new Error(`the page has no ${before}`);
  return text.replace(before, () => after);
}

const peers = ["prosody", "prosodyctl", "openssl", "curl"];

test("the commands of docs/quick-start.md are a shell's", () => {
  const input = blocksOf("sh", page).join("\n");
  expect(spawnSync("bash", ["-n"], { input, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
});

describe.skipIf(cannotRun(...peers))("docs/quick-start.md", () => {
  const folder = temporaryFolder("quick-start");
  const prosodyFile = join(folder, "etc/prosody/prosody.cfg.lua");
  const running: Peer[] = [];
  const ports = new Map<string, number>();
  const portOf = (written: number): number => ports.get(String(written)) ?? 0;

  /** Commands of the page with this test's folder and ports in them. */
  function here(commands: string): string {
    const moved = commands
      .replaceAll(/\/(?:etc|run\/(?:prosody|caesura)|var\/log)\//g, (path) => `${folder}${path}`)
      .replaceAll(/\b\d{4,5}\b/g, (number) => String(ports.get(number) ?? number));
    return `${prelude}\n${moved}\n`;
  }

  const prelude = [
    "set -eu",
    `cd '${root}'`,
    "systemctl() { :; }",
    "chown() { :; }",
    `caesura() { '${process.execPath}' '${root}dist/cli/caesura.js' "$@"; }`,
    `prosodyctl() { command prosodyctl --root --config '${prosodyFile}' "$@"; }`,
  ].join("\n");

  function run(commands: string): { readonly status: number | null; readonly output: string } {
    const { status, stdout, stderr } = spawnSync("bash", ["-c", here(commands)], { encoding: "utf8" });
    return { status, output: `${stdout}${stderr}` };
  }

  /** Prosody as section 2 has it; what Debian's own start says with flags and a user is said in the file. */
  async function startProsody(): Promise<void> {
    const asRoot = `run_as_root = true\ndata_path = "${folder}"\npidfile =`;
    const { status, output } = run(changed(commandsOf("2. Prosody, on loopback"), "pidfile =", asRoot));
    expect(status, output).toBe(0);
    const prosody = await Peer.start({
      name: "Prosody",
      command: findProgram("prosody") ?? "prosody",
      args: ["-F", "--config", prosodyFile],
      isReady: () => true,
    });
    running.push(prosody);
    await untilListening(portOf(15222), prosody);
    await untilListening(portOf(15347), prosody);
  }

  /** Caesura as section 3 has it, with ports of its own in place of systemd's sockets; answers what section 4 says. */
  async function startCaesura(): Promise<string> {
    let commands = changed(commandsOf("3. Caesura"), "deploy/install.sh\n", "");
    for (const [socket, port] of Object.entries({ "c2s-starttls": 5222, "c2s-direct": 5223, component: 5347 }))
      commands = changed(commands, `socket: ${socket}`, `host: 127.0.0.1, port: ${String(port)}`);
    const { status, output } = run(commands);
    expect(status, output).toBe(0);
    const check = run(changed(commandsOf("4. Check"), "rm /etc/caesura/check.yaml", ""));
    running.push(
      await Peer.start({
        name: "Caesura",
        command: process.execPath,
        args: [join(root, "dist/cli/caesura.js"), "run", "-c", join(folder, "etc/caesura/check.yaml")],
        isReady: (log) => log.includes('"started"'),
      }),
    );
    return check.output;
  }

  async function startEntity(): Promise<Peer> {
    const secret = /component_secret = "(\w+)"/.exec(readFileSync(prosodyFile, "utf8"))?.[1] ?? "";
    // In the foreground, and without a shell around it, so that it is this test's to stop.
    const command = changed(changed(commandsOf("6. A managing entity"), " &\n", "\n"), "$secret ", "$secret; exec ");
    const entity = await Peer.start({
      name: "the managing entity",
      command: "bash",
      args: ["-c", here(`secret=${secret}\nexport COMPONENT_SECRET\n${command}`)],
      isReady: (log) => log.includes("connected") && log.includes("delegates"),
    });
    running.push(entity);
    return entity;
  }

  let checked = "";

  beforeAll(async () => {
    for (const written of [15222, 15347, 5222, 5223, 5347, 9199]) ports.set(String(written), await freePort());
    for (const path of ["etc/prosody/certs", "etc/caesura/tls", "run/prosody", "run/caesura", "var/log/prosody"])
      mkdirSync(join(folder, path), { recursive: true });
    await startProsody();
    checked = await startCaesura();
  });

  afterAll(async () => {
    for (const peer of running.toReversed()) await peer.stop();
  });

  test("has a configuration of Prosody that prosodyctl finds nothing wrong with", () => {
    const { output } = run("prosodyctl check config");
    expect(output).toContain("All checks passed");
  });

  test("has a configuration and a server that caesura check --online finds nothing wrong with", () => {
    expect(checked.match(/: no problems\./g)).toHaveLength(2);
    expect(checked).not.toMatch(/^(?:error|warning):/m);
  });

  test("shows what a proxy says that is ready", () => {
    const { output } = run(commandsOf("5. Start"));
    expect(output).toContain('"ready":true');
    expect(page).toContain(`\`${output.trim()}\``);
  });

  test("shows what the entity and the client print, also when the entity is gone, and how that is counted", async () => {
    const [told = "", answer = ""] = blocksOf("text", page);
    const entity = await startEntity();
    const printed = entity.log.split("\n").filter((line) => line !== "");
    expect(printed.toSorted()).toEqual(told.trim().split("\n").toSorted());
    const ask = changed(commandsOf("7. The first delegated request"), "kill %1", "");
    expect(run(ask).output).toContain(answer.trim());
    await entity.stop();
    await withDeadline(untilGone(), 10_000, () => "the entity stays connected");
    expect(run(ask).output).toContain("service-unavailable");
    const [, metrics = ""] = /`(curl -s \S+metrics \| grep caesura_delegations_total)`/.exec(page) ?? [];
    const { output } = run(metrics);
    expect(output).toMatch(/outcome="result"\} 1$/m);
    expect(output).toMatch(/outcome="no_link"\} 1$/m);
  });

  async function untilGone(): Promise<void> {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${String(portOf(9199))}/metrics`);
      if (/^caesura_entity_up\{.*\} 0$/m.test(await response.text())) return;
    }
  }
});
