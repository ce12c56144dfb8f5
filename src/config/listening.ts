import { resolve } from "node:path";
import type { Problem } from "./problem.js";
import { ConfigDocument } from "./document.js";
import { readTextFile } from "./files.js";
import { maxFileBytes } from "./load.js";
import { asList, asRecord } from "./shape.js";
import { Source } from "./source.js";
import type { Complaint, DocumentPath } from "./source.js";

/** An address that a configuration wants to listen on, and where it stands. */
export interface WrittenAddress {
  /** Of the mapping with `host` and `port`. */
  readonly path: DocumentPath;
  readonly host: string;
  readonly port: number;
}

export interface WrittenAddresses {
  readonly list: readonly WrittenAddress[];
  /** Records what was found out about an address. */
  complain(path: DocumentPath, complaint: Complaint): void;
  /** All that was recorded, in the order of the file. */
  problems(): readonly Problem[];
}

/**
 * The addresses that a file wants to listen on, as far as they can be read, whatever else is wrong with it; undefined if
 * it is no YAML. Ports that the system chooses, and sockets that are handed over, are left out.
 */
export function loadAddresses(file: string): WrittenAddresses | undefined {
  const read = readTextFile(resolve(file), maxFileBytes);
  if (!read.ok) return undefined;
  const document = new ConfigDocument(new Source(file, read.file.text.replace(/^\u{feff}/u, "")));
  if (document.value === undefined) return undefined;
  const fields = asRecord(document.value);
  const admin = asRecord(fields?.["admin"]);
  const metrics = asRecord(fields?.["metrics"]);
  const written: readonly { readonly path: DocumentPath; readonly value: unknown }[] = [
    ...asList(fields?.["listen"]).map((value, index) => ({ path: ["listen", index], value })),
    { path: ["admin"], value: admin && { host: "127.0.0.1", port: 9_199, ...admin } },
    { path: ["metrics"], value: metrics && { host: "127.0.0.1", ...metrics } },
  ];
  const list: WrittenAddress[] = [];
  for (const { path, value } of written) {
    const { host, port } = asRecord(value) ?? {};
    if (typeof host !== "string" || typeof port !== "number") continue;
    if (host === "" || host.length > 253 || !Number.isInteger(port) || port < 1 || port > 65_535) continue;
    // Twice the same is complained about elsewhere.
    if (!list.some((other) => other.host === host && other.port === port)) list.push({ path, host, port });
  }
  const known = document.problems.length;
  return {
    list,
    complain: (path, complaint) => document.complain(path, complaint),
    problems: () => (known === 0 ? document.problems : []),
  };
}
