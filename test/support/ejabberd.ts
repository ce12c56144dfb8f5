import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, freePort, Peer, temporaryFolder } from "./peer.js";

export interface EjabberdOptions {
  readonly domain?: string;
  /** Further ones, with the same users. */
  readonly furtherDomains?: readonly string[];
  readonly users?: Readonly<Record<string, string>>;
  readonly components?: Readonly<Record<string, string>>;
  /** Modules besides the usual ones, with their options. */
  readonly modules?: Readonly<Record<string, unknown>>;
  /** Both ports expect to be told the client's address. */
  readonly expectsProxyHeader?: boolean;
}

export interface Ejabberd {
  readonly peer: Peer;
  readonly c2sPort: number;
  readonly componentPort: number;
  stop(): Promise<void>;
}

/**
 * Starts Debian's ejabberd straight through `erl`, as whoever runs the tests: no distribution, so neither a node name nor a
 * cookie nor epmd; its database and logs in a folder of its own.
 */
export async function startEjabberd(options: EjabberdOptions = {}): Promise<Ejabberd> {
  const folder = temporaryFolder("ejabberd");
  const domain = options.domain ?? "capulet.lit";
  const c2sPort = await freePort();
  const componentPort = await freePort();
  const config = join(folder, "ejabberd.yml");
  const components = options.components ?? {};
  const proxy = options.expectsProxyHeader === true ? { use_proxy_protocol: true } : {};
  const service = {
    port: componentPort,
    ip: "127.0.0.1",
    module: "ejabberd_service",
    ...proxy,
    hosts: Object.fromEntries(Object.entries(components).map(([jid, password]) => [jid, { password }])),
  };
  // YAML holds JSON.
  const settings = {
    loglevel: "info",
    hosts: [domain, ...(options.furtherDomains ?? [])],
    listen: [
      { port: c2sPort, ip: "127.0.0.1", module: "ejabberd_c2s", max_stanza_size: 262_144, access: "c2s", ...proxy },
      ...(Object.keys(components).length === 0 ? [] : [service]),
    ],
    access_rules: { c2s: { allow: "all" } },
    auth_method: "internal",
    auth_password_format: "plain",
    modules: {
      mod_disco: {},
      mod_ping: {},
      mod_roster: {},
      mod_version: {},
      mod_private: {},
      mod_vcard: {},
      mod_stream_mgmt: { resend_on_timeout: false },
      ...options.modules,
    },
  };
  writeFileSync(config, JSON.stringify(settings));
  const users = options.users ?? { juliet: "r0m30", romeo: "jul13t" };
  const { furtherDomains = [] } = options;
  const peer = await runEjabberd({ folder, config, domain, furtherDomains, users, c2sPort });
  return { peer, c2sPort, componentPort, stop: () => peer.stop() };
}

/** A configuration file and what has to be known of it. */
export interface EjabberdRun {
  readonly folder: string;
  readonly config: string;
  readonly domain: string;
  readonly furtherDomains?: readonly string[];
  readonly users: Readonly<Record<string, string>>;
  /** On 127.0.0.1. */
  readonly c2sPort: number;
}

/** Starts ejabberd with a configuration file; `folder` goes with it. */
export async function runEjabberd(run: EjabberdRun): Promise<Peer> {
  const { folder, config, users, c2sPort } = run;
  const domains = [run.domain, ...(run.furtherDomains ?? [])];
  const spool = join(folder, "spool");
  mkdirSync(spool);
  return Peer.start({
    name: "ejabberd",
    command: findProgram("erl") ?? "erl",
    args: [
      "-noinput",
      "-mnesia",
      "dir",
      JSON.stringify(spool),
      "-s",
      "ejabberd",
      "-eval",
      registration(domains, users),
    ],
    env: {
      HOME: folder,
      EJABBERD_CONFIG_PATH: config,
      EJABBERD_LOG_PATH: join(folder, "ejabberd.log"),
      EJABBERD_PID_PATH: join(folder, "ejabberd.pid"),
      ERL_CRASH_DUMP: join(folder, "crash.dump"),
      ERL_LIBS: "/usr/lib/x86_64-linux-gnu",
    },
    folder,
    isReady: (log) => log.includes("accounts-are-there") && log.includes(`127.0.0.1:${String(c2sPort)}`),
  });
}

function registration(domains: readonly string[], users: Readonly<Record<string, string>>): string {
  const calls = domains.flatMap((domain) =>
    Object.entries(users).map(
      ([user, password]) => `ok = ejabberd_auth:try_register(<<"${user}">>, <<"${domain}">>, <<"${password}">>)`,
    ),
  );
  return `${[...calls, `io:format("accounts-are-there~n")`].join(", ")}.`;
}
