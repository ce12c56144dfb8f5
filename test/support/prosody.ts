import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Certificate } from "./certificate.js";
import { findProgram, freePort, Peer, temporaryFolder } from "./peer.js";

/** One namespace in the table of Prosody's mod_delegation. */
export interface ProsodyDelegation {
  readonly jid: string;
  readonly filtering?: readonly string[];
}

export interface ProsodyOptions {
  /** Served domains; `capulet.lit` when absent. */
  readonly domains?: readonly string[];
  /** Local part → password, in each domain. */
  readonly users?: Readonly<Record<string, string>>;
  /** Component → secret. */
  readonly components?: Readonly<Record<string, string>>;
  /** TLS on the client port (STARTTLS, required) and on a port of its own (direct). */
  readonly certificate?: Certificate;
  /** The only version of TLS to speak, as LuaSec names it. */
  readonly tlsProtocol?: "tlsv1_2";
  /** The namespaces that mod_delegation of prosody-modules delegates: the reference to compare with. */
  readonly delegations?: Readonly<Record<string, ProsodyDelegation>>;
  /** Modules besides the usual ones. */
  readonly modules?: readonly string[];
  /** Usual modules that are left out. */
  readonly without?: readonly string[];
  /** `internal_plain` when absent. */
  readonly authentication?: "internal_plain" | "anonymous";
  /** A text conference service (XEP-0045) of the server's own. */
  readonly conference?: string;
  /** A service that gives places for files (XEP-0363); nobody serves them. */
  readonly upload?: string;
  /** Another client port, in clear, that expects to be told the client's address (PROXY protocol). */
  readonly expectsProxyHeader?: boolean;
  /** Where it keeps what it has and listens, which outlives it, so that it can be started there again. */
  readonly place?: ProsodyPlace;
  /** How long a lost stream can be resumed; ten minutes when absent. */
  readonly hibernationSeconds?: number;
}

export interface ProsodyPlace {
  readonly folder: string;
  readonly c2sPort: number;
  readonly componentPort: number;
}

export interface Prosody {
  readonly peer: Peer;
  /** Where its configuration is, `prosody.cfg.lua`, and its data. */
  readonly folder: string;
  readonly c2sPort: number;
  /** 0 without a certificate. */
  readonly directTlsPort: number;
  readonly componentPort: number;
  /** The client port that expects a PROXY header; 0 without `expectsProxyHeader`. */
  readonly toldPort: number;
  stop(): Promise<void>;
}

/** Where Debian's prosody-modules puts its modules. */
export const prosodyModules = "/usr/lib/prosody/modules/mod_delegation/mod_delegation.lua";

/** Ours: what makes modules of Prosody's community run on the version that Debian has. */
const ownModules = fileURLToPath(new URL("prosody-modules", import.meta.url));

const modules =
  "roster saslauth disco ping pep mam smacks blocklist version carbons private vcard4 vcard_legacy time".split(" ");

/** Starts Debian's Prosody on free ports, everything it keeps in a folder of its own. */
export async function startProsody(options: ProsodyOptions = {}): Promise<Prosody> {
  const { place } = options;
  const folder = place?.folder ?? temporaryFolder("prosody");
  const domains = options.domains ?? ["capulet.lit"];
  const c2sPort = place?.c2sPort ?? (await freePort());
  const componentPort = place?.componentPort ?? (await freePort());
  const directTlsPort = options.certificate === undefined ? 0 : await freePort();
  const toldPort = options.expectsProxyHeader === true ? await freePort() : 0;
  for (const domain of domains) writeAccounts(folder, domain, options.users ?? { juliet: "r0m30", romeo: "jul13t" });
  const config = join(folder, "prosody.cfg.lua");
  const ports = { c2sPort, componentPort, directTlsPort, toldPort };
  writeFileSync(config, configuration({ ...options, domains }, folder, ports));
  const peer = await Peer.start({
    name: "Prosody",
    command: findProgram("prosody") ?? "prosody",
    args: ["--config", config],
    ...(place === undefined ? { folder } : {}),
    isReady: (log) =>
      log.includes("Activated service 'c2s' on [") &&
      (options.components === undefined || log.includes("Activated service 'component' on [")),
  });
  return { peer, folder, ...ports, stop: () => peer.stop() };
}

