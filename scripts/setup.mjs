// What `npm run demo` and `npm test` do before their work: bring in what is missing, and nothing when nothing is.
// Only what Node itself brings is imported here, because this runs on a fresh clone.
import { spawn } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Where scripts keep what they may throw away: reports, stamps, another Node. */
export const cache = join(root, "node_modules", ".cache", "caesura");

/**
 * Runs a program and shows its output, or collects it when `quiet`.
 *
 * Errors  rejects when the program cannot be started; a non-zero exit is a value.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ quiet?: boolean, env?: Record<string, string | undefined> }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: options.quiet === true ? ["ignore", "pipe", "pipe"] : "inherit",
    });
    const pieces = [];
    child.stdout?.on("data", (piece) => pieces.push(piece));
    child.stderr?.on("data", (piece) => pieces.push(piece));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code: code ?? (signal === null ? 1 : 128), output: Buffer.concat(pieces).toString("utf8") });
    });
  });
}

/**
 * Installs npm's packages unless each one of the lock file is there in its version.
 *
 * @param {(text: string) => void} say
 */
export async function ensurePackages(say) {
  if (packagesAreInstalled()) return;
  say("packages: npm ci");
  const { code, output } = await run("npm", ["ci", "--no-audit", "--no-fund"], { quiet: true });
  if (code !== 0) throw new Error(`npm ci failed:\n${output}`);
}

function packagesAreInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const there = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(
    // Packages for other platforms are optional and rightly absent.
    ([path, { version, optional }]) => path === "" || optional === true || there[path]?.version === version,
  );
}

/**
 * Builds; the build script itself is quick when nothing changed.
 *
 * @param {(text: string) => void} say
 */
export async function ensureBuild(say) {
  const { code, output } = await run(process.execPath, [join("scripts", "build.mjs")], { quiet: true });
  if (code !== 0) throw new Error(`the build failed:\n${output}`);
  if (output.trim() !== "") say(output.trim());
}

/** Where a program is, looked up as a shell does and in the folders of an administrator; undefined when absent.
 *
 * @param {string} program
 */
export function findProgram(program) {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Installs Debian packages that are missing. What they bring is not started as a service.
 *
 * Errors  none: what could not be installed, and why, is the answer; undefined when all is there.
 *
 * @param {readonly string[]} packages
 * @param {(text: string) => void} say
 * @returns {Promise<string | undefined>}
 */
export async function ensureDebianPackages(packages, say) {
  if (findProgram("dpkg-query") === undefined || findProgram("apt-get") === undefined) return "this is not a Debian";
  const missing = [];
  for (const name of packages) if (!(await isInstalled(name))) missing.push(name);
  if (missing.length === 0) return undefined;
  if (process.getuid?.() !== 0) return `not root, so not installed: ${missing.join(" ")}`;
  say(`debian: installing ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const restore = forbidServices();
  try {
    // Somebody else may be installing; a mirror may not answer.
    const patience = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::Retries=2"];
    const update = ["update", "-qq", ...patience];
    if (!hasPackageLists()) await run("apt-get", update, { quiet: true, env });
    const install = ["install", "-y", "-qq", "--no-install-recommends", ...patience, ...missing];
    let outcome = await run("apt-get", install, { quiet: true, env });
    if (outcome.code !== 0) {
      // Lists may be so old that what they name is gone.
      await run("apt-get", update, { quiet: true, env });
      outcome = await run("apt-get", install, { quiet: true, env });
    }
    if (outcome.code !== 0) return `apt-get failed: ${outcome.output.trim().split("\n").slice(-3).join(" / ")}`;
    return undefined;
  } finally {
    restore();
  }
}

/** @param {string} name */
async function isInstalled(name) {
  const { code, output } = await run("dpkg-query", ["-W", "-f", "${db:Status-Status}", name], { quiet: true });
  return code === 0 && output === "installed";
}

function hasPackageLists() {
  try {
    return readdirSync("/var/lib/apt/lists").some((file) => file.endsWith("_Packages") || file.includes("_Packages."));
  } catch {
    return false;
  }
}

/** Keeps dpkg from starting services (invoke-rc.d asks this file), and returns what puts things back. */
function forbidServices() {
  const policy = "/usr/sbin/policy-rc.d";
  const aside = `${policy}.caesura`;
  if (existsSync(policy)) renameSync(policy, aside);
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const restore = () => {
    process.off("exit", restore);
    rmSync(policy, { force: true });
    if (existsSync(aside)) renameSync(aside, policy);
  };
  process.on("exit", restore);
  return restore;
}
