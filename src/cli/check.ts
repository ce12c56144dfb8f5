import { expiredCode, loadConfig } from "../config/index.js";
import type { Config, Problem } from "../config/index.js";
import { parseJid } from "../xmpp/index.js";
import { askDiscovery } from "./ask-discovery.js";
import type { Account } from "./ask-discovery.js";
import { askOutside } from "./ask-outside.js";
import { askServers } from "./online.js";
import type { Finding } from "./finding.js";
import { checkPorts } from "./ports.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

export interface CheckOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly online?: boolean;
  /** Bare JID of an account to ask the server as. */
  readonly as?: string;
}

/**
 * `caesura check`: all problems of a configuration, with their places; with `--online` also what the servers say.
 *
 * Exit  0 if `caesura run` would start (warnings may be there), 1 if it would not, if a certificate has expired, or if
 *       a server cannot be used as configured.
 */
export async function check(options: CheckOptions, terminal: Terminal): Promise<number> {
  const account = accountOf(options, terminal);
  if (typeof account === "string") {
    terminal.stderr.write(`error: ${account}\n`);
    return exitCode.usage;
  }
  const loaded = loadConfig(options.config, { env: terminal.env });
  const ports = terminal.ports === undefined ? [] : await checkPorts(options.config, terminal.ports);
  const problems = merged(withoutCredentials(loaded.ok ? loaded.warnings : loaded.problems), ports);
  const findings = loaded.ok && options.online === true ? await askEverything(loaded.config, account, terminal) : [];
  // Without credentials there is nothing to ask with, and nothing else wrong.
  const isUsable =
    (loaded.ok || options.online !== true) &&
    !problems.some(({ code, severity }) => severity === "error" || code === expiredCode) &&
    !findings.some(({ severity }) => severity === "error");

  if (options.json === true) {
    const result = {
      ok: isUsable,
      file: options.config,
      problems,
      ...(options.online === true ? { online: findings } : {}),
    };
    terminal.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else report(options, problems, findings, loaded.ok ? loaded.config : undefined, terminal);
  return isUsable ? exitCode.clean : exitCode.failure;
}

async function askEverything(
  config: Config,
  account: Account | undefined,
  { ports }: Terminal,
): Promise<readonly Finding[]> {
  const offers = await askServers(config);
  const outside = await askOutside(config);
  return [...offers, ...outside, ...(await askDiscovery(config, { account, ports }))];
}

/** Who asks; a sentence if the command line makes no sense. */
function accountOf({ as, online }: CheckOptions, { env }: Terminal): Account | string | undefined {
  if (as === undefined) return undefined;
  const jid = parseJid(as);
  if (jid?.local === undefined) return `--as ${JSON.stringify(as)} is no account, as juliet@capulet.lit is one`;
  if (online !== true) return "--as asks the server, and needs --online";
  const password = env["CAESURA_PASSWORD"];
  if (password === undefined) return `the password of ${jid.bare()} is read from CAESURA_PASSWORD, which is not set`;
  return { jid, password };
}

/**
 * Credentials of systemd are there while the service runs, and mostly it is checked before that: one warning for all of
 * them, where `caesura run` would refuse each.
 */
function withoutCredentials(problems: readonly Problem[]): readonly Problem[] {
  const [first, ...more] = problems.filter(({ code }) => code === "credential-missing");
  if (first === undefined) return problems;
  const others = more.length === 0 ? "" : ` Nor ${more.length === 1 ? "is" : "are"} ${more.length} more.`;
  const one: Problem = { ...first, severity: "warning", message: `${first.message}${others}` };
  return problems.flatMap((problem) => (problem === first ? [one] : more.includes(problem) ? [] : [problem]));
}

/** In the order of the file. An address that is wrong by itself need not be tried. */
function merged(problems: readonly Problem[], ports: readonly Problem[]): readonly Problem[] {
  const isKnown = (one: Problem): boolean => problems.some(({ path }) => path === one.path);
  const all = [...problems, ...ports.filter((one) => !isKnown(one))];
  return all.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function report(
  { config: file, online }: CheckOptions,
  problems: readonly Problem[],
  findings: readonly Finding[],
  config: Config | undefined,
  { stdout, hasColours, size }: Terminal,
): void {
  if (problems.length > 0)
    stdout.write(`${formatProblems(problems, sourceText(file), { hasColours, columns: size?.()?.columns })}\n`);
  for (const { severity, message, hint } of findings) {
    stdout.write(`${severity}: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}`);
  }
  if (online === true && config === undefined) {
    stdout.write("The servers are not asked before the file is right and what it names can be read.\n");
  }
  const served = config === undefined ? "" : ` ${describe(config)}`;
  stdout.write(`${file}: ${summarise(problems)}.${served}\n`);
}

function describe({ domains, listen }: Config): string {
  const rules = domains.reduce((sum, { delegations }) => sum + delegations.length, 0);
  return `${count(domains.length, "domain")}, ${count(rules, "delegated namespace")}, ${count(listen.length, "listener")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
