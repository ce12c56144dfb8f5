import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { withDeadline } from "./deadline.js";
import { findProgram, Peer, temporaryFolder } from "./peer.js";

const execute = promisify(execFile);

/** A program that wants a screen and keys, in a terminal of its own (tmux, its server not a daemon but ours). */
export class Terminal {
  readonly #server: Peer;
  readonly #folder: string;

  private constructor(server: Peer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** Runs a program with its configuration and data in a new folder. */
  static async run(command: string): Promise<Terminal> {
    const folder = temporaryFolder("terminal");
    const env = { TMUX_TMPDIR: folder, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, TERM: "xterm" };
    const server = await Peer.start({
      name: command,
      command: findProgram("tmux") ?? "tmux",
      args: ["-L", "test", "-f", "/dev/null", "-D"],
      env,
      folder,
      isReady: () => true,
    });
    const terminal = new Terminal(server, folder);
    const started = (async () => {
      for (;;) {
        try {
          await terminal.#tmux("new-session", "-d", "-x", "160", "-y", "50", command);
          return;
        } catch {
          // The server's socket is not there yet.
          await pause();
        }
      }
    })();
    await withDeadline(started, 5_000, () => `tmux does not start.\n${server.tail()}`);
    return terminal;
  }

  /** Types a line and presses Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", line);
    await this.#tmux("send-keys", "Enter");
  }

  /** Waits until the screen shows something. */
  async shows(what: string | RegExp, deadlineMs = 15_000): Promise<void> {
    let screen = "";
    const seen = (async () => {
      for (;;) {
        screen = await this.#tmux("capture-pane", "-p");
        if (typeof what === "string" ? screen.includes(what) : what.test(screen)) return;
        await pause();
      }
    })();
    await withDeadline(seen, deadlineMs, () => `the screen does not show ${String(what)}:\n${screen}`);
  }

  async stop(): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
    await this.#server.stop();
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, TMUX_TMPDIR: this.#folder };
    return (await execute("tmux", ["-N", "-L", "test", ...args], { env })).stdout;
  }
}

// Between two looks at a screen; a program draws when it likes.
async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
