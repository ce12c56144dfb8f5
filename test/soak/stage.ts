import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Caesura } from "../support/caesura.js";
import { type Certificate, makeCertificate } from "../support/certificate.js";
import { startEjabberd } from "../support/ejabberd.js";
import { freePort, temporaryFolder } from "../support/peer.js";
import { type ProsodyPlace, startProsody, writeContacts } from "../support/prosody.js";
import { Book, type Rules } from "./book.js";
import type { Chance } from "./chance.js";
import type { StormClient } from "./client.js";
import type { Door } from "./entrance.js";
import { gossip, ode, probe, prose, verse } from "./requests.js";
import type { Session } from "./session.js";

export interface StormOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly clients: number;
  readonly isEjabberd: boolean;
  /** Without Caesura: clients talk to the server itself. What is wrong then is the server's, or the storm's. */
  readonly isDirect: boolean;
  /** The server is restarted in the middle. */
  readonly restartsServer: boolean;
  /** Rules change while the storm goes on. */
  readonly reloads: boolean;
  /** A client waits at most so long between two deeds. */
  readonly restlessMs: number;
  /** Of each rule. */
  readonly timeoutMs: number;
  /** How long the server keeps a lost stream. */
  readonly hibernationSeconds: number;
}

export const domains = ["capulet.lit", "montague.lit"] as const;
/** Their links go on to the server's component port. */
const relayed = ["verse.capulet.lit", "prose.capulet.lit"] as const;
/** Their links end at Caesura. */
const ended = ["verse.montague.lit", "prose.montague.lit"] as const;
export const userEntity = "nurse";

/** Server, proxy, and what everybody in a storm has to know of each other. */
export class Stage {
  readonly options: StormOptions;
  readonly secret = "but soft";
  readonly entityJids = [...relayed, ...ended] as const;
  readonly users: readonly string[];
  readonly doors: readonly [Door, ...Door[]];
  /** Undefined without Caesura. */
  readonly caesura: Caesura | undefined;
  book = new Book();
  sessions = new Set<Session>();
  clients: readonly StormClient[] = [];
  /** The storm is over: everybody comes to rest. */
  isOver = false;
  #server: { stop(): Promise<void>; readonly log: string };
  readonly #restart: (() => Promise<Stage["server"]>) | undefined;
  readonly #settings: (rules: Rules) => Record<string, unknown>;
  /** Until when what ends is excused, of one account or ("") of all. */
  readonly #excused = new Map<string, number>();

  private constructor(parts: {
    options: StormOptions;
    users: readonly string[];
    doors: readonly [Door, ...Door[]];
    caesura: Caesura | undefined;
    server: Stage["server"];
    restart: (() => Promise<Stage["server"]>) | undefined;
    settings: (rules: Rules) => Record<string, unknown>;
  }) {
    this.options = parts.options;
    this.users = parts.users;
    this.doors = parts.doors;
    this.caesura = parts.caesura;
    this.#server = parts.server;
    this.#restart = parts.restart;
    this.#settings = parts.settings;
  }

