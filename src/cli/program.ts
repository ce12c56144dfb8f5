import { readFileSync } from "node:fs";
import { Argument, Command, CommanderError, Option } from "commander";
import { check } from "./check.js";
import type { CheckOptions } from "./check.js";
import { completion, shells } from "./completion.js";
import type { Shell } from "./completion.js";
import { explain } from "./explain.js";
import type { ExplainOptions } from "./explain.js";
import type { ImportOptions } from "./import.js";
import type { RulesTestOptions } from "./rules-test.js";
import { declareRuntimeCommands } from "./runtime-commands.js";
import type { WatchOptions } from "./runtime.js";
import { schema } from "./schema.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

/**
 * Runs one command line (without the names of the program) and resolves to the exit code.
 *
 * Errors  what a user got wrong is said on standard error, without a stack trace, and is exit code 2 for the command
 *         line itself. What rejects is our mistake.
 */
export async function runCommandLine(arguments_: readonly string[], terminal: Terminal): Promise<number> {
  let outcome: number = exitCode.clean;
  const program = new Command("caesura")
    .description("A transparent XMPP stream proxy that gives any server namespace delegation (XEP-0355).")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    // `caesura rules` and `caesura rules test` have options of the same names.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("(--help shows what there is)");
  const configOption = ["-c, --config <file>", "the configuration file", "proxy.yaml"] as const;

  program
    .command("run")
    .description("run the proxy in the foreground; SIGHUP reloads the configuration, SIGTERM drains")
    .option(...configOption)
    .addHelpText("after", "\nExit codes: 0 after a clean end, 1 after a failure, 2 if the configuration is wrong.")
    .action(async (options: { readonly config: string }) => {
      const { run } = await import("./run.js");
      outcome = await run(options, terminal);
    });
  program
    .command("check")
    .description("say everything that is wrong with a configuration, with places and hints")
    .option(...configOption)
    .option("--online", "also ask the servers and their component ports what they offer")
    .option("--as <jid>", "with --online: an account to ask as, its password in CAESURA_PASSWORD")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExit codes: 0 if it can be used, 1 if there are problems, 2 for a wrong command line.")
    .action(async (options: CheckOptions) => {
      outcome = await check(options, terminal);
    });
  program
    .command("explain")
    .description("say which rule takes a stanza from standard input, or why none does, and what bytes would leave")
    .option(...configOption)
    .requiredOption("--from <jid>", "full JID of the client, or JID of the component, that sends the stanza")
    .option("--domain <domain>", "the served domain; that of --from if left out")
    .option("--lang <language>", "xml:lang of the client's stream header")
    .option("--granted <jid>", "an entity to which users have delegated what clientMode lets them")
    .option("--json", "print the result as JSON")
    .addHelpText("after", `\nFor example: caesura explain --from juliet@capulet.lit/balcony < stanza.xml`)
    .action(async (options: ExplainOptions) => {
      outcome = await explain(options, terminal);
    });
  const rules = program
    .command("rules")
    .description("list the rules of the running proxy with hits and outcomes; or test those of a configuration")
    .option("-c, --config <file>", "the configuration file, whose admin.socket is asked", "proxy.yaml")
    .option("-s, --socket <path>", "the socket itself")
    .option("-w, --watch", "show it anew every two seconds")
    .option("--json", "print the answer as JSON")
    .action(async (options: WatchOptions) => {
      const { rules: list } = await import("./runtime.js");
      outcome = await list(options, terminal);
    });
  rules
    .command("test")
    .description("hold the rules against files of cases that say what is to become of a stanza")
    .argument("<file...>", "YAML files with cases")
    .option("-c, --config <file>", "the configuration file; the one that the cases name if left out")
    .addOption(new Option("--json", "print the result as JSON").conflicts("junit"))
    .option("--junit", "print the result as JUnit XML, for continuous integration")
    .addHelpText("after", "\nExit codes: 0 if every case came out as expected, 1 if not, 2 for a wrong command line.")
    .action(async (files: readonly string[], options: RulesTestOptions) => {
      const { testRules } = await import("./rules-test.js");
      outcome = testRules(files, options, terminal);
    });
  program
    .command("import")
    .description("make a proxy.yaml of a configuration of Prosody or ejabberd, and say what could not be carried over")
    .argument("<file>", "for example /etc/prosody/prosody.cfg.lua or /etc/ejabberd/ejabberd.yml")
    .option("-o, --output <file>", "where to write; nothing is overwritten; standard output if left out")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExit codes: 0 if a file was made, 1 if none could be, 2 for a wrong command line.")
    .action(async (file: string, options: ImportOptions) => {
      const { importConfig } = await import("./import.js");
      outcome = importConfig(file, options, terminal);
    });
  program
    .command("schema")
    .description("print the JSON Schema of the configuration file, for editors")
    .action(() => {
      outcome = schema(terminal);
    });
  program
    .command("completion")
    .description("print a script that lets a shell complete commands, options and file names")
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText("after", "\nFor example: caesura completion bash > /etc/bash_completion.d/caesura")
    .action((shell: Shell) => {
      terminal.stdout.write(completion(program, shell));
    });
  program
    .command("version")
    .description("print the versions of Caesura and of Node.js")
    .option("--json", "print them as JSON")
    .action(({ json }: { readonly json?: boolean }) => {
      const versions = { caesura: version(), node: process.versions.node };
      const text = `caesura ${versions.caesura}, Node.js ${versions.node}`;
      terminal.stdout.write(`${json === true ? JSON.stringify(versions, null, 2) : text}\n`);
    });
  program
    .command("demo")
    .description("run everything on loopback and show one delegated request hop by hop")
    .option("--once", "end after the round trip")
    .action(async (options: { readonly once?: boolean }) => {
      const { demo } = await import("./demo.js");
      outcome = await demo(options, terminal);
    });
  declareRuntimeCommands(program, terminal, (code) => {
    outcome = code;
  });

  try {
    await program.parseAsync(arguments_, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end by an exception too, with exit code 0; without a command help is an error.
    return error.exitCode === 0 ? exitCode.clean : exitCode.usage;
  }
  return outcome;
}

function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown";
}
