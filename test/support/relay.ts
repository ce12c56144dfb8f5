import { createServer, connect, type Server, type Socket } from "node:net";

/** One connection through a relay: the bytes of both directions so far, as seen by whoever connected. */
export class Relayed {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #sent: Buffer[] = [];
  readonly #received: Buffer[] = [];

  /** @internal Made by a relay. */
  constructor(near: Socket, far: Socket) {
    this.#near = near;
    this.#far = far;
    pass(near, far, this.#sent);
    pass(far, near, this.#received);
  }

  get sent(): Buffer {
    return Buffer.concat(this.#sent);
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** The wire is cut: both ends hear of a lost connection, neither a word of XMPP. */
  cut(): void {
    this.#near.resetAndDestroy();
    this.#far.resetAndDestroy();
  }
}

/** A wire between two peers of a test, on the loopback: what passes over it can be read, and it can be cut. */
export class Relay {
  readonly #server: Server;
  readonly #connections: Relayed[] = [];

  private constructor(port: number) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      this.#connections.push(new Relayed(near, connect({ port, host: "127.0.0.1", allowHalfOpen: true })));
    });
  }

  /** A relay to a port of the loopback. */
  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => {
      relay.#server.listen(0, "127.0.0.1", resolve);
    });
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return address.port;
  }

  /** In the order in which they were opened, those that are over included. */
  get connections(): readonly Relayed[] {
    return this.#connections;
  }

  /** Cuts every connection that is there; the next ones get through. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.cut();
    });
  }
}

function pass(from: Socket, to: Socket, kept: Buffer[]): void {
  from.on("data", (chunk: Buffer) => {
    kept.push(chunk);
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => {
    from.resume();
  });
  from.once("end", () => {
    to.end();
  });
  from.on("error", () => {
    to.destroy();
  });
  from.once("close", () => {
    if (from.errored !== null) to.destroy();
  });
}
