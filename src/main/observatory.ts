import { version as nodeVersion } from "node:process";
import type {
  ConfigurationView,
  DomainView,
  EntityView,
  Health,
  Listed,
  LinkRow,
  ListQuery,
  ProxyModel,
  Readiness,
  RecentFault,
  RecentFaults,
  RuleRow,
  SessionRow,
  StatusView,
  Taps,
} from "../admin/index.js";
import type { Config } from "../config/index.js";
import type { ListeningAddress } from "../listen/index.js";
import type { DelegationMetrics } from "../metrics/index.js";
import type { Links, RelayMetrics } from "../relay/index.js";
import type { CarrierView, Hub, SessionView } from "../session/index.js";
import { packageVersion } from "./version.js";

export interface ObservatoryParts {
  readonly hub: Hub;
  readonly links: Links;
  readonly metrics: RelayMetrics;
  readonly delegations: DelegationMetrics;
  readonly faults: RecentFaults;
  readonly taps: Taps;
  readonly reloads: {
    readonly counts: ConfigurationView["reloads"];
    readonly lastSucceeded: boolean;
    readonly appliedAtMs: number;
  };
  config(): Config;
  state(): StatusView["state"];
  readiness(): Readiness;
  logLevel(): string;
  addresses(): readonly ListeningAddress[];
  certificateExpiry(): ReadonlyMap<string, number>;
}

/** What is going on in the proxy, put together when an operator asks. */
export class Observatory implements ProxyModel {
  readonly #parts: ObservatoryParts;

  constructor(parts: ObservatoryParts) {
    this.#parts = parts;
  }

  status(): StatusView {
    const { hub, links, taps } = this.#parts;
    const { sessions, resumable, pending } = hub.stats;
    const { ready, reasons } = this.#parts.readiness();
    return {
      version: packageVersion(),
      node: nodeVersion,
      pid: process.pid,
      startedAt: new Date(performance.timeOrigin).toISOString(),
      state: this.#parts.state(),
      ready,
      reasons,
      logLevel: this.#parts.logLevel(),
      configuration: this.#configuration(),
      connections: links.size,
      sessions,
      resumable,
      pending,
      memoryBytes: process.memoryUsage.rss(),
      domains: this.#domains(),
      entities: this.#entities(),
      listeners: this.#parts.addresses().map(({ kind, tls, host, port }) => ({ kind, tls, host, port })),
      taps: taps.size,
    };
  }

  sessions({ match, limit }: ListQuery): Listed<SessionRow> {
    const links = new Map([...this.#parts.links.all()].map((link) => [link.id, link]));
    return listed(this.#parts.hub.sessionViews(), limit, (session) => {
      const link = links.get(session.connection)?.view;
      const remote = link?.remote ?? "";
      if (!isMatch(match, session.connection, session.jid, remote)) return undefined;
      return {
        connection: session.connection,
        jid: session.jid,
        domain: session.domain,
        remote,
        state: session.isConnected ? "connected" : "resumable",
        secure: link?.isSecure ?? false,
        managed: session.isManaged,
        seconds: link?.seconds ?? 0,
        pending: session.pending,
        heldBytes: session.heldBytes,
      };
    });
  }

  links({ match, limit }: ListQuery): Listed<LinkRow> {
    const { hub, links } = this.#parts;
    const sessions = new Map<string, SessionView>();
    for (const session of hub.sessionViews()) if (session.isConnected) sessions.set(session.connection, session);
    const carriers = new Map<string, CarrierView>();
    for (const carrier of hub.carrierViews()) carriers.set(carrier.connection, carrier);
    return listed(links.all(), limit, (link) => {
      const { id, kind, listener, remote, domain = "", isSecure, isEnding, hasServer, ...counts } = link.view;
      const carrier = carriers.get(id);
      const peer = sessions.get(id)?.jid ?? carrier?.address ?? "";
      if (!isMatch(match, id, remote, peer)) return undefined;
      return {
        connection: id,
        kind,
        listener,
        remote,
        domain,
        peer,
        state: isEnding ? "ending" : peer !== "" || hasServer ? "open" : "opening",
        secure: isSecure,
        outstanding: carrier?.outstanding ?? 0,
        ...counts,
      };
    });
  }

  rules(): readonly RuleRow[] {
    const { hub, delegations } = this.#parts;
    const { ruleMatches, entities } = hub.stats;
    return this.#parts.config().domains.flatMap(({ name, delegations: rules }) =>
      rules.map(({ namespace, entity, filtering, blocking, timeoutMs }) => ({
        domain: name,
        rule: namespace,
        entity,
        up: entities.get(entity)?.up === true,
        filtering,
        blocking,
        timeoutMs,
        matches: ruleMatches.get(name)?.get(namespace) ?? 0,
        outcomes: delegations.outcomesOf({ domain: name, rule: namespace, entity }),
      })),
    );
  }

  errors(): readonly RecentFault[] {
    return this.#parts.faults.list();
  }

  #configuration(): ConfigurationView {
    const { counts, lastSucceeded, appliedAtMs } = this.#parts.reloads;
    const { file, sha256 } = this.#parts.config();
    return {
      file,
      sha256,
      loadedAt: new Date(appliedAtMs).toISOString(),
      reloads: counts,
      lastReloadSucceeded: lastSucceeded,
    };
  }

  #domains(): readonly DomainView[] {
    const expiry = this.#parts.certificateExpiry();
    const health = (domain: string, link: "c2s" | "component"): Health => {
      const isUp = this.#parts.metrics.isServerUp(domain, link);
      return isUp === undefined ? "unknown" : isUp ? "up" : "down";
    };
    return this.#parts.config().domains.map(({ name, server, delegations }) => {
      const expiresMs = (expiry.get(name) ?? 0) * 1000;
      return {
        name,
        server: health(name, "c2s"),
        componentPort: server.component === undefined ? "none" : health(name, "component"),
        rules: delegations.length,
        certificate: {
          expiresAt: new Date(expiresMs).toISOString(),
          daysLeft: Math.floor((expiresMs - Date.now()) / 86_400_000),
        },
      };
    });
  }

  #entities(): readonly EntityView[] {
    const { hub } = this.#parts;
    const outstanding = new Map<string, number>();
    for (const carrier of hub.carrierViews())
      for (const entity of carrier.entities)
        outstanding.set(entity, (outstanding.get(entity) ?? 0) + carrier.outstanding);
    const rules = new Map<string, number>();
    for (const { delegations } of this.#parts.config().domains)
      for (const { entity } of delegations) rules.set(entity, (rules.get(entity) ?? 0) + 1);
    return [...hub.stats.entities].map(([jid, { up, queuedBytes }]) => ({
      jid,
      up,
      rules: rules.get(jid) ?? 0,
      outstanding: outstanding.get(jid) ?? 0,
      queuedBytes,
    }));
  }
}

function isMatch(match: string, ...texts: readonly string[]): boolean {
  return match === "" || texts.some((text) => text.toLowerCase().includes(match.toLowerCase()));
}

/** The first `limit` rows, and how many there would be; `rowOf` gives undefined for what was not asked for. */
function listed<One, Row>(all: Iterable<One>, limit: number, rowOf: (one: One) => Row | undefined): Listed<Row> {
  const rows: Row[] = [];
  let total = 0;
  for (const one of all) {
    const row = rowOf(one);
    if (row === undefined) continue;
    total++;
    if (rows.length < limit) rows.push(row);
  }
  return { total, rows };
}
