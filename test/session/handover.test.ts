import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { handOver, takeOver } from "../../src/session/index.js";
import { takeHandover, writeHandover } from "../../src/store/index.js";
import { NS } from "../../src/xmpp/index.js";
import { Conversation, handed, numbered, step, type Step } from "./conversation.js";
import { clientHeader, domain, type Link, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

const JULIET = "juliet@capulet.lit/balcony";
const SET = `<iq type='set' id='1'><pubsub xmlns='${NAMESPACE}'><publish node='n'/></pubsub></iq>`;
const RULES = [domain([rule(NAMESPACE)])];

/** A client that can resume its stream, and the id that it was given. */
function managed(world: World, jid = JULIET): { readonly link: Link; readonly cid: string } {
  const link = world.boundClient(jid);
  link.client(`<enable xmlns='${NS.sm3}' resume='true'/>`);
  link.server(`<enabled xmlns='${NS.sm3}' id='s-id' resume='true' max='60'/>`);
  const cid = / id="([^"]+)"/.exec(link.take("client"))?.[1] ?? "";
  link.forget();
  return { link, cid };
}

/** A new connection that asks to resume. */
function resuming(world: World, previd: string, h: number): Link {
  const link = world.client();
  link.client(clientHeader()).connected();
  link.server(`${SERVER_HEADER}<stream:features/>`);
  login(link);
  link.forget();
  link.client(`<resume xmlns='${NS.sm3}' previd='${previd}' h='${String(h)}'/>`);
  return link;
}

describe("a session that is handed over to the next process (XEP-0198 §5)", () => {
  test("goes on there, under the id of its client and in its own numbering", () => {
    const before = new World(RULES);
    const entity = before.entity();
    const { link, cid } = managed(before);
    entity.forget();
    link.client(`<message id='m1'/>${SET}<message id='m2'/>`).server("<message id='s1'/><message id='s2'/>");
    link.machine.shutdown({ condition: "system-shutdown" });
    link.machine.timerExpired("drain");
    expect(link.take("client")).toMatch(/<service-unavailable .*<system-shutdown .*<\/stream:stream>$/s);
    expect(link.take("server")).not.toContain("</stream:stream>");

    const after = new World(RULES, {}, {}, undefined, before.lastId);
    for (const one of handed(before)) expect(takeOver(after.hub, one)).toBe(true);
    expect(after.hub.stats.resumable).toBe(1);
    // The client has read one message of two; the server got one stanza of two.
    const again = resuming(after, cid, 1);
    expect(again.take("server")).toBe(`<resume xmlns="${NS.sm3}" previd="s-id" h="1"/>`);
    again.server(`<resumed xmlns='${NS.sm3}' previd='s-id' h='1'/>`);
    const answer = again.take("client");
    expect(answer).toContain(`<resumed xmlns="${NS.sm3}" previd="${cid}" h="2"/>`);
    expect(answer).toMatch(/ type="error" id="1".*<service-unavailable /s);
    again.client("<message id='m2'/>");
    expect(again.take("server")).toContain("<message id='m2'/>");
    expect(after.hub.stats).toMatchObject({ sessions: 1, pending: 0 });
  });

  test("is forgotten after its time", () => {
    const before = new World(RULES);
    const { link, cid } = managed(before);
    link.machine.shutdown({ condition: "system-shutdown" });
    const after = new World(RULES, {}, {}, undefined, before.lastId);
    for (const one of handed(before)) takeOver(after.hub, one);
    after.advance(91_000);
    expect(after.hub.stats).toMatchObject({ resumable: 0, sessions: 0 });
    expect(resuming(after, cid, 0).take("client")).toContain("<item-not-found ");
    expect(after.timers).toBe(0);
  });

  test("whose client counts what it never got is not resumed (protocol.md S32)", () => {
    const before = new World(RULES);
    const { link, cid } = managed(before);
    link.machine.shutdown({ condition: "system-shutdown" });
    const after = new World(RULES);
    for (const one of handed(before)) takeOver(after.hub, one);
    const again = resuming(after, cid, 7);
    expect(again.take("server")).toBe("");
    expect(again.take("client")).toContain("<item-not-found ");
  });

  test("does not come to a domain that is not served any more", () => {
    const before = new World(RULES);
    managed(before).link.machine.shutdown({ condition: "system-shutdown" });
    const after = new World([domain([], { name: "montague.lit" })]);
    expect(handed(before).map((one) => takeOver(after.hub, one))).toEqual([false]);
    expect(after.hub.stats.resumable).toBe(0);
  });

  test("of a user who manages is told what it manages when it is resumed (XEP-0355 §4.2)", () => {
    const rules = [domain([rule(NAMESPACE, { entity: "nurse@capulet.lit" })])];
    const before = new World(rules);
    const { link, cid } = managed(before, "nurse@capulet.lit/chamber");
    link.client("<presence><priority>3</priority></presence>");
    link.machine.shutdown({ condition: "system-shutdown" });
    link.machine.timerExpired("drain");
    const after = new World(rules, {}, {}, undefined, before.lastId);
    for (const one of handed(before)) takeOver(after.hub, one);
    const nurse = resuming(after, cid, 0);
    nurse.server(`<resumed xmlns='${NS.sm3}' previd='s-id' h='1'/>`);
    expect(nurse.take("client")).toContain("<delegated ");
    const juliet = after.boundClient(JULIET);
    juliet.client(SET);
    expect(nurse.take("client")).toContain("<publish ");
  });

  test.each(["9".repeat(30), `-${"9".repeat(400)}`])(
    "of a client of priority %s costs nobody the file (RFC 6121 §4.7.2.3)",
    (priority) => {
      const before = new World(RULES);
      const { link } = managed(before);
      link.client(`<presence><priority>${priority}</priority></presence>`);
      link.machine.shutdown({ condition: "system-shutdown" });
      const path = join(mkdtempSync(join(tmpdir(), "caesura-priority-")), "streams");
      writeHandover(path, handOver(before.hub), 0);
      const [one] = takeHandover(path, 0)?.sessions ?? [];
      expect(one?.priority).toBe(priority.startsWith("-") ? -128 : 127);
      rmSync(dirname(path), { recursive: true });
    },
  );

  test("whose stream was not resumable, or was closed in order, is not there", () => {
    const before = new World(RULES);
    before.boundClient().machine.shutdown({ condition: "system-shutdown" });
    const { link } = managed(before, "romeo@capulet.lit/orchard");
    link.client("</stream:stream>").server("</stream:stream>");
    expect(handed(before)).toEqual([]);
  });
});

