import { mkdirSync, writeFileSync } from "node:fs";

import { freePort } from "../port.js";
import type { Run } from "../run.js";
import { DELEGATED_NAMESPACE, DOMAIN, ENTITY, ENTITY_SECRET } from "../stanzas.js";
import type { Server, ServerOptions } from "./prosody.js";

/**
 * ejabberd with its own delegation module, in clear on loopback. Every user may log in with any password, so that no
 * account need be made. Started without distribution: no other Erlang node is disturbed, no epmd stays behind.
 */
export async function startEjabberd(run: Run, options: Pick<ServerOptions, "cores">): Promise<Server> {
  const [port, componentPort] = [await freePort(), await freePort()];
  const home = run.path(`ejabberd-${port}`);
  mkdirSync(home, { recursive: true });
  const file = `${home}/ejabberd.yml`;
  writeFileSync(
    file,
    `loglevel: error
hosts: ["${DOMAIN}"]
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
acl:
  entity:
    server: "${ENTITY}"
access_rules:
  entity:
    allow: entity
listen:
  - { port: ${port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144 }
  - port: ${componentPort}
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts: { "${ENTITY}": { password: "${ENTITY_SECRET}" } }
modules:
  mod_disco: {}
  mod_delegation:
    namespaces:
      "${DELEGATED_NAMESPACE}": { access: entity }
`,
  );
  // prettier-ignore
  const command = [
    "erl", "+K", "true", "-noinput", "-noshell", "-mnesia", "dir", `"${home}"`, "-s", "ejabberd",
  ];
  const process = run.start(command, {
    name: "ejabberd",
    directory: home,
    ...(options.cores === undefined ? {} : { cores: options.cores }),
    environment: {
      HOME: home,
      ERL_LIBS: "/usr/lib/x86_64-linux-gnu",
      EJABBERD_CONFIG_PATH: file,
      EJABBERD_LOG_PATH: `${home}/ejabberd.log`,
      ERL_CRASH_DUMP_SECONDS: "0",
    },
  });
  await process.accepts(componentPort);
  await process.accepts(port);
  return { process, port, componentPort };
}
