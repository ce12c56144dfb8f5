import { existsSync, writeFileSync } from "node:fs";

import type { Certificate } from "../certificate.js";
import { freePort } from "../port.js";
import { program } from "../program.js";
import type { Run } from "../run.js";
import { DELEGATED_NAMESPACE, DOMAIN, ENTITY, ENTITY_SECRET } from "../stanzas.js";
import type { Proxy } from "./haproxy.js";

/** Caesura, built, as an operator runs it. */
export interface Caesura extends Proxy {
  /** Where the managing entity connects. */
  readonly componentPort: number;
}

export interface CaesuraOptions {
  readonly backend: number;
  /** The server's component port, the common case; absent: component links end at Caesura, which then routes for them. */
  readonly componentBackend?: number;
  readonly certificate: Certificate;
  readonly cores?: string;
  /** How many namespaces are delegated, all to the managing entity of the benches. */
  readonly rules?: number;
  readonly pendingPerSession?: number;
  /** Options of Node itself, for profiles. */
  readonly nodeOptions?: readonly string[];
}

const DEFAULT_RULES = 10;

/** Starts Caesura with a configuration made for this run; what it sets beyond the examples are limits that a bench would hit. */
export async function startCaesura(run: Run, options: CaesuraOptions): Promise<Caesura> {
  if (!existsSync(program)) throw new Error(`${program} is not there: npm run build`);
  const [port, tlsPort, componentPort, adminPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const file = run.path(`proxy-${port}.yaml`);
  const secret = run.path("secret");
  writeFileSync(secret, ENTITY_SECRET, { mode: 0o600 });
  const ends = options.componentBackend === undefined;
  const component = ends ? "" : `component: { host: 127.0.0.1, port: ${options.componentBackend} }`;
  const components = ends ? `components: { ${ENTITY}: { secretFile: ${secret} } }` : "";
  const limits = options.pendingPerSession === undefined ? "" : `pendingPerSession: ${options.pendingPerSession}`;
  writeFileSync(
    file,
    `version: 1
domains:
  ${DOMAIN}:
    tls: { cert: ${options.certificate.cert}, key: ${options.certificate.key} }
    server:
      c2s: { host: 127.0.0.1, port: ${options.backend}, tls: none }
      ${component}
    ${components}
    delegations:
${delegations(options.rules ?? DEFAULT_RULES)}
listen:
  - { kind: c2s, host: 127.0.0.1, port: ${port}, tls: none }
  - { kind: c2s, host: 127.0.0.1, port: ${tlsPort}, tls: direct }
  - { kind: component, host: 127.0.0.1, port: ${componentPort} }
admin: { host: 127.0.0.1, port: ${adminPort} }
limits:
  connections: 20000
  connectionsPerAddress: 20000
  ${limits}
log: { level: error }
`,
  );
  const command = [process.execPath, ...(options.nodeOptions ?? []), program, "run", "-c", file];
  const child = run.start(command, {
    name: "caesura",
    ...(options.cores === undefined ? {} : { cores: options.cores }),
  });
  await child.accepts(port);
  return { process: child, port, tlsPort, componentPort };
}

/** The first rule is for the namespace of the benches' requests; the others are never asked for. */
function delegations(rules: number): string {
  const prefix = DELEGATED_NAMESPACE.replace(/0$/, "");
  return Array.from({ length: rules }, (_, index) => `      ${prefix}${index}: { jid: ${ENTITY}, timeout: 5m }`).join(
    "\n",
  );
}
