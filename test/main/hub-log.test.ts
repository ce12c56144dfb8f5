import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLogger, type Logger } from "../../src/log/index.js";
import { logHubEvent } from "../../src/main/hub-log.js";
import type { HubEvent } from "../../src/session/index.js";

type Delegation = HubEvent & { readonly kind: "delegation" };

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

const refused: Delegation = {
  kind: "delegation",
  connection: "000a",
  domain: "capulet.lit",
  rule: "urn:xmpp:mam:2",
  entity: "pubsub.capulet.lit",
  outcome: "refused",
  code: "iq-children",
  seconds: 0,
};

test("a refused request is told with the connection that made it", () => {
  const { log, lines } = logged();
  logHubEvent(log, refused);
  expect(lines()).toMatchObject([
    { level: "warn", event: "delegation", connection: "000a", rule: "urn:xmpp:mam:2", code: "iq-children" },
  ]);
});

test("a request whose connection is not known names none", () => {
  const { log, lines } = logged();
  logHubEvent(log, { ...refused, connection: "", outcome: "late" });
  expect(lines()[0]).not.toHaveProperty("connection");
});

test("a client that makes a thousand refused requests makes two lines in a second", () => {
  const { log, lines } = logged();
  for (let turn = 0; turn < 1000; turn++) logHubEvent(log, refused);
  vi.advanceTimersByTime(1250);
  expect(lines().map(({ suppressed }) => suppressed)).toEqual([undefined, 998]);
});

test.each([
  ["code", { code: "iq-empty" }],
  ["outcome", { outcome: "timeout" }],
  ["rule", { rule: "jabber:iq:version" }],
  ["entity", { entity: "verse.capulet.lit" }],
  ["domain", { domain: "montague.lit" }],
] as const)("a flood does not hide what differs in its %s", (_what, difference) => {
  const { log, lines } = logged();
  for (let turn = 0; turn < 10; turn++) logHubEvent(log, refused);
  logHubEvent(log, { ...refused, ...difference });
  expect(lines().length).toBe(2);
});

test("what an operator must not miss is told each time", () => {
  const { log, lines } = logged();
  const [connection, entity] = ["0001", "pubsub.capulet.lit"];
  for (let turn = 0; turn < 200; turn++) {
    logHubEvent(log, { kind: "entity-up", connection, entity });
    logHubEvent(log, { kind: "advertised", connection, domain: "capulet.lit", entity, namespaces: 2 });
    logHubEvent(log, { kind: "entity-down", connection, entity, lost: 1 });
  }
  expect(lines().length).toBe(600);
});

test("at level debug each answered request is told", () => {
  const { log, lines } = logged();
  for (let turn = 0; turn < 200; turn++) logHubEvent(log, { ...refused, outcome: "result" });
  expect(lines().length).toBe(200);
});

function logged(): { readonly log: Logger; readonly lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const log = createLogger({ level: "debug", destination: { write: (line) => void written.push(line) } });
  return { log, lines: () => written.map((line) => JSON.parse(line)) };
}
