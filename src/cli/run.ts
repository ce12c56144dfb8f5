import { loadConfig, type Config, type Problem } from "../config/index.js";
import { InheritedSockets, ListenError } from "../listen/index.js";
import {
  createLogger,
  errorText,
  flushLog,
  lineFormat,
  standardOutput,
  standardOutputKind,
  type LogDestination,
  type Logger,
  type OutputKind,
} from "../log/index.js";
import type { ReloadOutcome } from "../admin/index.js";
import { StoreError } from "../store/index.js";
import { startProxy, type ProcessControls, type StreamProxy } from "../main.js";
import { hostAndPort } from "../xmpp/index.js";
import { reportDrain } from "./drain-report.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { ServiceManager } from "./service-manager.js";
import { exitCode, type Terminal } from "./terminal.js";

export interface RunOptions {
  /** Path of the configuration file, as the operator gave it. */
  readonly config: string;
}

/**
 * `caesura run`: serves until a signal says otherwise. The log is on standard output.
 *
 * SIGHUP          reads the configuration again; a bad file changes nothing.
 * SIGTERM, SIGINT drain, as whoever calls `close` of the proxy does; a second one ends the process at once.
 *
 * Returns the exit code: 0 clean, 1 failure, 2 configuration.
 */
export async function run({ config: file }: RunOptions, terminal: Terminal): Promise<number> {
  const { env, stderr } = terminal;
  const sockets = InheritedSockets.of(env, process.pid);
  const loaded = loadConfig(file, { env, sockets: sockets.names });
  if (!loaded.ok) {
    const text = `${formatProblems(loaded.problems, sourceText(file))}${summarise(loaded.problems)}\n`;
    stderr.write(errorText(text, env));
    return exitCode.usage;
  }
  const destination = standardOutput();
  const output = { ...standardOutputKind(env), hasColours: terminal.hasColours };
  destination.format = lineFormat(loaded.config.log.format, output);
  const log = createLogger({ level: loaded.config.log.level, destination });
  // The process ends all the same; this only makes sure that the log says why.
  const lastWords = (error: Error): void => {
    // Room first: a line that finds the backlog full is dropped.
    destination.flushSync();
    log.fatal({ event: "crash", err: error }, "a fault of our own");
  };
  process.on("uncaughtExceptionMonitor", lastWords);
  logProblems(log, loaded.warnings);
  const manager = new ServiceManager(log, env, process.pid);
  try {
    const requests = new Requests();
    const proxy = await startProxy(loaded.config, {
      log,
      droppedLogLines: destination.dropped,
      sockets,
      process: requests,
    });
    logStart(log, loaded.config, proxy);
    warnOfUnused(log, sockets);
    const running: Running = {
      file,
      env,
      log,
      destination,
      output,
      sockets,
      manager,
      requests,
      proxy,
      config: loaded.config,
    };
    await manager.ready(statusOf(running));
    await untilStopped(running);
    await flushLog(log);
    return exitCode.clean;
  } catch (error) {
    if (!(error instanceof ListenError || error instanceof StoreError)) throw error;
    log.fatal({ event: error instanceof StoreError ? "store-failed" : "listen-failed" }, error.message);
    stderr.write(errorText(`${placeOf(error, file, loaded.config)}: ${error.message}\n`, env));
    await flushLog(log);
    return exitCode.failure;
  } finally {
    manager.close();
    process.off("uncaughtExceptionMonitor", lastWords);
  }
}

/** Where the operator named what cannot be used, if the configuration knows. */
function placeOf(error: ListenError | StoreError, file: string, { store }: Config): string {
  if (!(error instanceof StoreError) || store === undefined) return "caesura";
  return `${file}:${store.line}:${store.column}: ${error.code}`;
}

interface Running {
  readonly file: string;
  readonly env: Terminal["env"];
  readonly log: Logger;
  /** Of the log. */
  readonly destination: LogDestination;
  readonly output: OutputKind;
  readonly sockets: InheritedSockets;
  readonly manager: ServiceManager;
  readonly requests: Requests;
  readonly proxy: StreamProxy;
  /** In use. */
  config: Config;
}

