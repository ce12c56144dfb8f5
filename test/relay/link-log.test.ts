import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLogger, type Logger } from "../../src/log/index.js";
import { logLegFailure, logLinkEvent, type LoggedLink } from "../../src/relay/link-log.js";
import type { LinkEvent } from "../../src/session/index.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

const fault: LinkEvent = {
  kind: "fault",
  leg: "client",
  code: "comment",
  condition: "restricted-xml",
  source: "RFC 6120 §11.1",
  offset: 7,
};
const bound: LinkEvent = { kind: "bound", domain: "capulet.lit", jid: "juliet@capulet.lit/balcony" };
const streamError: LinkEvent = { kind: "stream-error", leg: "client", condition: "restricted-xml", ours: true };
const ended: LinkEvent = { kind: "ended", reason: "xml_fault" };

test.each([fault, bound, streamError, ended])("a line of kind $kind says which connection, and from where", (event) => {
  const { log, lines } = logged();
  logLinkEvent(log, linkFrom("192.0.2.1"), event);
  const { kind, ...details } = event;
  expect(lines()).toMatchObject([
    { event: kind, connection: "0001", listener: "c2s:0.0.0.0:5222", remote: "192.0.2.1", ...details },
  ]);
});

test("the last line of a link says how long it was there and what has passed", () => {
  const { log, lines } = logged();
  logLinkEvent(log, linkFrom("192.0.2.1"), ended);
  expect(lines()).toMatchObject([{ event: "ended", reason: "xml_fault", ...totals }]);
});

test("an IPv4 address that a listener for both kinds wrote as IPv6 is told as what it is", () => {
  const { log, lines } = logged();
  for (const address of ["::ffff:192.0.2.1", "2001:db8::1", "::ffff:c000:201"])
    logLinkEvent(log, linkFrom(address), fault);
  expect(lines().map(({ remote }) => remote)).toEqual(["192.0.2.1", "2001:db8::1", "::ffff:c000:201"]);
});

test("a peer that is gone before its address is known has none", () => {
  const { log, lines } = logged();
  logLinkEvent(log, linkFrom(""), ended);
  expect(lines()[0]).not.toHaveProperty("remote");
});

test("a stranger who connects and breaks the protocol a thousand times makes few lines", () => {
  const { log, lines } = logged();
  for (let turn = 0; turn < 1000; turn++)
    for (const event of [fault, streamError, ended]) logLinkEvent(log, linkFrom("192.0.2.1"), event);
  expect(lines().length).toBe(1 + 1 + 20);
  vi.advanceTimersByTime(1250);
  expect(lines().slice(22)).toMatchObject([
    { event: "fault", suppressed: 998 },
    { event: "stream-error", suppressed: 998 },
    { event: "ended", suppressed: 979 },
  ]);
});

test("a flood from one address does not hide the fault of another", () => {
  const { log, lines } = logged();
  for (let turn = 0; turn < 100; turn++) logLinkEvent(log, linkFrom("192.0.2.1"), fault);
  logLinkEvent(log, linkFrom("192.0.2.2"), fault);
  expect(lines().map(({ remote }) => remote)).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("a flood from many addresses is bounded by all lines together", () => {
  const { log, lines } = logged();
  for (let host = 0; host < 10_000; host++)
    logLinkEvent(log, linkFrom(`2001:db8::${host.toString(16)}`), { ...fault, code: "comment" });
  expect(lines().length).toBe(100);
});

test("a server that is away is told once, not for each client that comes", () => {
  const { log, lines } = logged();
  const error = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const leg = { name: "server", isEstablished: false } as const;
  for (let turn = 0; turn < 100; turn++)
    logLegFailure(log, linkFrom("192.0.2.1"), leg, { error, domain: "capulet.lit" });
  logLegFailure(log, linkFrom("192.0.2.1"), leg, { error, domain: "montague.lit" });
  expect(lines()).toMatchObject([
    { level: "warn", event: "leg-failed", connection: "0001", domain: "capulet.lit" },
    { level: "warn", event: "leg-failed", connection: "0001", domain: "montague.lit" },
  ]);
});

const totals = { seconds: 1.5, stanzasUp: 3, stanzasDown: 4, bytesUp: 500, bytesDown: 700 };

function linkFrom(remoteAddress: string): LoggedLink {
  return {
    id: "0001",
    origin: { counters: { name: "c2s:0.0.0.0:5222" } },
    remoteAddress,
    view: totals,
  };
}

function logged(): { readonly log: Logger; readonly lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const log = createLogger({ level: "info", destination: { write: (line) => void written.push(line) } });
  return { log, lines: () => written.map((line) => JSON.parse(line)) };
}
