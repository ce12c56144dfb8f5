// `npm test`: installs what is missing and runs every test. The last line is `N passed, N failed`.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, ensureBuild, ensureDebianPackages, ensurePackages, root, run } from "./setup.mjs";

const inCi = process.env["CI"] !== undefined && process.env["CI"] !== "" && process.env["CI"] !== "false";

/** The other Node of CI; pinned, like every tool. */
const otherNode = "24.21.0";

/** What the integration tests talk to. */
const peers = [
  "prosody",
  "prosody-modules",
  "libervia-pubsub",
  "postgresql",
  "ejabberd",
  "jabberd2",
  "haproxy",
  "chromium",
  "prometheus",
  "systemd",
  "shellcheck",
  "python3-slixmpp",
  "python3-aioxmpp",
  "go-sendxmpp",
  "profanity",
  "tmux",
  "openssl",
  "fakeroot",
  "curl",
  "procps",
];

const totals = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const failures = [];
/** @type {string[]} */
const skips = [];

const say = (text) => console.log(`\n── ${text}`);

/** Runs one thing that either passes or fails as a whole. */
async function check(name, work) {
  const started = Date.now();
  let problem;
  try {
    problem = await work();
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  if (problem === undefined) {
    totals.passed++;
    console.log(`ok   ${name} (${seconds(started)})`);
    return true;
  }
  totals.failed++;
  failures.push(name);
  console.log(`FAIL ${name} (${seconds(started)})\n${problem}`);
  return false;
}

const seconds = (started) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

const bin = (name) => join("node_modules", ".bin", name);

async function tool(name, command, args) {
  await check(name, async () => {
    const { code, output } = await run(command, args, { quiet: true });
    return code === 0 ? undefined : output;
  });
}

/** Runs one project of vitest and adds its figures to the totals. */
async function tests(name, project, node = process.execPath) {
  say(`${name} tests, Node ${await versionOf(node)}`);
  const report = join(cache, `${name}.json`);
  const skipLog = join(cache, `${name}.skipped`);
  rmSync(report, { force: true });
  rmSync(skipLog, { force: true });
  const { code } = await run(
    node,
    [
      join("node_modules", "vitest", "vitest.mjs"),
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    { env: { CAESURA_SKIP_LOG: skipLog } },
  );
  if (!existsSync(report)) {
    totals.failed++;
    failures.push(`${name}: no report was written`);
    return;
  }
  const figures = JSON.parse(readFileSync(report, "utf8"));
  totals.passed += figures.numPassedTests;
  totals.skipped += figures.numPendingTests + figures.numTodoTests;
  // A file that does not load, or an error outside any test, fails the run without a failed test.
  const failed = Math.max(figures.numFailedTests, figures.success === true && code === 0 ? 0 : 1);
  totals.failed += failed;
  if (failed > 0) failures.push(`${name}: ${failed}`);
  if (existsSync(skipLog)) {
    skips.push(...new Set(readFileSync(skipLog, "utf8").trim().split("\n")));
  } else if (figures.numPendingTests > 0) {
    skips.push(`${name}: ${figures.numPendingTests} tests marked as skipped in the source`);
  }
}

async function versionOf(node) {
  return (await run(node, ["--version"], { quiet: true })).output.trim().slice(1);
}

/** Brings in the other Node, once. */
async function fetchOtherNode() {
  const prefix = join(cache, `node-${otherNode}`);
  const binary = join(prefix, "node_modules", "node", "bin", "node");
  if (!existsSync(binary)) {
    mkdirSync(prefix, { recursive: true });
    const { code, output } = await run(
      "npm",
      ["install", "--prefix", prefix, "--no-audit", "--no-fund", "--no-save", `node@${otherNode}`],
      { quiet: true },
    );
    if (code !== 0 || !existsSync(binary)) throw new Error(output);
  }
  return binary;
}

async function main() {
  const started = Date.now();
  say("setting up");
  if (!(await check("packages", () => ensurePackages(console.log)))) return;
  mkdirSync(cache, { recursive: true });
  if (!(await check("build", () => ensureBuild(console.log)))) return;
  const missing = await ensureDebianPackages(peers, console.log);
  if (missing !== undefined) console.log(`peers of the integration tests: ${missing}`);

  say("checks");
  await tool("format", bin("prettier"), ["--check", "--log-level", "warn", "."]);
  await tool("lint", bin("oxlint"), ["--type-aware", "--deny-warnings"]);
  await tool("typecheck", bin("tsc"), ["-p", "tsconfig.test.json"]);

  await tests("unit", "unit");
  if (inCi) {
    let other;
    await check(`Node ${otherNode} is at hand`, async () => {
      other = await fetchOtherNode();
    });
    if (other !== undefined) await tests("unit-other-node", "unit", other);
  }
  await tests("integration", "integration");
  if (inCi && totals.skipped > 0) {
    totals.failed++;
    failures.push("tests were skipped, and CI skips nothing");
  }
  console.log(`\nin ${seconds(started)}, in ${root}`);
}

await main();
if (skips.length > 0) console.log(`\nskipped:\n${skips.map((line) => `  ${line}`).join("\n")}`);
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((line) => `  ${line}`).join("\n")}`);
console.log(
  `\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ""}`,
);
process.exitCode = totals.failed > 0 ? 1 : 0;
