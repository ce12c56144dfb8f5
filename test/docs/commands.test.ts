import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type {
  GrantRow,
  LinkRow,
  RecentFault,
  RuleRow,
  SessionRow,
  StatusView,
  TapEvent,
} from "../../src/admin/index.js";

// Programs read what the commands print with --json. The compiler holds these lists against the types, the test holds the
// page against the lists.

type Keys<Row> = Readonly<Record<Row extends unknown ? keyof Row : never, true>>;

const status: Keys<StatusView> = {
  version: true,
  node: true,
  host: true,
  pid: true,
  startedAt: true,
  state: true,
  ready: true,
  reasons: true,
  drain: true,
  logLevel: true,
  configuration: true,
  connections: true,
  sessions: true,
  resumable: true,
  pending: true,
  memoryBytes: true,
  domains: true,
  entities: true,
  grants: true,
  listeners: true,
  taps: true,
};
const ofStatus: Keys<
  | NonNullable<StatusView["drain"]>
  | NonNullable<StatusView["configuration"]["lastFailure"]>
  | StatusView["grants"][number]
  | StatusView["configuration"]
  | StatusView["domains"][number]
  | StatusView["entities"][number]
  | StatusView["listeners"][number]
> = {
  links: true,
  clients: true,
  untold: true,
  serving: true,
  secondsLeft: true,
  at: true,
  message: true,
  problems: true,
  domain: true,
  questions: true,
  entities: true,
  entitiesTotal: true,
  lastFailure: true,
  downSince: true,
  sessions: true,
  since: true,
  file: true,
  sha256: true,
  loadedAt: true,
  reloads: true,
  lastReloadSucceeded: true,
  name: true,
  server: true,
  componentPort: true,
  rules: true,
  grants: true,
  certificate: true,
  jid: true,
  up: true,
  outstanding: true,
  queuedBytes: true,
  kind: true,
  tls: true,
  host: true,
  port: true,
};
const sessions: Keys<SessionRow> = {
  connection: true,
  jid: true,
  domain: true,
  remote: true,
  state: true,
  secure: true,
  managed: true,
  seconds: true,
  pending: true,
  heldBytes: true,
};
const links: Keys<LinkRow> = {
  connection: true,
  kind: true,
  listener: true,
  remote: true,
  domain: true,
  peer: true,
  state: true,
  secure: true,
  seconds: true,
  stanzasUp: true,
  stanzasDown: true,
  bytesUp: true,
  bytesDown: true,
  queuedBytes: true,
  outstanding: true,
};
const rules: Keys<RuleRow> = {
  domain: true,
  rule: true,
  entity: true,
  up: true,
  filtering: true,
  blocking: true,
  timeoutMs: true,
  matches: true,
  outcomes: true,
  latency: true,
};
const grants: Keys<GrantRow> = {
  domain: true,
  account: true,
  namespace: true,
  entity: true,
  grantedAt: true,
  effective: true,
  lasting: true,
};
const errors: Keys<RecentFault> = {
  kind: true,
  code: true,
  connection: true,
  leg: true,
  remote: true,
  domain: true,
  rule: true,
  entity: true,
  condition: true,
  source: true,
  meaning: true,
  offset: true,
  excerpt: true,
  firstAt: true,
  lastAt: true,
  count: true,
};
const tap: Keys<TapEvent> = {
  event: true,
  time: true,
  wrapper: true,
  connection: true,
  entityConnection: true,
  domain: true,
  rule: true,
  entity: true,
  jid: true,
  to: true,
  type: true,
  payload: true,
  outcome: true,
  code: true,
  ms: true,
  stanza: true,
  received: true,
  lost: true,
  lostAltogether: true,
};

const page = readFileSync(new URL("../../docs/commands.md", import.meta.url), "utf8");

test.each([
  ["// status", { ...status, ...ofStatus }],
  ["// sessions:", sessions],
  ["// links:", links],
  ["// rules:", rules],
  ["// grants:", grants],
  ["// errors:", errors],
  ["### tap", tap],
])("docs/commands.md has every key behind %s", (heading, keys) => {
  const from = page.indexOf(heading);
  expect(from).toBeGreaterThan(0);
  const end = /\n(\/\/ |```\n\n###|### What)/.exec(page.slice(from + heading.length));
  const section = page.slice(from, from + heading.length + (end?.index ?? 0));
  const missing = Object.keys(keys).filter((key) => !new RegExp(`\\b${key}\\??:`).test(section));
  expect(missing).toEqual([]);
});
