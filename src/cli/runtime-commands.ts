import type { Command } from "commander";
import type { DrainOptions, ListOptions, TapOptions, WatchOptions } from "./runtime.js";
import type { RuntimeOptions } from "./runtime-client.js";
import type { Terminal } from "./terminal.js";

/** Declares the commands that ask the running proxy; `done` is told the exit code of the one that ran. */
export function declareRuntimeCommands(program: Command, terminal: Terminal, done: (code: number) => void): void {
  const declare = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option("-c, --config <file>", "the configuration file, whose admin.socket is asked", "proxy.yaml")
      .option("-s, --socket <path>", "the socket itself")
      .option("--json", "print the answer as JSON")
      .addHelpText("after", "\nExit codes: 0, 1 if the proxy cannot be asked or says no, 2 if no socket is named.");
  const watch = ["-w, --watch", "show it anew every two seconds"] as const;

  declare("status", "show the health of the running proxy, its domains and managing entities")
    .option(...watch)
    .action(async (options: WatchOptions) => {
      done(await (await import("./runtime.js")).status(options, terminal));
    });
  declare("sessions", "list the bound sessions of clients")
    .option(...watch)
    .option("-m, --match <text>", "those with this in connection id, JID or remote address")
    .option("-n, --limit <number>", "at most so many", "200")
    .action(async (options: ListOptions) => {
      done(await (await import("./runtime.js")).sessions(options, terminal));
    });
  declare("links", "list the connections of clients and components")
    .option(...watch)
    .option("-m, --match <text>", "those with this in connection id, peer or remote address")
    .option("-n, --limit <number>", "at most so many", "200")
    .action(async (options: ListOptions) => {
      done(await (await import("./runtime.js")).links(options, terminal));
    });
  declare("grants", "list what users have delegated themselves (client mode)")
    .option(...watch)
    .option("-m, --match <text>", "those with this in account, namespace or managing entity")
    .option("-n, --limit <number>", "at most so many", "200")
    .action(async (options: ListOptions) => {
      done(await (await import("./runtime.js")).grants(options, terminal));
    });
  declare("revoke", "take back what a user has delegated; the managing entity is told")
    .argument("<account>", "the user's bare JID")
    .argument("[namespace]", "this one; all of them if left out")
    .option("--entity <jid>", "what was delegated to this managing entity")
    .action(
      async (
        account: string,
        namespace: string | undefined,
        options: RuntimeOptions & { readonly entity?: string },
      ) => {
        done(await (await import("./runtime.js")).revoke(account, namespace, options, terminal));
      },
    );
  declare("errors", "list what went wrong lately, newest first, with code, section and what it means")
    .option(...watch)
    .action(async (options: WatchOptions) => {
      done(await (await import("./runtime.js")).errors(options, terminal));
    });
  declare("tap", "show delegated requests and answers as they pass, without what they carry")
    .option("--rule <namespace>", "those of this delegated namespace")
    .option("--entity <jid>", "those for this managing entity")
    .option("--jid <jid>", "those of, or to, this account, session or domain")
    .option("--connection <id>", "those of this connection, as the log, sessions and links show it")
    .option("--payload", "show the whole stanzas; the log of the proxy says that this was done")
    .action(async (options: TapOptions) => {
      done(await (await import("./runtime.js")).tap(options, terminal));
    });
  declare("close", "end one link in an orderly way")
    .argument("<connection>", "the connection id, as the log, sessions, links and tap show it")
    .action(async (connection: string, options: RuntimeOptions) => {
      done(await (await import("./runtime.js")).close(connection, options, terminal));
    });
  declare("drain", "as SIGTERM: answer what is pending, end every link, then the proxy; shows the progress")
    .option("--no-wait", "return at once")
    .action(async (options: DrainOptions) => {
      done(await (await import("./runtime.js")).drain(options, terminal));
    });
  declare("reload", "as SIGHUP: read the configuration again, and show what is wrong with it").action(
    async (options: RuntimeOptions) => {
      done(await (await import("./runtime.js")).reload(options, terminal));
    },
  );
  declare("log-level", "set the level of the running proxy's log, until the next reload")
    .argument("<level>", "trace, debug, info, warn, error, fatal or silent")
    .action(async (level: string, options: RuntimeOptions) => {
      done(await (await import("./runtime.js")).logLevel(level, options, terminal));
    });
}
