import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import { proveStore } from "./client-mode.js";
import type { Config } from "./config.js";
import { ConfigDocument } from "./document.js";
import { proveDomains } from "./domains.js";
import { proveDrain } from "./drain.js";
import { isWorldWritable, readTextFile } from "./files.js";
import type { ReadResult } from "./files.js";
import { complainAboutIssues } from "./issues.js";
import { proveAdmin, proveMetrics } from "./admin.js";
import { proveListeners } from "./listeners.js";
import type { LoadedConfig, Problem } from "./problem.js";
import { checkPublicUrls } from "./public-urls.js";
import { configSchema, limitsSchema, logSchema, timeoutsSchema } from "./schema.js";
import { Secret } from "./secret.js";
import { asList, asRecord, proved } from "./shape.js";
import { Source } from "./source.js";
import { proveStreamManagement } from "./stream-management.js";

export interface LoadOptions {
  /** Where `secretEnv` looks; `process.env` at the edge. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The date that certificates are held against; the clock's if absent. */
  readonly nowMs?: number;
  /** The names of the sockets that the service manager has handed over; undefined where nobody can know them. */
  readonly sockets?: ReadonlySet<string>;
}

/** A configuration file is written by hand; the largest sensible one is far below. */
export const maxFileBytes = 1024 * 1024;

/**
 * Reads a configuration file and everything it names, and proves it.
 *
 * Shape   `file` is a path as the operator gave it; problems name it so. Paths inside are relative to its folder.
 * Errors  never throws on what an operator wrote: all problems at once, in the order of the file. Warnings alone do
 *         not stop a configuration from being used.
 */
export function loadConfig(file: string, options: LoadOptions): LoadedConfig<Config> {
  const read = readTextFile(resolve(file), maxFileBytes);
  if (read.ok) {
    const loaded = parseConfig(file, read.file.text, options);
    if (!isWorldWritable(read.file)) return loaded;
    // Whoever may change this file decides where every password goes.
    const place = { path: "", file, line: 1, column: 1 };
    const problem: Problem = { ...place, severity: "warning", ...describeOpenFile(file) };
    return loaded.ok
      ? { ...loaded, warnings: [problem, ...loaded.warnings] }
      : { ...loaded, problems: [problem, ...loaded.problems] };
  }
  return { ok: false, problems: [unreadable(file, read)] };
}

function describeOpenFile(file: string): Pick<Problem, "code" | "message" | "hint"> {
  return {
    code: "world-writable",
    message: `Every user of this machine may change ${JSON.stringify(resolve(file))}.`,
    hint: `chmod o-w ${file}`,
  };
}

/** The one problem of a file that could not be read. */
export function unreadable(file: string, { code, message, hint, place }: Exclude<ReadResult, { ok: true }>): Problem {
  const advice = code === "file-missing" ? "Name the file with -c, or run Caesura in its folder." : hint;
  return {
    severity: "error",
    path: "",
    file,
    line: place?.line ?? 1,
    column: place?.column ?? 1,
    code,
    message,
    ...(advice === undefined ? {} : { hint: advice }),
  };
}

/** The same for a text that was read already; `file` says where its relative paths start. */
export function parseConfig(
  file: string,
  text: string,
  { env, nowMs = Date.now(), sockets }: LoadOptions,
): LoadedConfig<Config> {
  const document = new ConfigDocument(new Source(file, text.replace(/^\u{feff}/u, "")));
  if (document.value === undefined) return { ok: false, problems: document.problems };

  const shape = configSchema.safeParse(document.value);
  if (!shape.success) complainAboutIssues(document, shape.error.issues);

  const fields = asRecord(document.value) ?? {};
  const listen = proveListeners(document, ["listen"], fields["listen"], sockets);
  const admin = proveAdmin(document, ["admin"], fields["admin"], { listeners: listen, folder: dirname(resolve(file)) });
  const metrics = proveMetrics(document, ["metrics"], fields["metrics"], admin, listen);
  const domains = proveDomains(document, ["domains"], fields["domains"], {
    folder: dirname(resolve(file)),
    env,
    nowMs,
    listeners: listen,
    areListenersComplete: listen.length > 0 && listen.length === asList(fields["listen"]).length,
  });
  checkPublicUrls(document, ["listen"], fields["listen"], domains);
  const store = proveStore(document, ["store"], fields["store"], fields["domains"], dirname(resolve(file)));
  const limits = proveLimits(document, fields["limits"]);
  const timeouts = proved(timeoutsSchema, fields["timeouts"] ?? {});
  const drain = proveDrain(document, fields["drain"], timeouts);
  const streamManagement = proveStreamManagement(document, fields["streamManagement"], limits, dirname(resolve(file)));
  const log = proved(logSchema, fields["log"] ?? {});

  const problems = document.problems;
  const isLimited = limits !== undefined && timeouts !== undefined && streamManagement !== undefined;
  const isWhole = isLimited && drain !== undefined && log !== undefined;
  if (document.hasErrors || !isWhole) return { ok: false, problems };
  const config: Config = {
    file: resolve(file),
    sha256: createHash("sha256").update(text).digest("hex"),
    domains,
    listen,
    admin,
    metrics,
    limits,
    timeouts: {
      tlsMs: timeouts.tls,
      headerMs: timeouts.header,
      connectMs: timeouts.connect,
      authenticationMs: timeouts.authentication,
      drainMs: timeouts.drain,
      idleMs: timeouts.idle,
      shutdownMs: timeouts.shutdown,
    },
    drain,
    streamManagement,
    log,
    store,
  };
  return { ok: true, config: deepFreeze(config), warnings: problems };
}

export function proveLimits(document: ConfigDocument, raw: unknown): Config["limits"] | undefined {
  const limits = proved(limitsSchema, raw ?? {});
  if (limits === undefined) return undefined;
  const written = asRecord(raw) ?? {};
  // What is not written grows with what is: a default is nobody's mistake.
  const trustedStanza =
    written["trustedStanza"] === undefined ? Math.max(limits.trustedStanza, limits.stanza) : limits.trustedStanza;
  const heldBytes = written["heldBytes"] === undefined ? Math.max(limits.heldBytes, limits.stanza) : limits.heldBytes;
  const complain = (key: string, message: string, hint?: string): void =>
    document.complain(["limits", key in written ? key : "stanza"], { code: "out-of-range", message, hint });
  if (trustedStanza < limits.stanza) {
    const message = `"trustedStanza" is smaller than "stanza": what one client may send, another could not be sent.`;
    complain("trustedStanza", message, `Give it at least ${limits.stanza}B.`);
  }
  if (limits.unauthenticatedStanza > limits.stanza) {
    complain("unauthenticatedStanza", `"unauthenticatedStanza" is larger than "stanza".`);
  }
  if (heldBytes < limits.stanza) {
    complain("heldBytes", `"heldBytes" is smaller than one "stanza".`, `Give it at least ${limits.stanza}B.`);
  }
  return {
    maxStanzaBytes: limits.stanza,
    maxUnauthenticatedStanzaBytes: limits.unauthenticatedStanza,
    maxTrustedStanzaBytes: trustedStanza,
    maxDepth: limits.depth,
    maxAttributes: limits.attributes,
    maxChildren: limits.children,
    maxNameBytes: limits.nameBytes,
    pendingPerSession: limits.pendingPerSession,
    heldBytes,
    entityQueueBytes: limits.entityQueue,
    clientQueueBytes: limits.clientQueue,
    connections: limits.connections,
    connectionsPerAddress: limits.connectionsPerAddress,
  };
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !(value instanceof Secret)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
