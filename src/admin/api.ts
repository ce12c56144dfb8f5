import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { logLevels } from "../config/index.js";
import { parseJid } from "../xmpp/index.js";
import type { Controls, ListQuery, ProxyModel } from "./model.js";
import { MOST_TAPS, type TapFilter, type Taps } from "./taps.js";

export interface ApiParts {
  readonly model: ProxyModel;
  readonly controls: Controls;
  readonly taps: Taps;
  readonly log: Logger;
}

/** Who asks: someone who may use the socket in the file system, or a reader of the port. */
export type Caller = "socket" | "reader" | "operator";

/** An answer; `body` becomes JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly allow?: string;
}

/** Below this path is the JSON of the runtime commands. */
export const apiPrefix = "/api/";

const readable: ReadonlySet<string> = new Set(["status", "sessions", "links", "rules", "grants", "errors"]);
const changing: ReadonlySet<string> = new Set(["close", "drain", "reload", "revoke", "log-level"]);

/**
 * Answers the runtime commands in JSON. What reads is GET, what changes is POST with a small JSON object.
 *
 * Shape   undefined: the answer is written to `response` as it comes about (`tap`).
 * Errors  `{ "error": … }` with 400 for what is not understood, 403 for what this caller may not do, 404, 405, 429.
 */
export async function answerApi(
  parts: ApiParts,
  caller: Caller,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const command = url.pathname.slice(apiPrefix.length);
  if (readable.has(command) || command === "tap") {
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    return command === "tap" ? tap(parts, caller, url, request, response) : read(parts.model, command, url);
  }
  if (!changing.has(command)) return problem(404, `There is no command ${JSON.stringify(command.slice(0, 40))}.`);
  if (request.method !== "POST") return notAllowed("POST");
  if (caller === "reader") return problem(403, "Changes need the token of admin.tokenFile, or the runtime socket.");
  const sent = await readObject(request);
  return sent === undefined
    ? problem(400, "The body is no JSON object of at most 4 KiB.")
    : change(parts, command, sent);
}

function read(model: ProxyModel, command: string, url: URL): Answer {
  switch (command) {
    case "status":
      return { status: 200, body: model.status() };
    case "rules":
      return { status: 200, body: { rules: model.rules() } };
    case "errors":
      return { status: 200, body: { errors: model.errors() } };
    default: {
      const query = listQuery(url);
      if (query === undefined) return problem(400, `"limit" is a number from 1 to ${String(MOST_ROWS)}.`);
      const list = command === "sessions" ? "sessions" : command === "grants" ? "grants" : "links";
      return { status: 200, body: model[list](query) };
    }
  }
}

const MOST_ROWS = 10_000;

function listQuery(url: URL): ListQuery | undefined {
  const written = url.searchParams.get("limit") ?? "200";
  const limit = Number(written);
  if (!/^\d{1,5}$/.test(written) || limit < 1 || limit > MOST_ROWS) return undefined;
  return { limit, match: url.searchParams.get("match") ?? "" };
}

async function change(
  { controls, log }: ApiParts,
  command: string,
  sent: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  switch (command) {
    case "close": {
      const { connection } = sent;
      if (typeof connection !== "string") return problem(400, `"connection" is missing.`);
      if (!controls.close(connection))
        return problem(404, `There is no link ${JSON.stringify(connection.slice(0, 40))}.`);
      log.warn({ event: "close-asked", connection }, "an operator ends a link");
      return { status: 200, body: { closing: connection } };
    }
    case "drain": {
      const isNew = controls.drain();
      return {
        status: isNew ? 202 : 409,
        body: isNew ? { draining: true } : { error: "Draining is under way already." },
      };
    }
    case "reload": {
      const outcome = await controls.reload();
      return { status: outcome.ok ? 200 : 422, body: outcome.ok ? outcome : { ...outcome, error: outcome.message } };
    }
    case "revoke":
      return revoke(controls, log, sent);
    default: {
      const level = logLevels.find((one) => one === sent["level"]);
      if (level === undefined) return problem(400, `"level" is one of ${logLevels.join(", ")}.`);
      const isSeen = log.isLevelEnabled("warn");
      const say = (): void =>
        log.warn({ event: "log-level", level }, "an operator set the level of the log, until a reload");
      if (isSeen) say();
      controls.setLogLevel(level);
      if (!isSeen) say();
      return { status: 200, body: { level } };
    }
  }
}

async function revoke(
  controls: ApiParts["controls"],
  log: ApiParts["log"],
  sent: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const { account, namespace, entity } = sent;
  if (typeof account !== "string" || parseJid(account)?.local === undefined)
    return problem(400, `"account" is no JID of a user.`);
  if (!isText(namespace) || !isText(entity)) return problem(400, `"namespace" and "entity" are texts.`);
  const narrowed = { ...(namespace === undefined ? {} : { namespace }), ...(entity === undefined ? {} : { entity }) };
  const outcome = await controls.revoke({ account, ...narrowed });
  if (outcome.revoked.length === 0)
    return problem(404, `There is no such grant of ${JSON.stringify(account.slice(0, 100))}.`);
  const line = { event: "revoke-asked", account, ...narrowed, count: outcome.revoked.length, stored: outcome.stored };
  log.warn(line, "an operator takes back what a user has delegated");
  return { status: 200, body: outcome };
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

function tap(
  { taps, log }: ApiParts,
  caller: Caller,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Answer | undefined {
  if (caller !== "socket") return problem(403, "Delegated requests are shown over the runtime socket alone.");
  const filter: TapFilter = {
    payload: url.searchParams.get("payload") === "true",
    ...named(url, "rule"),
    ...named(url, "entity"),
    ...named(url, "jid"),
    ...named(url, "connection"),
  };
  if (filter.jid !== undefined && parseJid(filter.jid) === undefined)
    return problem(400, `${JSON.stringify(filter.jid.slice(0, 100))} is no JID.`);
  response.setHeader("content-type", "application/x-ndjson");
  response.setHeader("cache-control", "no-store");
  if (request.method === "HEAD") {
    response.end();
    return undefined;
  }
  const { payload, ...narrowed } = filter;
  const line = { event: "tap", payload, ...narrowed };
  const isOpen = taps.open(filter, response, (shown) => {
    const text = "a reader of delegated requests is gone";
    if (payload) log.warn({ ...line, shown }, text);
    else log.info({ ...line, shown }, text);
  });
  if (!isOpen) return problem(429, `${String(MOST_TAPS)} readers look already.`);
  if (payload) log.warn(line, "the content of delegated requests is shown to an operator");
  else log.info(line, "delegated requests are shown to an operator");
  response.flushHeaders();
  return undefined;
}

function named(url: URL, name: "rule" | "entity" | "jid" | "connection"): Partial<Record<typeof name, string>> {
  const value = url.searchParams.get(name);
  return value === null || value === "" ? {} : { [name]: value };
}

function problem(status: number, error: string): Answer {
  return { status, body: { error } };
}

function notAllowed(allow: string): Answer {
  return { status: 405, body: { error: `This is asked with ${allow}.` }, allow };
}

const MOST_BODY_BYTES = 4096;

/** The JSON object that was sent, `{}` for no body at all; undefined if it is none. */
async function readObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    // Ended by the server's own deadline for a request, if the rest does not come.
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > MOST_BODY_BYTES) return undefined;
      pieces.push(piece);
    }
    if (length === 0) return {};
    const parsed: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined;
  } catch {
    // No JSON, or whoever asked is gone.
    return undefined;
  }
}
