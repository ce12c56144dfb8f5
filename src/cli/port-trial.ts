import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** What came of opening a port for listening, and closing it at once. */
export type PortTrial =
  | { readonly kind: "free" }
  /** `owner` is undefined if this user may not see it. */
  | { readonly kind: "in-use"; readonly owner: PortOwner | undefined }
  | { readonly kind: "denied" }
  /** `why` is a sentence without its full stop. */
  | { readonly kind: "no-address"; readonly why: string };

export interface PortOwner {
  readonly pid: number;
  readonly name: string;
  /** True for a Caesura, which may be the one whose configuration is checked. */
  readonly isCaesura: boolean;
}

/**
 * Tries whether a listener could be opened. No connection is accepted.
 *
 * Errors  never rejects.
 */
export async function tryPort(host: string, port: number): Promise<PortTrial> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  switch (code) {
    case undefined:
      return { kind: "free" };
    case "EADDRINUSE":
      return { kind: "in-use", owner: ownerOf(port) };
    case "EACCES":
    case "EPERM":
      return { kind: "denied" };
    case "EADDRNOTAVAIL":
      return { kind: "no-address", why: `${host} is no address of this machine` };
    case "EAFNOSUPPORT":
      return { kind: "no-address", why: `this machine has no addresses of the kind of ${host}` };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { kind: "no-address", why: `the name ${host} has no address` };
    default:
      return { kind: "no-address", why: `the system does not open ${host} port ${port} (${code})` };
  }
}

/** The lowest port that every user may open (Linux: `ip_unprivileged_port_start`). */
export function firstUnprivilegedPort(): number {
  const text = readText("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  const port = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isNaN(port) ? 1_024 : port;
}

/** The process that listens on a port; undefined where `/proc` does not tell. */
function ownerOf(port: number): PortOwner | undefined {
  const sockets = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  for (const pid of namesIn("/proc").filter((name) => /^[0-9]+$/.test(name))) {
    const folder = join("/proc", pid, "fd");
    if (!namesIn(folder).some((name) => sockets.has(linkOf(join(folder, name))))) continue;
    const name = readText(join("/proc", pid, "comm"))?.trim() ?? "a process";
    const command =
      readText(join("/proc", pid, "cmdline"))
        ?.split("\0")
        .slice(0, 4) ?? [];
    const isCaesura = command.some((word) => /(?:^|\/)caesura(?:\.[jt]s)?$/.test(word));
    return { pid: Number(pid), name: isCaesura ? "Caesura" : printable(name), isCaesura };
  }
  return undefined;
}

/** As links in `/proc/PID/fd` name them. proc(5): local address in hexadecimal, state 0A listens, inode is tenth. */
function listeningSockets(table: string, port: number): readonly string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return (readText(table) ?? "").split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    return local.endsWith(wanted) && state === "0A" && inode !== undefined ? [`socket:[${inode}]`] : [];
  });
}

function printable(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?");
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
