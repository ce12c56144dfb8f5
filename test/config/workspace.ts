import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/index.js";
import type { Config, LoadedConfig, LoadOptions, Problem } from "../../src/config/index.js";

const certificates = new URL("certificates/", import.meta.url);

/** A date at which the certificates of the tests are valid. */
export const nowMs = Date.parse("2050-01-01T00:00:00Z");

/** A file of `test/config/certificates`. */
export function pem(name: string): string {
  return readFileSync(new URL(name, certificates), "utf8");
}

/** A folder with what a configuration of capulet.lit names; removed after the test. */
export function workspace(): Workspace {
  const folder = mkdtempSync(join(tmpdir(), "caesura-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const made = new Workspace(folder);
  made.write("capulet.crt", pem("capulet.crt"));
  made.write("capulet.key", pem("capulet.key"));
  made.write("secret", "balcony\n");
  return made;
}

export class Workspace {
  readonly folder: string;
  readonly file: string;

  constructor(folder: string) {
    this.folder = folder;
    this.file = join(folder, "proxy.yaml");
  }

  write(name: string, content: string | Uint8Array, mode = 0o600): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  load(yaml: string | Uint8Array, options: Partial<LoadOptions> = {}): LoadedConfig<Config> {
    this.write("proxy.yaml", yaml);
    return loadConfig(this.file, { env: {}, nowMs, ...options });
  }

  /** The configuration, which must have no error. */
  config(yaml: string, options: Partial<LoadOptions> = {}): Config {
    const loaded = this.load(yaml, options);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, undefined, 2));
    return loaded.config;
  }

  problems(yaml: string | Uint8Array, options: Partial<LoadOptions> = {}): readonly Problem[] {
    const loaded = this.load(yaml, options);
    return loaded.ok ? loaded.warnings : loaded.problems;
  }

  /** The problems as `severity code line:column path`, the shape that most tests compare. */
  findings(yaml: string | Uint8Array, options: Partial<LoadOptions> = {}): readonly string[] {
    return this.problems(yaml, options).map(
      ({ severity, code, line, column, path }) => `${severity} ${code} ${line}:${column} ${path}`,
    );
  }
}

/** A configuration without a problem; parts can be replaced. Each part begins on the same line whatever the others are. */
export function yaml(
  parts: Partial<Record<"tls" | "c2s" | "component" | "components" | "delegations" | "listen" | "rest", string>> = {},
): string {
  return [
    "version: 1",
    "domains:",
    "  capulet.lit:",
    `    tls: ${parts.tls ?? "{ cert: capulet.crt, key: capulet.key }"}`, // line 4
    "    server:",
    `      c2s: ${parts.c2s ?? "{ host: 127.0.0.1, port: 15222 }"}`, // line 6
    `      ${parts.component ?? "component: { host: 127.0.0.1, port: 15347 }"}`, // line 7
    `    components: ${parts.components ?? "{ pubsub.capulet.lit: { secretFile: secret } }"}`, // line 8
    `    delegations: ${parts.delegations ?? "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit } }"}`, // line 9
    `listen: ${parts.listen ?? "[{ kind: c2s, host: 127.0.0.1, port: 5222, tls: starttls }, { kind: component, host: 127.0.0.1, port: 5347 }]"}`, // line 10
    parts.rest ?? "",
    "",
  ].join("\n");
}
