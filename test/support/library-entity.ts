import { fileURLToPath } from "node:url";
import { isRecord, Peer } from "./peer.js";

const python = ["/usr/bin/python3", "-W", "ignore"] as const;

function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}`, import.meta.url));
}

export interface LibraryEntityOptions {
  /** Where STARTTLS is spoken. */
  readonly port: number;
  /** Bare or full JID. */
  readonly jid: string;
  readonly password: string;
  /** The certificate to trust, a file. */
  readonly caFile: string;
  /** What it says in discovery of everything that it manages. */
  readonly features: readonly string[];
}

/** A managing entity that is a user, made of slixmpp, in a process of its own. */
export class LibraryEntity {
  readonly #peer: Peer;

  private constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Starts it, and waits until it was told what it manages. */
  static async start({ caFile, ...options }: LibraryEntityOptions): Promise<LibraryEntity> {
    const [command, ...args] = python;
    const peer = await Peer.start({
      name: "slixmpp",
      command,
      args: [...args, program("manage-with-slixmpp.py"), JSON.stringify({ ...options, ca: caFile })],
      isReady: (log) => log.includes('"advertised"'),
    });
    return new LibraryEntity(peer);
  }

  /** What it has seen so far. */
  get events(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.#peer.log.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line): unknown => JSON.parse(line)).filter(isRecord);
  }

  async stop(): Promise<void> {
    await this.#peer.stop();
  }
}

export interface VerifiedCapabilities {
  /** Null: what the server said of itself is not what its hash stands for. */
  readonly ver: string | null;
  readonly features: readonly string[];
}

/** Logs in with slixmpp over STARTTLS, and answers what it verified of the capabilities in the features. */
export async function verifyCapabilities(
  options: Readonly<Record<"jid" | "password" | "caFile", string>> & { readonly port: number },
): Promise<VerifiedCapabilities> {
  const [command, ...args] = python;
  const { caFile, ...asked } = options;
  const peer = await Peer.start({
    name: "slixmpp",
    command,
    args: [...args, program("verify-caps-with-slixmpp.py"), JSON.stringify({ ...asked, ca: caFile })],
    isReady: (log) => /^\{.*\}$/m.test(log),
  });
  const line: unknown = JSON.parse(/^\{.*\}$/m.exec(peer.log)?.[0] ?? "{}");
  await peer.stop();
  if (!isRecord(line) || !Array.isArray(line["features"])) throw new Error(`slixmpp said ${JSON.stringify(line)}`);
  const { ver } = line;
  return { ver: typeof ver === "string" ? ver : null, features: line["features"].map(String) };
}
