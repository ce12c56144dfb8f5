import type {
  LinkRow,
  ListQuery,
  ProxyModel,
  RecentFault,
  RuleRow,
  SessionRow,
  StatusView,
} from "../../src/admin/index.js";

/** What a proxy that is made up for the status page has. */
export interface PageModelOptions {
  readonly domains?: number;
  readonly sessions?: number;
  readonly resources?: readonly string[];
  /** Servers and entities are down, a certificate ends, a file was refused, requests fail, faults are many, a drain is under way. */
  readonly isOnFire?: boolean;
}

const names = ["capulet.lit", "montague.lit", "verona.lit", "mantua.lit", "elsinore.lit", "illyria.lit"];
const people = ["juliet", "romeo", "nurse", "mercutio", "benvolio", "tybalt", "rosaline", "paris"];
const rules = ["urn:xmpp:mam:2", "http://jabber.org/protocol/pubsub", "http://jabber.org/protocol/pubsub#owner"];
const startedAt = "2026-01-01T00:00:00.000Z";

/** As the model of a running proxy, with rows as they would be there. */
export function pageModel({
  domains = 1,
  sessions = 0,
  resources = [],
  isOnFire = false,
}: PageModelOptions = {}): ProxyModel {
  const hosts = Array.from({ length: domains }, (_, nth) => names[nth] ?? `theatre-${String(nth)}.example`);
  const rows = [
    ...resources.map((resource, nth) => session(nth, hosts, resource)),
    ...Array.from({ length: sessions }, (_, nth) => session(nth + resources.length, hosts, "balcony")),
  ];
  const links = rows.map(linkOf);
  return {
    status: () => statusOf(hosts, rows.length, isOnFire),
    sessions: (query) => chosen(rows, query, ({ jid, connection }) => `${jid} ${connection}`),
    links: (query) => chosen(links, query, ({ peer, connection }) => `${peer} ${connection}`),
    rules: () => (domains === 0 ? [] : hosts.slice(0, 20).flatMap((host) => rulesOf(host, isOnFire))),
    grants: () => ({ total: 0, rows: [] }),
    errors: () => (isOnFire ? faults() : []),
  };
}

function statusOf(hosts: readonly string[], sessions: number, isOnFire: boolean): StatusView {
  return {
    version: "1.2.3",
    node: "v20.19.2",
    host: "verona-1",
    pid: 4711,
    startedAt,
    state: isOnFire ? "draining" : "serving",
    ready: !isOnFire,
    reasons: isOnFire ? ["draining"] : [],
    ...(isOnFire ? { drain: { links: 1200, clients: 420, untold: 260, serving: 2, secondsLeft: 17 } } : {}),
    logLevel: "info",
    configuration: {
      file: "/etc/caesura/proxy.yaml",
      sha256: "ab12".repeat(16),
      loadedAt: startedAt,
      reloads: { succeeded: 4, failed: isOnFire ? 1 : 0 },
      lastReloadSucceeded: !isOnFire,
      ...(isOnFire ? { lastFailure: refused } : {}),
    },
    connections: sessions,
    sessions,
    resumable: Math.floor(sessions / 4),
    pending: isOnFire ? 381 : 2,
    memoryBytes: 93_000_000,
    domains: hosts.map((name, nth) => ({
      name,
      server: isOnFire && nth % 7 === 0 ? "down" : "up",
      componentPort: nth === 2 ? "none" : "up",
      ...(isOnFire && nth % 7 === 0 ? { downSince: startedAt } : {}),
      rules: 3,
      sessions: Math.floor(sessions / hosts.length),
      certificate: {
        expiresAt: "2026-03-01T00:00:00.000Z",
        daysLeft: isOnFire ? (nth === 1 ? -2 : nth === 2 ? 5 : 17) : 59,
      },
    })),
    entities: hosts.slice(0, 20).map((host, nth) => ({
      jid: `pubsub.${host}`,
      up: !isOnFire || nth % 2 === 1,
      since: startedAt,
      rules: 3,
      outstanding: isOnFire ? 190 : 1,
      queuedBytes: isOnFire && nth === 1 ? 5_300_000 : 0,
    })),
    grants: hosts.slice(0, 1).map((domain) => ({
      domain,
      grants: 1204,
      questions: 3,
      entities: [
        { jid: `pubsub.${domain}`, users: 600, grants: 1203 },
        { jid: `romeo@${domain}`, users: 1, grants: 1 },
      ],
      entitiesTotal: 2,
    })),
    listeners: [
      { kind: "c2s", tls: "starttls", host: "0.0.0.0", port: 5222 },
      { kind: "c2s", tls: "direct", host: "::", port: 5223 },
      { kind: "component", tls: "none", host: "127.0.0.1", port: 5347 },
    ],
    taps: isOnFire ? 1 : 0,
  };
}

