import { Buffer } from "node:buffer";
import type { ManagementOptions, ManagementSnapshot } from "../../src/stream/management.js";
import { DEFAULT_MANAGEMENT_OPTIONS, StreamManagement } from "../../src/stream/management.js";
import type { ResumableSession, ResumeAttempt } from "../../src/stream/index.js";
import { Resumptions } from "../../src/stream/resumption.js";
import { advance, distance } from "../../src/stream/sequence.js";

// A client and a server that do XEP-0198 right, and the proxy between them, over connections on which messages wait
// until somebody delivers them. Whoever takes steps decides about order, losses and time, and the model complains when a
// stanza is lost, doubled or reordered, or a counter says what is not true.

/**
 * F and S are relayed, up and down. W is a request that the proxy takes and has answered elsewhere; X is an answer of the
 * server's that it takes and has replaced. P and J are its own, down and up.
 */
export interface Stanza {
  readonly kind: "F" | "W" | "S" | "X" | "P" | "J";
  readonly uid: number;
}

type Message =
  | { readonly is: "stanza"; readonly stanza: Stanza }
  | { readonly is: "r" }
  | { readonly is: "a"; readonly h: number }
  | { readonly is: "resume"; readonly h: number; readonly previd: string }
  | { readonly is: "resumed"; readonly h: number }
  | { readonly is: "failed"; readonly h: number }
  | { readonly is: "closed" };

export interface ModelOptions {
  readonly modulus: number;
  readonly ackDelegated: "accept" | "reply";
  /** Requests whose number is the same modulo this look the same. */
  readonly likeness: number;
  /** Counters of both directions at the beginning. */
  readonly start: number;
  /** The proxy takes nothing and puts nothing in. */
  readonly onlyRelays: boolean;
  /** The client drops requests of its own when it could repeat them. */
  readonly dropsRequests: boolean;
}

export const MODEL_OPTIONS: ModelOptions = {
  modulus: 2 ** 32,
  ackDelegated: "accept",
  likeness: 1_000_000,
  start: 0,
  onlyRelays: false,
  dropsRequests: false,
};

/** A client connection and the server connection behind it. Each list is one direction, oldest message first. */
class Connection {
  readonly clientToProxy: Message[] = [];
  readonly proxyToClient: Message[] = [];
  readonly proxyToServer: Message[] = [];
  readonly serverToProxy: Message[] = [];
  isClientThere = true;
  isServerThere = true;
  /** The proxy has both legs; what it closed it does not read any more. */
  isProxyThere = true;
  /** The server will refuse whoever comes this way. */
  readonly isRefused: boolean;
  attempt: ResumeAttempt<string, Connection> | undefined;

  constructor(isRefused: boolean) {
    this.isRefused = isRefused;
  }
}

/** One end: what it sent and nobody acknowledged, and what it has received. */
class Endpoint {
  readonly #name: string;
  readonly #modulus: number;
  readonly #mayForget: (stanza: Stanza) => boolean;
  unacknowledged: Stanza[] = [];
  acknowledged: number;
  received: number;
  readonly sent: Stanza[] = [];
  readonly log: Stanza[] = [];

  constructor(name: string, modulus: number, start: number, mayForget: (stanza: Stanza) => boolean) {
    this.#name = name;
    this.#modulus = modulus;
    this.#mayForget = mayForget;
    this.acknowledged = start;
    this.received = start;
  }

