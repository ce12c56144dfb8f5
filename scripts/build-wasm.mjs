// Compiles src/xml/wasm to src/xml/scanner-code.ts, which is kept in the repository: whoever runs the sources or the tests
// needs no compiler, and nothing looks for a file at run time. With `--check` it only says whether it is up to date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "src", "xml", "wasm");
const target = join(root, "src", "xml", "scanner-code.ts");

const options =
  "--runtime stub --use abort= --noAssert --uncheckedBehavior always --memoryBase 1024 --importMemory --initialMemory 4 " +
  "--enable simd --enable bulk-memory -O3 --converge";

const files = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .sort();
const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.assemblyscript;
const hash = createHash("sha256").update(version).update(options);
for (const name of files) hash.update(name).update(readFileSync(join(folder, name)));
const sources = hash.digest("hex");

const isUpToDate = read(target).includes(sources);
if (process.argv.includes("--check")) {
  if (!isUpToDate) console.error("src/xml/scanner-code.ts is older than src/xml/wasm: run node scripts/build-wasm.mjs");
  process.exitCode = isUpToDate ? 0 : 1;
} else if (!isUpToDate || process.argv.includes("--force")) await compile();

async function compile() {
  const { default: asc } = await import("assemblyscript/asc");
  let binary;
  let complaints = "";
  const { error } = await asc.main(["scan.ts", "--outFile", "scan.wasm", ...options.split(" ")], {
    readFile: (name) => read(join(folder, name)) || null,
    writeFile: (name, contents) => {
      if (name === "scan.wasm") binary = contents;
    },
    listFiles: () => [],
    stderr: { write: (text) => (complaints += text) },
  });
  if (error || binary === undefined) throw new Error(`build-wasm: ${error?.message ?? "no code"}\n${complaints}`);
  const lines = Buffer.from(binary)
    .toString("base64")
    .match(/.{1,116}/g)
    .map((line) => `  "${line}",\n`)
    .join("");
  writeFileSync(
    target,
    `// Made by scripts/build-wasm.mjs from src/xml/wasm; not to be edited.\n// sources ${sources}\nexport const scannerCode = [\n${lines}].join("");\n`,
  );
  console.log(`build-wasm: ${binary.length} bytes`);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
