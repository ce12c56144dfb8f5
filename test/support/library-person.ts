import { fileURLToPath } from "node:url";
import { withDeadline } from "./deadline.js";
import { isRecord, Peer } from "./peer.js";
import type { PersonOptions, Sight, SightOf } from "./person.js";

/** Client libraries that people build on. */
export type Library = "slixmpp" | "aioxmpp" | "@xmpp/client";

/** What a client made of a library can be told to do. */
export type Order =
  | { readonly do: "message"; readonly to: string; readonly type: "chat" | "groupchat"; readonly body: string }
  | { readonly do: "presence"; readonly show?: "away" | "dnd" }
  | { readonly do: "join"; readonly room: string; readonly nick: string }
  | { readonly do: "ask"; readonly type: "get" | "set"; readonly to?: string; readonly payload: string }
  | { readonly do: "leave" };

const programs: Readonly<Record<Library, readonly string[]>> = {
  // Debian's, whatever other Python is on the path.
  slixmpp: ["/usr/bin/python3", "-W", "ignore", program("talk-with-slixmpp.py")],
  aioxmpp: ["/usr/bin/python3", "-W", "ignore", program("talk-with-aioxmpp.py")],
  "@xmpp/client": [process.execPath, program("talk-with-xmpp.js.mjs")],
};

function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}`, import.meta.url));
}

/** A client made of a library, in a process of its own, that does what a test tells it and reports what it sees. */
export class LibraryPerson {
  readonly #peer: Peer;
  readonly #library: Library;
  /** Sights that were taken already, by their place in the output. */
  readonly #taken = new Set<number>();

  private constructor(peer: Peer, library: Library) {
    this.#peer = peer;
    this.#library = library;
  }

  /** Starts the client; it logs in. */
  static async start(library: Library, { caFile, ...options }: PersonOptions): Promise<LibraryPerson> {
    const [command = "", ...args] = programs[library];
    const peer = await Peer.start({
      name: library,
      command,
      args: [...args, JSON.stringify({ ...options, resource: "library", ca: caFile })],
      env: { NODE_EXTRA_CA_CERTS: caFile, SSL_CERT_FILE: caFile },
      takesInput: true,
      isReady: () => true,
    });
    return new LibraryPerson(peer, library);
  }

  tell(order: Order): void {
    this.#peer.write(JSON.stringify(order));
  }

  /** Waits for the first sight, old or new, that nobody has taken and that fits. */
  async sees<Event extends Sight["event"]>(
    event: Event,
    fits: (sight: SightOf<Event>) => boolean = () => true,
    deadlineMs = 10_000,
  ): Promise<SightOf<Event>> {
    let found: SightOf<Event> | undefined;
    await this.#peer.untilLog(() => {
      for (const [place, sight] of this.#sights()) {
        if (!isOf(sight, event) || this.#taken.has(place) || !fits(sight)) continue;
        this.#taken.add(place);
        found = sight;
        return true;
      }
      return false;
    }, deadlineMs);
    if (found === undefined) throw new Error(`${this.#library}: unreachable`);
    return found;
  }

  /** Tells the client to leave, and waits until it has. */
  async leave(): Promise<void> {
    this.tell({ do: "leave" });
    await withDeadline(this.#peer.ended(), 10_000, () => `${this.#library} does not leave.\n${this.#peer.tail()}`);
  }

  async stop(): Promise<void> {
    await this.#peer.stop();
  }

  *#sights(): Iterable<readonly [number, Sight]> {
    const lines = this.#peer.log.split("\n").slice(0, -1);
    for (const [place, line] of lines.entries()) {
      if (!line.startsWith("{")) continue;
      const sight: unknown = JSON.parse(line);
      if (isSight(sight)) yield [place, sight];
    }
  }
}

function isSight(value: unknown): value is Sight {
  return isRecord(value) && typeof value["event"] === "string";
}

function isOf<Event extends Sight["event"]>(sight: Sight, event: Event): sight is SightOf<Event> {
  return sight.event === event;
}
