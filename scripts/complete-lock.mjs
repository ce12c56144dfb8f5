// Completes package-lock.json: `node scripts/complete-lock.mjs`, after every `npm install` that changed it.
//
// npm leaves an optional package out of the lock file when it could not read it while resolving, e.g. a binary for
// another platform that a mirror does not carry, and then `npm ci` refuses the lock file everywhere. Name and version are
// known from the package that wants it, the platform from its name; npm ci needs no more to leave it out.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8"));

for (const [path, wanting] of Object.entries(lock.packages)) {
  for (const [name, version] of path === "" ? [] : Object.entries(wanting.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] !== undefined) continue;
    const [os, cpu, abi = ""] = (name.split("/").pop() ?? "").replace(/^binding-/, "").split("-");
    lock.packages[place] = {
      version,
      cpu: [cpu],
      ...(wanting.dev === true ? { dev: true } : {}),
      ...(abi.startsWith("musl") ? { libc: ["musl"] } : abi.startsWith("gnu") ? { libc: ["glibc"] } : {}),
      ...(wanting.license === undefined ? {} : { license: wanting.license }),
      optional: true,
      os: [os],
      ...(wanting.engines === undefined ? {} : { engines: wanting.engines }),
    };
    console.log(`added ${name} ${version}`);
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