test("an id of a process that handed nothing over is unknown: no h, and nothing reaches the server (S33)", () => {
  const { link, cid } = managed(new World(RULES));
  link.machine.shutdown({ condition: "system-shutdown" });
  const again = resuming(new World(RULES), cid.replace(/^[^.]*/, "other"), 3);
  expect(again.take("server")).toBe("");
  expect(again.take("client")).toMatch(/<failed xmlns="urn:xmpp:sm:3"><item-not-found [^>]*\/><\/failed>$/);
});

test(
  "everything arrives once and in order, however often the process changes (XEP-0198 §5, protocol.md 3)",
  { timeout: 60_000 },
  () => {
    const withRestarts: fc.Arbitrary<Step> = fc.oneof(
      { weight: 12, arbitrary: step },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: "restart" }) },
    );
    fc.assert(
      fc.property(fc.array(withRestarts, { maxLength: 80 }), (steps) => {
        const talk = new Conversation();
        for (const one of steps) talk.perform(one);
        talk.finish();
        const isOf = (letter: string) => (id: string) => new RegExp(`^${letter}\\d+$`).test(id);
        const all = [
          ...numbered("q", talk.requests),
          ...numbered("p", talk.probedRequests),
          ...numbered("n", talk.nodeRequests),
        ];
        expect(talk.seenByServer.filter(isOf("m"))).toEqual(numbered("m", talk.messages));
        expect(new Set(talk.seenByServer).size).toBe(talk.seenByServer.length);
        expect(talk.seenByClient.filter(isOf("s"))).toEqual(numbered("s", talk.serverMessages));
        // One that was pending when a process ended may have been answered with an error before it was executed.
        expect(new Set(talk.executed).size).toBe(talk.executed.length);
        expect(talk.seenByClient.filter((id) => !id.startsWith("s")).toSorted()).toEqual(all.toSorted());
        expect(talk.unacknowledged).toEqual([]);
        expect(talk.serverAcknowledged).toBe(talk.serverSent.length);
        expect(talk.link.endReason).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  },
);
