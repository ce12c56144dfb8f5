import { expect, test } from "vitest";
import type { SessionRow } from "../../src/admin/index.js";
import { sessionsSection } from "../../src/admin/page-lists.js";
import { readView } from "../../src/admin/page-view.js";
import { model } from "./rig.js";

const waiting: SessionRow = {
  connection: "",
  jid: "juliet@capulet.lit/balcony",
  domain: "capulet.lit",
  remote: "",
  state: "resumable",
  secure: false,
  managed: true,
  seconds: 0,
  pending: 0,
  heldBytes: 0,
};

test("streams that a restart left waiting have rows of their own, and no link to a connection that there is not", () => {
  const rows = [waiting, { ...waiting, jid: "romeo@capulet.lit/orchard" }];
  const html = sessionsSection({ ...model, sessions: () => ({ total: 2, rows }) }, readView(new URLSearchParams()));
  expect([...html.matchAll(/data-key="([^"]*)"/g)].map(([, key]) => key)).toEqual(rows.map(({ jid }) => jid));
  expect(html).not.toContain("data-copy");
  expect(html).not.toMatch(/<a class="id"/);
});
