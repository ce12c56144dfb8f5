import { statSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve, dirname } from "node:path";
import { adminSchema, metricsSchema } from "./admin-schema.js";
import { checkHost, isLoopback, isOverlapping } from "./addresses.js";
import { readSecretFile } from "./components.js";
import type { AddressConfig, AdminConfig, ListenerConfig } from "./config.js";
import { ConfigDocument } from "./document.js";
import { readTextFile } from "./files.js";
import { overlapping } from "./listener-place.js";
import type { Secret } from "./secret.js";
import { asRecord, proved } from "./shape.js";
import { Source, type DocumentPath } from "./source.js";

/** Reads the administration port and the socket for runtime commands. */
export function proveAdmin(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  { listeners, folder }: { readonly listeners: readonly ListenerConfig[]; readonly folder: string },
): AdminConfig | undefined {
  const admin = raw === undefined ? undefined : proved(adminSchema, raw);
  if (admin === undefined) return undefined;
  const { host, port, tokenFile, socket } = admin;
  checkHost(document, [...at, "host"], host);
  if (!isLoopback(host) && tokenFile === undefined) {
    document.complain([...at, "host"], {
      severity: "warning",
      code: "admin-exposed",
      message: "Other machines can reach the administration port, and /metrics asks for no password there.",
      hint: "Listen on 127.0.0.1, let a firewall admit the machine that collects metrics alone, or give metrics a port of its own.",
    });
  }
  checkTaken(document, at, { host, port }, listeners);
  const token = tokenFile === undefined ? undefined : proveToken(document, [...at, "tokenFile"], tokenFile, folder);
  if (socket === undefined) return { host, port, token, socket };
  const path = resolve(folder, socket.path);
  checkSocketPlace(document, [...at, "socket", "path"], path);
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) {
    document.complain([...at, "socket", "path"], {
      code: "socket-path",
      message: `${JSON.stringify(path)} has more than ${String(MOST_PATH_BYTES)} bytes, and no socket can be made there.`,
    });
  }
  return { host, port, token, socket: { path, mode: Number.parseInt(socket.mode, 8) } };
}

/** Reads the port for metrics. */
export function proveMetrics(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  admin: AddressConfig | undefined,
  listeners: readonly ListenerConfig[],
): AddressConfig | undefined {
  const metrics = raw === undefined ? undefined : proved(metricsSchema, raw);
  if (metrics === undefined) return undefined;
  checkHost(document, [...at, "host"], metrics.host);
  if (!isLoopback(metrics.host)) {
    document.complain([...at, "host"], {
      severity: "warning",
      code: "admin-exposed",
      message: "Other machines can reach the port for metrics, which asks for no password.",
      hint: "Let a firewall admit the machine that collects metrics alone.",
    });
  }
  const isAdmins = admin !== undefined && isOverlapping(metrics, admin);
  if (isAdmins) {
    document.complain([...at, "port"], {
      code: "address-in-use",
      message: `The administration port has ${metrics.host} port ${String(metrics.port)} already.`,
      hint: "Leave metrics out: they are on the administration port then.",
    });
  } else checkTaken(document, at, metrics, listeners);
  return metrics;
}

/**
 * Where the socket for runtime commands is, of a configuration that need not be right otherwise: who looks at the running
 * proxy may have spoiled the file since, and may not read the keys that it names.
 *
 * Returns undefined if the file names none, and a message if it cannot be read.
 */
export function findAdminSocket(file: string): { readonly path?: string; readonly problem?: string } {
  const path = resolve(file);
  const read = readTextFile(path, MOST_FILE_BYTES);
  if (!read.ok) return { problem: read.message };
  const document = new ConfigDocument(new Source(file, read.file.text));
  const socket = asRecord(asRecord(asRecord(document.value)?.["admin"])?.["socket"]);
  const name = socket?.["path"];
  if (typeof name !== "string" || name === "") return {};
  return { path: resolve(dirname(path), name) };
}

// sockaddr_un of Linux has 108 bytes, the last of which is zero.
const MOST_PATH_BYTES = 107;
const MOST_FILE_BYTES = 1024 * 1024;
const LEAST_TOKEN_LENGTH = 16;

function proveToken(document: ConfigDocument, at: DocumentPath, name: string, folder: string): Secret | undefined {
  const token = readSecretFile(document, at, name, folder);
  if (token !== undefined && token.reveal().length < LEAST_TOKEN_LENGTH) {
    document.complain(at, {
      code: "token-weak",
      message: `The token has less than ${String(LEAST_TOKEN_LENGTH)} characters.`,
      hint: "openssl rand -base64 24",
    });
  }
  return token;
}

function checkSocketPlace(document: ConfigDocument, at: DocumentPath, path: string): void {
  const stat = statOf(path);
  if (stat !== undefined && !stat.isSocket()) {
    document.complain(at, {
      code: "socket-path",
      message: `${JSON.stringify(path)} is there already, and is no socket; nothing is removed for it.`,
      hint: "Choose another path, or remove what is there.",
    });
  }
  const folder = dirname(path);
  // Folders below /run are made when a service starts (RuntimeDirectory=).
  if (folder.startsWith("/run/") || statOf(folder)?.isDirectory() === true) return;
  document.complain(at, {
    severity: "warning",
    code: "socket-path",
    message: `There is no folder ${JSON.stringify(folder)} to make the socket in.`,
    hint: "Name one that only the user of Caesura may write to, such as /run/caesura with RuntimeDirectory=caesura.",
  });
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function checkTaken(
  document: ConfigDocument,
  at: DocumentPath,
  address: AddressConfig,
  listeners: readonly ListenerConfig[],
): void {
  if (overlapping(address, listeners) === undefined) return;
  document.complain([...at, "port"], {
    code: "address-in-use",
    message: `A listener has ${address.host} port ${String(address.port)} already.`,
  });
}
