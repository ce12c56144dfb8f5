import { pino } from "pino";
import type { AdminParts, ProxyModel, StatusView } from "../../src/admin/index.js";
import { Taps } from "../../src/admin/index.js";
import { Families } from "../../src/metrics/index.js";

export const statusView: StatusView = {
  version: "1.2.3<b>",
  node: "v20.19.2",
  host: "verona",
  pid: 4711,
  startedAt: "2026-01-01T00:00:00.000Z",
  state: "serving",
  ready: true,
  reasons: [],
  logLevel: "info",
  configuration: {
    file: "/etc/caesura/proxy.yaml",
    sha256: "ab".repeat(32),
    loadedAt: "2026-01-01T00:00:00.000Z",
    reloads: { succeeded: 1, failed: 0 },
    lastReloadSucceeded: true,
  },
  connections: 3,
  sessions: 2,
  resumable: 1,
  pending: 1,
  memoryBytes: 50_000_000,
  domains: [
    {
      name: "capulet.lit",
      server: "up",
      componentPort: "none",
      rules: 1,
      sessions: 2,
      certificate: { expiresAt: "2026-03-01T00:00:00.000Z", daysLeft: 59 },
    },
  ],
  entities: [{ jid: "pubsub.capulet.lit", up: true, rules: 1, outstanding: 1, queuedBytes: 0 }],
  grants: [],
  listeners: [{ kind: "c2s", tls: "starttls", host: "127.0.0.1", port: 5222 }],
  taps: 0,
};

/** What is asked for, and nothing behind it. */
export const model: ProxyModel = {
  status: () => statusView,
  sessions: () => ({ total: 0, rows: [] }),
  links: () => ({ total: 0, rows: [] }),
  rules: () => [],
  grants: () => ({ total: 0, rows: [] }),
  errors: () => [],
};

/** The parts of a server that says that all is well; `logged` takes the lines of its log. */
export function parts(changes: Partial<AdminParts> = {}, logged: Record<string, unknown>[] = []): AdminParts {
  const families = new Families();
  families.counter({ name: "caesura_test_total", help: "A test", labels: [] }, (sample) => sample(7));
  return {
    families,
    version: "1.2.3<b>",
    serves: () => new Set(["page", "metrics"] as const),
    model,
    controls: {
      close: () => false,
      drain: () => true,
      reload: () => Promise.resolve({ ok: true, problems: [] }),
      revoke: () => Promise.resolve({ revoked: [], stored: true }),
      setLogLevel: () => undefined,
    },
    taps: new Taps(),
    live: { open: (response) => void response.end() },
    sampler: { last: undefined, failing: undefined },
    log: pino({ level: "trace" }, { write: (line) => void logged.push(JSON.parse(line)) }),
    token: () => undefined,
    readiness: () => ({ ready: true, reasons: [] }),
    refused: () => undefined,
    failed: (error) => {
      throw error;
    },
    ...changes,
  };
}
