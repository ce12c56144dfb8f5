import { setTimeout as wait } from "node:timers/promises";
import type {
  GrantRow,
  LinkRow,
  Listed,
  RecentFault,
  RevokeOutcome,
  RuleRow,
  SessionRow,
  StatusView,
  TapEvent,
} from "../admin/index.js";
import type { Problem } from "../config/index.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { RuntimeClient, RuntimeError, type RuntimeOptions } from "./runtime-client.js";
import {
  formatErrors,
  formatGrants,
  formatLinks,
  formatRules,
  formatSessions,
  formatStatus,
  formatTapEvent,
} from "./runtime-views.js";
import { cutToScreen, harmless } from "./table.js";
import { exitCode, type Terminal } from "./terminal.js";

export interface WatchOptions extends RuntimeOptions {
  readonly watch?: boolean;
}

export interface ListOptions extends WatchOptions {
  readonly limit?: string;
  readonly match?: string;
}

export interface TapOptions extends RuntimeOptions {
  readonly rule?: string;
  readonly entity?: string;
  readonly jid?: string;
  readonly connection?: string;
  readonly payload?: boolean;
}

export interface DrainOptions extends RuntimeOptions {
  /** False: does not follow the draining. */
  readonly wait?: boolean;
}

// Each command resolves to the exit code: 0, 1 when the proxy cannot be asked or says no, 2 when it is not known whom to ask.

export function status(options: WatchOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "status", {}, (answer, width) =>
    formatStatus(known<StatusView>(answer, "configuration", "domains", "entities", "listeners"), width),
  );
}

export function sessions({ limit, match, ...options }: ListOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "sessions", { limit, match }, (answer, width) =>
    formatSessions(known<Listed<SessionRow>>(answer, "rows"), width),
  );
}

export function links({ limit, match, ...options }: ListOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "links", { limit, match }, (answer, width) =>
    formatLinks(known<Listed<LinkRow>>(answer, "rows"), width),
  );
}

export function rules(options: WatchOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "rules", {}, (answer, width) =>
    formatRules(known<{ readonly rules: readonly RuleRow[] }>(answer, "rules").rules, width),
  );
}

export function grants({ limit, match, ...options }: ListOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "grants", { limit, match }, (answer, width) =>
    formatGrants(known<Listed<GrantRow>>(answer, "rows"), width),
  );
}

export function errors(options: WatchOptions, terminal: Terminal): Promise<number> {
  return show(options, terminal, "errors", {}, (answer) =>
    formatErrors(known<{ readonly errors: readonly RecentFault[] }>(answer, "errors").errors),
  );
}

/** Shows delegated requests as they pass, until the proxy ends or the command is interrupted. */
export function tap(
  { rule, entity, jid, connection, payload, ...options }: TapOptions,
  terminal: Terminal,
): Promise<number> {
  return asking(options, terminal, async (client) => {
    const query = { rule, entity, jid, connection, payload: payload === true ? "true" : undefined };
    const isWatched = options.json !== true && terminal.size?.() !== undefined;
    if (isWatched) terminal.stderr.write("delegated requests and answers are shown as they pass; Ctrl-C ends\n");
    for await (const line of client.lines("tap", query)) {
      if (line === "") continue;
      terminal.stdout.write(
        options.json === true ? `${line}\n` : formatTapEvent(known<TapEvent>(JSON.parse(line), "event")),
      );
    }
    if (isWatched) terminal.stderr.write("the proxy has ended\n");
  });
}

export function close(connection: string, options: RuntimeOptions, terminal: Terminal): Promise<number> {
  return change(options, terminal, "close", { connection }, () => `closing ${connection}\n`);
}

/** Takes back what a user has delegated. Exit code 1 also if that could not be stored. */
export async function revoke(
  account: string,
  namespace: string | undefined,
  { entity, ...options }: RuntimeOptions & { readonly entity?: string },
  terminal: Terminal,
): Promise<number> {
  let isStored = true;
  const code = await asking(options, terminal, async (client) => {
    const answer = await client.post("revoke", { account, namespace, entity });
    const outcome = known<RevokeOutcome>(answer, "revoked", "stored");
    isStored = outcome.stored;
    if (options.json === true) terminal.stdout.write(asJson(outcome));
    else
      for (const grant of outcome.revoked)
        terminal.stdout.write(harmless(`revoked ${grant.namespace} of ${grant.account} at ${grant.entity}`) + "\n");
    if (!isStored)
      terminal.stderr.write("caesura: This could not be stored: after a restart they would be there again.\n");
  });
  return isStored ? code : exitCode.failure;
}

export function logLevel(level: string, options: RuntimeOptions, terminal: Terminal): Promise<number> {
  return change(options, terminal, "log-level", { level }, () => `the log is at ${level} until the next reload\n`);
}

