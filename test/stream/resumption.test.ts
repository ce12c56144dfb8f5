import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { DEFAULT_MANAGEMENT_OPTIONS, StreamManagement } from "../../src/stream/management.js";
import { DEFAULT_RESUMPTION_OPTIONS, Resumptions } from "../../src/stream/resumption.js";
import type { ResumableSession, ResumeAttempt, ResumeDecision } from "../../src/stream/index.js";

const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";

interface Stage {
  readonly resumptions: Resumptions<string, string>;
  readonly management: StreamManagement;
  readonly session: ResumableSession<string, string>;
}

function stage(maxSeconds?: number): Stage {
  const resumptions = new Resumptions<string, string>({ ...DEFAULT_RESUMPTION_OPTIONS, tag: "node1" });
  const management = new StreamManagement(DEFAULT_MANAGEMENT_OPTIONS);
  management.enable();
  management.enabled(0);
  const session = resumptions.add({
    domain: "capulet.lit",
    serverId: "tomb.7",
    account: JULIET,
    fullJid: `${JULIET}/balcony`,
    maxSeconds,
    management,
    owner: "session",
    link: "old",
    linkNumber: 1,
  });
  return { resumptions, management, session };
}

function ask(
  { resumptions }: Stage,
  more: { h?: string; previd?: string; account?: string; link?: string; linkNumber?: number; domain?: string } = {},
): ResumeDecision<string, string> {
  const { h = "0", previd = "node1.tomb.7", account, link = "new", linkNumber = 2, domain = "capulet.lit" } = more;
  return resumptions.resume({ domain, previd, h, account, link, linkNumber });
}