function configuration(
  options: ProsodyOptions & { readonly domains: readonly string[] },
  folder: string,
  { c2sPort, componentPort, directTlsPort, toldPort }: Omit<Prosody, "peer" | "folder" | "stop">,
): string {
  const { certificate, delegations } = options;
  const tlsProtocol = options.tlsProtocol === undefined ? "" : `, protocol = ${lua(options.tlsProtocol)}`;
  const delegation = delegations === undefined ? [] : ["delegation"];
  const told = toldPort === 0 ? [] : ["told_by_proxy"];
  const lines = [
    "run_as_root = true",
    `pidfile = ${lua(join(folder, "prosody.pid"))}`,
    `data_path = ${lua(folder)}`,
    `certificates = ${lua(folder)}`,
    `plugin_paths = ${luaList([ownModules, "/usr/lib/prosody/modules"])}`,
    `interfaces = { "127.0.0.1" }`,
    `component_interfaces = { "127.0.0.1" }`,
    `c2s_ports = { ${String(c2sPort)} }`,
    `component_ports = { ${String(componentPort)} }`,
    `c2s_direct_tls_ports = { ${directTlsPort === 0 ? "" : String(directTlsPort)} }`,
    `told_by_proxy_ports = { ${toldPort === 0 ? "" : String(toldPort)} }`,
    `legacy_ssl_ports = {}`,
    `http_ports = {}`,
    `https_ports = {}`,
    `modules_enabled = ${luaList([...modules.filter((module) => options.without?.includes(module) !== true), ...(options.modules ?? []), ...delegation, ...told, ...(certificate === undefined ? [] : ["tls"])])}`,
    `modules_disabled = { "s2s" }`,
    `authentication = ${lua(options.authentication ?? "internal_plain")}`,
    `storage = "internal"`,
    `c2s_require_encryption = ${String(certificate !== undefined)}`,
    `allow_unencrypted_plain_auth = ${String(certificate === undefined)}`,
    `log = { { levels = { min = ${lua(process.env["CAESURA_TEST_PROSODY_LOG"] ?? "info")} }, to = "console" } }`,
    ...(options.hibernationSeconds === undefined
      ? []
      : [`smacks_hibernation_time = ${String(options.hibernationSeconds)}`]),
    ...(certificate === undefined
      ? []
      : [`ssl = { key = ${lua(certificate.keyFile)}, certificate = ${lua(certificate.certFile)}${tlsProtocol} }`]),
  ];
  for (const domain of options.domains) {
    lines.push(`VirtualHost ${lua(domain)}`);
    if (delegations !== undefined) lines.push(`  delegations = ${delegationTable(delegations)}`);
  }
  for (const [jid, secret] of Object.entries(options.components ?? {})) {
    lines.push(
      `Component ${lua(jid)}`,
      `  component_secret = ${lua(secret)}`,
      `  modules_enabled = ${luaList(delegation)}`,
    );
  }
  if (options.upload !== undefined) lines.push(`Component ${lua(options.upload)} "http_file_share"`);
  if (options.conference !== undefined) lines.push(`Component ${lua(options.conference)} "muc"`);
  return `${lines.join("\n")}\n`;
}

function delegationTable(delegations: Readonly<Record<string, ProsodyDelegation>>): string {
  const rows = Object.entries(delegations).map(([namespace, { jid, filtering }]) => {
    const filter = filtering === undefined ? "" : `; filtering = ${luaList(filtering)}`;
    return `[${lua(namespace)}] = { jid = ${lua(jid)}${filter} }`;
  });
  return `{ ${rows.join("; ")} }`;
}

/** Makes accounts of a domain contacts of each other (RFC 6121 §3), as Prosody's "internal" storage keeps them. */
export function writeContacts(folder: string, domain: string, pairs: readonly (readonly [string, string])[]): void {
  const rosters = join(folder, encodeName(domain), "roster");
  mkdirSync(rosters, { recursive: true });
  for (const [one, other] of pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])) {
    const item = `[${lua(`${other}@${domain}`)}] = { ["subscription"] = "both"; ["groups"] = {}; }`;
    writeFileSync(join(rosters, `${encodeName(one)}.dat`), `return { ${item}; [false] = { ["version"] = 1 }; };\n`);
  }
}

/** Writes accounts as Prosody's "internal" storage keeps them: one file each, its name percent-encoded. */
export function writeAccounts(folder: string, domain: string, users: Readonly<Record<string, string>>): void {
  const accounts = join(folder, encodeName(domain), "accounts");
  mkdirSync(accounts, { recursive: true });
  for (const [user, password] of Object.entries(users)) {
    writeFileSync(join(accounts, `${encodeName(user)}.dat`), `return { ["password"] = ${lua(password)}; };\n`);
  }
}

function encodeName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function lua(text: string): string {
  return JSON.stringify(text);
}

function luaList(texts: readonly string[]): string {
  return `{ ${texts.map(lua).join("; ")} }`;
}
