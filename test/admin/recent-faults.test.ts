import { describe, expect, test } from "vitest";
import { RecentFaults } from "../../src/admin/index.js";
import type { HubEvent, LinkEvent } from "../../src/session/index.js";

const breach: LinkEvent = {
  kind: "fault",
  leg: "client",
  code: "unknown-nonza",
  condition: "unsupported-stanza-type",
  source: "RFC 6120 §4.9.3.24",
};

describe("the last faults", () => {
  test("each has code, section, meaning, connection, and the masked head of the frame", () => {
    const faults = new RecentFaults({ now: () => 0 });
    faults.link({ id: "0007", remote: "192.0.2.1" }, { ...breach, offset: 40 }, "<iq type='get' id='…'>…");
    expect(faults.list()).toEqual([
      {
        kind: "fault",
        leg: "client",
        code: "unknown-nonza",
        condition: "unsupported-stanza-type",
        source: "RFC 6120 §4.9.3.24",
        meaning: "a top-level element that is no stanza and that no supported standard defines",
        connection: "0007",
        remote: "192.0.2.1",
        offset: 40,
        excerpt: "<iq type='get' id='…'>…",
        firstAt: "1970-01-01T00:00:00.000Z",
        lastAt: "1970-01-01T00:00:00.000Z",
        count: 1,
      },
    ]);
  });

  test("one that happens again from the same address is counted, and comes first", () => {
    let now = 0;
    const faults = new RecentFaults({ now: () => now });
    faults.link({ id: "0001", remote: "192.0.2.1" }, breach, undefined);
    faults.link({ id: "0002", remote: "192.0.2.2" }, breach, undefined);
    now = 5000;
    faults.link({ id: "0003", remote: "192.0.2.1" }, breach, undefined);
    expect(faults.list().map(({ connection, count, firstAt, lastAt }) => [connection, count, firstAt, lastAt])).toEqual(
      [
        ["0003", 2, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:05.000Z"],
        ["0002", 1, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"],
      ],
    );
  });

  test("a peer that repeats itself pushes nobody out, and there are never more than the limit", () => {
    const faults = new RecentFaults({ most: 3 });
    faults.link({ id: "0001", remote: "192.0.2.1" }, breach, undefined);
    for (let index = 0; index < 1000; index++)
      faults.link({ id: String(index), remote: "192.0.2.66" }, breach, undefined);
    expect(faults.list().map(({ count }) => count)).toEqual([1000, 1]);
    for (let index = 0; index < 10; index++)
      faults.link({ id: "x", remote: `198.51.100.${String(index)}` }, breach, undefined);
    expect(faults.list().map(({ remote }) => remote)).toEqual(["198.51.100.9", "198.51.100.8", "198.51.100.7"]);
  });

  test.each([
    ["reply-inner-id", "XEP-0355 §4.3"],
    ["entity-silent", "XEP-0355 §4.3"],
    ["delegation-namespace-requested", "XEP-0355 §8"],
  ])("a request without a usable answer is one: %s", (code, source) => {
    const faults = new RecentFaults();
    const event: HubEvent = {
      kind: "delegation",
      connection: "0009",
      domain: "capulet.lit",
      rule: "urn:xmpp:mam:2",
      entity: "pubsub.capulet.lit",
      outcome: "refused",
      code,
      seconds: 0,
    };
    faults.hub(event);
    expect(faults.list()).toMatchObject([{ kind: "delegation", code, connection: "0009", rule: "urn:xmpp:mam:2" }]);
    expect(faults.list()[0]?.source).toContain(source);
  });

  test("what ends well is none, nor is a stream error of our own, whose fault is there already", () => {
    const faults = new RecentFaults();
    const about = { connection: "1", domain: "capulet.lit", rule: "x", entity: "y", seconds: 1 };
    faults.hub({ kind: "delegation", outcome: "result", ...about });
    faults.hub({ kind: "entity-up", connection: "0001", entity: "y" });
    faults.link(
      { id: "1", remote: "" },
      { kind: "stream-error", leg: "client", condition: "x", ours: true },
      undefined,
    );
    faults.link({ id: "1", remote: "" }, { kind: "ended", reason: "clean" }, undefined);
    expect(faults.list()).toEqual([]);
    faults.link(
      { id: "1", remote: "" },
      { kind: "stream-error", leg: "client", condition: "conflict", ours: false },
      undefined,
    );
    expect(faults.list()).toMatchObject([{ kind: "stream-error", code: "conflict", source: "RFC 6120 §4.9.3" }]);
  });
});