  static async set(options: StormOptions, chance: Chance): Promise<Stage> {
    const names = Array.from({ length: options.clients - 1 }, (_, index) => `u${String(index).padStart(2, "0")}`);
    const users = [userEntity, ...names];
    const components = Object.fromEntries(relayed.map((jid) => [jid, "but soft"]));
    const { place, server, restart } = await behind(options, users, components);
    if (options.isDirect) {
      const doors = [{ kind: "clear", port: place.c2sPort, ca: "" }] as const;
      return new Stage({ options, users, doors, caesura: undefined, server, restart, settings: () => ({}) });
    }
    try {
      const folder = temporaryFolder("storm");
      const certificate = makeCertificate(folder, "storm", domains);
      const ports = { websocket: await freePort(), websocketSecure: await freePort() };
      const ackDelegated = chance.oneOf(["accept", "reply"] as const);
      const settings = (rules: Rules): Record<string, unknown> => ({
        domains: domainSettings(folder, certificate, place, rules, options.timeoutMs),
        limits: { pendingPerSession: 12 },
        streamManagement: { ackDelegated, resumption: "10s", grace: "1s" },
        log: { level: "info" },
      });
      const caesura = await Caesura.start({
        behind: place,
        certificate,
        listeners: [
          { kind: "websocket", host: "127.0.0.1", port: ports.websocket, tls: "none" },
          { kind: "websocket", host: "127.0.0.1", port: ports.websocketSecure, tls: "direct" },
        ],
        admin: { socket: { path: "admin.sock" } },
        more: settings(rulesAtFirst),
      });
      const ca = certificate.pem;
      const doors: readonly [Door, ...Door[]] = [
        { kind: "clear", port: caesura.ports.clear, ca: "" },
        { kind: "starttls", port: caesura.ports.starttls, ca },
        { kind: "direct", port: caesura.ports.direct, ca },
        { kind: "websocket", port: ports.websocket, ca: "" },
        { kind: "websocket-secure", port: ports.websocketSecure, ca },
      ];
      return new Stage({ options, users, doors, caesura, server, restart, settings });
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get server(): { stop(): Promise<void>; readonly log: string } {
    return this.#server;
  }

  get componentPort(): number {
    return this.caesura?.ports.component ?? 0;
  }

  get socketPath(): string {
    return join(this.caesura?.folder ?? "", "admin.sock");
  }

  accountsOf(domain: string): readonly [string, ...string[]] {
    const [first, ...others] = this.users.map((user) => `${user}@${domain}`);
    return [first ?? "", ...others];
  }

  /** Another storm on the same stage. */
  clear(): void {
    this.book = new Book();
    this.book.rulesComing(rulesAtFirst);
    this.sessions = new Set();
    this.clients = [];
    this.isOver = false;
    this.#excused.clear();
  }

  /** Has Caesura take other rules; undefined: those of the beginning. */
  async reload(rules: Rules = rulesAtFirst): Promise<void> {
    this.book.rulesComing(rules);
    await this.caesura?.reload({ more: this.#settings(rules) });
    this.book.rulesTaken();
  }

  /** Stops the server and starts it again. Nobody is to blame for what ends meanwhile. */
  async restartServer(): Promise<void> {
    if (this.#restart === undefined) return;
    this.#excused.set("", Infinity);
    await this.#server.stop();
    this.#server = await this.#restart();
    this.#excused.set("", Date.now() + 3000);
  }

  /** What ends for this account in the next moments is no wonder. */
  expectsFailure(account: string, withinMs = 3000): void {
    this.#excused.set(account, Date.now() + withinMs);
  }

  excusesAll(): void {
    this.#excused.set("", Infinity);
  }

  excuses(account: string): boolean {
    const now = Date.now();
    return Math.max(this.#excused.get("") ?? 0, this.#excused.get(account) ?? 0) > now;
  }

  async strike(): Promise<void> {
    await this.caesura?.stop();
    await this.#server.stop();
  }
}

type Roles = Readonly<Record<string, "one" | "other" | "user">>;

/** Only the first domain has a user who manages. */
function rulesOf(roles: Roles): Rules {
  const named = (domain: string, role: "one" | "other" | "user"): string => {
    const [one, other] = domain === domains[0] ? relayed : ended;
    if (role === "user" && domain === domains[0]) return `${userEntity}@${domain}`;
    return role === "other" ? other : one;
  };
  const inDomain = (domain: string): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(roles).map(([namespace, role]) => [namespace, named(domain, role)]));
  return Object.fromEntries(domains.map((domain) => [domain, inDomain(domain)]));
}

const rolesAtFirst: Roles = { [verse]: "one", [prose]: "other", [ode]: "one", [probe]: "other", [gossip]: "user" };
export const rulesAtFirst = rulesOf(rolesAtFirst);

/** What operators make of them. */
export const otherRules: readonly [Rules, ...Rules[]] = [
  rulesOf({ ...rolesAtFirst, [verse]: "other" }),
  rulesOf({ ...rolesAtFirst, [ode]: "user", [gossip]: "one" }),
  rulesOf({ [verse]: "one", [probe]: "one" }),
  rulesAtFirst,
];

async function behind(
  options: StormOptions,
  names: readonly string[],
  components: Readonly<Record<string, string>>,
): Promise<{ place: ProsodyPlace; server: Stage["server"]; restart: (() => Promise<Stage["server"]>) | undefined }> {
  const users = Object.fromEntries(names.map((user) => [user, "r0m30"]));
  const { hibernationSeconds } = options;
  if (options.isEjabberd) {
    const management = { resend_on_timeout: false, resume_timeout: hibernationSeconds };
    const { peer, c2sPort, componentPort } = await startEjabberd({
      furtherDomains: [domains[1]],
      users,
      components,
      modules: { mod_stream_mgmt: management },
    });
    const server = {
      stop: async () => peer.stop(),
      get log() {
        return peer.log;
      },
    };
    return { place: { folder: "", c2sPort, componentPort }, server, restart: undefined };
  }
  const place = { folder: temporaryFolder("prosody"), c2sPort: await freePort(), componentPort: await freePort() };
  const pairs = names.flatMap((one, index) =>
    index % 2 === 0 && names[index + 1] !== undefined ? [[one, names[index + 1] ?? ""] as const] : [],
  );
  for (const domain of domains) writeContacts(place.folder, domain, pairs);
  const start = async (): Promise<Stage["server"]> => {
    const modules = ["sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_on_prosody_0_12"];
    const { peer } = await startProsody({ place, domains, users, components, hibernationSeconds, modules });
    return {
      stop: async () => peer.stop(),
      get log() {
        return peer.log;
      },
    };
  };
  return { place, server: await start(), restart: start };
}

function domainSettings(
  folder: string,
  { certFile: cert, keyFile: key }: Certificate,
  { c2sPort, componentPort }: ProsodyPlace,
  rules: Rules,
  timeoutMs: number,
): Record<string, unknown> {
  const host = "127.0.0.1";
  const c2s = { host, port: c2sPort, tls: "none" };
  const secretFile = join(folder, "secret");
  writeFileSync(secretFile, "but soft\n", { mode: 0o600 });
  const delegations = (domain: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(rules[domain] ?? {}).map(([namespace, jid]) => [
        namespace,
        {
          jid,
          timeout: `${String(timeoutMs)}ms`,
          ...(namespace === ode ? { blocking: true } : {}),
          ...(namespace === probe ? { foreignTargets: "probe" } : {}),
        },
      ]),
    );
  const [first, second] = domains;
  const tls = { cert, key };
  return {
    [first]: { tls, server: { c2s, component: { host, port: componentPort } }, delegations: delegations(first) },
    [second]: {
      tls,
      server: { c2s },
      components: Object.fromEntries(ended.map((jid) => [jid, { secretFile }])),
      delegations: delegations(second),
    },
  };
}