function attemptOf(decision: ResumeDecision<string, string>): ResumeAttempt<string, string> {
  if (decision.kind === "elsewhere" || decision.attempt === undefined) throw new Error(`no attempt: ${decision.kind}`);
  return decision.attempt;
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

const NOT_FOUND = { kind: "refuse", condition: "item-not-found" };

describe("an id", () => {
  test("that the client is given is the instance's tag and the server's id (protocol.md S20)", () => {
    const { session } = stage();
    expect(session.cid).toBe("node1.tomb.7");
  });

  test("leads the server to its own id (XEP-0198 §5)", () => {
    const stay = stage();
    expect(ask(stay)).toMatchObject({ kind: "relay", previd: "tomb.7", h: 0 });
  });

  test("that nobody was given is refused and never passed on (protocol.md S33)", () => {
    const stay = stage();
    for (const previd of ["node1.tomb.8", "tomb", ".tomb.7", "a b.tomb.7"]) {
      expect(ask(stay, { previd })).toEqual(NOT_FOUND);
    }
    expect(ask(stay, { domain: "montague.lit" })).toEqual(NOT_FOUND);
  });

  test("of another instance names that instance (protocol.md S33)", () => {
    expect(ask(stage(), { previd: "node2.tomb.7" })).toEqual({ kind: "elsewhere", instance: "node2" });
    expect(ask(stage(), { previd: "tomb.7" })).toEqual({ kind: "elsewhere", instance: "tomb" });
  });

  test("that is missing, or an h that is none, is a bad request (protocol.md S14)", () => {
    const bad = { kind: "refuse", condition: "bad-request" };
    expect(ask(stage(), { previd: "" })).toEqual(bad);
    expect(ask(stage(), { h: "-1" })).toEqual(bad);
    expect(
      stage().resumptions.resume({
        domain: "capulet.lit",
        previd: undefined,
        h: "0",
        account: undefined,
        linkNumber: 2,
        link: "new",
      }),
    ).toEqual(bad);
  });

  test("of somebody else is unknown to whoever asks (protocol.md S32)", () => {
    const stay = stage();
    expect(ask(stay, { account: ROMEO })).toEqual(NOT_FOUND);
    expect(stay.resumptions.size).toBe(1);
  });

  test("is the newest session's when the server gives it twice", () => {
    const { resumptions, session, management } = stage();
    const { cid, deadlineMs, ...description } = session;
    expect([cid, deadlineMs]).toEqual(["node1.tomb.7", undefined]);
    const second = resumptions.add({ ...description, management, link: "second" });
    resumptions.remove(session);
    expect(resumptions.find("capulet.lit", cid)).toBe(second);
  });
});

describe("a resumption", () => {
  test("leaves the session and its link alone until the server has answered (protocol.md §3.5)", () => {
    const stay = stage();
    stay.management.serverStanza(2);
    ask(stay, { h: "1" });
    expect(stay.session.link).toBe("old");
    expect(stay.management.clientAck("1")).toEqual({ kind: "relay", h: 1, isSame: true });
    stay.management.serverStanza();
    expect(stay.management.clientAck("3")).toEqual({ kind: "relay", h: 3, isSame: true });
  });

  test("translates both counters, replays what was put in, and moves the session to the new link", () => {
    const stay = stage();
    const { management, resumptions, session } = stay;
    management.clientStanza();
    management.swallowed("w");
    management.injectUp(bytes("j"), 0);
    management.serverStanza();
    management.injectDown(bytes("p1"), 0);
    management.injectDown(bytes("p2"), 0);
    resumptions.detach(session, "old", 1000);
    expect(management.injectDown(bytes("p3"), 2000)).toBe("keep");
    expect(management.injectUp(bytes("k"), 2000)).toBe("keep");

    const decision = ask(stay, { h: "2" });
    expect(decision).toMatchObject({ kind: "relay", previd: "tomb.7", h: 1 });
    const outcome = attemptOf(decision).resumed("1", JULIET, 3000);
    expect(outcome).toMatchObject({
      kind: "resumed",
      previd: "node1.tomb.7",
      h: 2,
      down: [bytes("p2"), bytes("p3")],
      up: [bytes("j"), bytes("k")],
      conflicting: undefined,
      rivals: [],
    });
    expect(session.link).toBe("new");
    expect(session.deadlineMs).toBeUndefined();
    expect(management.clientAck("4")).toEqual({ kind: "relay", h: 1, isSame: false });
    expect(management.serverAck("3")).toEqual({ kind: "relay", h: 2, isSame: false });
  });

  test("counts what is repeated from the counters that both ends named, not from what came meanwhile", () => {
    // A stanza that was taken behind the request: the server repeats it, for the counter that it was told lies before.
    const stay = stage();
    stay.management.serverStanza();
    const decision = ask(stay, { h: "1" });
    expect(decision).toMatchObject({ kind: "relay", h: 1 });
    stay.management.swallowedFromServer("x");
    expect(stay.management.clientAck("1")).toEqual({ kind: "relay", h: 1, isSame: true });
    attemptOf(decision).resumed("0", JULIET, 0);
    expect(stay.management.expectsRepeatsFromServer).toBe(true);
    expect(stay.management.swallowedAgainFromServer("x")).toBe(true);
    expect(stay.management.expectsRepeatsFromServer).toBe(false);
    stay.management.serverStanza();
    expect(stay.management.clientAck("2")).toEqual({ kind: "relay", h: 3, isSame: false });
  });

  test("that is given up lets the server be told of what came meanwhile", () => {
    const stay = stage();
    const attempt = attemptOf(ask(stay));
    stay.management.swallowedFromServer("x");
    expect(stay.management.clientAck("0")).toEqual({ kind: "relay", h: 0, isSame: true });
    attempt.abandon();
    expect(stay.management.clientAck("0")).toEqual({ kind: "relay", h: 1, isSame: false });
    expect(attempt.resumed("0", JULIET, 0)).toBeUndefined();
  });

  test("ends the link that the session was attached to, and others that ask for it (protocol.md §3.5)", () => {
    const stay = stage();
    const first = attemptOf(ask(stay, { link: "first" }));
    const second = attemptOf(ask(stay, { link: "second" }));
    expect(second.resumed("0", JULIET, 0)).toMatchObject({ kind: "resumed", conflicting: "old", rivals: ["first"] });
    expect(first.resumed("0", JULIET, 0)).toBeUndefined();
    expect(stay.resumptions.detach(stay.session, "old", 0)).toBe(false);
    expect(stay.session.link).toBe("second");
    expect(stay.management.isAttached).toBe(true);
  });

  test("recognises a request that the client repeats, once for each that it had sent (protocol.md S30)", () => {
    const stay = stage();
    const { management } = stay;
    management.clientStanza();
    management.swallowed("w");
    management.swallowed("w");
    attemptOf(ask(stay)).resumed("0", JULIET, 0);
    management.clientStanza();
    expect(management.swallowedAgain("w")).toBe(true);
    expect(management.swallowedAgain("v")).toBe(false);
    attemptOf(ask(stay, { link: "third" })).resumed("0", JULIET, 0);
    management.clientStanza();
    expect(management.swallowedAgain("w")).toBe(true);
    expect(management.swallowedAgain("w")).toBe(true);
    expect(management.swallowedAgain("w")).toBe(false);
  });

  test("forgets in time what the client did not repeat, so that a new request is not lost", () => {
    const stay = stage();
    stay.management.clientStanza();
    stay.management.swallowed("w");
    attemptOf(ask(stay)).resumed("0", JULIET, 0);
    stay.management.clientStanza(34);
    expect(stay.management.expectsRepeatsFromClient).toBe(true);
    stay.management.clientStanza();
    expect(stay.management.expectsRepeatsFromClient).toBe(false);
    expect(stay.management.swallowedAgain("w")).toBe(false);
    expect(stay.management.retainedBytes).toBe(0);
  });

  test("tells the client that a request was handled that waits for its answer, for the server has what follows it", () => {
    const resumptions = new Resumptions<string, string>({ ...DEFAULT_RESUMPTION_OPTIONS, tag: "node1" });
    const management = new StreamManagement({ ...DEFAULT_MANAGEMENT_OPTIONS, ackDelegated: "reply" });
    management.enable();
    management.enabled(0);
    const { session } = stage();
    const { cid, deadlineMs, ...description } = session;
    expect([cid, deadlineMs]).toEqual(["node1.tomb.7", undefined]);
    const reply = { resumptions, management, session: resumptions.add({ ...description, management, link: "old" }) };
    management.swallowed("w", true);
    management.clientStanza();
    expect(attemptOf(ask(reply)).resumed("1", JULIET, 0)).toMatchObject({ h: 2 });
  });

  test("that the server confirms with counters that cannot be is a fault, and the session is gone", () => {
    for (const h of ["1", "many", undefined]) {
      const stay = stage();
      expect(attemptOf(ask(stay)).resumed(h, JULIET, 0)).toMatchObject({
        kind: "fault",
        conflicting: "old",
        rivals: [],
      });
      expect(stay.resumptions.size).toBe(0);
      expect(stay.management.isAttached).toBe(false);
    }
  });

  test("that the server confirms for another account is a fault (protocol.md S32)", () => {
    const stay = stage();
    expect(attemptOf(ask(stay)).resumed("0", ROMEO, 0)?.kind).toBe("fault");
  });
});

describe("a resumption in vain", () => {
  test("tells the client in its own numbering what was handled (protocol.md S31)", () => {
    const stay = stage();
    stay.management.clientStanza();
    stay.management.swallowed("w");
    const attempt = attemptOf(ask(stay, { account: JULIET }));
    expect(attempt.failed({ condition: "item-not-found", h: "1" })).toBe(2);
    expect(stay.resumptions.size).toBe(0);
  });

  test("tells nothing without an h of the server's, with a wrong one, and to somebody else", () => {
    expect(attemptOf(ask(stage())).failed({ condition: "item-not-found", h: undefined })).toBeUndefined();
    expect(attemptOf(ask(stage())).failed({ condition: "item-not-found", h: "9" })).toBeUndefined();
    const stay = stage();
    expect(attemptOf(ask(stay)).failed({ condition: "item-not-found", h: "0" }, ROMEO)).toBeUndefined();
    expect(stay.resumptions.size).toBe(1);
  });

  test("keeps the session when the server says anything but item-not-found (protocol.md S31)", () => {
    const stay = stage();
    attemptOf(ask(stay, { account: JULIET })).failed({ condition: "unexpected-request", h: undefined });
    expect(stay.resumptions.size).toBe(1);
    expect(ask(stay).kind).toBe("relay");
  });

  test("keeps the session until its owner is known to have asked", () => {
    const foreign = stage();
    const romeo = attemptOf(ask(foreign));
    romeo.failed({ condition: "item-not-found", h: undefined });
    romeo.ownerLearnt(ROMEO);
    romeo.ownerLearnt(JULIET);
    expect(foreign.resumptions.size).toBe(1);
    const own = stage();
    const juliet = attemptOf(ask(own));
    juliet.failed({ condition: "item-not-found", h: undefined });
    expect(own.resumptions.size).toBe(1);
    juliet.ownerLearnt(JULIET);
    expect(own.resumptions.size).toBe(0);
  });

  test("with an h that is too high is not passed on, and ends the session for its owner alone (protocol.md S32)", () => {
    const known = stage();
    expect(ask(known, { h: "1", account: JULIET })).toMatchObject(NOT_FOUND);
    expect(known.resumptions.size).toBe(0);
    const inline = stage();
    const decision = ask(inline, { h: "1" });
    expect(decision).toMatchObject(NOT_FOUND);
    expect(inline.resumptions.size).toBe(1);
    attemptOf(decision).ownerLearnt(JULIET);
    expect(inline.resumptions.size).toBe(0);
  });

  test("on a connection that was opened before the one that has the session is refused and proves nothing", () => {
    const stay = stage();
    attemptOf(ask(stay, { link: "third", linkNumber: 3 })).resumed("0", JULIET, 0);
    expect(ask(stay, { linkNumber: 2, account: JULIET })).toEqual(NOT_FOUND);
    stay.resumptions.detach(stay.session, "third", 0);
    expect(ask(stay, { linkNumber: 2, h: "9", account: JULIET })).toEqual(NOT_FOUND);
    expect(stay.resumptions.size).toBe(1);
    expect(ask(stay, { linkNumber: 4 }).kind).toBe("relay");
  });
});

describe("a detached session", () => {
  test("waits as long as the server says, or 900 seconds, and a grace (protocol.md S21)", () => {
    const stay = stage(60);
    expect(stay.resumptions.nextDeadlineMs).toBeUndefined();
    expect(stay.resumptions.detach(stay.session, "old", 1000)).toBe(true);
    expect(stay.resumptions.nextDeadlineMs).toBe(91_000);
    expect(stay.resumptions.expire(90_999)).toEqual([]);
    expect(stay.resumptions.expire(91_000)).toEqual([stay.session]);
    expect(stay.resumptions.size).toBe(0);
    expect(ask(stay)).toEqual(NOT_FOUND);

    const silent = stage();
    silent.resumptions.detach(silent.session, "old", 0);
    expect(silent.resumptions.nextDeadlineMs).toBe(930_000);
  });

  test("does not expire while the server is asked about it", () => {
    const stay = stage();
    stay.resumptions.detach(stay.session, "old", 0);
    const attempt = attemptOf(ask(stay));
    expect(stay.resumptions.nextDeadlineMs).toBe(930_000);
    expect(stay.resumptions.expire(10_000_000)).toEqual([]);
    attempt.abandon();
    expect(stay.resumptions.expire(10_000_000)).toEqual([stay.session]);
  });

  test("that was closed in order cannot be resumed, and late attempts come to nothing", () => {
    const stay = stage();
    const attempt = attemptOf(ask(stay));
    stay.resumptions.remove(stay.session);
    expect(attempt.resumed("0", JULIET, 0)).toBeUndefined();
    expect(attempt.failed({ condition: "item-not-found", h: "0" })).toBeUndefined();
    expect(ask(stay)).toEqual(NOT_FOUND);
  });
});

test("a session that was handed over keeps its id and waits to be resumed (protocol.md S33)", () => {
  const { session, management, resumptions: first } = stage();
  first.detach(session, "old", 0);
  const second = new Resumptions<string, string>({ ...DEFAULT_RESUMPTION_OPTIONS, tag: "node2" });
  const restored = StreamManagement.restore(management.snapshot());
  const adopted = second.adopt({ ...session, management: restored }, session.cid, 5000);
  first.remove(session);
  expect(second.nextDeadlineMs).toBe(935_000);
  const decision = second.resume({
    domain: "capulet.lit",
    previd: session.cid,
    h: "0",
    account: undefined,
    link: "new",
    linkNumber: 1,
  });
  expect(attemptOf(decision).resumed("0", JULIET, 6000)).toMatchObject({ kind: "resumed", previd: "node1.tomb.7" });
  expect(adopted.link).toBe("new");
});
