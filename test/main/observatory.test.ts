import { expect, test } from "vitest";
import { Observatory } from "../../src/main/observatory.js";

const MANY = 10_000;

function observing(): { readonly observatory: Observatory; readonly looks: () => number } {
  let looks = 0;
  const links = Array.from({ length: MANY }, (_, index) => {
    const id = index.toString(36).padStart(4, "0");
    return {
      id,
      remoteAddress: index === 7 ? "192.0.2.7" : "198.51.100.1",
      get view() {
        looks++;
        return { id, kind: "c2s", listener: "c2s:0.0.0.0:5222", remote: this.remoteAddress, seconds: 1 };
      },
    };
  });
  const hub = {
    *sessionViews() {
      for (const { id: connection } of links)
        yield { connection, jid: `user-${connection}@capulet.lit/balcony`, domain: "capulet.lit", isConnected: true };
    },
    carrierViews: () => [],
  };
  // Of its many parts two are asked.
  const observatory = new Observatory(Object.assign(Object.create(null), { hub, links: { all: () => links } }));
  return { observatory, looks: () => looks };
}

test.each(["sessions", "links"] as const)("%s are counted all, and only those that are shown are looked at", (list) => {
  const { observatory, looks } = observing();
  const { total, rows } = observatory[list]({ match: "", limit: 5 });
  expect([total, rows.length, looks()]).toEqual([MANY, 5, 5]);
});

test.each(["sessions", "links"] as const)("%s are found by connection, JID or address, in capitals or not", (list) => {
  const { observatory, looks } = observing();
  for (const match of ["USER-0007@", "192.0.2.7"])
    expect(observatory[list]({ match, limit: 5 })).toMatchObject({ total: 1, rows: [{ connection: "0007" }] });
  expect(observatory[list]({ match: "00a", limit: 100 }).total).toBe(36 + 1);
  expect(looks()).toBeLessThan(2 + 100 + 1);
});
