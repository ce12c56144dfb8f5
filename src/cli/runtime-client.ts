import { statSync } from "node:fs";
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
  /** `usage`: the operator named no socket, or the file has none; `gone`: no proxy is there, or it ended meanwhile. */
  readonly why: "usage" | "gone" | "other";
  /** What the proxy answered, if it did. */
  readonly answer: unknown;

  constructor(message: string, why: RuntimeError["why"] = "other", answer?: unknown) {
    super(message);
    this.why = why;
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
  readonly #deadlinesMs: Readonly<Record<"GET" | "POST", number>>;

  constructor({ socket, config }: RuntimeOptions, deadlinesMs = DEADLINES_MS) {
    this.#deadlinesMs = deadlinesMs;
    this.path = socket ?? socketOf(config);
    if (Buffer.byteLength(this.path) > MOST_PATH_BYTES)
      throw new RuntimeError(`${this.path} is too long for the path of a socket.`, "usage");
  }

  async get(command: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    return this.#read(await this.#ask("GET", withQuery(command, query)));
  }

  async post(command: string, body: object = {}): Promise<unknown> {
    return this.#read(await this.#ask("POST", command, JSON.stringify(body)));
  }

  /** Yields each line of an answer that goes on, as long as the proxy does. */
  async *lines(command: string, query: Readonly<Record<string, string | undefined>>): AsyncGenerator<string> {
    const response = await this.#ask("GET", withQuery(command, query));
    if (response.statusCode !== 200) await this.#read(response);
    response.socket.setTimeout(0);
    let rest = "";
    for await (const piece of this.#pieces(response, "The proxy has ended.")) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MOST_LENGTH) throw this.#isAnother();
      yield* lines;
    }
  }

  #ask(method: "GET" | "POST", command: string, body?: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      let response: IncomingMessage | undefined;
      const asked = request({ socketPath: this.path, method, path: `/api/${command}`, headers, agent: false });
      asked.once("response", (come) => {
        response = come;
        resolve(come);
      });
      // It counts from the last byte, until all of the answer is there.
      asked.setTimeout(this.#deadlinesMs[method], () => {
        const late = new RuntimeError(`${this.path} does not answer: the proxy hangs, or is no Caesura.`);
        (response ?? asked).destroy(late);
      });
      asked.once("error", (error) => reject(error instanceof RuntimeError ? error : explained(this.path, error)));
      asked.end(body);
    });
  }

  /** Errors  throws `RuntimeError`, with `atItsEnd` if the proxy ends in the middle. */
  async *#pieces(response: IncomingMessage, atItsEnd: string): AsyncGenerator<string> {
    response.setEncoding("utf8");
    try {
      yield* response as AsyncIterable<string>;
    } catch (error) {
      throw error instanceof RuntimeError ? error : new RuntimeError(atItsEnd, "gone");
    }
  }

  #isAnother(): RuntimeError {
    return new RuntimeError(`${this.path} is not the socket of a Caesura: it does not answer in JSON.`);
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    let text = "";
    for await (const piece of this.#pieces(response, "The proxy ended before it had answered.")) {
      text += piece;
      if (text.length > MOST_LENGTH) throw this.#isAnother();
    }
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw this.#isAnother();
    }
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const error = typeof answer === "object" && answer !== null && "error" in answer ? String(answer.error) : text;
    throw new RuntimeError(error, "other", answer);
  }
}

/** What reads is answered at once; a reload may have to wait for another one and for ports. */
const DEADLINES_MS = { GET: 10_000, POST: 60_000 };

/** sockaddr_un of Linux has 108 bytes, the last of which is zero; Node cuts a longer one and asks somebody else. */
const MOST_PATH_BYTES = 107;

/** Of an answer, or of a line of one that goes on; ten thousand rows are a tenth of it. */
const MOST_LENGTH = 64 * 1024 * 1024;

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
  if (problem !== undefined) throw new RuntimeError(`${problem} ${hint}`, "usage");
  throw new RuntimeError(`${file} has no admin.socket, so that the proxy takes no commands. ${hint}`, "usage");
}

function explained(path: string, error: NodeJS.ErrnoException): RuntimeError {
  switch (error.code) {
    case "ENOENT":
      return new RuntimeError(
        `There is no socket ${path}: the proxy is not running, or runs with another admin.socket.`,
        "gone",
      );
    case "ENOTDIR":
      return new RuntimeError(`There is no socket ${path}: part of its path is no folder.`);
    case "ECONNREFUSED":
      // The system says the same of what is no socket at all.
      if (statSync(path, { throwIfNoEntry: false })?.isSocket() === false)
        return new RuntimeError(`${path} is no socket.`);
      return new RuntimeError(`Nobody listens on ${path}: the proxy is not running.`, "gone");
    case "EACCES":
    case "EPERM":
      return new RuntimeError(
        `This user may not open ${path}: ask as root or as the user that runs Caesura, or set admin.socket.mode.`,
      );
    case "ECONNRESET":
    case "EPIPE":
      return new RuntimeError("The proxy ended before it had answered.", "gone");
    default:
      return new RuntimeError(`${path} cannot be asked: ${error.message}.`);
  }
}
