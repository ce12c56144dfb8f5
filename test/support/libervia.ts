import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Caesura, Settings } from "./caesura.js";
import { type Database, databaseRole, startDatabase } from "./libervia-database.js";
import { isRecord, findProgram, freePort, Peer, temporaryFolder } from "./peer.js";
import { passwords } from "./login.js";
import { type Prosody, writeAccounts } from "./prosody.js";
import { Scene } from "./scene.js";

// Libervia Pubsub as Debian packages it, and everything around it, started with the very files of examples/libervia-pubsub:
// only ports, secrets' places and folders are changed, and each change must find what it changes.

/** Where Debian's package puts the service. */
export const liberviaFolder = "/usr/share/libervia";

/** The component that Libervia is. */
export const pubsubJid = "pubsub.capulet.lit";

/** The accounts of Prosody: those of all tests, and two that no other test has made friends. */
export const liberviaAccounts: Readonly<Record<string, string>> = { ...passwords, peter: "v10l", susan: "l4mm4s" };

/** One file of the example, as an operator copies it. */
export function exampleFile(name: string): string {
  return readFileSync(new URL(`../../examples/libervia-pubsub/${name}`, import.meta.url), "utf8");
}

/** A text with each pattern replaced once; a pattern that is not there is an error, because then the example changed. */
export function changed(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((before, [pattern, after]) => {
    if (!pattern.test(before)) throw new Error(`the example has no ${String(pattern)}`);
    return before.replace(pattern, () => after);
  }, text);
}

/** Prosody without delegation and without PEP, with mod_privilege; Caesura; Libervia on PostgreSQL. */
export class LiberviaScene {
  readonly scene: Scene;
  libervia: Peer;
  readonly database: Database;

  private constructor(scene: Scene, libervia: Peer, database: Database) {
    this.scene = scene;
    this.libervia = libervia;
    this.database = database;
  }

  static async start(): Promise<LiberviaScene> {
    const database = await startDatabase();
    let scene: Scene | undefined;
    try {
      const prosody = await startProsodyOfTheExample();
      scene = await Scene.before(prosody, {
        behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
        delegations: delegationsOfTheExample(),
      });
      return new LiberviaScene(scene, await startLibervia(scene.caesura, database), database);
    } catch (error) {
      await scene?.stop();
      await database.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.libervia.stop();
    await this.scene.stop();
    await this.database.stop();
  }
}

function delegationsOfTheExample(): Settings {
  const file: unknown = parse(exampleFile("proxy.yaml"));
  const domains = isRecord(file) ? file["domains"] : undefined;
  const domain = isRecord(domains) ? domains["capulet.lit"] : undefined;
  const delegations = isRecord(domain) ? domain["delegations"] : undefined;
  if (!isRecord(delegations)) throw new Error("the example delegates nothing");
  return delegations;
}

async function startProsodyOfTheExample(): Promise<Prosody> {
  const folder = temporaryFolder("prosody");
  const c2sPort = await freePort();
  const componentPort = await freePort();
  writeAccounts(folder, "capulet.lit", liberviaAccounts);
  const level = process.env["CAESURA_TEST_PROSODY_LOG"] ?? "info";
  const config = changed(exampleFile("prosody.cfg.lua"), [
    [/^c2s_ports = \{ 15222 \}$/m, `c2s_ports = { ${String(c2sPort)} }`],
    [/^component_ports = \{ 15347 \}$/m, `component_ports = { ${String(componentPort)} }`],
    [/^pidfile = .*$/m, `pidfile = ${JSON.stringify(join(folder, "prosody.pid"))}`],
    [/^log = .*$/m, `log = { { levels = { min = ${JSON.stringify(level)} }, to = "console" } }`],
    [/^certificates = .*$/m, `certificates = ${JSON.stringify(folder)}`],
    // No other server is talked to in a test.
    [
      /^storage = /m,
      `run_as_root = true\nmodules_disabled = { "s2s" }\ndata_path = ${JSON.stringify(folder)}\nstorage = `,
    ],
  ]);
  const file = join(folder, "prosody.cfg.lua");
  writeFileSync(file, config);
  const peer = await Peer.start({
    name: "Prosody",
    command: findProgram("prosody") ?? "prosody",
    args: ["--config", file],
    folder,
    isReady: (log) =>
      log.includes("Activated service 'c2s' on [") && log.includes("Activated service 'component' on ["),
  });
  return { peer, folder, c2sPort, directTlsPort: 0, componentPort, toldPort: 0, stop: () => peer.stop() };
}

/** Starts Libervia Pubsub as its unit does, and waits until it has heard what it may do and what it manages. */
export async function startLibervia(caesura: Caesura, database: Database): Promise<Peer> {
  const folder = temporaryFolder("libervia");
  const config = changed(exampleFile("libervia.conf"), [
    [/^rport = 5347$/m, `rport = ${String(caesura.ports.component)}`],
    [/^db_host = .*$/m, `db_host = ${database.host}`],
    [/^db_user = .*$/m, `db_user = ${databaseRole}`],
  ]);
  writeFileSync(join(folder, "libervia.conf"), config);
  // It reads the file where it is started, and others at home.
  const args = [
    `--chdir=${folder}`,
    findProgram("twistd3") ?? "twistd3",
    "--nodaemon",
    "--pidfile=",
    "libervia-pubsub",
  ];
  return Peer.start({
    name: "Libervia Pubsub",
    command: findProgram("env") ?? "env",
    args: [...args, ...(process.env["CAESURA_TEST_LIBERVIA_LOG"] === undefined ? [] : ["--verbose"])],
    env: { PYTHONPATH: liberviaFolder, PYTHONDONTWRITEBYTECODE: "1", HOME: folder },
    folder,
    isReady: (log) => log.includes("delegations updated:") && log.includes("Privileges updated:"),
  });
}
