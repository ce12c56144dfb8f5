import { request, type IncomingMessage } from "node:http";
import { findAdminSocket } from "../config/index.js";

/** Where a command finds the running proxy. */
export interface RuntimeOptions {
  /** The configuration file that names the socket. */
  readonly config: string;
  /** The socket itself. */
  readonly socket?: string;
  readonly json?: boolean;
}

/** The proxy cannot be asked, or says no; `message` is for the operator. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  /** The operator named no socket, or the file has none. */
  readonly isUsage: boolean;
  /** What the proxy answered, if it did. */
  readonly answer: unknown;

  constructor(
    message: string,
    { isUsage = false, answer }: { readonly isUsage?: boolean; readonly answer?: unknown } = {},
  ) {
    super(message);
    this.isUsage = isUsage;
    this.answer = answer;
  }
}

/**
 * Asks the running proxy over its socket and resolves to the JSON of its answer.
 *
 * Errors  rejects with `RuntimeError`: no socket is named, nobody listens, it may not be opened, or the proxy says no.
 */
export class RuntimeClient {
  readonly path: string;

  constructor({ socket, config }: RuntimeOptions) {
    this.path = socket ?? socketOf(config);
  }

  async get(command: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    return this.#read(await this.#ask("GET", withQuery(command, query)));
  }

  async post(command: string, body: object = {}): Promise<unknown> {
    return this.#read(await this.#ask("POST", command, JSON.stringify(body)));
  }

  /** Yields each line of an answer that goes on. */
  async *lines(command: string, query: Readonly<Record<string, string | undefined>>): AsyncGenerator<string> {
    const response = await this.#ask("GET", withQuery(command, query));
    if (response.statusCode !== 200) await this.#read(response);
    let rest = "";
    response.setEncoding("utf8");
    for await (const piece of response as AsyncIterable<string>) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }

  #ask(method: string, command: string, body?: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const asked = request({ socketPath: this.path, method, path: `/api/${command}`, headers, agent: false }, resolve);
      asked.setTimeout(DEADLINE_MS, () => asked.destroy(new RuntimeError(`${this.path} does not answer.`)));
      asked.once("response", () => asked.setTimeout(0));
      asked.once("error", (error) =>
        reject(error instanceof RuntimeError ? error : new RuntimeError(explained(this.path, error))),
      );
      asked.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    let text = "";
    response.setEncoding("utf8");
    try {
      for await (const piece of response as AsyncIterable<string>) text += piece;
    } catch {
      throw new RuntimeError("The proxy ended before it had answered.");
    }
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new RuntimeError(`${this.path} is not the socket of a Caesura: it does not answer in JSON.`);
    }
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const error = typeof answer === "object" && answer !== null && "error" in answer ? String(answer.error) : text;
    throw new RuntimeError(error, { answer });
  }
}

/** A reload may have to wait for another one and for ports. */
const DEADLINE_MS = 60_000;

function withQuery(command: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  const text = parameters.toString();
  return text === "" ? command : `${command}?${text}`;
}

function socketOf(file: string): string {
  const { path, problem } = findAdminSocket(file);
  if (path !== undefined) return path;
  const hint = "Name the configuration file with -c or the socket with --socket.";
  if (problem !== undefined) throw new RuntimeError(`${problem} ${hint}`, { isUsage: true });
  throw new RuntimeError(`${file} has no admin.socket, so that the proxy takes no commands. ${hint}`, {
    isUsage: true,
  });
}

function explained(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
      return `There is no socket ${path}: the proxy is not running, or runs with another admin.socket.`;
    case "ECONNREFUSED":
      return `Nobody listens on ${path}: the proxy is not running.`;
    case "EACCES":
    case "EPERM":
      return `This user may not open ${path}: ask as root or as the user that runs Caesura, or set admin.socket.mode.`;
    case "ENOTSOCK":
      return `${path} is no socket.`;
    case "ECONNRESET":
    case "EPIPE":
      return "The proxy ended before it had answered.";
    default:
      return `${path} cannot be asked: ${error.message}.`;
  }
}
