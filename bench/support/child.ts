import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { connect } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** How a process of a run is started. */
export interface ChildOptions {
  /** What messages call it. */
  readonly name: string;
  /** Cores that it may use, in the words of `taskset -c`; absent: all. */
  readonly cores?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Opens a message channel to a Node program of the benches. */
  readonly ipc?: boolean;
}

const START_MS = 30_000;
const STOP_MS = 8_000;
const KEPT_OUTPUT = 8_000;

/** One process that a run started. Whoever starts it stops it; `Run` does so at the end, also after a failure. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = "";

  constructor(command: readonly string[], options: ChildOptions) {
    this.name = options.name;
    const [program = "", ...args] =
      options.cores === undefined ? command : ["taskset", "-c", options.cores, ...command];
    const stdio: StdioOptions = options.ipc === true ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"];
    this.#process = spawn(program, args, {
      stdio,
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
      env: { ...process.env, ...options.environment },
    });
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", resolve);
      this.#process.once("error", (error) => {
        this.#output += `\n${error.message}`;
        resolve(undefined);
      });
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
      });
    }
  }

  /** The process id; `taskset` replaces itself by its command, so this is the measured process. */
  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`${this.name} did not start: ${this.#output}`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.#process.pid !== undefined;
  }

  /** The last output, for messages about a failure. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the process prints a line that matches, and returns the match. */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    return await this.#until(() => Promise.resolve(this.#output.match(pattern) ?? undefined));
  }

  /** Waits until the process accepts connections on a port of 127.0.0.1. */
  async accepts(port: number): Promise<void> {
    await this.#until(async () => ((await accepts(port)) ? true : undefined));
  }

  /** Sends one message and waits for the answer to it. One question at a time. */
  async ask<Answer>(question: object, deadlineMs: number): Promise<Answer> {
    const signal = AbortSignal.timeout(deadlineMs);
    const answer = once(this.#process, "message", { signal });
    this.#process.send(question);
    const reply: unknown = await Promise.race([answer.then(([message]: unknown[]) => message), this.#exited]);
    if (typeof reply === "object" && reply !== null && "failure" in reply) {
      throw new Error(`${this.name}: ${String(reply.failure)}\n${this.#output}`);
    }
    if (!this.isRunning) throw new Error(`${this.name} ended during a run\n${this.#output}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other end is a program of the benches
    return reply as Answer;
  }

  /** Ends the process: TERM, and KILL when it does not go. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#process.kill("SIGTERM");
    await Promise.race([this.#exited, delay(STOP_MS, undefined, { ref: false })]);
    if (this.isRunning) {
      this.#process.kill("SIGKILL");
      await this.#exited;
    }
  }

  /** Ends the process at once, for the end of the program. */
  kill(): void {
    if (this.isRunning) this.#process.kill("SIGKILL");
  }

  async #until<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (!this.isRunning) throw new Error(`${this.name} ended while starting\n${this.#output}`);
      if (performance.now() > deadline) throw new Error(`${this.name} is not ready\n${this.#output}`);
      await delay(25);
    }
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
