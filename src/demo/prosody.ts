import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Program } from "./program.js";

/** What the server of the demonstration is to serve. */
export interface ServerOptions {
  readonly domain: string;
  readonly users: ReadonlyMap<string, string>;
  readonly component: { readonly jid: string; readonly secret: string };
  readonly c2sPort: number;
  readonly componentPort: number;
}

/** Where Prosody is; undefined when it is not installed. */
export function findProsody(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/bin", "/usr/bin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "prosody"))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Starts Prosody as Debian ships it, without delegation, everything that it keeps in `folder`. */
export async function startProsody(command: string, folder: string, options: ServerOptions): Promise<Program> {
  const { domain, users, component, c2sPort, componentPort } = options;
  const accounts = join(folder, domain.replaceAll(".", "%2e"), "accounts");
  mkdirSync(accounts, { recursive: true });
  for (const [user, password] of users) {
    writeFileSync(join(accounts, `${user}.dat`), `return { ["password"] = ${JSON.stringify(password)}; };\n`);
  }
  const config = join(folder, "prosody.cfg.lua");
  writeFileSync(
    config,
    `-- Prosody behind the proxy: in clear on the loopback, no module for delegation.
run_as_root = true
pidfile = ${JSON.stringify(join(folder, "prosody.pid"))}
data_path = ${JSON.stringify(folder)}
interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
c2s_ports = { ${String(c2sPort)} }
component_ports = { ${String(componentPort)} }
c2s_direct_tls_ports = {}
legacy_ssl_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "version"; "time"; "pep"; "mam"; "carbons"; "blocklist"; "private" }
modules_disabled = { "s2s" }
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = { { levels = { min = "info" }, to = "console" } }
VirtualHost ${JSON.stringify(domain)}
Component ${JSON.stringify(component.jid)}
  component_secret = ${JSON.stringify(component.secret)}
`,
  );
  return Program.start({
    name: "Prosody",
    command,
    args: ["--config", config],
    isReady: (output) =>
      output.includes("Activated service 'c2s' on [") && output.includes("Activated service 'component' on ["),
  });
}
