import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, appendFileSync, constants, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { withDeadline } from "./deadline.js";

// Programs that the tests talk to. Whoever starts one owns it: it is stopped by its own pid, its folder goes with it, and
// should the test process die first, the kernel ends it (setpriv --pdeathsig) and an exit handler does where that is
// missing.

/** What a program is started with. */
export interface PeerOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Tells from the output so far whether the program is ready; asked anew at each piece of output. */
  readonly isReady: (log: string) => boolean;
  readonly startDeadlineMs?: number;
  /** Its standard input can be written to; otherwise there is none. */
  readonly takesInput?: boolean;
  /** A folder that is removed when the program has ended. */
  readonly folder?: string;
}

/** A running program. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #pieces: string[] = [];
  readonly #folder: string | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #ended: Promise<number | undefined>;
  #isOver = false;

  private constructor(options: PeerOptions) {
    this.#name = options.name;
    this.#folder = options.folder;
    const [command, ...args] = tiedToUs([options.command, ...options.args]);
    this.#child = spawn(command ?? options.command, args, {
      stdio: [options.takesInput === true ? "pipe" : "ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    const keep = (piece: Buffer): void => {
      this.#pieces.push(piece.toString("utf8"));
      for (const listener of this.#listeners) listener();
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    // A program that has ended reads nothing more; its log says why.
    this.#child.stdin?.on("error", () => undefined);
    running.add(this);
    this.#ended = new Promise((resolve) => {
      const over = (code: number | undefined): void => {
        this.#isOver = true;
        running.delete(this);
        if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
        resolve(code);
        for (const listener of this.#listeners) listener();
      };
      this.#child.once("error", (error) => {
        this.#pieces.push(error.message);
        over(undefined);
      });
      this.#child.once("close", (code) => {
        over(code ?? undefined);
      });
    });
  }

  /**
   * Starts a program and waits until it is ready.
   *
   * Errors  when it ends or is not ready in time; the message holds the end of its output, and it has been stopped.
   */
  static async start(options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options);
    try {
      await peer.untilLog(options.isReady, options.startDeadlineMs ?? 30_000);
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.#isOver;
  }

  /** All that the program has written so far. */
  get log(): string {
    return this.#pieces.join("");
  }

  /** Writes a line to the standard input of a program that takes it. */
  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits until the output satisfies a condition. */
  async untilLog(condition: (log: string) => boolean, deadlineMs = 10_000): Promise<void> {
    let listener: (() => void) | undefined;
    const seen = new Promise<void>((resolve, reject) => {
      listener = () => {
        if (condition(this.log)) resolve();
        else if (this.#isOver) reject(new Error(`${this.#name} ended.\n${this.tail()}`));
      };
      this.#listeners.add(listener);
      listener();
    });
    try {
      await withDeadline(seen, deadlineMs, () => `${this.#name}: the awaited output did not come.\n${this.tail()}`);
    } finally {
      if (listener !== undefined) this.#listeners.delete(listener);
    }
  }

  /** The last lines of the output. */
  tail(lines = 60): string {
    return this.log.split("\n").slice(-lines).join("\n");
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  /** The exit code; undefined when a signal ended it. */
  async ended(deadlineMs = 10_000): Promise<number | undefined> {
    return withDeadline(this.#ended, deadlineMs, () => `${this.#name} does not end.\n${this.tail()}`);
  }

  /** Asks the program to end, and ends it after a while. Safe to repeat. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGTERM");
    try {
      await this.ended(5_000);
    } catch {
      this.#child.kill("SIGKILL");
      await this.#ended;
    }
  }

  /** At once; for the end of the test process. */
  kill(): void {
    this.#child.kill("SIGKILL");
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

const running = new Set<Peer>();

const folders = new Set<string>();

// The test runner ends its workers by a signal, which alone would skip what is to be done at the end.
process.once("SIGTERM", () => {
  process.exit(0);
});

process.on("exit", () => {
  for (const peer of running) peer.kill();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function tiedToUs(command: readonly string[]): readonly string[] {
  const setpriv = findProgram("setpriv");
  return setpriv === undefined ? command : [setpriv, "--pdeathsig", "KILL", ...command];
}

/** Where a program is, looked up as a shell does and in the folders of an administrator. */
export function findProgram(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Says why tests that need some programs or files cannot run here, and notes it for the summary; false when they can.
 * In CI nothing is skipped, so there the tests run and fail.
 */
export function cannotRun(...needs: readonly string[]): boolean {
  const missing = needs.filter((need) => (need.startsWith("/") ? !isReadable(need) : findProgram(need) === undefined));
  if (missing.length === 0 || isCi()) return false;
  const log = process.env["CAESURA_SKIP_LOG"];
  if (log !== undefined) appendFileSync(log, `integration tests with ${missing.join(", ")}: not installed\n`);
  return true;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function isCi(): boolean {
  return !["", "false", undefined].includes(process.env["CI"]);
}

/** A port of the loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await unusedPort();
    // The kernel may give the same one twice; whoever was given it first may not have opened it yet.
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

const given = new Set<number>();

async function unusedPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}

/** Waits until a program accepts connections, where its output does not say so. */
export async function untilListening(port: number, peer: Peer): Promise<void> {
  const accepts = async (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => {
        setTimeout(resolve, 20, false);
      });
    });
  const listening = (async () => {
    while (!(await accepts())) await peer.untilLog(() => true);
  })();
  await withDeadline(listening, 10_000, () => `nobody listens on port ${String(port)}.\n${peer.tail()}`);
}

/** A new folder for one program or one test; gone with the program, or with the test process. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `caesura-${name}-`));
  folders.add(folder);
  return folder;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
