import { readFileSync } from "node:fs";

/** The version in `package.json`, which lies at the same place seen from `src/main/` and from `dist/main/`. */
export function packageVersion(): string {
  const about: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof about === "object" && about !== null && "version" in about && typeof about.version === "string")
    return about.version;
  return "unknown";
}
