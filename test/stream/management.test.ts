import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { DEFAULT_MANAGEMENT_OPTIONS, StreamManagement } from "../../src/stream/management.js";
import type { ManagementOptions } from "../../src/stream/management.js";

function enabled(options: Partial<ManagementOptions> = {}): StreamManagement {
  const management = new StreamManagement({ ...DEFAULT_MANAGEMENT_OPTIONS, ...options });
  management.enable();
  management.enabled(0);
  return management;
}

function stanza(id: string): Buffer {
  return Buffer.from(`<iq type='result' id='${id}'/>`);
}

function texts(all: readonly Uint8Array[] | undefined): readonly string[] | undefined {
  return all?.map((bytes) => Buffer.from(bytes).toString());
}

function relayed(h: number, isSame: boolean) {
  return { kind: "relay", h, isSame };
}

describe("before stream management is on", () => {
  test("nothing is counted, and what is put in leaves at once", () => {
    const management = new StreamManagement();
    management.clientStanza();
    management.serverStanza();
    expect(management.injectDown(stanza("a"), 0)).toBe("send");
    expect(management.injectUp(stanza("b"), 0)).toBe("send");
    expect(management.swallowed("w")).toBeUndefined();
    expect(management.retainedBytes).toBe(0);
  });

  test("an <a/> passes as it is, and the server decides", () => {
    const management = new StreamManagement();
    expect(management.clientAck("5")).toEqual({ kind: "pass" });
    management.enable();
    expect(management.clientAck("rubbish")).toEqual({ kind: "pass" });
  });

  test("nothing is put in between <enable/> and <enabled/>, and it follows in order (protocol.md S3)", () => {
    const management = new StreamManagement();
    management.enable();
    expect(management.injectDown(stanza("a"), 0)).toBe("keep");
    expect(management.injectDown(stanza("b"), 0)).toBe("keep");
    expect(management.requestsDue(1_000_000)).toEqual({ toClient: false, toServer: false });
    expect(texts(management.enabled(0))).toEqual([stanza("a").toString(), stanza("b").toString()]);
    expect(management.clientAck("2")).toEqual(relayed(0, false));
  });

  test("what waited for <enabled/> follows <failed/> uncounted, and the session is forgotten (protocol.md §3.2)", () => {
    const management = new StreamManagement();
    management.enable();
    management.swallowed("w");
    management.injectDown(stanza("a"), 0);
    expect(texts(management.failed())).toEqual([stanza("a").toString()]);
    expect(management.state).toBe("off");
    expect(management.retainedBytes).toBe(0);
  });

  test("the client's count begins with <enable/>, the server's with <enabled/> (XEP-0198 §4)", () => {
    const management = new StreamManagement();
    management.clientStanza(7);
    management.serverStanza(7);
    management.enable();
    management.clientStanza();
    management.serverStanza();
    management.enabled(0);
    management.serverStanza();
    expect(management.serverAck("1")).toEqual(relayed(1, true));
    expect(management.clientAck("1")).toEqual(relayed(1, true));
    expect(management.clientAck("2")).toEqual({ kind: "too-high", h: 2, sendCount: 1 });
  });

  test("a second <enable/> changes nothing when the server refuses it (XEP-0198 §3)", () => {
    const management = enabled();
    management.swallowed("w");
    management.clientStanza();
    management.enable();
    expect(management.failed()).toEqual([]);
    expect(management.serverAck("1")).toEqual(relayed(2, false));
  });

  test("of two <enable/>s in a row the one counts that is granted", () => {
    const first = new StreamManagement();
    first.enable();
    first.clientStanza();
    first.enable();
    first.clientStanza();
    first.enabled(0);
    first.failed();
    expect(first.serverAck("2")).toEqual(relayed(2, true));

    const second = new StreamManagement();
    second.enable();
    second.clientStanza();
    second.enable();
    second.swallowed("w");
    second.clientStanza();
    second.failed();
    expect(second.state).toBe("enabling");
    second.enabled(0);
    expect(second.serverAck("1")).toEqual(relayed(2, false));
  });

  test("an <enabled/> that nobody asked for is a fault of the server's", () => {
    expect(new StreamManagement().enabled(0)).toBeUndefined();
    expect(enabled().enabled(0)).toBeUndefined();
  });
});

