import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** One stage: what comes behind its FROM. */
export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** Reads the stages of a Dockerfile; comments are left out, continued lines joined. */
export function readDockerfile(file: string): readonly Stage[] {
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  const text = readFileSync(file, "utf8").replaceAll(/\\\n/g, " ");
  for (const line of text.split("\n")) {
    const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    if (name !== "FROM") {
      stages.at(-1)?.instructions.push({ name, text: rest });
      continue;
    }
    const [, from = "", stage = ""] = /^(\S+)\s+AS\s+(\S+)$/.exec(rest) ?? [];
    stages.push({ name: stage, from, instructions: [] });
  }
  return stages;
}

/** The last value of an instruction of a stage; empty if there is none. */
export function lastOf(stage: Stage | undefined, name: string): string {
  return stage?.instructions.findLast((instruction) => instruction.name === name)?.text ?? "";
}

/** An instruction in exec form, e.g. `["node", "-e", "…"]`. */
export function execForm(text: string): readonly string[] {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.map(String) : [];
}

/**
 * Carries out the steps of a stage, and of those that it copies from, in folders in place of images: what COPY copies is
 * copied, what RUN runs is run there.
 *
 * Errors  when a source is not there, is not in `sent`, or a command fails.
 */
export function buildStage(stages: readonly Stage[], wanted: string, context: string, target: string): string {
  const stage = stages.find(({ name }) => name === wanted);
  if (stage === undefined) throw new Error(`no stage ${wanted}`);
  const root = join(target, wanted);
  if (existsSync(root)) return root;
  mkdirSync(root, { recursive: true });
  if (stages.some(({ name }) => name === stage.from))
    cpSync(buildStage(stages, stage.from, context, target), root, { recursive: true });
  // A stage begins in the folder of the one that it is made from.
  let folder =
    lastOf(
      stages.find(({ name }) => name === stage.from),
      "WORKDIR",
    ) || "/";
  for (const { name, text } of stage.instructions) {
    if (name === "WORKDIR") folder = text;
    const here = join(root, folder);
    mkdirSync(here, { recursive: true });
    if (name === "RUN") {
      const { status, stderr } = spawnSync("sh", ["-c", text], { cwd: here, encoding: "utf8" });
      if (status !== 0) throw new Error(`RUN ${text}: ${stderr}`);
    } else if (name === "COPY") {
      const words = text.split(/\s+/);
      const from = words[0]?.startsWith("--from=") === true ? words.shift()?.slice("--from=".length) : undefined;
      const to = words.pop() ?? ".";
      const source = from === undefined ? context : buildStage(stages, from, context, target);
      for (const word of words)
        copy(join(source, word), to.endsWith("/") ? join(here, to, baseOf(word)) : join(here, to));
    }
  }
  return root;
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
