import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { RecentFaults, Sampler, Taps, type Readiness } from "./admin/index.js";
import type { Config, Problem } from "./config/index.js";
import {
  Admission,
  Arrivals,
  Certificates,
  type InheritedSockets,
  Listeners,
  prepareCertificates,
  type ListenerSettings,
  type ListeningAddress,
} from "./listen/index.js";
import { ClientModeMetrics, DelegationMetrics, declareLog, declareProcess, Families } from "./metrics/index.js";
import { Links, RelayMetrics, Turns, type CountingMachine, type DrainProgress } from "./relay/index.js";
import { Hub, openClientLink, openComponentLink, type Performer } from "./session/index.js";
import { Descriptors } from "./main/descriptors.js";
import { Grants } from "./main/grants.js";
import { Administration } from "./main/administration.js";
import { Handover } from "./main/handover.js";
import { logHubEvent } from "./main/hub-log.js";
import { Observatory } from "./main/observatory.js";
import { operatorControls, type ProcessControls } from "./main/operator-controls.js";
import { ReloadCounts } from "./main/reload-counts.js";
import {
  certificateSources,
  clientModeDomains,
  domainSettings,
  linkLimits,
  streamManagement,
  ruleNames,
  upstreams,
  type Upstreams,
} from "./main/settings.js";
import { packageVersion } from "./main/version.js";
import { World } from "./main/world.js";

export interface ProxyOptions {
  readonly log: Logger;
  /** Reason → lines of the log that could not be written; read at each scrape. */
  readonly droppedLogLines?: ReadonlyMap<string, number>;
  /** Listening sockets that the process was handed, for listeners with `socket`. */
  readonly sockets?: InheritedSockets;
  /** What only the process can do that an operator asks the running proxy for. */
  readonly process?: ProcessControls;
}

export type { ProcessControls };

/**
 * Starts the whole proxy. Resolves when every port is open.
 *
 * Errors  rejects with `ListenError` when a port cannot be opened, and with `StoreError` when the store cannot be; then
 *         nothing is left open.
 */
export async function startProxy(config: Config, options: ProxyOptions): Promise<StreamProxy> {
  const proxy = new StreamProxy(config, options);
  try {
    await proxy.reload(config);
  } catch (error) {
    await proxy.close();
    throw error;
  }
  return proxy;
}

/** The composition root: the one place that knows every part. */
export class StreamProxy {
  readonly #log: Logger;
  readonly #families = new Families();
  readonly #process: { stop(): void };
  readonly #descriptors: Descriptors;
  readonly #metrics: RelayMetrics;
  readonly #delegations: DelegationMetrics;
  readonly #clientModes: ClientModeMetrics;
  readonly #grants: Grants;
  readonly #reloads: ReloadCounts;
  readonly #world: World;
  readonly #hub: Hub;
  readonly #handover: Handover;
  readonly #links = new Links();
  readonly #admission: Admission;
  readonly #arrivals = new Arrivals();
  readonly #certificates = new Certificates();
  readonly #listeners: Listeners;
  readonly #faults = new RecentFaults();
  readonly #taps = new Taps();
  readonly #sampler: Sampler;
  readonly #observatory: Observatory;
  readonly #administration: Administration;
  #config: Config;
  #limits: ReturnType<typeof linkLimits>;
  #streamManagement: ReturnType<typeof streamManagement>;
  #upstreams: Upstreams;
  #state: "starting" | "serving" | "draining" | "closed" = "starting";
  /** Reloads and the end happen one after the other. */
  #previous: Promise<void> = Promise.resolve();

