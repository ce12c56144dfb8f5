import { type ChildProcess, spawn } from "node:child_process";

export interface ProgramOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Tells from the output so far whether the program is ready. */
  readonly isReady?: (output: string) => boolean;
  /** What a program that runs on Node tells through its channel. */
  readonly onMessage?: (message: unknown) => void;
}

/** A program that the demonstration has started and that it stops again. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<void>;
  #output = "";
  #isOver = false;
  #check: () => void = () => undefined;

  private constructor(options: ProgramOptions) {
    const { name, command, args, env, onMessage } = options;
    this.#name = name;
    this.#child = spawn(command, args, {
      // Ctrl-C in a terminal is for the demonstration alone; it stops its programs one after another.
      detached: true,
      stdio: ["pipe", "pipe", "pipe", ...(onMessage === undefined ? [] : (["ipc"] as const))],
      env: { ...process.env, ...env },
    });
    const keep = (piece: Buffer): void => {
      this.#output = `${this.#output}${piece.toString("utf8")}`.slice(-MOST_OUTPUT);
      this.#check();
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    this.#child.stdin?.on("error", () => undefined);
    if (onMessage !== undefined) this.#child.on("message", onMessage);
    this.#ended = new Promise((resolve) => {
      const over = (): void => {
        this.#isOver = true;
        this.#check();
        resolve();
      };
      this.#child.once("error", (error) => {
        this.#output += error.message;
        over();
      });
      this.#child.once("close", over);
    });
  }

  /** Starts a program and waits until it is ready. Errors  with the end of its output; it has then been stopped. */
  static async start(options: ProgramOptions): Promise<Program> {
    const program = new Program(options);
    const { isReady = () => true } = options;
    try {
      await program.#until(isReady);
    } catch (error) {
      await program.stop();
      throw error;
    }
    return program;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** When the program has ended, by itself or not. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The last lines of the output, for an error message. */
  get tail(): string {
    return this.#output.trim().split("\n").slice(-15).join("\n");
  }

  /** Writes a line to the program's standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGTERM");
    const impatience = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await this.#ended;
    clearTimeout(impatience);
  }

  /** For the moment in which this process ends. */
  kill(): void {
    if (!this.#isOver) this.#child.kill("SIGKILL");
  }

  async #until(isReady: (output: string) => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`${this.#name} is not ready in time:\n${this.tail}`));
        }, START_DEADLINE_MS);
        this.#check = () => {
          if (this.#isOver) reject(new Error(`${this.#name} ended:\n${this.tail}`));
          else if (isReady(this.#output)) resolve();
        };
        this.#child.once("spawn", this.#check);
        this.#check();
      });
    } finally {
      clearTimeout(timer);
      this.#check = () => undefined;
    }
  }
}

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 5_000;
const MOST_OUTPUT = 100_000;
