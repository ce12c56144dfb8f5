import { execFile, execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { withDeadline } from "./deadline.js";
import { findProgram, Peer, temporaryFolder } from "./peer.js";

const execute = promisify(execFile);

/** The tables of Libervia Pubsub, as Debian's package brings them. */
export const liberviaTables = "/usr/share/libervia/sat_pubsub/db/pubsub.sql";

/** The role that owns the database. */
export const databaseRole = "libervia";

const versions = "/usr/lib/postgresql";

/** A PostgreSQL of a test: reached through a Unix socket in a folder of its own, gone with the test. */
export interface Database {
  /** The folder of the socket. */
  readonly host: string;
  /** What one query answers, unaligned and without headings. */
  readonly query: (sql: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts PostgreSQL with an empty database of Libervia Pubsub. No port is opened and no cluster of the system touched. */
export async function startDatabase(): Promise<Database> {
  const folder = temporaryFolder("postgres");
  const data = join(folder, "data");
  const host = join(folder, "socket");
  for (const path of [folder, data, host]) handOver(path);
  const asPostgres = (program: string, ...args: readonly string[]): readonly string[] => [
    ...anotherUser(),
    join(versions, newest(), "bin", program),
    ...args,
  ];
  await run(asPostgres("initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"));
  const [command = "", ...args] = asPostgres("postgres", "-D", data, "-k", host, "-c", "listen_addresses=");
  const peer = await Peer.start({
    name: "PostgreSQL",
    command,
    args: [...args, "-c", "fsync=off"],
    folder,
    isReady: (log) => log.includes("ready to accept connections"),
  });
  const name = "pubsub";
  try {
    await run(asPostgres("createuser", "-h", host, databaseRole));
    await run(asPostgres("createdb", "-h", host, "-O", databaseRole, name));
    const asOwner = ["-h", host, "-U", databaseRole, "-d", name, "-v", "ON_ERROR_STOP=1", "-q"];
    await run(asPostgres("psql", ...asOwner, "-f", liberviaTables));
    return {
      host,
      query: async (sql) => (await run(asPostgres("psql", ...asOwner, "-tAc", sql))).trim(),
      stop: () => peer.stop(),
    };
  } catch (error) {
    await peer.stop();
    throw error;
  }
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function anotherUser(): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const setpriv = findProgram("setpriv") ?? "setpriv";
  // The kernel forgets at a change of user whom it was to end with us, so it is told again.
  return [setpriv, "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--pdeathsig", "KILL"];
}

function handOver(path: string): void {
  mkdirSync(path, { recursive: true });
  if (process.getuid?.() === 0) chownSync(path, idOfPostgres("-u"), idOfPostgres("-g"));
}

function idOfPostgres(which: "-u" | "-g"): number {
  return Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));
}

function newest(): string {
  const found = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0];
  if (found === undefined) throw new Error(`no version of PostgreSQL in ${versions}`);
  return found;
}

async function run([command = "", ...args]: readonly string[]): Promise<string> {
  // Not in our folder, which the other user may not enter.
  return (await withDeadline(execute(command, args, { cwd: "/" }), 30_000, () => `${command} does not end`)).stdout;
}
