import type { CloseReason, LegName } from "../session/index.js";
import { Tally, type Families, type HistogramFamily } from "../metrics/index.js";
import { LegTraffic } from "./traffic.js";

/** Stanzas and nonzas of a link or of many, by direction. Up is towards the server. */
export interface FrameCounts {
  readonly up: { message: number; presence: number; iq: number; nonza: number };
  readonly down: { message: number; presence: number; iq: number; nonza: number };
}

/** What happened on the links of one listener. Plain numbers. */
export class ListenerCounters {
  readonly kind: "c2s" | "component";
  /** The configured name, e.g. `c2s:127.0.0.1:5222`. */
  readonly name: string;
  opened = 0;
  readonly closed = new Tally<readonly [CloseReason]>();
  readonly rejected = new Tally<readonly [Refusal]>();
  /** Requests for the host's metadata (XEP-0156), which are no connections of clients. */
  readonly hostMeta = new Tally<readonly ["answered" | "unknown_host"]>();
  /** Frames of the links that are over. */
  readonly frames: FrameCounts = { up: noFrames(), down: noFrames() };
  /** Of the leg that was accepted, and of the server legs opened for it. */
  readonly near = new LegTraffic();
  readonly server = new LegTraffic();
  readonly #live = new Set<CountedLink>();

  constructor(kind: "c2s" | "component", name: string) {
    this.kind = kind;
    this.name = name;
    // From 0 on, so that a first one is seen as an increase.
    for (const reason of closeReasons) this.closed.expect(reason);
    for (const reason of refusals) this.rejected.expect(reason);
  }

  get current(): number {
    return this.#live.size;
  }

  enter(link: CountedLink): void {
    this.opened++;
    this.#live.add(link);
  }

