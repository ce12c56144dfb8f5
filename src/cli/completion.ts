import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** What a shell completes for one command. */
interface Words {
  /** From the program on: `["rules", "test"]`; empty for the program itself. */
  readonly path: readonly string[];
  readonly about: string;
  readonly options: readonly Word[];
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly takesFile: boolean;
  /** What its argument can be, where that is a closed set. */
  readonly choices: readonly string[];
}

interface Word {
  /** `-c` and `--config`. */
  readonly flags: readonly string[];
  readonly about: string;
  readonly value: "file" | "other" | undefined;
}

/** A script that lets a shell complete commands, options and file names, made of the commands as they are declared. */
export function completion(program: Command, shell: Shell): string {
  const all = wordsOf(program, []);
  switch (shell) {
    case "bash":
      return bash(all);
    case "zsh":
      return zsh(all);
    case "fish":
      return fish(all);
    default:
      return shell satisfies never;
  }
}

function wordsOf(command: Command, path: readonly string[]): readonly Words[] {
  const options = command.options.map(({ short, long, description, flags, required, optional }): Word => {
    const isFile = /<(?:file|path)>/.test(flags);
    const names = [short, long].filter((name) => name !== undefined && name !== null);
    return { flags: names, about: description, value: required || optional ? (isFile ? "file" : "other") : undefined };
  });
  const commands = command.commands.map((one) => ({ name: one.name(), about: one.description() }));
  const takesFile = command.registeredArguments.some((argument) => argument.name() === "file");
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const help: Word = { flags: ["-h", "--help"], about: "print this help", value: undefined };
  const here = { path, about: command.description(), options: [...options, help], commands, takesFile, choices };
  return [here, ...command.commands.flatMap((one) => wordsOf(one, [...path, one.name()]))];
}

function flagsOf({ options }: Words, value?: Word["value"]): readonly string[] {
  return options.filter((one) => value === undefined || one.value === value).flatMap(({ flags }) => flags);
}

function bash(all: readonly Words[]): string {
  const cases = all.map((words) => {
    const names = [...words.commands.map(({ name }) => name), ...words.choices];
    return [
      `    ${JSON.stringify(words.path.join(" "))})`,
      `      words=${JSON.stringify([...names, ...flagsOf(words)].join(" "))}`,
      `      paths=${JSON.stringify(flagsOf(words, "file").join(" "))}`,
      `      values=${JSON.stringify(flagsOf(words, "other").join(" "))}`,
      `      files=${words.takesFile ? "yes" : ""}`,
      "      ;;",
    ].join("\n");
  });
  const nested = all.flatMap(({ path }) => (path.length === 2 ? [JSON.stringify(path.join(" "))] : [])).join("|");
  return `# bash completion of caesura: caesura completion bash > /etc/bash_completion.d/caesura
_caesura() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command="" words="" paths="" values="" files=""
  COMPREPLY=()
  if ((COMP_CWORD > 1)); then command=\${COMP_WORDS[1]}; fi
  if ((COMP_CWORD > 2)); then
    case "$command \${COMP_WORDS[2]}" in
    ${nested}) command="$command \${COMP_WORDS[2]}" ;;
    esac
  fi
  case "$command" in
${cases.join("\n")}
  esac
  if [[ " $values " == *" $previous "* ]]; then return; fi
  if [[ " $paths " == *" $previous "* || (-n $files && $current != -*) ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _caesura caesura
`;
}

/** Within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(all: readonly Words[]): string {
  const [program] = all;
  const described = (program?.commands ?? []).map(
    ({ name, about }) => `    ${quoted(`${name}:${about.replaceAll(":", "\\:")}`)}`,
  );
  const cases = all.flatMap((words) => {
    if (words.path.length === 0) return [];
    const specs = words.options.map(({ flags, about, value }) => {
      const text = `[${about.replaceAll(/[[\]:]/g, "\\$&")}]`;
      const argument = value === undefined ? "" : value === "file" ? ":file:_files" : ":value:";
      const group = flags.length > 1 ? `'(${flags.join(" ")})'{${flags.join(",")}}` : (flags[0] ?? "");
      return `${group}${quoted(text + argument)}`;
    });
    const rest: string[] = words.takesFile
      ? ["'*:file:_files'"]
      : words.commands.map(({ name }) => `'1:command:(${name})'`);
    if (words.choices.length > 0) rest.push(`'1:value:(${words.choices.join(" ")})'`);
    return [`    ${quoted(words.path.join(" "))}) _arguments ${[...specs, ...rest].join(" ")} ;;`];
  });
  const nested = all.flatMap(({ path }) => (path.length === 2 ? [quoted(path.join(" "))] : [])).join("|");
  return `#compdef caesura
# zsh completion of caesura: caesura completion zsh > /usr/local/share/zsh/site-functions/_caesura
_caesura() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  if (( CURRENT > 2 )); then
    case "$command $words[2]" in
    ${nested}) command="$command $words[2]"; shift words; (( CURRENT-- )) ;;
    esac
  fi
  case $command in
${cases.join("\n")}
  esac
}
_caesura "$@"
`;
}

function fish(all: readonly Words[]): string {
  const lines = all.flatMap((words) => {
    const [first, second] = words.path;
    const inside = first === undefined ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${second ?? first}`;
    const commands = words.commands.map(
      ({ name, about }) => `complete -c caesura -f -n ${quoted(inside)} -a ${name} -d ${quoted(about)}`,
    );
    const options = words.options.map(({ flags, about, value }) => {
      const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const argument = value === undefined ? "" : value === "file" ? " -r -F" : " -x";
      return `complete -c caesura -n ${quoted(inside)} ${names.join(" ")}${argument} -d ${quoted(about)}`;
    });
    const choices = words.choices.map((choice) => `complete -c caesura -f -n ${quoted(inside)} -a ${choice}`);
    const files = words.takesFile || words.path.length === 0 ? [] : [`complete -c caesura -f -n ${quoted(inside)}`];
    return [...commands, ...choices, ...files, ...options];
  });
  return `# fish completion of caesura: caesura completion fish > /etc/fish/completions/caesura.fish
${lines.join("\n")}
`;
}
