import { connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, TLSSocket } from "node:tls";

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
    for (const socket of [this.#near, this.#far]) {
      // Node resets bare connections only.
      if (socket instanceof TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}

export interface RelayedTls {
  readonly cert: string;
  readonly key: string;
  readonly servername: string;
}

/** A wire between two peers of a test, on the loopback: what passes over it can be read, and it can be cut. */
export class Relay {
  readonly #server: Server;
  readonly #connections: Relayed[] = [];

  private constructor(listen: (relayed: (near: Socket) => void) => Server, open: () => Socket) {
    this.#server = listen((near) => {
      this.#connections.push(new Relayed(near, open()));
    });
  }

  /** A relay to a port of the loopback. */
  static async to(port: number): Promise<Relay> {
    const relay = new Relay(
      (relayed) => createServer({ allowHalfOpen: true }, relayed),
      () => connect({ port, host: "127.0.0.1", allowHalfOpen: true }),
    );
    return relay.#listening();
  }

  /** A relay of what is inside of direct TLS, which it ends and begins anew with the same certificate (PEM). */
  static async inside(port: number, { cert, key, servername }: RelayedTls): Promise<Relay> {
    const relay = new Relay(
      (relayed) => createTlsServer({ cert, key, ALPNProtocols: ["xmpp-client"] }, relayed),
      () => connectTls({ port, host: "127.0.0.1", ca: cert, servername, ALPNProtocols: ["xmpp-client"] }),
    );
    return relay.#listening();
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

  async #listening(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    return this;
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
