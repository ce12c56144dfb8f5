// Builds dist/: the WebAssembly scanner (if it is part of this tree), the TypeScript, and what else `dist` needs.
// Does nothing but look when dist/ is newer than everything it is made from.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "src");
const target = join(root, "dist");
const stamp = join(target, ".built");
const command = join(target, "cli", "caesura.js");

const inputs = [
  ...filesBelow(source),
  ...["package.json", "package-lock.json", "tsconfig.json", "scripts/build.mjs", "scripts/build-wasm.mjs"]
    .map((name) => join(root, name))
    .filter((path) => existsSync(path)),
];

if (process.argv.includes("--force") || !isUpToDate()) build();

function build() {
  const started = new Date();
  const wasm = join(root, "scripts", "build-wasm.mjs");
  if (existsSync(wasm)) run(process.execPath, [wasm]);
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", root]);
  for (const path of filesBelow(source).filter(isAsset)) {
    const copy = join(target, relative(source, path));
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(path, copy);
  }
  if (existsSync(command)) {
    const text = readFileSync(command, "utf8");
    if (!text.startsWith("#!")) writeFileSync(command, `#!/usr/bin/env node\n${text}`);
    chmodSync(command, 0o755);
  }
  for (const path of filesBelow(target).filter(isOrphan)) rmSync(path);
  // The list of inputs is part of the stamp, so that a deleted file is noticed too; its time is that of the start, so
  // that a file edited meanwhile is.
  writeFileSync(stamp, listing());
  utimesSync(stamp, started, started);
}

/** True for what an earlier build made of a file that is no longer there. */
function isOrphan(path) {
  const origin = join(source, relative(target, path)).replace(/\.map$/, "");
  return /\.js(\.map)?$/.test(path) && !existsSync(origin) && !existsSync(origin.replace(/\.js$/, ".ts"));
}

/** Every source file belongs into dist/ but TypeScript, which was compiled, and the sources of the WebAssembly. */
function isAsset(path) {
  return !/\.(ts|wat|md)$/.test(path);
}

function isUpToDate() {
  if (!existsSync(stamp) || !existsSync(command) || readFileSync(stamp, "utf8") !== listing()) return false;
  const built = statSync(stamp).mtimeMs;
  return inputs.every((path) => statSync(path).mtimeMs <= built);
}

function listing() {
  return `${inputs.map((path) => relative(root, path)).join("\n")}\n`;
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function run(program, arguments_) {
  const { status, error } = spawnSync(program, arguments_, { cwd: root, stdio: "inherit" });
  if (error) console.error(`build: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
