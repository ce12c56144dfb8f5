import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { loadConfig, type Config, type Problem } from "../config/index.js";
import { ListenError } from "../listen/index.js";
import { createLogger, flushLog, standardOutput, type LogDestination, type Logger } from "../log/index.js";
import { startProxy, type StreamProxy } from "../main.js";
import { formatProblems, summarise } from "./report.js";
import { exitCode, type Terminal } from "./terminal.js";

export interface RunOptions {
  /** Path of the configuration file, as the operator gave it. */
  readonly config: string;
}

/**
 * `caesura run`: serves until a signal says otherwise. JSON log on standard output.
 *
 * SIGHUP          reads the configuration again; a bad file changes nothing.
 * SIGTERM, SIGINT drain; a second one ends the process at once.
 *
 * Returns the exit code: 0 clean, 1 failure, 2 configuration.
 */
export async function run({ config: file }: RunOptions, terminal: Terminal): Promise<number> {
  const { env, stderr } = terminal;
  const loaded = loadConfig(file, { env });
  if (!loaded.ok) {
    stderr.write(`${formatProblems(loaded.problems, textOf(file))}${summarise(loaded.problems)}\n`);
    return exitCode.usage;
  }
  const destination = standardOutput();
  const log = createLogger({ level: loaded.config.log.level, destination });
  // The process ends all the same; this only makes sure that the log says why.
  const lastWords = (error: Error): void => {
    // Room first: a line that finds the backlog full is dropped.
    destination.flushSync();
    log.fatal({ event: "crash", err: error }, "a fault of our own");
  };
  process.on("uncaughtExceptionMonitor", lastWords);
  logProblems(log, loaded.warnings);
  try {
    const proxy = await startProxy(loaded.config, { log, droppedLogLines: destination.dropped });
    logStart(log, loaded.config, proxy);
    await notify(log, env, "--ready");
    await untilStopped({ file, env, log, destination, proxy });
    await flushLog(log);
    return exitCode.clean;
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    log.fatal({ event: "listen-failed" }, error.message);
    stderr.write(`caesura: ${error.message}\n`);
    await flushLog(log);
    return exitCode.failure;
  } finally {
    process.off("uncaughtExceptionMonitor", lastWords);
  }
}

/** The file's own lines make the report readable; it may be what is missing. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

interface Running {
  readonly file: string;
  readonly env: Terminal["env"];
  readonly log: Logger;
  /** Of the log. */
  readonly destination: LogDestination;
  readonly proxy: StreamProxy;
}

/** Serves signals until the proxy is drained. */
function untilStopped(running: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) {
        running.destination.flushSync();
        running.log.warn({ event: "killed", signal }, "second signal, ending at once");
        running.destination.flushSync();
        process.exit(exitCode.failure);
      }
      stopping = true;
      drain(running, signal)
        .finally(() => process.off("SIGHUP", reread).off("SIGTERM", stop).off("SIGINT", stop))
        .then(resolve, reject);
    };
    const reread = (): void => {
      if (!stopping) reload(running).catch(reject);
    };
    process.on("SIGHUP", reread).on("SIGTERM", stop).on("SIGINT", stop);
  });
}

async function drain({ log, proxy, env }: Running, signal: NodeJS.Signals): Promise<void> {
  const closed = proxy.close();
  log.info({ event: "draining", signal, connections: proxy.connections }, "draining");
  await Promise.all([closed, notify(log, env, "--stopping")]);
  // What the end of many connections has filled is emptied first, so that the last line finds room.
  await flushLog(log);
  log.info({ event: "stopped" }, "stopped");
}

async function reload({ file, env, log, proxy }: Running): Promise<void> {
  const loaded = loadConfig(file, { env });
  if (!loaded.ok) {
    proxy.reloadRefused();
    logProblems(log, loaded.problems);
    log.error({ event: "reload-refused", file }, "the configuration stays as it was");
    return;
  }
  logProblems(log, loaded.warnings);
  await notify(log, env, "--reloading");
  try {
    await proxy.reload(loaded.config);
    log.info({ event: "reloaded", addresses: proxy.addresses }, "the new configuration is in use");
  } catch (error) {
    // The proxy has counted it and serves as before. What it throws here is a port or a certificate that is not taken.
    log.error({ event: "reload-refused", file, err: error }, "the configuration stays as it was");
  }
  await notify(log, env, "--ready");
}

function logStart(log: Logger, config: Config, proxy: StreamProxy): void {
  const { adminAddress } = proxy;
  log.info(
    {
      event: "started",
      file: config.file,
      domains: config.domains.map(({ name }) => name),
      addresses: proxy.addresses,
      ...(adminAddress === undefined ? {} : { admin: { host: adminAddress.address, port: adminAddress.port } }),
    },
    "serving",
  );
}

function logProblems(log: Logger, problems: readonly Problem[]): void {
  for (const { severity, message, ...problem } of problems) {
    const line = { event: "configuration", ...problem };
    log[severity === "error" ? "error" : "warn"](line, message);
  }
}

/** Tells systemd what we do, if it asked (`Type=notify`, `NotifyAccess=all`). Never rejects. */
function notify(log: Logger, env: Terminal["env"], word: "--ready" | "--reloading" | "--stopping"): Promise<void> {
  if (env["NOTIFY_SOCKET"] === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    execFile("systemd-notify", [word], { timeout: 5000 }, (error) => {
      if (error !== null) log.warn({ event: "notify-failed", word, code: error.code }, "systemd was not told");
      resolve();
    });
  });
}
