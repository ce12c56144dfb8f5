import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatPath, parseConfig } from "../config/index.js";
import type { Problem } from "../config/index.js";
import { ejabberdChanges } from "./ejabberd/changes.js";
import { convertEjabberd } from "./ejabberd/convert.js";
import { readEjabberd } from "./ejabberd/ejabberd-config.js";
import { convert } from "./prosody/convert.js";
import { prosodyChanges } from "./prosody/changes.js";
import { readProsody } from "./prosody/prosody-config.js";
import type { Note, ProxyPlan } from "./proxy-plan.js";
import { renderProxyYaml } from "./render-proxy.js";
import type { Origin } from "./render-proxy.js";
import { formatNotes, sourceText } from "./report.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

export interface ImportOptions {
  /** Where to write; standard output if absent. Never overwritten. */
  readonly output?: string;
  readonly json?: boolean;
}

/**
 * `caesura import FILE`: makes a `proxy.yaml` of a configuration of Prosody or ejabberd, and says on standard error what could not
 * be carried over, each with its place. Nothing of the configuration is executed, and no secret is printed.
 *
 * Exit  0 if a file was made, also with losses; 1 if there is nothing to make one of, or it cannot be written.
 */
export function importConfig(file: string, options: ImportOptions, terminal: Terminal): number {
  // Both servers name their files so, and neither could read the other's.
  const isYaml = /\.ya?ml$/i.test(file);
  const { plan, notes } = isYaml ? convertEjabberd(readEjabberd(file)) : convert(readProsody(file));
  const origin: Origin = isYaml
    ? { file, server: "ejabberd", changes: ejabberdChanges }
    : { file, server: "Prosody", changes: prosodyChanges };
  const checked = plan.domains.length === 0 ? undefined : proved(plan, origin, options.output ?? "proxy.yaml");
  const all = inOrder([...notes, ...(checked?.notes ?? [])]);
  const isReadable = !all.some(({ severity }) => severity === "error");
  const lost = all.filter(({ severity }) => severity === "warning");
  const yaml = checked === undefined || !isReadable ? undefined : renderProxyYaml(checked.plan, origin, lost);
  const failure = yaml === undefined || options.output === undefined ? undefined : write(options.output, yaml);
  const isMade = yaml !== undefined && failure === undefined;
  if (options.json === true) {
    const result = {
      ok: isMade,
      file,
      ...(yaml === undefined ? {} : { yaml }),
      ...(failure && { failure }),
      notes: all,
    };
    terminal.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return isMade ? exitCode.clean : exitCode.failure;
  }
  if (all.length > 0) terminal.stderr.write(`${formatNotes(all, sourceText)}\n`);
  if (yaml === undefined) terminal.stderr.write(`${file}: nothing was made of it.\n`);
  else if (failure !== undefined) terminal.stderr.write(`error: ${failure}\n`);
  else if (options.output === undefined) terminal.stdout.write(yaml);
  else
    terminal.stdout.write(
      `${options.output} is written. ${describe(checked?.plan ?? plan)}\nRead its first lines, then: caesura check -c ${options.output}\n`,
    );
  return isMade ? exitCode.clean : exitCode.failure;
}

function describe({ domains }: ProxyPlan): string {
  return `Domains: ${domains.map(({ name }) => name).join(", ")}; delegations: ${countOf(domains)}.`;
}

function countOf(domains: ProxyPlan["domains"]): number {
  return domains.reduce((sum, { delegations }) => sum + delegations.length, 0);
}

/**
 * A plan, less the delegations that Caesura would refuse: those become notes at the place where they were
 * read. What remains is accepted by `caesura check`, apart from files that are not there.
 */
function proved(
  plan: ProxyPlan,
  origin: Origin,
  output: string,
): { readonly plan: ProxyPlan; readonly notes: readonly Note[] } {
  const notes: Note[] = [];
  let current = plan;
  for (;;) {
    const yaml = renderProxyYaml(current, origin);
    const errors = errorsOf(yaml, output);
    const domains = current.domains.map((domain) => ({
      ...domain,
      delegations: domain.delegations.filter(({ namespace, file, line, column }) => {
        const path = formatPath(["domains", domain.name, "delegations", namespace]);
        const problem = errors.find((one) => one.path === path || one.path.startsWith(`${path}.`));
        if (problem === undefined) return true;
        const { message, hint } = problem;
        const lost = `Not carried over: the delegation of ${namespace}. ${message}`;
        notes.push({ severity: "warning", file, line, column, message: lost, ...(hint === undefined ? {} : { hint }) });
        return false;
      }),
    }));
    if (countOf(domains) === countOf(current.domains)) {
      for (const { message, path } of errors) {
        const place = { file: origin.file, line: 1, column: 1 };
        notes.push({
          severity: "warning",
          ...place,
          message: `caesura check will not take ${path} of the result: ${message}`,
        });
      }
      return { plan: current, notes };
    }
    current = { ...current, domains };
  }
}

// What may be missing on the machine where the file is made.
const environmental = /^(?:file-|not-a-|secret-|weak-key$|key-mismatch$|certificate-)/;

function errorsOf(yaml: string, output: string): readonly Problem[] {
  const parsed = parseConfig(resolve(output), yaml, { env: {} });
  if (parsed.ok) return [];
  return parsed.problems.filter(({ severity, code }) => severity === "error" && !environmental.test(code));
}

/** File by file, and within a file from the top; what several domains share is told once. */
function inOrder(notes: readonly Note[]): readonly Note[] {
  const files = [...new Set(notes.map(({ file }) => file))];
  const single = notes.filter((note, index) => notes.findIndex((other) => isSame(note, other)) === index);
  return single.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

function isSame(one: Note, other: Note): boolean {
  return one.file === other.file && one.line === other.line && one.message === other.message;
}

/** Returns a sentence if it could not be written. */
function write(output: string, text: string): string | undefined {
  try {
    writeFileSync(output, text, { flag: "wx", mode: 0o640 });
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reasons: ReadonlyMap<string, string> = new Map([
      ["EEXIST", "it is there already, and nothing is overwritten"],
      ["ENOENT", "its folder is not there"],
      ["EACCES", "this user may not write there"],
      ["EISDIR", "it is a folder"],
    ]);
    return `${JSON.stringify(output)} is not written: ${reasons.get(code) ?? code}.`;
  }
}
