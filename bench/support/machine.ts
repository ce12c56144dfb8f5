import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";

import { program } from "./program.js";

/** Where and of what a result was taken. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the checkout that the measured program was built from. */
  readonly commit: string;
  /** Versions of the peers that took part. */
  readonly peers: Readonly<Record<string, string>>;
  readonly date: string;
}

/** Describes this machine and checkout; `peers` maps a name to the command that prints its version. */
export function describeMachine(peers: Readonly<Record<string, readonly string[]>>): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
    peers: Object.fromEntries(Object.entries(peers).map(([name, command]) => [name, versionOf(command)])),
    date: new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC",
  };
}

function commit(): string {
  const git = ["git", "-C", dirname(program)];
  const hash = firstLine([...git, "rev-parse", "--short=12", "HEAD"]);
  const dirty = firstLine([...git, "status", "--porcelain", "--untracked-files=no", "--", ":/src"]) !== "";
  return dirty ? `${hash} with uncommitted changes in src` : hash;
}

function versionOf(command: readonly string[]): string {
  return firstLine(command).match(/\d+(\.\d+)+\S*/)?.[0] ?? "unknown";
}

function firstLine([program = "", ...args]: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0] ?? "";
  } catch {
    return "";
  }
}