/** Has the proxy read its file again, and reports what is wrong with it. */
export function reload(options: RuntimeOptions, terminal: Terminal): Promise<number> {
  return asking(options, terminal, async (client) => {
    let answer: unknown;
    try {
      answer = await client.post("reload");
    } catch (error) {
      if (error instanceof RuntimeError && options.json !== true) reportProblems(error.answer, terminal);
      throw error;
    }
    if (options.json === true) terminal.stdout.write(asJson(answer));
    else {
      reportProblems(answer, terminal);
      terminal.stdout.write("the new configuration is in use\n");
    }
  });
}

/** As SIGTERM: the proxy answers what is pending, ends every link, and then itself. Follows it to the end. */
export function drain({ wait: isFollowed = true, ...options }: DrainOptions, terminal: Terminal): Promise<number> {
  return asking(options, terminal, async (client) => {
    const begun = await client.post("drain");
    if (!isFollowed) {
      terminal.stdout.write(options.json === true ? asJson(begun) : "draining\n");
      return;
    }
    let last = -1;
    for (;;) {
      const now = await statusUntilGone(client);
      if (now === undefined) break;
      if (now.connections !== last) {
        const { connections, pending } = now;
        const text = `draining: ${String(connections)} connections, ${String(pending)} delegated requests pending\n`;
        terminal.stdout.write(options.json === true ? asLine({ state: "draining", connections, pending }) : text);
      }
      last = now.connections;
      await wait(FOLLOW_MS);
    }
    terminal.stdout.write(options.json === true ? asLine({ state: "ended" }) : "drained; the proxy has ended\n");
  });
}

const FOLLOW_MS = 250;
const WATCH_MS = 2000;

/** Undefined: the socket is gone, and with it the proxy. */
async function statusUntilGone(client: RuntimeClient): Promise<StatusView | undefined> {
  try {
    return known<StatusView>(await client.get("status"), "connections");
  } catch (error) {
    if (error instanceof RuntimeError && error.why === "gone") return undefined;
    throw error;
  }
}

function show(
  options: WatchOptions,
  terminal: Terminal,
  command: string,
  query: Readonly<Record<string, string | undefined>>,
  format: (answer: unknown, width: number) => string,
): Promise<number> {
  const { json = false, watch = false } = options;
  return asking(options, terminal, async (client) => {
    for (;;) {
      const answer = await client.get(command, query);
      const size = terminal.env["TERM"] === "dumb" ? undefined : terminal.size?.();
      const text = (): string => format(answer, size?.columns ?? Infinity);
      // Of JSON one line at a time, for programs that read on; a person's screen is drawn anew.
      if (json) terminal.stdout.write(watch ? asLine(answer) : asJson(answer));
      else if (!watch) terminal.stdout.write(text());
      else if (size === undefined) terminal.stdout.write(`${text()}\n`);
      else terminal.stdout.write(`${CLEAR}${cutToScreen(`${watchLine()}\n\n${text()}`, size)}`);
      if (!watch) return;
      await wait(WATCH_MS);
    }
  });
}

function watchLine(): string {
  return `${new Date().toISOString().slice(11, 19)} UTC, every ${String(WATCH_MS / 1000)} s; Ctrl-C ends`;
}

/** ECMA-48: cursor to the upper left, then erase to the end of the screen. */
const CLEAR = "\u001b[H\u001b[J";

function change(
  options: RuntimeOptions,
  terminal: Terminal,
  command: string,
  body: object,
  format: () => string,
): Promise<number> {
  return asking(options, terminal, async (client) => {
    const answer = await client.post(command, body);
    terminal.stdout.write(options.json === true ? asJson(answer) : format());
  });
}

async function asking(
  options: RuntimeOptions,
  terminal: Terminal,
  ask: (client: RuntimeClient) => Promise<void>,
): Promise<number> {
  try {
    await ask(new RuntimeClient(options));
    return exitCode.clean;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (options.json === true) terminal.stdout.write(asJson(error.answer ?? { error: error.message }));
    else terminal.stderr.write(`caesura: ${error.message}\n`);
    return error.why === "usage" ? exitCode.usage : exitCode.failure;
  }
}

function reportProblems(answer: unknown, { stdout, hasColours, size }: Terminal): void {
  if (!has<{ readonly problems: readonly Problem[] }>(answer, "problems")) return;
  const { problems } = answer;
  const [first] = problems;
  if (first === undefined) return;
  stdout.write(
    `${formatProblems(problems, sourceText(first.file), { hasColours, columns: size?.()?.columns })}${summarise(problems)}\n`,
  );
}

/** The proxy's answer, which is what this version of it says. */
function known<Answer extends object>(answer: unknown, ...keys: readonly (keyof Answer)[]): Answer {
  if (has<Answer>(answer, ...keys)) return answer;
  throw new RuntimeError("The proxy answers in words that this command does not know; it is of another version.");
}

function has<Answer extends object>(answer: unknown, ...keys: readonly (keyof Answer)[]): answer is Answer {
  return typeof answer === "object" && answer !== null && keys.every((key) => key in answer);
}

function asJson(answer: unknown): string {
  return `${JSON.stringify(answer, null, 2)}\n`;
}

function asLine(answer: unknown): string {
  return `${JSON.stringify(answer)}\n`;
}
