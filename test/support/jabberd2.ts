import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Element, parse } from "ltx";
import { findProgram, Peer, temporaryFolder, untilListening } from "./peer.js";

/** Where Debian's jabberd2 keeps the configuration that an operator begins with. */
export const jabberd2Folder = "/etc/jabberd2";

export interface Jabberd2 {
  stop(): Promise<void>;
}

/**
 * Starts Debian's jabberd2 with its own configuration files, into which those of `changes` are merged: an element for
 * router, sm and c2s each, of which every text takes the place of that at the same path. Juliet of capulet.lit has an
 * account; what it keeps is in a folder of its own.
 */
export async function startJabberd2(
  changes: Element,
  ports: readonly [router: number, c2s: number],
): Promise<Jabberd2> {
  const folder = temporaryFolder("jabberd2");
  mkdirSync(join(folder, "fs"));
  writeAccounts(folder, "capulet.lit", { juliet: "r0m30" });
  const peers: Peer[] = [];
  const stop = async (): Promise<void> => {
    for (let peer = peers.pop(); peer !== undefined; peer = peers.pop()) await peer.stop();
  };
  try {
    for (const name of ["router", "sm", "c2s"] as const) {
      const config = parse(readFileSync(join(jabberd2Folder, `${name}.xml`), "utf8"));
      const wanted = changes.getChild(name);
      if (wanted !== undefined) merge(config, wanted);
      merge(config, parse(ours(name, folder)));
      const log = config.getChild("log");
      if (log !== undefined) log.attrs["type"] = "stdout";
      const file = join(folder, `${name}.xml`);
      writeFileSync(file, config.toString());
      const command = `jabberd2-${name}`;
      const isReady = (text: string): boolean => name === "router" || text.includes("connection to router established");
      const peer = await Peer.start({
        name: command,
        command: findProgram(command) ?? command,
        args: ["-c", file],
        isReady,
      });
      peers.push(peer);
      if (name === "router") await untilListening(ports[0], peer);
      if (name === "c2s") await untilListening(ports[1], peer);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

function ours(name: "router" | "sm" | "c2s", folder: string): string {
  const pid = `<pidfile>${join(folder, `${name}.pid`)}</pidfile>`;
  if (name === "router") return `<router>${pid}</router>`;
  if (name === "sm") {
    const storage = `<storage><driver>fs</driver><fs><path>${join(folder, "fs")}</path></fs></storage>`;
    return `<sm>${pid}${storage}<user><auto-create/></user></sm>`;
  }
  return `<c2s>${pid}<authreg><module>sqlite</module><sqlite><dbname>${accountsFile(folder)}</dbname></sqlite></authreg></c2s>`;
}

const accountsFile = (folder: string): string => join(folder, "accounts.sqlite");

/** The table that authreg_sqlite reads; Node 20 has no SQLite of its own. */
function writeAccounts(folder: string, domain: string, users: Readonly<Record<string, string>>): void {
  const script = [
    "import json, sqlite3, sys",
    "database = sqlite3.connect(sys.argv[1])",
    "database.execute('CREATE TABLE authreg (username TEXT NOT NULL, realm TEXT NOT NULL, password TEXT)')",
    "rows = [(user, sys.argv[2], password) for user, password in json.loads(sys.argv[3]).items()]",
    "database.executemany('INSERT INTO authreg VALUES (?, ?, ?)', rows)",
    "database.commit()",
  ].join("\n");
  execFileSync("/usr/bin/python3", ["-c", script, accountsFile(folder), domain, JSON.stringify(users)]);
}

function merge(into: Element, changes: Element): void {
  for (const change of changes.getChildElements()) {
    const there = into.getChild(change.getName()) ?? into.c(change.getName());
    if (change.getChildElements().length > 0) merge(there, change);
    else there.children = [change.text()];
  }
}