  leave(link: CountedLink): void {
    if (!this.#live.delete(link)) return;
    const { frames } = link;
    if (frames === undefined) return;
    addFrames(this.frames.up, frames.up);
    addFrames(this.frames.down, frames.down);
  }

  /** Every frame so far, of links that are over and that are not. */
  allFrames(): FrameCounts {
    const sum: FrameCounts = { up: { ...this.frames.up }, down: { ...this.frames.down } };
    for (const { frames } of this.#live) {
      if (frames === undefined) continue;
      addFrames(sum.up, frames.up);
      addFrames(sum.down, frames.down);
    }
    return sum;
  }

  queuedBytes(side: "near" | "server"): number {
    let sum = 0;
    for (const link of this.#live) sum += link.queuedOn(side);
    return sum;
  }
}

/** Which limit keeps a connection out, or what is wrong with how it begins: its PROXY header, or what comes before WebSocket. */
export const refusals = [
  "connections",
  "connections_per_address",
  "proxy_untrusted",
  "proxy_missing",
  "proxy_malformed",
  "proxy_truncated",
  "proxy_timeout",
  "tls_failed",
  "http_timeout",
  "http_malformed",
  "http_not_found",
  "websocket_malformed",
  "websocket_origin",
  "websocket_protocol",
] as const;
export type Refusal = (typeof refusals)[number];

const closeReasons = [
  "clean",
  "client_lost",
  "server_lost",
  "server_unreachable",
  "tls_failed",
  "xml_fault",
  "protocol_fault",
  "timeout",
  "slow_peer",
  "limit",
  "shutdown",
] as const satisfies readonly CloseReason[];

export interface CountedLink {
  readonly frames: FrameCounts | undefined;
  queuedOn(side: "near" | "server"): number;
}

/** The families of the relay. One for each proxy; listeners come and go with the configuration. */
export class RelayMetrics {
  readonly #listeners = new Map<string, ListenerCounters>();
  readonly handshakes = new Tally<readonly [leg: LegName, outcome: "done" | "failed"]>();
  readonly faults = new Tally<readonly [leg: LegName, code: string]>();
  readonly streamErrors = new Tally<readonly [leg: LegName, condition: string, origin: "caesura" | "peer"]>();
  readonly connects = new Tally<readonly [domain: string, link: string, outcome: "connected" | "failed"]>();
  readonly connectSeconds: HistogramFamily;
  readonly #serverUp = new Map<
    string,
    { readonly domain: string; readonly link: string; readonly up: boolean; readonly changedAtMs: number }
  >();

  constructor(families: Families) {
    this.#declareConnections(families);
    this.#declareTraffic(families);
    families.counter(
      { name: "caesura_tls_handshakes_total", help: "TLS handshakes by leg and outcome", labels: ["leg", "outcome"] },
      (sample) => this.handshakes.read(sample),
    );
    families.counter(
      {
        name: "caesura_stream_faults_total",
        help: "Breaches of protocol by leg and by the code of docs/errors.md",
        labels: ["leg", "code"],
      },
      (sample) => this.faults.read(sample),
    );
    families.counter(
      {
        name: "caesura_stream_errors_total",
        help: "Stream errors by leg on which they were sent or came, condition and who made them",
        labels: ["leg", "condition", "origin"],
      },
      (sample) => this.streamErrors.read(sample),
    );
    families.counter(
      {
        name: "caesura_upstream_connects_total",
        help: "Connections opened to the XMPP server by outcome",
        labels: ["domain", "link", "outcome"],
      },
      (sample) => this.connects.read(sample),
    );
    families.gauge(
      {
        name: "caesura_upstream_up",
        help: "Whether the last connection to the XMPP server succeeded",
        labels: ["domain", "link"],
      },
      (sample) => {
        for (const { domain, link, up } of this.#serverUp.values()) sample(up ? 1 : 0, domain, link);
      },
    );
    this.connectSeconds = families.histogram(
      {
        name: "caesura_upstream_connect_duration_seconds",
        help: "Time to open a connection to the XMPP server, direct TLS included",
        labels: ["domain", "link"],
      },
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
  }

  /** The counters of a listener; the same ones when it appears again. */
  listener(kind: "c2s" | "component", name: string): ListenerCounters {
    let counters = this.#listeners.get(name);
    if (counters === undefined) {
      counters = new ListenerCounters(kind, name);
      this.#listeners.set(name, counters);
    }
    return counters;
  }

  /** Forgets listeners that are closed and have no link left. */
  retainListeners(names: ReadonlySet<string>): void {
    for (const [name, counters] of this.#listeners)
      if (!names.has(name) && counters.current === 0) this.#listeners.delete(name);
  }

  /** Forgets domains that are no longer served. */
  retainDomains(domains: ReadonlySet<string>): void {
    this.connects.retain((domain) => domains.has(domain));
    for (const [key, { domain, link }] of this.#serverUp)
      if (!domains.has(domain)) {
        this.#serverUp.delete(key);
        this.connectSeconds.remove(domain, link);
      }
  }

  /** Stanzas that were read on every link that there is or was. */
  get stanzas(): number {
    let sum = 0;
    for (const listener of this.#listeners.values()) {
      const { up, down } = listener.allFrames();
      sum += up.message + up.presence + up.iq + down.message + down.presence + down.iq;
    }
    return sum;
  }

  /** Whether the last connection to the server succeeded; undefined before the first. */
  isServerUp(domain: string, link: "c2s" | "component"): boolean | undefined {
    return this.#serverUp.get(`${link} ${domain}`)?.up;
  }

  /** Milliseconds since the epoch at which `isServerUp` last became what it is. */
  serverChangedAtMs(domain: string, link: "c2s" | "component"): number | undefined {
    return this.#serverUp.get(`${link} ${domain}`)?.changedAtMs;
  }

  /** `seconds` is undefined when the connection was not made. */
  serverConnected(domain: string, link: "c2s" | "component", seconds: number | undefined): void {
    const up = seconds !== undefined;
    this.connects.add(domain, link, up ? "connected" : "failed");
    const before = this.#serverUp.get(`${link} ${domain}`);
    const changedAtMs = before?.up === up ? before.changedAtMs : Date.now();
    this.#serverUp.set(`${link} ${domain}`, { domain, link, up, changedAtMs });
    if (up) this.connectSeconds.observe(seconds, domain, link);
  }

  #declareConnections(families: Families): void {
    families.gauge(
      { name: "caesura_connections", help: "Connections that listeners hold", labels: ["listener"] },
      (sample) => {
        for (const { name, current } of this.#listeners.values()) sample(current, name);
      },
    );
    families.counter(
      { name: "caesura_connections_total", help: "Connections that listeners accepted", labels: ["listener"] },
      (sample) => {
        for (const { name, opened } of this.#listeners.values()) sample(opened, name);
      },
    );
    families.counter(
      {
        name: "caesura_connections_closed_total",
        help: "Connections that ended, by why",
        labels: ["listener", "reason"],
      },
      (sample) => {
        for (const { name, closed } of this.#listeners.values()) closed.read(sample, name);
      },
    );
    families.counter(
      {
        name: "caesura_host_meta_requests_total",
        help: "Requests for the host's metadata (XEP-0156) by outcome",
        labels: ["listener", "outcome"],
      },
      (sample) => {
        for (const { name, hostMeta } of this.#listeners.values()) hostMeta.read(sample, name);
      },
    );
    families.counter(
      {
        name: "caesura_connections_rejected_total",
        help: "Connections that a listener refused, by the limit that was reached, or the fault of the PROXY header or of the WebSocket handshake",
        labels: ["listener", "reason"],
      },
      (sample) => {
        for (const { name, rejected } of this.#listeners.values()) rejected.read(sample, name);
      },
    );
  }

  #declareTraffic(families: Families): void {
    families.counter(
      {
        name: "caesura_bytes_total",
        help: "Bytes of streams, TLS aside, received from and sent to the peer of a leg",
        labels: ["listener", "leg", "direction"],
      },
      (sample) => {
        for (const [name, leg, traffic] of this.#legs()) {
          sample(traffic.receivedBytes, name, leg, "received");
          sample(traffic.sentBytes, name, leg, "sent");
        }
      },
    );
    families.counter(
      {
        name: "caesura_stanzas_total",
        help: "Stanzas that were read; up is towards the server",
        labels: ["listener", "direction", "kind"],
      },
      (sample) => {
        for (const [name, direction, counts] of this.#frames())
          for (const kind of ["message", "presence", "iq"] as const) sample(counts[kind], name, direction, kind);
      },
    );
    families.counter(
      {
        name: "caesura_nonzas_total",
        help: "Elements that are no stanzas and were read, e.g. acknowledgements; up is towards the server",
        labels: ["listener", "direction"],
      },
      (sample) => {
        for (const [name, direction, counts] of this.#frames()) sample(counts.nonza, name, direction);
      },
    );
    families.counter(
      {
        name: "caesura_backpressure_pauses_total",
        help: "How often a leg was not read for a while, because the opposite one had no room",
        labels: ["listener", "leg"],
      },
      (sample) => {
        for (const [name, leg, traffic] of this.#legs()) sample(traffic.roomPauses, name, leg);
      },
    );
    families.gauge(
      {
        name: "caesura_buffered_bytes",
        help: "Bytes that wait in this process until the peer of a leg takes them",
        labels: ["listener", "leg"],
      },
      (sample) => {
        for (const listener of this.#listeners.values()) {
          sample(listener.queuedBytes("near"), listener.name, nearLeg(listener.kind));
          sample(listener.queuedBytes("server"), listener.name, "server");
        }
      },
    );
  }

  *#frames(): Generator<readonly [name: string, direction: "up" | "down", counts: FrameCounts["up"]]> {
    for (const listener of this.#listeners.values()) {
      const { up, down } = listener.allFrames();
      yield [listener.name, "up", up];
      yield [listener.name, "down", down];
    }
  }

  *#legs(): Generator<readonly [name: string, leg: LegName, traffic: LegTraffic]> {
    for (const { name, kind, near, server } of this.#listeners.values()) {
      yield [name, nearLeg(kind), near];
      yield [name, "server", server];
    }
  }
}

/** The name of the leg that a listener of this kind accepts. */
export function nearLeg(kind: "c2s" | "component"): "client" | "component" {
  return kind === "c2s" ? "client" : "component";
}

function noFrames(): FrameCounts["up"] {
  return { message: 0, presence: 0, iq: 0, nonza: 0 };
}

function addFrames(sum: FrameCounts["up"], more: FrameCounts["up"]): void {
  sum.message += more.message;
  sum.presence += more.presence;
  sum.iq += more.iq;
  sum.nonza += more.nonza;
}