describe("an h", () => {
  test("is unchanged while nothing is swallowed or injected (protocol.md §3.3)", () => {
    const management = enabled();
    management.clientStanza(3);
    management.serverStanza(2);
    expect(management.serverAck("3")).toEqual(relayed(3, true));
    expect(management.clientAck("1")).toEqual(relayed(1, true));
    expect(management.clientAck("1")).toEqual(relayed(1, true));
    expect(management.clientAck("2")).toEqual(relayed(2, true));
  });

  test("of the server's covers a swallowed stanza only when what came before it was acknowledged", () => {
    const management = enabled();
    management.clientStanza();
    management.swallowed("w");
    management.clientStanza();
    expect(management.serverAck("0")).toEqual(relayed(0, true));
    expect(management.serverAck("1")).toEqual(relayed(2, false));
    expect(management.serverAck("2")).toEqual(relayed(3, false));
  });

  test("of the server's leaves out what we sent to it ourselves", () => {
    const management = enabled();
    management.clientStanza();
    management.injectUp(stanza("j"), 0);
    management.clientStanza();
    expect(management.serverAck("2")).toEqual(relayed(1, false));
    expect(management.unacknowledged.toServer).toBe(0);
    expect(management.serverAck("3")).toEqual(relayed(2, false));
  });

  test("of the client's leaves out what we sent to it ourselves (protocol.md S2)", () => {
    const management = enabled();
    management.serverStanza();
    management.injectDown(stanza("p"), 0);
    expect(management.clientAck("1")).toEqual(relayed(1, true));
    expect(management.clientAck("2")).toEqual(relayed(1, false));
    expect(management.unacknowledged.toClient).toBe(0);
    expect(management.retainedBytes).toBe(0);
  });

  test("of the client's covers what was taken from the server behind what it has", () => {
    const management = enabled();
    management.serverStanza();
    management.swallowedFromServer("x");
    management.swallowedFromServer("y");
    management.serverStanza();
    expect(management.clientAck("1")).toEqual(relayed(3, false));
    expect(management.clientAck("2")).toEqual(relayed(4, false));
  });

  test("begins again at 0 behind 2^32 - 1", () => {
    const management = enabled();
    management.clientStanza(2 ** 32 - 2);
    expect(management.serverAck("4294967294")).toEqual(relayed(4294967294, true));
    management.swallowed("w");
    management.clientStanza(3);
    expect(management.serverAck("0")).toEqual(relayed(1, false));
    expect(management.serverAck("1")).toEqual(relayed(2, false));
  });

  test("that is no counter is malformed (protocol.md S14)", () => {
    expect(enabled().clientAck("many")).toEqual({ kind: "malformed" });
    expect(enabled().clientAck(undefined)).toEqual({ kind: "malformed" });
  });

  test("that is too high is told with the count in its sender's numbering, and changes nothing (XEP-0198 §6)", () => {
    const management = enabled();
    management.serverStanza(2);
    management.injectDown(stanza("p"), 0);
    expect(management.clientAck("4")).toEqual({ kind: "too-high", h: 4, sendCount: 3 });
    expect(management.clientAck("3")).toEqual(relayed(2, false));
  });

  test("that is lower than before is refused, whoever sends it (protocol.md S1)", () => {
    const management = enabled();
    management.serverStanza(3);
    management.clientStanza(3);
    management.clientAck("2");
    management.serverAck("2");
    expect(management.clientAck("1").kind).toBe("too-high");
    expect(management.serverAck("1").kind).toBe("too-high");
  });

  test("waits for the answer with ackDelegated: reply, and holds later stanzas back (protocol.md S10)", () => {
    const management = enabled({ ackDelegated: "reply" });
    const asked = management.swallowed("w", true);
    const refused = management.swallowed("v");
    management.clientStanza();
    expect(management.serverAck("1")).toEqual(relayed(0, false));
    expect(refused?.isHandled).toBe(true);
    if (asked !== undefined) management.answered(asked);
    expect(management.serverAck("1")).toEqual(relayed(3, false));
  });

  test("covers a swallowed request at once with ackDelegated: accept", () => {
    const management = enabled();
    management.swallowed("w", true);
    expect(management.serverAck("0")).toEqual(relayed(1, false));
  });
});

