import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { pino } from "pino";
import type { TLSSocketOptions } from "node:tls";
import { Families } from "../../src/metrics/index.js";
import {
  Link,
  Links,
  RelayMetrics,
  Turns,
  upstream,
  type ConnectionEnds,
  type CountingMachine,
  type LinkOrigin,
  type LinkTimeouts,
  type Upstream,
} from "../../src/relay/index.js";
import type { Farewell, LegClosed, LegName, LinkTimer, Performer } from "../../src/session/index.js";

/** What a machine was told, in order: `bytes` joined by leg, everything else as one line. */
export class ScriptedMachine implements CountingMachine {
  readonly frames = {
    up: { message: 0, presence: 0, iq: 0, nonza: 0 },
    down: { message: 0, presence: 0, iq: 0, nonza: 0 },
  };
  readonly servesOthers = false;
  readonly told: string[] = [];
  readonly received: Record<LegName, string> = { client: "", component: "", server: "" };
  readonly performer: Performer;
  readonly #script: Script;
  readonly #waiting: { readonly line: string; readonly tell: () => void }[] = [];

  constructor(performer: Performer, script: Script) {
    this.performer = performer;
    this.#script = script;
  }

  /** Resolves when the machine has been told `line`. */
  async hears(line: string): Promise<void> {
    if (this.told.includes(line)) return;
    await new Promise<void>((tell) => this.#waiting.push({ line, tell }));
  }

  bytes(leg: LegName, chunk: Buffer): void {
    if (this.#script.records !== false) this.received[leg] += chunk.toString("latin1");
    this.#script.bytes?.(this.performer, leg, chunk);
  }

  finished(leg: LegName): void {
    this.#note(`finished ${leg}`);
    this.#script.finished?.(this.performer, leg);
  }

  closed(leg: LegName, reason: LegClosed): void {
    this.#note(`closed ${leg} ${reason}`);
    this.#script.closed?.(this.performer, leg, reason);
  }

  connected(): void {
    this.#note("connected");
    this.#script.connected?.(this.performer);
  }

  secured(leg: LegName, serverName?: string): void {
    this.#note(`secured ${leg} ${serverName ?? "-"}`);
    this.#script.secured?.(this.performer, leg);
  }

  timerExpired(timer: LinkTimer): void {
    this.#note(`expired ${timer}`);
  }

  shutdown({ condition }: Farewell): void {
    this.#note(`shutdown ${condition}`);
    this.performer.report({ kind: "ended", reason: "shutdown" });
  }

  #note(line: string): void {
    this.told.push(line);
    for (const waiting of this.#waiting) if (waiting.line === line) waiting.tell();
  }
}

export interface Script {
  /** False for floods, which nobody reads. */
  readonly records?: boolean;
  open?(performer: Performer): void;
  bytes?(performer: Performer, leg: LegName, chunk: Buffer): void;
  finished?(performer: Performer, leg: LegName): void;
  closed?(performer: Performer, leg: LegName, reason: LegClosed): void;
  connected?(performer: Performer): void;
  secured?(performer: Performer, leg: LegName): void;
}

/** Passes everything on, half-close included, as a machine does for a stream that no rule selects. */
export const passing: Script = {
  open: (performer) => performer.connect("capulet.lit"),
  bytes: (performer, leg, chunk) => performer.send(opposite(leg), chunk),
  finished: (performer, leg) => performer.finish(opposite(leg)),
  closed: (performer, leg, reason) => {
    if (reason === "slow_peer") performer.report({ kind: "ended", reason });
    else performer.report({ kind: "ended", reason: reason === "end" ? "clean" : `${sideOf(leg)}_lost` });
  },
};

export interface RigOptions {
  readonly script?: Script;
  readonly timeouts?: Partial<LinkTimeouts>;
  readonly tls?: LinkOrigin["tls"];
  readonly tlsOptions?: TLSSocketOptions;
  /** How the server leg is secured. */
  readonly server?: Partial<Parameters<typeof upstream>[0]>;
  /** What a proxy in front said of the client. */
  readonly announced?: ConnectionEnds;
  /** Whether the peer reads from the start. */
  readonly frozen?: boolean;
}

/** One link between two sockets of this process: `client`, and `server` once the link has connected. */
export class Rig {
  readonly links = new Links();
  readonly families = new Families();
  readonly metrics = new RelayMetrics(this.families);
  readonly turns = new Turns();
  readonly logged: Record<string, unknown>[] = [];
  readonly #front: Server;
  readonly #back: Server;
  readonly #accepted: Promise<Socket>;
  #client: Socket | undefined;
  #link: Link | undefined;
  #machine: ScriptedMachine | undefined;
  #whenGone: () => void = () => undefined;
  readonly gone = new Promise<void>((resolve) => (this.#whenGone = resolve));

  private constructor(options: RigOptions) {
    const { script = passing, timeouts, tls = "none", tlsOptions } = options;
    this.#back = createServer({ allowHalfOpen: true, noDelay: true });
    this.#accepted = new Promise((resolve) => this.#back.once("connection", resolve));
    let leads: Upstream | undefined;
    const surroundings = {
      turns: this.turns,
      metrics: this.metrics,
      log: pino({ level: "debug" }, { write: (line: string) => void this.logged.push(parsed(line)) }),
      timeouts: {
        tlsMs: 60_000,
        headerMs: 60_000,
        connectMs: 60_000,
        authenticationMs: 60_000,
        drainMs: 60_000,
        idleMs: 0,
        ...timeouts,
      },
      upstream: (_kind: string, domain: string): Upstream | undefined => {
        if (domain !== "capulet.lit") return undefined;
        leads ??= upstream({ ...plainServer, port: portOf(this.#back), ...options.server });
        return leads;
      },
    };
    const origin: LinkOrigin = {
      kind: "c2s",
      tls,
      tlsOptions: () => tlsOptions,
      counters: this.metrics.listener("c2s", "c2s:127.0.0.1:5222"),
      openMachine: (performer) => {
        this.#machine = new ScriptedMachine(performer, script);
        script.open?.(performer);
        return this.#machine;
      },
      ended: (link) => this.links.ended(link),
      gone: (link) => {
        this.links.remove(link);
        this.#whenGone();
      },
    };
    this.#front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#link = new Link(socket, origin, surroundings, options.announced);
      this.links.add(this.#link);
    });
  }

  static async open(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await Promise.all([listening(rig.#front), listening(rig.#back)]);
    const client = connect({ port: portOf(rig.#front), host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    rig.#client = client;
    client.on("error", () => undefined);
    if (options.frozen === true) client.pause();
    await Promise.all([once(client, "connect"), once(rig.#front, "connection")]);
    return rig;
  }

  get client(): Socket {
    return sure(this.#client);
  }

  get link(): Link {
    return sure(this.#link);
  }

  get machine(): ScriptedMachine {
    return sure(this.#machine);
  }

  get counters(): LinkOrigin["counters"] {
    return this.metrics.listener("c2s", "c2s:127.0.0.1:5222");
  }

  /** The server's end of the server leg. */
  async server(): Promise<Socket> {
    const socket = await this.#accepted;
    socket.on("error", () => undefined);
    return socket;
  }

  get serverPort(): number {
    return portOf(this.#back);
  }

  /** Stops listening for the server leg, so that it is refused. */
  async stopServer(): Promise<void> {
    this.#back.close();
    await once(this.#back, "close");
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    const accepted = this.#back.listening
      ? await Promise.race([this.#accepted, Promise.resolve(undefined)])
      : undefined;
    accepted?.destroy();
    this.#link?.destroy();
    this.#front.close();
    this.#back.close();
  }
}

export const plainServer = {
  host: "127.0.0.1",
  tls: "none",
  serverName: "capulet.lit",
  verify: true,
  ca: undefined,
  pinnedCertificate: undefined,
} as const;

export function opposite(leg: LegName): LegName {
  return leg === "server" ? "client" : "server";
}

/** Collects what arrives until the end or until it contains `until`. */
export async function readUntil(socket: Socket, until: string | undefined): Promise<string> {
  let text = "";
  if (until !== undefined && text.includes(until)) return text;
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (until !== undefined && text.includes(until)) done();
    };
    const done = (): void => {
      socket.off("data", read).off("end", done).off("close", failed);
      resolve(text);
    };
    const failed = (): void => (until === undefined ? done() : reject(new Error(`closed after ${text}`)));
    socket.on("data", read).on("end", done).on("close", failed);
  });
}

/** Lets the event loop turn until `condition` holds; the test's own deadline bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export function sure<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("not there yet");
  return value;
}

function sideOf(leg: LegName): "client" | "server" {
  return leg === "server" ? "server" : "client";
}

async function listening(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function parsed(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
