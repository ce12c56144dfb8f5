import { Program } from "./program.js";

export interface DemoClientOptions {
  readonly program: string;
  readonly port: number;
  readonly jid: string;
  readonly password: string;
  readonly certFile: string;
}

/** What the client has written to its stream, or read from it. */
export interface ClientPiece {
  readonly direction: "sent" | "received";
  readonly at: bigint;
  readonly text: string;
}

/** The example client in a process of its own, told what to send and telling what it sees. */
export class DemoClient {
  readonly program: Program;
  readonly jid: string;
  readonly #listener: Listener;

  private constructor(program: Program, jid: string, listener: Listener) {
    this.program = program;
    this.jid = jid;
    this.#listener = listener;
  }

  /** Starts the client and waits until it has a session. */
  static async start({ program: file, port, jid, password, certFile }: DemoClientOptions): Promise<DemoClient> {
    const listener: Listener = { told: undefined };
    const online = withDeadline<string>(SESSION_DEADLINE_MS, "the client has no session in time", (resolve, reject) => {
      listener.told = ({ direction, text }) => {
        if (direction === "online") resolve(text);
        else if (direction === "error") reject(new Error(`the client: ${text}`));
      };
    });
    const starting = Program.start({
      name: "the client",
      command: process.execPath,
      args: [file, `xmpp://127.0.0.1:${String(port)}`, jid],
      env: { XMPP_PASSWORD: password, NODE_EXTRA_CA_CERTS: certFile },
      onMessage: (message) => listener.told?.(reportOf(message)),
    });
    const [program, address] = await Promise.allSettled([starting, online]);
    if (program.status === "rejected") throw program.reason;
    if (address.status === "rejected") {
      await program.value.stop();
      throw new Error(`${String(address.reason)}\n${program.value.tail}`);
    }
    return new DemoClient(program.value, address.value, listener);
  }

  /** Has the client send an IQ, and collects what goes and comes until the answer with that id. */
  async ask(iq: string, id: string): Promise<readonly ClientPiece[]> {
    const pieces: ClientPiece[] = [];
    await withDeadline<void>(ANSWER_DEADLINE_MS, `no answer to ${iq}`, (resolve) => {
      this.#listener.told = ({ direction, at, text }) => {
        if (direction !== "sent" && direction !== "received") return;
        pieces.push({ direction, at, text });
        if (direction === "received" && (text.includes(`"${id}"`) || text.includes(`'${id}'`))) resolve();
      };
      this.program.tell(iq);
    });
    return pieces;
  }
}

interface Report {
  readonly direction: string;
  readonly at: bigint;
  readonly text: string;
}

interface Listener {
  told: ((report: Report) => void) | undefined;
}

async function withDeadline<T>(
  ms: number,
  message: string,
  work: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(message));
      }, ms);
      work(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

const SESSION_DEADLINE_MS = 20_000;
const ANSWER_DEADLINE_MS = 10_000;

function reportOf(message: unknown): Report {
  if (typeof message !== "object" || message === null) return { direction: "", at: 0n, text: "" };
  const [direction, at, data] = ["direction", "at", "data"].map((key) => String(Reflect.get(message, key)));
  return { direction: direction ?? "", at: BigInt(at ?? 0), text: data ?? "" };
}