describe("a request of our own", () => {
  test("goes to the client when five stanzas of ours wait (protocol.md S13)", () => {
    const management = enabled();
    for (let n = 1; n <= 5; n++) {
      management.injectDown(stanza(`p${n}`), 0);
      expect(management.requestsDue(0)).toEqual({ toClient: n === 5, toServer: false });
    }
    management.injectDown(stanza("p6"), 0);
    expect(management.requestsDue(60_000).toClient).toBe(false);
  });

  test("goes to the client when the oldest has waited for thirty seconds (protocol.md S13)", () => {
    const management = enabled();
    management.injectDown(stanza("p"), 1000);
    expect(management.requestDueMs).toBe(31_000);
    expect(management.requestsDue(30_999).toClient).toBe(false);
    expect(management.requestsDue(31_000).toClient).toBe(true);
    expect(management.requestDueMs).toBeUndefined();
  });

  test("is not made while the server's own waits for its answer", () => {
    const management = enabled();
    management.serverRequests();
    for (let n = 0; n < 9; n++) management.injectDown(stanza(`p${n}`), 0);
    expect(management.requestsDue(99_000).toClient).toBe(false);
    management.clientAck("0");
    expect(management.requestsDue(99_000).toClient).toBe(true);
  });

  test("is not repeated at once to a client that answers without acknowledging", () => {
    const management = enabled();
    for (let n = 0; n < 5; n++) management.injectDown(stanza(`p${n}`), 0);
    expect(management.requestsDue(0).toClient).toBe(true);
    management.clientAck("0");
    expect(management.requestsDue(1000).toClient).toBe(false);
    expect(management.requestsDue(30_000).toClient).toBe(true);
  });

  test("goes to the server when nothing else would free what is kept, and not when nothing is to be gained", () => {
    const management = enabled({ requestServerAfterCount: 3 });
    for (let n = 0; n < 3; n++) {
      expect(management.requestsDue(0).toServer).toBe(false);
      management.clientStanza();
      management.swallowed(`w${n}`);
    }
    expect(management.requestsDue(0).toServer).toBe(true);
    expect(management.serverAck("3")).toEqual(relayed(6, false));
    expect(management.retainedBytes).toBe(0);
    expect(management.requestsDue(0).toServer).toBe(false);

    const slow = enabled({ ackDelegated: "reply", requestServerAfterCount: 2 });
    slow.swallowed("w", true);
    slow.swallowed("v", true);
    slow.injectUp(stanza("j"), 0);
    expect(slow.requestsDue(0).toServer).toBe(true);
    slow.serverAck("1");
    expect(slow.requestsDue(99_000).toServer).toBe(false);
  });

  test("has its answer dropped only if that tells the other side nothing (protocol.md S12)", () => {
    const management = enabled();
    for (let n = 0; n < 5; n++) management.injectDown(stanza(`p${n}`), 0);
    management.requestsDue(0);
    expect(management.clientAck("5")).toEqual({ kind: "drop" });
    for (let n = 0; n < 5; n++) management.injectDown(stanza(`q${n}`), 0);
    management.requestsDue(0);
    management.serverStanza();
    expect(management.clientAck("11")).toEqual(relayed(1, false));
    for (let n = 0; n < 5; n++) management.injectDown(stanza(`r${n}`), 0);
    management.requestsDue(0);
    management.serverRequests();
    expect(management.clientAck("16")).toEqual(relayed(1, false));
  });
});

describe("what a session keeps", () => {
  test("is nothing but counters while it relays, however long", () => {
    const management = enabled();
    management.clientStanza(3_000_000_000);
    management.serverStanza(3_000_000_000);
    expect(management.retainedBytes).toBe(0);
    expect(management.pressure).toBe("none");
  });

  test("is nothing for requests that wait for no other stanza", () => {
    const management = enabled();
    for (let n = 0; n < 1000; n++) management.swallowed(`w${n}`);
    expect(management.retainedBytes).toBe(0);
  });

  test("has limits: the client's socket is dropped, then the session (protocol.md S13)", () => {
    const management = enabled({ maxInjected: 2 });
    const pressures = [1, 2, 3, 4, 5].map((n) => {
      management.injectDown(stanza(`p${n}`), 0);
      return management.pressure;
    });
    expect(pressures).toEqual(["none", "none", "drop", "drop", "discard"]);
    const bytes = enabled({ maxRetainedBytes: 100 });
    bytes.injectDown(Buffer.alloc(101), 0);
    expect(bytes.pressure).toBe("drop");
    bytes.injectUp(Buffer.alloc(100), 0);
    expect(bytes.pressure).toBe("discard");
  });

  test("stays within the limits when it is detached, too", () => {
    const management = enabled({ maxInjected: 1 });
    management.detach();
    for (let n = 0; n < 3; n++) expect(management.injectDown(stanza(`p${n}`), 0)).toBe("keep");
    expect(management.pressure).toBe("discard");
  });
});

describe("a detached session", () => {
  test("counts nothing and answers nothing for the legs that are gone (protocol.md S35)", () => {
    const management = enabled();
    management.clientStanza();
    management.detach();
    management.clientStanza();
    management.serverStanza();
    management.clientRequests();
    expect(management.swallowed("w")).toBeUndefined();
    expect(management.serverAck("1")).toEqual({ kind: "ignore" });
    expect(management.clientAck("1")).toEqual({ kind: "ignore" });
    expect(management.requestsDue(99_000)).toEqual({ toClient: false, toServer: false });
  });
});

test("a session is the same at another instance, whatever JSON does to it (protocol.md S33)", () => {
  const management = enabled();
  management.clientStanza();
  management.swallowed("w");
  management.injectUp(bytesOf("<message>Ä</message>"), 5);
  management.clientStanza(2);
  management.serverStanza(3);
  management.injectDown(stanza("p"), 7);
  management.clientAck("2");
  management.detach();
  management.injectDown(bytesOf("<message>ü</message>"), 9);
  const copy = StreamManagement.restore(JSON.parse(JSON.stringify(management.snapshot())));
  expect(copy.snapshot()).toEqual(management.snapshot());
  expect(copy.isAttached).toBe(false);
  const counters = { clientH: 3, serverH: 3, handledByServer: 1 };
  for (const one of [copy, management]) {
    expect(one.offer(3)).toBe(3);
    const resumed = one.resume(counters, 0);
    expect(texts(resumed?.down)).toEqual([stanza("p").toString(), "<message>ü</message>"]);
    expect(texts(resumed?.up)).toEqual(["<message>Ä</message>"]);
    expect(resumed?.h).toBe(2);
  }
});

function bytesOf(text: string): Buffer {
  return Buffer.from(text);
}