  receive(stanza: Stanza): void {
    this.received = advance(this.received, 1, this.#modulus);
    this.log.push(stanza);
  }

  acknowledge(h: number): void {
    const count = distance(this.acknowledged, h, this.#modulus);
    if (count > this.unacknowledged.length) {
      throw new Error(`${this.#name}: h=${h} covers ${count} of ${this.unacknowledged.length} stanzas`);
    }
    for (const stanza of this.unacknowledged.splice(0, count)) {
      if (!this.#mayForget(stanza)) throw new Error(`${this.#name}: ${stanza.kind}${stanza.uid} acknowledged but lost`);
    }
    this.acknowledged = h;
  }
}

export class Model {
  readonly #options: ModelOptions;
  readonly client: Endpoint;
  readonly server: Endpoint;
  management: StreamManagement;
  readonly #managementOptions: ManagementOptions;
  readonly #resumptions: Resumptions<string, Connection>;
  #session: ResumableSession<string, Connection>;
  readonly #connections: Connection[];
  /** Where the client is, and whether its stream stands there; the server's stream. */
  #clientAt: Connection | undefined;
  #isClientResumed = true;
  #serverAt: Connection | undefined;
  /** Requests that were executed, by what they look like; X stanzas that were replaced. */
  readonly executed = new Map<string, number>();
  readonly replaced = new Set<number>();
  /** Requests that the client sent, and those of them that it gave up. */
  readonly requested = new Map<string, number>();
  #givenUp = 0;
  /** Swallowed requests and stanzas whose answer is still to come. */
  readonly #owed: { readonly answer: () => void }[] = [];
  readonly injectedDown: number[] = [];
  readonly injectedUp: number[] = [];
  #hasForgotten = false;
  /** The client has heard what was handled of a session that the server has forgotten. */
  #isTold = false;
  #lastUid = 0;
  #nowMs = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    const { modulus, start, ackDelegated } = options;
    this.client = new Endpoint("client", modulus, start, (stanza) => this.#reachedServer(stanza));
    this.server = new Endpoint("server", modulus, start, (stanza) => this.#reachedClient(stanza));
    const management: ManagementOptions = {
      ...DEFAULT_MANAGEMENT_OPTIONS,
      modulus,
      ackDelegated,
      requestAfterCount: 3,
    };
    this.#managementOptions = management;
    this.management = new StreamManagement(management);
    this.management.enable();
    this.management.enabled(0);
    this.management.clientStanza(start);
    this.management.serverStanza(start);
    if (start > 0) {
      this.management.serverAck(String(start));
      this.management.clientAck(String(start));
    }
    this.#resumptions = new Resumptions({ tag: "node1", defaultMaxSeconds: 900, graceSeconds: 30, modulus });
    const connection = new Connection(false);
    this.#connections = [connection];
    this.#clientAt = connection;
    this.#serverAt = connection;
    this.#session = this.#resumptions.add({
      domain: "capulet.lit",
      serverId: "verona",
      account: "juliet@capulet.lit",
      fullJid: "juliet@capulet.lit/balcony",
      maxSeconds: undefined,
      management: this.management,
      owner: "juliet",
      link: connection,
      linkNumber: 0,
    });
  }

  /** Takes one step; `step` and `pick` are any numbers. A step that is not possible now is none. */
  step(step: number, pick: number): void {
    const steps = this.#steps;
    steps[step % steps.length]?.call(this, pick);
  }

  // Messages are delivered more often than anything else happens.
  readonly #steps: readonly ((pick: number) => void)[] = [
    ...Array.from({ length: 14 }, () => (pick: number) => this.#deliver(pick)),
    () => this.#clientSends("F"),
    () => this.#clientSends("F"),
    () => this.#clientSends("W"),
    () => this.#clientSends("W"),
    () => this.#serverSends("S"),
    () => this.#serverSends("S"),
    () => this.#serverSends("X"),
    () => this.#injectUp(),
    (pick) => this.#answer(pick),
    (pick) => this.#answer(pick),
    () => this.#fromClient({ is: "r" }),
    () => this.#fromServer({ is: "r" }),
    () => this.#fromClient({ is: "a", h: this.client.received }),
    () => this.#fromServer({ is: "a", h: this.server.received }),
    (pick) => this.#clientLeaves(pick),
    (pick) => this.#reconnect(pick % 4 === 0),
    (pick) => this.#reconnect(pick % 4 === 0),
    (pick) => this.#serverLost(pick),
    () => this.#handOver(),
    (pick) => {
      this.#nowMs += (pick % 40) * 1000;
      this.#request();
    },
  ];

  /**
   * Lets the server forget the session, the client ask in vain, and the client hear what was handled: what it may forget
   * did arrive, and what it may send anew did not (XEP-0198 §5).
   */
  finishLost(): void {
    this.#hasForgotten = true;
    if (this.#serverAt !== undefined) this.#serverAt.isServerThere = false;
    this.#serverAt?.serverToProxy.push({ is: "closed" });
    this.#serverAt = undefined;
    this.#deliverAll();
    if (this.#clientAt !== undefined) this.#clientLeaves(0);
    this.#deliverAll();
    if (this.#resumptions.size === 0) return;
    this.#reconnect(false);
    this.#deliverAll();
    equal("sessions that the server has not", this.#resumptions.size, 0);
    const left = this.client.unacknowledged.filter(({ kind }) => kind === "F");
    const doubled = left.filter((stanza) => this.#reachedServer(stanza));
    if (this.#isTold && this.#options.ackDelegated === "accept")
      equal("to be sent anew although it arrived", doubled, []);
  }

  /** Lets everything end well, and complains about what is missing or too much. */
  finish(): void {
    for (let round = 0; round < 6; round++) {
      this.#deliverAll();
      if (this.#clientAt === undefined || this.#serverAt !== this.#clientAt) {
        if (this.#clientAt !== undefined) this.#clientLeaves(0);
        this.#reconnect(false);
        this.#deliverAll();
      }
      while (this.#owed.length > 0) this.#answer(0);
      this.#deliverAll();
    }
    this.#fromClient({ is: "r" });
    this.#fromServer({ is: "r" });
    this.#deliverAll();
    this.#fromClient({ is: "a", h: this.client.received });
    this.#fromServer({ is: "a", h: this.server.received });
    this.#deliverAll();
    this.#check();
  }

  #check(): void {
    const { client, server, management } = this;
    equal("what the client sent and was not told of", client.unacknowledged, []);
    equal("what the server sent and was not told of", server.unacknowledged, []);
    equal("stanzas of ours that wait", management.unacknowledged, { toClient: 0, toServer: 0 });
    equal("relayed up", uids(server.log, "F"), uids(client.sent, "F"));
    equal("relayed down", uids(client.log, "S"), uids(server.sent, "S"));
    equal("injected up", uids(server.log, "J"), this.injectedUp);
    equal("injected down", uids(client.log, "P"), this.injectedDown);
    equal("what was not to be relayed", [...uids(server.log, "W"), ...uids(client.log, "X")], []);
    equal("replaced", [...this.replaced], uids(server.sent, "X"));
    for (const [likeness, count] of this.requested) {
      const executed = this.executed.get(likeness) ?? 0;
      if (executed > count || executed < count - this.#givenUp)
        throw new Error(`${likeness} executed ${executed} times`);
    }
    const executed = [...this.executed.values()].reduce((sum, count) => sum + count, 0);
    equal("answers", this.injectedDown.length, executed + this.replaced.size);
  }

  #reachedServer({ kind, uid }: Stanza): boolean {
    if (kind === "W") return this.executed.has(this.#likenessOf(uid));
    return this.server.log.some((stanza) => stanza.uid === uid);
  }

  #reachedClient({ kind, uid }: Stanza): boolean {
    return kind === "X" ? this.replaced.has(uid) : this.client.log.some((stanza) => stanza.uid === uid);
  }

  #likenessOf(uid: number): string {
    return `w${uid % this.#options.likeness}`;
  }

  // Steps of the ends

  #clientSends(wanted: "F" | "W"): void {
    const kind = this.#options.onlyRelays ? "F" : wanted;
    if (this.#clientAt === undefined || !this.#isClientResumed || !this.#hasRoom()) return;
    const stanza = { kind, uid: ++this.#lastUid };
    this.client.sent.push(stanza);
    this.client.unacknowledged.push(stanza);
    if (kind === "W") count(this.requested, this.#likenessOf(stanza.uid));
    this.#fromClient({ is: "stanza", stanza });
  }

  /** Also while nobody is connected: a server keeps what comes for a session that may be resumed. */
  #serverSends(wanted: "S" | "X"): void {
    const kind = this.#options.onlyRelays ? "S" : wanted;
    if (!this.#hasRoom()) return;
    const stanza = { kind, uid: ++this.#lastUid };
    this.server.sent.push(stanza);
    this.server.unacknowledged.push(stanza);
    this.#fromServer({ is: "stanza", stanza });
  }

  /** Counters tell fewer than M stanzas apart, so nobody has more in flight. */
  #hasRoom(): boolean {
    const { toClient, toServer } = this.management.unacknowledged;
    const requests = this.client.unacknowledged.filter(({ kind }) => kind === "W").length;
    const down = this.server.unacknowledged.length + toClient + this.#owed.length + requests;
    const up = this.client.unacknowledged.length + toServer;
    const inFlight = this.#connections.flatMap(({ clientToProxy, serverToProxy }) => [
      ...clientToProxy,
      ...serverToProxy,
    ]);
    return Math.max(down, up) + inFlight.length < this.#options.modulus - 3;
  }

  #fromClient(message: Message): void {
    if (this.#isClientResumed) this.#clientAt?.clientToProxy.push(message);
  }

  #fromServer(message: Message): void {
    this.#serverAt?.serverToProxy.push(message);
  }

  /** The client gives its connection up; what is on its way to the proxy may still arrive, or only the first part of it. */
  #clientLeaves(pick: number): void {
    const connection = this.#clientAt;
    if (connection === undefined) return;
    this.#clientAt = undefined;
    connection.isClientThere = false;
    connection.proxyToClient.length = 0;
    connection.clientToProxy.length -= pick % (connection.clientToProxy.length + 1);
    connection.clientToProxy.push({ is: "closed" });
  }

  #reconnect(isRefused: boolean): void {
    if (this.#clientAt !== undefined) return;
    const connection = new Connection(isRefused);
    this.#connections.push(connection);
    this.#clientAt = connection;
    this.#isClientResumed = false;
    connection.clientToProxy.push({ is: "resume", h: this.client.received, previd: this.#session.cid });
  }

  /** The connection between proxy and server breaks, with whatever is on it. */
  #serverLost(pick: number): void {
    const connection = this.#connections[pick % this.#connections.length];
    if (connection === undefined || !connection.isServerThere) return;
    connection.proxyToServer.length -= pick % (connection.proxyToServer.length + 1);
    connection.serverToProxy.length -= pick % (connection.serverToProxy.length + 1);
    connection.proxyToServer.push({ is: "closed" });
    connection.serverToProxy.push({ is: "closed" });
  }

  /** Another instance takes the session over while nobody is connected. */
  #handOver(): void {
    if (this.#session.link !== undefined || this.#resumptions.nextDeadlineMs === undefined) return;
    const snapshot: ManagementSnapshot = JSON.parse(JSON.stringify(this.management.snapshot()));
    this.management = StreamManagement.restore(snapshot, this.#managementOptions);
    const { cid } = this.#session;
    this.#resumptions.remove(this.#session);
    this.#session = this.#resumptions.adopt({ ...this.#session, management: this.management }, cid, this.#nowMs);
  }

  // Deliveries

  #deliverAll(): void {
    for (let left = 100_000; left > 0; left--) if (!this.#deliver(left)) return;
    throw new Error("messages without end");
  }

  #deliver(pick: number): boolean {
    const ready = this.#connections.flatMap((connection) =>
      (["clientToProxy", "proxyToClient", "proxyToServer", "serverToProxy"] as const)
        .filter((direction) => connection[direction].length > 0)
        .map((direction) => ({ connection, direction })),
    );
    const chosen = ready[pick % Math.max(ready.length, 1)];
    const message = chosen?.connection[chosen.direction].shift();
    if (chosen === undefined || message === undefined) return false;
    const { connection, direction } = chosen;
    switch (direction) {
      case "clientToProxy":
        if (connection.isProxyThere) this.#proxyHearsClient(connection, message);
        break;
      case "serverToProxy":
        if (connection.isProxyThere) this.#proxyHearsServer(connection, message);
        break;
      case "proxyToClient":
        if (connection.isClientThere) this.#clientHears(connection, message);
        break;
      case "proxyToServer":
        if (connection.isServerThere) this.#serverHears(connection, message);
        break;
      default:
        direction satisfies never;
    }
    return true;
  }

  #clientHears(connection: Connection, message: Message): void {
    switch (message.is) {
      case "stanza":
        this.client.receive(message.stanza);
        break;
      case "r":
        connection.clientToProxy.push({ is: "a", h: this.client.received });
        break;
      case "a":
        this.client.acknowledge(message.h);
        break;
      case "resumed":
        this.client.acknowledge(message.h);
        this.#isClientResumed = true;
        if (this.#options.dropsRequests) {
          this.client.unacknowledged = this.client.unacknowledged.filter(({ kind, uid }) => {
            const isDropped = kind === "W" && uid % 2 === 0;
            if (isDropped) this.#givenUp++;
            return !isDropped;
          });
        }
        for (const stanza of this.client.unacknowledged) connection.clientToProxy.push({ is: "stanza", stanza });
        break;
      case "closed":
        connection.isClientThere = false;
        if (this.#clientAt === connection) this.#clientAt = undefined;
        break;
      case "failed":
        this.client.acknowledge(message.h);
        this.#isTold = true;
        break;
      case "resume":
        throw new Error("not for a client");
      default:
        message satisfies never;
    }
  }

  #serverHears(connection: Connection, message: Message): void {
    if (message.is === "closed") {
      connection.isServerThere = false;
      if (this.#serverAt === connection) this.#serverAt = undefined;
      return;
    }
    if (message.is === "resume") {
      this.#serverResumes(connection, message);
      return;
    }
    if (this.#serverAt !== connection) return;
    if (message.is === "stanza") this.server.receive(message.stanza);
    else if (message.is === "r") connection.serverToProxy.push({ is: "a", h: this.server.received });
    else if (message.is === "a") this.server.acknowledge(message.h);
    else throw new Error("not for a server");
  }

  #serverResumes(connection: Connection, { previd, h }: { readonly previd: string; readonly h: number }): void {
    if (connection.isRefused) {
      connection.isServerThere = false;
      connection.serverToProxy.push({ is: "closed" });
      return;
    }
    if (this.#hasForgotten) {
      connection.serverToProxy.push({ is: "failed", h: this.server.received });
      return;
    }
    if (previd !== "verona") throw new Error(`the server knows no ${previd}`);
    const isOvertaken = !connection.isProxyThere;
    // A connection that was closed meanwhile may name a counter that another one has passed since, as without a proxy.
    if (
      !isOvertaken ||
      distance(this.server.acknowledged, h, this.#options.modulus) <= this.server.unacknowledged.length
    ) {
      this.server.acknowledge(h);
    }
    const old = this.#serverAt;
    if (old !== undefined && old !== connection) {
      old.isServerThere = false;
      old.serverToProxy.push({ is: "closed" });
    }
    this.#serverAt = connection;
    connection.serverToProxy.push({ is: "resumed", h: this.server.received });
    for (const stanza of this.server.unacknowledged) connection.serverToProxy.push({ is: "stanza", stanza });
  }

  // The proxy: what the session layer does

  #proxyHearsClient(connection: Connection, message: Message): void {
    const { management } = this;
    if (message.is === "closed") {
      this.#lost(connection);
      return;
    }
    if (message.is === "resume") {
      const { previd } = message;
      const account = this.#lastUid % 2 === 0 ? undefined : "juliet@capulet.lit";
      const linkNumber = this.#connections.indexOf(connection);
      const request = { domain: "capulet.lit", previd, h: String(message.h), account, link: connection, linkNumber };
      const decision = this.#resumptions.resume(request);
      // An attempt of an earlier connection has had the server's answer, so this one has nothing to ask about.
      if (decision.kind === "refuse" && this.#hasForgotten && this.#resumptions.size === 0) return;
      if (decision.kind === "refuse" && linkNumber < this.#session.linkNumber && this.#resumptions.size === 1) return;
      if (decision.kind !== "relay") throw new Error(`resumption: ${JSON.stringify(decision)}`);
      if (this.#options.onlyRelays) equal("h of <resume/>", decision.h, message.h);
      connection.attempt = decision.attempt;
      connection.proxyToServer.push({ is: "resume", previd: decision.previd, h: decision.h });
      return;
    }
    if (this.#session.link !== connection) return;
    if (message.is === "stanza") this.#stanzaFromClient(connection, message.stanza);
    else if (message.is === "r") {
      management.clientRequests();
      connection.proxyToServer.push(message);
    } else if (message.is === "a") {
      const outcome = management.clientAck(String(message.h));
      if (outcome.kind === "relay") connection.proxyToServer.push({ is: "a", h: outcome.h });
      else if (outcome.kind !== "drop") throw new Error(`acknowledgement of the client's: ${JSON.stringify(outcome)}`);
      this.#checkSame(outcome);
    } else throw new Error("not for a proxy");
    this.#request();
  }

  #stanzaFromClient(connection: Connection, stanza: Stanza): void {
    if (stanza.kind === "F") {
      this.management.clientStanza();
      connection.proxyToServer.push({ is: "stanza", stanza });
      return;
    }
    const likeness = this.#likenessOf(stanza.uid);
    if (this.management.expectsRepeatsFromClient && this.management.swallowedAgain(likeness)) return;
    const entry = this.management.swallowed(likeness, true);
    count(this.executed, likeness);
    this.#owed.push({
      answer: () => {
        this.#injectDown();
        if (entry !== undefined) this.management.answered(entry);
      },
    });
  }

  #proxyHearsServer(connection: Connection, message: Message): void {
    const { management } = this;
    if (message.is === "closed") {
      this.#lost(connection);
      return;
    }
    if (message.is === "resumed") {
      this.#resumed(connection, message.h);
      return;
    }
    if (message.is === "failed") {
      const answer = { condition: "item-not-found", h: String(message.h) };
      const h = connection.attempt?.failed(answer, "juliet@capulet.lit");
      if (h !== undefined) connection.proxyToClient.push({ is: "failed", h });
      return;
    }
    if (this.#session.link !== connection) return;
    if (message.is === "stanza") this.#stanzaFromServer(connection, message.stanza);
    else if (message.is === "r") {
      management.serverRequests();
      connection.proxyToClient.push(message);
    } else if (message.is === "a") {
      const outcome = management.serverAck(String(message.h));
      if (outcome.kind === "relay") connection.proxyToClient.push({ is: "a", h: outcome.h });
      else if (outcome.kind !== "drop") throw new Error(`acknowledgement of the server's: ${JSON.stringify(outcome)}`);
      this.#checkSame(outcome);
    } else throw new Error("not for a proxy");
    this.#request();
  }

  #stanzaFromServer(connection: Connection, stanza: Stanza): void {
    if (stanza.kind === "S") {
      this.management.serverStanza();
      connection.proxyToClient.push({ is: "stanza", stanza });
      return;
    }
    const fingerprint = `x${stanza.uid}`;
    if (this.management.expectsRepeatsFromServer && this.management.swallowedAgainFromServer(fingerprint)) return;
    if (this.replaced.has(stanza.uid)) throw new Error(`X${stanza.uid} was taken for a new one`);
    this.management.swallowedFromServer(fingerprint);
    this.replaced.add(stanza.uid);
    this.#owed.push({ answer: () => this.#injectDown() });
  }

  #resumed(connection: Connection, h: number): void {
    const outcome = connection.attempt?.resumed(String(h), undefined, this.#nowMs);
    if (outcome === undefined) {
      this.#close(connection);
      return;
    }
    if (outcome.kind !== "resumed") throw new Error("the counters contradict each other");
    if (this.#options.onlyRelays) equal("h of <resumed/>", outcome.h, h);
    if (outcome.conflicting !== undefined) this.#close(outcome.conflicting);
    for (const rival of outcome.rivals) this.#close(rival);
    connection.attempt = undefined;
    connection.proxyToClient.push({ is: "resumed", h: outcome.h });
    for (const bytes of outcome.down) connection.proxyToClient.push({ is: "stanza", stanza: read("P", bytes) });
    for (const bytes of outcome.up) connection.proxyToServer.push({ is: "stanza", stanza: read("J", bytes) });
    this.#request();
  }

  #answer(pick: number): void {
    this.#owed.splice(pick % Math.max(this.#owed.length, 1), 1)[0]?.answer();
  }

  #injectDown(): void {
    const stanza: Stanza = { kind: "P", uid: ++this.#lastUid };
    this.injectedDown.push(stanza.uid);
    const now = this.management.injectDown(write(stanza), this.#nowMs);
    if (now === "send") this.#session.link?.proxyToClient.push({ is: "stanza", stanza });
    this.#request();
  }

  #injectUp(): void {
    if (this.#options.onlyRelays || !this.#hasRoom()) return;
    const stanza: Stanza = { kind: "J", uid: ++this.#lastUid };
    this.injectedUp.push(stanza.uid);
    const now = this.management.injectUp(write(stanza), this.#nowMs);
    if (now === "send") this.#session.link?.proxyToServer.push({ is: "stanza", stanza });
    this.#request();
  }

  #request(): void {
    const { toClient, toServer } = this.management.requestsDue(this.#nowMs);
    if (this.#options.onlyRelays)
      equal("requests of ours", { toClient, toServer }, { toClient: false, toServer: false });
    if (toClient) this.#session.link?.proxyToClient.push({ is: "r" });
    if (toServer) this.#session.link?.proxyToServer.push({ is: "r" });
  }

  #checkSame(outcome: { readonly kind: string; readonly isSame?: boolean }): void {
    if (this.#options.onlyRelays)
      equal("an acknowledgement", { ...outcome, h: 0 }, { kind: "relay", h: 0, isSame: true });
  }

  /** One leg is lost, so the other is closed, without a word that would end the session. */
  #lost(connection: Connection): void {
    connection.attempt?.abandon();
    this.#resumptions.detach(this.#session, connection, this.#nowMs);
    this.#close(connection);
  }

  #close(connection: Connection): void {
    if (!connection.isProxyThere) return;
    connection.isProxyThere = false;
    connection.clientToProxy.length = 0;
    connection.serverToProxy.length = 0;
    connection.proxyToClient.push({ is: "closed" });
    connection.proxyToServer.push({ is: "closed" });
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function uids(stanzas: readonly Stanza[], kind: Stanza["kind"]): readonly number[] {
  return stanzas.filter((stanza) => stanza.kind === kind).map(({ uid }) => uid);
}

function write({ uid }: Stanza): Buffer {
  return Buffer.from(String(uid));
}

function read(kind: "P" | "J", bytes: Uint8Array): Stanza {
  return { kind, uid: Number(Buffer.from(bytes).toString()) };
}

function equal(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}
