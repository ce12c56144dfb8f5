import { hostname } from "node:os";
import { version as nodeVersion } from "node:process";
import { Latencies } from "../admin/index.js";
import type {
  ConfigurationView,
  DomainView,
  DrainView,
  EntityView,
  GrantsView,
  GrantRow,
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
import type { Link, Links, RelayMetrics } from "../relay/index.js";
import type { CarrierView, GrantView, Hub, HubEvent, SessionView } from "../session/index.js";
import { EntityChanges } from "./entity-changes.js";
import type { ReloadCounts } from "./reload-counts.js";
import { packageVersion } from "./version.js";

export interface ObservatoryParts {
  readonly hub: Hub;
  readonly links: Links;
  readonly metrics: RelayMetrics;
  readonly delegations: DelegationMetrics;
  readonly faults: RecentFaults;
  readonly taps: Taps;
  readonly reloads: ReloadCounts;
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
  readonly #latencies = new Latencies();
  readonly #entityChanges = new EntityChanges();

  constructor(parts: ObservatoryParts) {
    this.#parts = parts;
  }

  hub(event: HubEvent): void {
    this.#latencies.hub(event);
    this.#entityChanges.hub(event);
  }

  status(): StatusView {
    const { hub, links, taps } = this.#parts;
    const { sessions, resumable, pending } = hub.stats;
    const { ready, reasons } = this.#parts.readiness();
    return {
      version: packageVersion(),
      node: nodeVersion,
      host: hostname(),
      pid: process.pid,
      startedAt: new Date(performance.timeOrigin).toISOString(),
      state: this.#parts.state(),
      ready,
      reasons,
      ...this.#drain(),
      logLevel: this.#parts.logLevel(),
      configuration: this.#configuration(),
      connections: links.size,
      sessions,
      resumable,
      pending,
      memoryBytes: process.memoryUsage.rss(),
      domains: this.#domains(),
      entities: this.#entities(),
      grants: this.#grants(),
      listeners: this.#parts.addresses().map(({ kind, tls, host, port }) => ({ kind, tls, host, port })),
      taps: taps.size,
    };
  }

  sessions(query: ListQuery): Listed<SessionRow> {
    const links = new Map<string, Link>();
    for (const link of this.#parts.links.all()) links.set(link.id, link);
    const isWanted = matcher(query.match, ({ connection, jid }: SessionView) => [
      connection,
      jid,
      links.get(connection)?.remoteAddress ?? "",
    ]);
    return listed(this.#parts.hub.sessionViews(), query, isWanted, (session) => {
      const link = links.get(session.connection)?.view;
      return {
        connection: session.connection,
        jid: session.jid,
        domain: session.domain,
        remote: link?.remote ?? "",
        state: session.isConnected ? "connected" : "resumable",
        secure: link?.isSecure ?? false,
        managed: session.isManaged,
        seconds: link?.seconds ?? 0,
        pending: session.pending,
        heldBytes: session.heldBytes,
      };
    });
  }

  links(query: ListQuery): Listed<LinkRow> {
    const { hub, links } = this.#parts;
    const peers = new Map<string, string>();
    for (const { connection, jid, isConnected } of hub.sessionViews()) if (isConnected) peers.set(connection, jid);
    const carriers = new Map<string, CarrierView>();
    for (const carrier of hub.carrierViews()) carriers.set(carrier.connection, carrier);
    const peerOf = (id: string): string => peers.get(id) ?? carriers.get(id)?.address ?? "";
    const isWanted = matcher(query.match, ({ id, remoteAddress }: Link) => [id, remoteAddress, peerOf(id)]);
    return listed(links.all(), query, isWanted, (link) => {
      const { id, kind, listener, remote, domain = "", isSecure, isEnding, hasServer, ...counts } = link.view;
      const peer = peerOf(id);
      return {
        connection: id,
        kind,
        listener,
        remote,
        domain,
        peer,
        state: isEnding ? "ending" : peer !== "" || hasServer ? "open" : "opening",
        secure: isSecure,
        outstanding: carriers.get(id)?.outstanding ?? 0,
        ...counts,
      };
    });
  }

  rules(): readonly RuleRow[] {
    const { hub, delegations } = this.#parts;
    const { ruleMatches, entities } = hub.stats;
    return this.#parts.config().domains.flatMap(({ name, delegations: rules }) =>
      rules.map(({ namespace, entity, filtering, blocking, timeoutMs }) => {
        const rule = { domain: name, rule: namespace, entity };
        const latency = this.#latencies.of(rule);
        return {
          ...rule,
          up: entities.get(entity)?.up === true,
          filtering,
          blocking,
          timeoutMs,
          matches: ruleMatches.get(name)?.get(namespace) ?? 0,
          outcomes: delegations.outcomesOf(rule),
          ...(latency === undefined ? {} : { latency }),
        };
      }),
    );
  }

  grants(query: ListQuery): Listed<GrantRow> {
    const isWanted = matcher(query.match, ({ account, namespace, entity }: GrantView) => [account, namespace, entity]);
    return listed(this.#parts.hub.grantViews(), query, isWanted, grantRow);
  }

  errors(): readonly RecentFault[] {
    return this.#parts.faults.list();
  }

  #drain(): { readonly drain?: DrainView } {
    const { ending, progress } = this.#parts.links;
    if (ending === undefined || progress === undefined) return {};
    const secondsLeft = Math.max(0, Math.round((ending.deadlineAtMs - performance.now()) / 1000));
    return { drain: { links: ending.links, ...progress, secondsLeft } };
  }

  #grants(): readonly GrantsView[] {
    const { hub } = this.#parts;
    const managers = [...hub.clientModes.managers()].toSorted((one, other) => other.users - one.users);
    return [...hub.stats.clientModes].map(([domain, { grants, questions }]) => {
      const own = managers.filter((manager) => manager.domain === domain);
      const entities = own
        .slice(0, MOST_MANAGERS)
        .map(({ entity: jid, users, grants: granted }) => ({ jid, users, grants: granted }));
      return { domain, grants, questions, entities, entitiesTotal: own.length };
    });
  }

  #configuration(): ConfigurationView {
    const { counts, lastSucceeded, lastFailure, appliedAtMs } = this.#parts.reloads;
    const { file, sha256 } = this.#parts.config();
    return {
      file,
      sha256,
      loadedAt: new Date(appliedAtMs).toISOString(),
      reloads: counts,
      lastReloadSucceeded: lastSucceeded,
      ...(lastFailure === undefined ? {} : { lastFailure }),
    };
  }

  #domains(): readonly DomainView[] {
    const expiry = this.#parts.certificateExpiry();
    const health = (domain: string, link: "c2s" | "component"): Health => {
      const isUp = this.#parts.metrics.isServerUp(domain, link);
      return isUp === undefined ? "unknown" : isUp ? "up" : "down";
    };
    const sessions = new Map<string, number>();
    for (const { domain } of this.#parts.hub.sessionViews()) sessions.set(domain, (sessions.get(domain) ?? 0) + 1);
    return this.#parts.config().domains.map(({ name, server, delegations }) => {
      const expiresMs = (expiry.get(name) ?? 0) * 1000;
      const links = server.component === undefined ? (["c2s"] as const) : (["c2s", "component"] as const);
      const changes = links
        .filter((link) => health(name, link) === "down")
        .map((link) => this.#parts.metrics.serverChangedAtMs(name, link) ?? Date.now());
      return {
        name,
        server: health(name, "c2s"),
        componentPort: server.component === undefined ? "none" : health(name, "component"),
        ...(changes.length === 0 ? {} : { downSince: new Date(Math.min(...changes)).toISOString() }),
        rules: delegations.length,
        sessions: sessions.get(name) ?? 0,
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
    return [...hub.stats.entities].map(([jid, { up, queuedBytes }]) => {
      const changedAtMs = this.#entityChanges.of(jid);
      return {
        jid,
        up,
        ...(changedAtMs === undefined ? {} : { since: new Date(changedAtMs).toISOString() }),
        rules: rules.get(jid) ?? 0,
        outstanding: outstanding.get(jid) ?? 0,
        queuedBytes,
      };
    });
  }
}

/** Rows about entities of users' choice. */
const MOST_MANAGERS = 20;

export function grantRow({ grantedAtMs, isEffective, isLasting, ...grant }: GrantView): GrantRow {
  const { domain, account, namespace, entity } = grant;
  const grantedAt = new Date(grantedAtMs).toISOString();
  return { domain, account, namespace, entity, grantedAt, effective: isEffective, lasting: isLasting };
}

/** Whether one of the texts of a row has `match` in it, in capitals or not. */
function matcher<One>(match: string, textsOf: (one: One) => readonly string[]): (one: One) => boolean {
  const wanted = match.toLowerCase();
  return wanted === "" ? () => true : (one) => textsOf(one).some((text) => text.toLowerCase().includes(wanted));
}

/**
 * The rows that were asked for, and how many there would be. There may be many thousands: what is not shown is only counted,
 * unless the order of all has to be known.
 */
function listed<One, Row extends object>(
  all: Iterable<One>,
  { limit, offset = 0, sort, descending = false }: ListQuery,
  isWanted: (one: One) => boolean,
  rowOf: (one: One) => Row,
): Listed<Row> {
  const rows: Row[] = [];
  let total = 0;
  for (const one of all) {
    if (!isWanted(one)) continue;
    total++;
    if (sort !== undefined || (total > offset && rows.length < limit)) rows.push(rowOf(one));
  }
  if (sort === undefined) return { total, rows };
  const ordered = rows.toSorted(
    (one, other) => (descending ? -1 : 1) * compare(valueOf(one, sort), valueOf(other, sort)),
  );
  return { total, rows: ordered.slice(offset, offset + limit) };
}

function valueOf(row: object, column: string): unknown {
  return Object.getOwnPropertyDescriptor(row, column)?.value;
}

/** Texts by their code units: a collation would take most of the time of a page. */
function compare(one: unknown, other: unknown): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  const [left, right] = [String(one), String(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}