/** What operators ask of the running process over its socket; nothing is done before it serves and after it has ended. */
class Requests implements ProcessControls {
  drain = (): boolean => false;
  reload = (): Promise<ReloadOutcome> =>
    Promise.resolve({ ok: false, message: "The proxy is starting or stopping.", problems: [] });
}

/** Serves signals and requests until the proxy is drained. */
function untilStopped(running: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    let signalled = false;
    const { requests } = running;
    const stop = (signal: NodeJS.Signals): void => {
      if (signalled) {
        running.destination.flushSync();
        running.log.warn({ event: "killed", signal }, "second signal, ending at once");
        running.destination.flushSync();
        process.exit(exitCode.failure);
      }
      // A service manager that stops a proxy which an operator is draining sends its first signal now.
      signalled = true;
      end({ signal });
    };
    const end = (cause: object): boolean => {
      if (stopping) return false;
      stopping = true;
      Object.assign(requests, new Requests());
      drain(running, cause)
        .finally(() => process.off("SIGHUP", reread).off("SIGTERM", stop).off("SIGINT", stop))
        .then(resolve, reject);
      return true;
    };
    requests.drain = () => end({ asked: "operator" });
    requests.reload = () => reload(running);
    const reread = (): void => {
      if (!stopping) reload(running).catch(reject);
    };
    process.on("SIGHUP", reread).on("SIGTERM", stop).on("SIGINT", stop);
  });
}

async function drain({ log, proxy, manager, config }: Running, cause: object): Promise<void> {
  const closed = proxy.close();
  log.info({ event: "draining", ...cause, connections: proxy.connections }, "draining");
  const { shutdownMs, drainMs } = config.timeouts;
  const reporting = reportDrain(proxy, log, manager);
  try {
    await Promise.all([closed, manager.stopping(shutdownMs + drainMs + lastStepsMs)]);
  } finally {
    reporting.stop();
  }
  // What the end of many connections has filled is emptied first, so that the last line finds room.
  await flushLog(log);
  log.info({ event: "stopped" }, "stopped");
}

/** For what follows the deadlines of the configuration: closing the rest, the last lines of the log. */
const lastStepsMs = 5000;

async function reload(running: Running): Promise<ReloadOutcome> {
  const { file, env, log, sockets, manager, proxy } = running;
  const loaded = loadConfig(file, { env, sockets: sockets.names });
  if (!loaded.ok) {
    proxy.reloadRefused(loaded.problems);
    logProblems(log, loaded.problems);
    log.error({ event: "reload-refused", file }, "the configuration stays as it was");
    return { ok: false, message: "The configuration stays as it was.", problems: loaded.problems };
  }
  logProblems(log, loaded.warnings);
  await manager.reloading();
  let outcome: ReloadOutcome = { ok: true, problems: loaded.warnings };
  try {
    await proxy.reload(loaded.config);
    running.config = loaded.config;
    running.destination.format = lineFormat(loaded.config.log.format, running.output);
    log.info({ event: "reloaded", addresses: proxy.addresses }, "the new configuration is in use");
  } catch (error) {
    // The proxy has counted it and serves as before. What it throws here is a port or a certificate that is not taken.
    log.error({ event: "reload-refused", file, err: error }, "the configuration stays as it was");
    const why = error instanceof Error ? error.message : String(error);
    outcome = { ok: false, message: `The configuration stays as it was: ${why}.`, problems: loaded.warnings };
  }
  warnOfUnused(log, sockets);
  await manager.ready(statusOf(running));
  return outcome;
}

/** Whoever connects to such a socket is never answered. */
function warnOfUnused(log: Logger, sockets: InheritedSockets): void {
  for (const socket of sockets.unused)
    log.warn({ event: "socket-unused", socket }, "a socket was handed over, and no listener names it");
}

/** One line for `systemctl status`. */
function statusOf({ config, proxy }: Running): string {
  const places = proxy.addresses.map(({ kind, host, port }) => `${kind} ${hostAndPort(host, port)}`).join(", ");
  return `serving ${config.domains.map(({ name }) => name).join(", ")}: ${places}`;
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
