import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InheritedSockets, ListenError } from "../../src/listen/index.js";

describe("sockets that the service manager hands over (sd_listen_fds(3))", () => {
  test("count from descriptor 3, and are told apart by name", () => {
    const env = { LISTEN_PID: "42", LISTEN_FDS: "3", LISTEN_FDNAMES: "c2s-starttls:component:c2s-starttls" };
    const sockets = InheritedSockets.of(env, 42);
    expect([...sockets.names]).toEqual(["c2s-starttls", "component"]);
    expect(sockets.take("component")).toEqual([4]);
    expect(sockets.take("c2s-starttls")).toEqual([3, 5]);
  });

  test.each([
    ["are for another process", { LISTEN_PID: "43", LISTEN_FDS: "1", LISTEN_FDNAMES: "c2s" }],
    ["are not announced", {}],
    ["are announced without a process", { LISTEN_FDS: "1", LISTEN_FDNAMES: "c2s" }],
    ["are no number", { LISTEN_PID: "42", LISTEN_FDS: "-1", LISTEN_FDNAMES: "c2s" }],
    ["are more than there can be", { LISTEN_PID: "42", LISTEN_FDS: "99999999", LISTEN_FDNAMES: "c2s" }],
    ["are none", { LISTEN_PID: "42", LISTEN_FDS: "0", LISTEN_FDNAMES: "" }],
  ])("there are none when they %s", (_, env) => {
    expect([...InheritedSockets.of(env, 42).names]).toEqual([]);
  });

  test("without a name are unknown, as sd_listen_fds_with_names(3) says", () => {
    const sockets = InheritedSockets.of({ LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: "c2s" }, 42);
    expect([...sockets.names]).toEqual(["c2s", "unknown"]);
  });

  test("are taken once: a closed descriptor may be that of a connection", () => {
    const sockets = InheritedSockets.of({ LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: "c2s:component" }, 42);
    expect(sockets.unused).toEqual(["c2s", "component"]);
    sockets.take("c2s");
    expect(sockets.unused).toEqual(["component"]);
    expect(() => sockets.take("c2s")).toThrow(ListenError);
    expect(() => sockets.take("c2s")).toThrow(/restart/);
    expect(() => sockets.take("c3s")).toThrow(/none of this name/);
  });

  test("no environment makes it throw, and each descriptor has one name", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("42", "3", "a:b", "::"), fc.constant(undefined));
    fc.assert(
      fc.property(text, text, text, (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) => {
        const sockets = InheritedSockets.of({ LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES }, 42);
        const all = [...sockets.names].flatMap((name) => sockets.take(name));
        expect(new Set(all).size).toBe(all.length);
      }),
    );
  });
});
