import { expiredCode, loadConfig } from "../config/index.js";
import type { Config, Problem } from "../config/index.js";
import { askServers } from "./online.js";
import type { Finding } from "./online.js";
import { checkPorts } from "./ports.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

export interface CheckOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly online?: boolean;
}

/**
 * `caesura check`: all problems of a configuration, with their places; with `--online` also what the servers say.
 *
 * Exit  0 if `caesura run` would start (warnings may be there), 1 if it would not, if a certificate has expired, or if
 *       a server cannot be used as configured.
 */
export async function check(options: CheckOptions, terminal: Terminal): Promise<number> {
  const loaded = loadConfig(options.config, { env: terminal.env });
  const ports = terminal.ports === undefined ? [] : await checkPorts(options.config, terminal.ports);
  const problems = merged(loaded.ok ? loaded.warnings : loaded.problems, ports);
  const findings = loaded.ok && options.online === true ? await askServers(loaded.config) : [];
  const isUsable =
    loaded.ok &&
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
  { stdout, hasColours }: Terminal,
): void {
  if (problems.length > 0) stdout.write(`${formatProblems(problems, sourceText(file), hasColours)}\n`);
  for (const { severity, message, hint } of findings) {
    stdout.write(`${severity}: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}`);
  }
  if (online === true && config === undefined) stdout.write("The servers are not asked before the file is right.\n");
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
