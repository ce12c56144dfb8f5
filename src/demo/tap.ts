import { connect, createServer, type Server, type Socket } from "node:net";

/** A piece of a connection as it went by. */
export interface Piece {
  /** Towards the port behind the tap, or back. */
  readonly direction: "forth" | "back";
  /** Nanoseconds of the clock that all processes of the machine share. */
  readonly at: bigint;
  readonly text: string;
}

/** A relay on the loopback that shows what goes by: the wire between two programs. */
export class Tap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #pieces: Piece[] = [];

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      const far = connect(targetPort, "127.0.0.1");
      this.#relay(near, far, "forth");
      this.#relay(far, near, "back");
    });
  }

  static async start(targetPort: number, port = 0): Promise<Tap> {
    const tap = new Tap(targetPort);
    await new Promise<void>((resolve, reject) => {
      tap.#server.once("error", reject);
      tap.#server.listen(port, "127.0.0.1", resolve);
    });
    return tap;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** What went by since the last call. */
  take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(from: Socket, to: Socket, direction: Piece["direction"]): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      this.#pieces.push({ direction, at: process.hrtime.bigint(), text: chunk.toString("utf8") });
      if (this.#pieces.length > MOST_PIECES) this.#pieces.splice(0, MOST_PIECES / 2);
      to.write(chunk);
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

const MOST_PIECES = 10_000;
