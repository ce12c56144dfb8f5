import { mkdirSync, writeFileSync } from "node:fs";

import type { Child } from "../child.js";
import { freePort } from "../port.js";
import type { Run } from "../run.js";
import { DELEGATED_NAMESPACE, DOMAIN, ENTITY, ENTITY_SECRET } from "../stanzas.js";

/** A real server of the comparison. */
export interface Server {
  readonly process: Child;
  readonly port: number;
  readonly componentPort: number;
}

export interface ServerOptions {
  readonly cores?: string;
  /** Accounts `user0`, `user1`, …; each with the password `secret`. */
  readonly users: number;
  /** Loads the server's own delegation module, with the namespace of the benches given to their managing entity. */
  readonly delegates: boolean;
}

/** Prosody in clear on loopback, as it stands behind Caesura (protocol.md A4) or, delegating by itself, beside it. */
export async function startProsody(run: Run, options: ServerOptions): Promise<Server> {
  const [port, componentPort] = [await freePort(), await freePort()];
  const data = run.path(`prosody-${port}`);
  const accounts = `${data}/${DOMAIN.replaceAll(".", "%2e")}/accounts`;
  mkdirSync(accounts, { recursive: true });
  for (let user = 0; user < options.users; user++) {
    writeFileSync(`${accounts}/user${user}.dat`, `return { ["password"] = "secret" };\n`);
  }
  const file = `${data}/prosody.cfg.lua`;
  writeFileSync(
    file,
    `run_as_root = true
data_path = "${data}"
pidfile = "${data}/prosody.pid"
certificates = "${data}"
log = { error = "${data}/error.log" }
network_backend = "epoll"
interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
component_ports = { ${componentPort} }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = { "roster", "saslauth", "disco", "ping"${options.delegates ? ', "delegation"' : ""} }
modules_disabled = { "s2s", "tls", "offline" }
VirtualHost "${DOMAIN}"
${options.delegates ? `delegations = { ["${DELEGATED_NAMESPACE}"] = { jid = "${ENTITY}" } }` : ""}
Component "${ENTITY}"
component_secret = "${ENTITY_SECRET}"
${options.delegates ? 'modules_enabled = { "delegation" }' : ""}
`,
  );
  const process = run.start(["prosody", "--config", file, "-F"], {
    name: "prosody",
    ...(options.cores === undefined ? {} : { cores: options.cores }),
  });
  await process.accepts(componentPort);
  await process.accepts(port);
  return { process, port, componentPort };
}