const refused = {
  at: startedAt,
  message: "The file was refused.",
  problems: [
    {
      severity: "error",
      path: "domains.capulet.lit.delegatoins",
      file: "/etc/caesura/proxy.yaml",
      line: 14,
      column: 5,
      code: "unknown-key",
      message: 'unknown key "delegatoins"',
      hint: 'did you mean "delegations"?',
    },
  ],
} as const;

function session(nth: number, hosts: readonly string[], resource: string): SessionRow {
  const domain = hosts[nth % hosts.length] ?? "capulet.lit";
  return {
    connection: `k${nth.toString(36).padStart(7, "0")}`,
    jid: `${people[nth % people.length] ?? ""}${String(nth)}@${domain}/${resource}`,
    domain,
    remote: `192.0.2.${String(nth % 250)}`,
    state: nth % 5 === 4 ? "resumable" : "connected",
    secure: nth % 9 !== 0,
    managed: true,
    seconds: (nth * 7919) % 400_000,
    pending: nth % 11 === 0 ? 3 : 0,
    heldBytes: 0,
  };
}

function linkOf({ connection, jid, domain, remote, secure, seconds }: SessionRow, nth: number): LinkRow {
  return {
    connection,
    kind: "c2s",
    listener: "c2s:0.0.0.0:5222",
    remote,
    domain,
    peer: jid,
    state: nth % 40 === 39 ? "ending" : "open",
    secure,
    seconds,
    stanzasUp: nth * 3,
    stanzasDown: nth * 17,
    bytesUp: nth * 900,
    bytesDown: nth * 5100,
    queuedBytes: nth % 20 === 0 ? 2048 : 0,
    outstanding: 0,
  };
}

function rulesOf(host: string, isOnFire: boolean): readonly RuleRow[] {
  return rules.map((rule, nth) => ({
    domain: host,
    rule,
    entity: `pubsub.${host}`,
    up: !isOnFire,
    filtering: nth === 0 ? ["node"] : [],
    blocking: false,
    timeoutMs: 30_000,
    matches: 120_311 >> nth,
    outcomes: {
      result: 119_000 >> nth,
      error: 1300 >> nth,
      timeout: isOnFire ? 91 : 0,
      no_link: isOnFire ? 1204 : 0,
      invalid_reply: isOnFire ? 3 : 0,
      refused: 0,
      late: 0,
    },
    ...(nth === 2
      ? {}
      : { latency: { count: 512, p50: 2.1, p95: isOnFire ? 4210 : 12.4, p99: isOnFire ? 29_800 : 48 } }),
  }));
}

function faults(): readonly RecentFault[] {
  const at = { firstAt: startedAt, lastAt: "2026-01-01T20:51:03.000Z" };
  return [
    {
      kind: "delegation",
      code: "managing-entity-not-connected",
      connection: "k0000003",
      domain: "capulet.lit",
      rule: "http://jabber.org/protocol/pubsub",
      entity: "pubsub.capulet.lit",
      source: "XEP-0355 §4.3",
      meaning: "The managing entity is not connected.",
      count: 1204,
      ...at,
    },
    {
      kind: "fault",
      code: "comment",
      connection: "k0000004",
      leg: "client",
      remote: "192.0.2.7",
      condition: "restricted-xml",
      source: "RFC 6120 §11.1",
      meaning: "A comment stands in the stream.",
      offset: 4211,
      excerpt: "<message to='…'><body>…",
      count: 1,
      ...at,
    },
    {
      kind: "stream-error",
      code: "policy-violation",
      connection: "k0000005",
      leg: "server",
      remote: "192.0.2.9",
      condition: "policy-violation",
      source: "RFC 6120 §4.9.3",
      meaning: "the other side ended the stream with this error",
      count: 12,
      ...at,
    },
  ];
}

function chosen<Row extends object>(
  rows: readonly Row[],
  { match, limit, offset = 0, sort, descending = false }: ListQuery,
  textOf: (row: Row) => string,
): { readonly total: number; readonly rows: readonly Row[] } {
  const like = rows.filter((row) => textOf(row).includes(match));
  const value = (row: Row): unknown => Object.entries(row).find(([name]) => name === sort)?.[1];
  const sorted =
    sort === undefined
      ? like
      : like.toSorted((one, other) => {
          const [left, right] = [value(one), value(other)];
          const order =
            typeof left === "number" && typeof right === "number"
              ? left - right
              : String(left) < String(right)
                ? -1
                : 1;
          return descending ? -order : order;
        });
  return { total: like.length, rows: sorted.slice(offset, offset + limit) };
}