  constructor(config: Config, { log, droppedLogLines = new Map(), sockets, process: controls }: ProxyOptions) {
    this.#log = log;
    this.#config = config;
    this.#limits = linkLimits(config.limits);
    this.#streamManagement = streamManagement(config.streamManagement);
    this.#upstreams = upstreams(config);
    const turns = new Turns();
    this.#grants = new Grants(log, turns);
    this.#world = new World({
      turns,
      grants: this.#grants,
      limits: () => this.#limits,
      streamManagement: () => this.#streamManagement,
      report: (event) => {
        this.#delegations.count(event);
        this.#clientModes.count(event);
        this.#faults.hub(event);
        this.#sampler.hub(event);
        this.#observatory.hub(event);
        logHubEvent(log, event);
      },
      observer: () => this.#taps.observer,
    });
    this.#hub = new Hub(this.#world);
    this.#world.serve(this.#hub);
    this.#handover = new Handover(this.#hub, log);
    this.#process = declareProcess(this.#families, { version: packageVersion() });
    this.#descriptors = new Descriptors({ log, families: this.#families });
    declareLog(this.#families, droppedLogLines);
    this.#metrics = new RelayMetrics(this.#families);
    this.#sampler = new Sampler({
      stanzas: () => this.#metrics.stanzas,
      sessions: () => this.#hub.sessions.size,
      connections: () => this.#links.size,
    });
    this.#delegations = new DelegationMetrics(this.#families, () => this.#hub.stats);
    this.#clientModes = new ClientModeMetrics(
      this.#families,
      () => this.#hub.stats,
      () => this.#grants.isWritable,
    );
    this.#reloads = new ReloadCounts(this.#families);
    this.#declareState();
    this.#admission = new Admission(config.limits);
    const timeouts = (): Config["timeouts"] => this.#config.timeouts;
    this.#listeners = new Listeners(
      {
        surroundings: {
          turns,
          metrics: this.#metrics,
          log,
          get timeouts() {
            return timeouts();
          },
          upstream: (kind, domain) => this.#upstreams[kind].get(domain),
          watch: ({ id, remoteAddress: remote }, event, excerpt) => this.#faults.link({ id, remote }, event, excerpt),
        },
        links: this.#links,
        admission: this.#admission,
        arrivals: this.#arrivals,
        certificates: this.#certificates,
        limits: () => this.#limits,
        openMachine: (settings, performer) => this.#openMachine(settings, performer),
      },
      this.#metrics,
      sockets,
    );
    this.#observatory = this.#observe();
    this.#administration = new Administration({
      families: this.#families,
      model: this.#observatory,
      controls: operatorControls({
        links: this.#links,
        hub: this.#hub,
        turns,
        log,
        process: controls ?? this.#controlsOfOwn(),
      }),
      taps: this.#taps,
      sampler: this.#sampler,
      log,
      readiness: () => this.readiness,
    });
  }

  /** Where connections are accepted, in the order of the configuration. */
  get addresses(): readonly ListeningAddress[] {
    return this.#listeners.addresses;
  }

  get adminAddress(): AddressInfo | undefined {
    return this.#administration.address;
  }

  /** Links that still own a socket. */
  get connections(): number {
    return this.#links.size;
  }

  /** The metric families, as docs/metrics.md describes them. */
  get families(): Families["declared"] {
    return this.#families.declared;
  }

  get readiness(): Readiness {
    const reasons: string[] = [];
    if (this.#state !== "serving") reasons.push(this.#state);
    if (this.#listeners.addresses.length === 0) reasons.push("not-listening");
    return { ready: reasons.length === 0, reasons };
  }

  /**
   * Serves `config` from now on. No connection is dropped; managing entities whose delegations changed are told.
   *
   * Errors  rejects, with everything as it was, when a port cannot be opened or a certificate is not taken.
   */
  reload(config: Config): Promise<void> {
    return this.#inTurn(() => this.#configure(config));
  }

  /** A configuration file was refused before it came here; counts it. */
  reloadRefused(problems: readonly Problem[]): void {
    this.#reloads.failed("The file was refused.", problems);
  }

  /** How far the end is; undefined before it began. */
  get progress(): DrainProgress | undefined {
    return this.#state === "serving" || this.#state === "starting" ? undefined : this.#links.progress;
  }

  /** Delegated requests that are being answered. */
  get pendingRequests(): number {
    return this.#hub.stats.pending;
  }

  /**
   * Drains: listeners stop at once, clients are told as `drain` of the configuration says, then components; whoever is
   * left at the shutdown deadline is cut, and everything is closed. Safe to repeat; resolves when it is done.
   */
  close(): Promise<void> {
    if (this.#state !== "closed") this.#state = "draining";
    // At once, so that who is told of the end finds the ports closed; a reload that is under way is closed after it.
    this.#listeners.close();
    return this.#inTurn(() => this.#end());
  }

  async #configure(config: Config): Promise<void> {
    if (this.#state === "draining" || this.#state === "closed") throw new Error("the proxy is being stopped");
    const isReload = this.#state === "serving";
    try {
      // First everything that can fail, then everything that cannot.
      const certificates = prepareCertificates(certificateSources(config));
      const next = upstreams(config);
      const domains = domainSettings(config);
      if (config.store !== undefined && clientModeDomains(config).size > 0)
        this.#hub.clientModes.load(await this.#grants.open(config.store));
      const doors = await this.#administration.prepare(config);
      try {
        // Before the first port opens there must be something to serve; later the old certificates do until it is done.
        if (!isReload) {
          this.#certificates.use(certificates);
          this.#hub.configure(domains);
          this.#handover.take(config.streamManagement.handoverFile);
        }
        await this.#listeners.configure(config.listen);
      } catch (error) {
        await doors.revert();
        throw error;
      }
      this.#certificates.use(certificates);
      this.#upstreams = next;
      this.#limits = linkLimits(config.limits);
      this.#streamManagement = streamManagement(config.streamManagement);
      this.#admission.configure(config.limits);
      this.#config = config;
      if (isReload) this.#hub.configure(domains);
      this.#delegations.configure(ruleNames(config));
      this.#clientModes.configure(clientModeDomains(config));
      this.#metrics.retainDomains(new Set(config.domains.map(({ name }) => name)));
      this.#log.level = config.log.level;
      doors.commit();
      this.#descriptors.expect(config.limits.connections);
    } catch (error) {
      if (isReload) this.#reloads.failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
    this.#reloads.done(isReload);
    this.#state = "serving";
  }

  async #end(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "draining";
    this.#listeners.close();
    const { timeouts, drain } = this.#config;
    // A WebSocket that is being opened gets its answer, and is then told like the others.
    const arrived = this.#arrivals.settled(Math.min(arrivalMs, timeouts.shutdownMs / 4));
    const { forced } = await this.#links.drain({ ...drain, deadlineMs: timeouts.shutdownMs }, arrived);
    if (forced > 0) this.#log.warn({ event: "forced", connections: forced }, "the shutdown deadline passed");
    this.#handover.give(this.#config.streamManagement.handoverFile);
    this.#world.close();
    await this.#grants.close();
    await this.#administration.close();
    this.#sampler.close();
    this.#process.stop();
    this.#descriptors.close();
    this.#state = "closed";
  }

  #openMachine(settings: ListenerSettings, performer: Performer): CountingMachine {
    if (settings.kind === "component") return openComponentLink(this.#hub, performer);
    // Where a stream inside WebSocket begins, TLS has ended: here, or in front.
    if (settings.kind === "websocket")
      return openClientLink(this.#hub, performer, { tls: "none", carrier: "websocket" });
    return openClientLink(this.#hub, performer, { tls: settings.tls });
  }

  #observe(): Observatory {
    return new Observatory({
      hub: this.#hub,
      links: this.#links,
      metrics: this.#metrics,
      delegations: this.#delegations,
      faults: this.#faults,
      taps: this.#taps,
      reloads: this.#reloads,
      config: () => this.#config,
      state: () => this.#state,
      readiness: () => this.readiness,
      logLevel: () => this.#log.level,
      addresses: () => this.#listeners.addresses,
      certificateExpiry: () => this.#certificates.expiry,
    });
  }

  /** For a process that serves no signals. */
  #controlsOfOwn(): ProcessControls {
    return {
      drain: () => {
        if (this.#state === "draining" || this.#state === "closed") return false;
        void this.close();
        return true;
      },
      reload: () =>
        Promise.resolve({ ok: false, message: "This process does not know its configuration file.", problems: [] }),
    };
  }

  #declareState(): void {
    this.#families.gauge(
      { name: "caesura_ready", help: "Whether new connections are welcome here, as /readyz says", labels: [] },
      (sample) => sample(this.readiness.ready ? 1 : 0),
    );
    this.#families.gauge(
      { name: "caesura_draining", help: "Whether the proxy is being stopped", labels: [] },
      (sample) => sample(this.#state === "draining" ? 1 : 0),
    );
    this.#families.gauge(
      {
        name: "caesura_drain_links_left",
        help: "While draining: links that have not ended yet; clients that were not told yet, that were told, and who serves others",
        labels: ["kind"],
      },
      (sample) => {
        const { clients, untold, serving } = this.progress ?? { clients: 0, untold: 0, serving: 0 };
        sample(untold, "client_untold");
        sample(clients - untold, "client_told");
        sample(serving, "serving");
      },
    );
    this.#families.gauge(
      {
        name: "caesura_tls_certificate_expiry_timestamp_seconds",
        help: "When the certificate of a domain expires, seconds since the epoch",
        labels: ["domain"],
      },
      (sample) => {
        for (const [domain, seconds] of this.#certificates.expiry) sample(seconds, domain);
      },
    );
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#previous.then(step);
    this.#previous = done.catch(() => undefined);
    return done;
  }
}

/** What is left of a handshake of HTTP, TLS or PROXY when the proxy goes may take as long, at most a quarter of the shutdown. */
const arrivalMs = 1000;
