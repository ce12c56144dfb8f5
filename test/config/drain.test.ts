import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

function draining(keys: string, more = ""): string {
  return `${yaml({ delegations: "{}" })}\ndrain: { ${keys} }\n${more}`;
}

describe("drain", () => {
  test("tells everybody system-shutdown at once, unless told otherwise", () => {
    const space = workspace();
    expect(space.config(yaml({ delegations: "{}" })).drain).toEqual({
      spreadMs: 0,
      farewell: { condition: "system-shutdown" },
    });
    expect(space.config(draining("spread: 20s, tell: see-other-host, seeOtherHost: other.capulet.lit")).drain).toEqual({
      spreadMs: 20_000,
      farewell: { condition: "see-other-host", host: "other.capulet.lit" },
    });
  });

  test.each(["wss://other.capulet.lit", "wss://[2001:db8::1]:443/ws", "https://other.capulet.lit/http-bind?a=1&b=2"])(
    "sends clients over WebSocket to %s, and the others nowhere unless told (RFC 7395 §3.6.1)",
    (uri) => {
      const { drain } = workspace().config(draining(`tell: see-other-host, seeOtherUri: "${uri}"`));
      expect(drain.farewell).toEqual({ condition: "see-other-host", uri });
    },
  );

  test.each([
    ["nothing", ""],
    ["an address alone", "other.capulet.lit:443"],
    ["a WebSocket without TLS", "ws://other.capulet.lit/ws"],
    ["no host", "wss:///ws"],
    ["a fragment", "wss://other.capulet.lit/ws#a"],
    ["a port that is none", "wss://other.capulet.lit:65536/ws"],
    ["somebody's password", "wss://juliet:secret@other.capulet.lit/ws"],
    ["markup", "wss://other.capulet.lit/<a>"],
    ["white space", "wss://other.capulet.lit/a b"],
    ["two lines", "wss://other.capulet.lit/\\nx"],
  ])("refuses %s as the other WebSocket", (_what, uri) => {
    const found = workspace().findings(draining(`tell: see-other-host, seeOtherUri: "${uri}"`));
    expect(found).toEqual([expect.stringMatching(/^error invalid-uri 13:45 drain\.seeOtherUri$/)]);
  });

  test.each([
    "other.capulet.lit",
    "other.capulet.lit:5222",
    "bücher.capulet.lit:1",
    "localhost",
    "192.0.2.1",
    "192.0.2.1:65535",
    "[2001:db8::1]",
    "[2001:db8::1]:5222",
  ])("sends clients to %s (RFC 6120 §4.9.3.19)", (host) => {
    const { drain } = workspace().config(draining(`tell: see-other-host, seeOtherHost: "${host}"`));
    expect(drain.farewell).toEqual({ condition: "see-other-host", host });
  });

  test.each([
    ["nothing", ""],
    ["an IPv6 address without brackets", "2001:db8::1"],
    ["an IPv4 address in brackets", "[192.0.2.1]"],
    ["a name in brackets", "[other.capulet.lit]"],
    ["an IPv6 address of one machine only (RFC 4007)", "[fe80::1%eth0]"],
    ["brackets that do not end", "[2001:db8::1"],
    ["half an IPv4 address", "192.0.2"],
    ["port 0", "other.capulet.lit:0"],
    ["a port that is none", "other.capulet.lit:65536"],
    ["an empty port", "other.capulet.lit:"],
    ["a port without a host", ":5222"],
    ["a URL", "https://other.capulet.lit"],
    ["a JID", "juliet@capulet.lit"],
    ["markup", "other<capulet.lit"],
    ["white space", "other capulet.lit"],
    ["two lines", "other.capulet.lit\\nx"],
  ])("refuses %s as the other host", (_what, host) => {
    const found = workspace().findings(draining(`tell: see-other-host, seeOtherHost: "${host}"`));
    expect(found).toEqual([expect.stringMatching(/^error [a-z-]+ 13:46 drain\.seeOtherHost$/)]);
  });

  test("says how an IPv6 address is written", () => {
    const [problem] = workspace().problems(draining('tell: see-other-host, seeOtherHost: "2001:db8::1"'));
    expect(problem?.hint).toContain("[2001:db8::1]");
  });

  test("needs a place to send clients to, and warns of one that nobody is sent to", () => {
    const space = workspace();
    expect(space.findings(draining("tell: see-other-host"))).toEqual(["error missing-key 13:16 drain.tell"]);
    expect(space.findings(draining("seeOtherHost: other.capulet.lit"))).toEqual([
      "warning no-effect 13:24 drain.seeOtherHost",
    ]);
    expect(space.findings(draining("seeOtherUri: wss://other.capulet.lit/ws"))).toEqual([
      "warning no-effect 13:23 drain.seeOtherUri",
    ]);
  });

  test("cannot be spread over longer than the shutdown takes", () => {
    const space = workspace();
    const finding = "error out-of-range 13:18 drain.spread";
    expect(space.findings(draining("spread: 31s"))).toEqual([finding]);
    expect(space.findings(draining("spread: 30s"))).toEqual([]);
    expect(space.findings(draining("spread: 1s", "timeouts: { shutdown: 0s }"))).toEqual([finding]);
    expect(space.findings(draining("spread: 10m", "timeouts: { shutdown: 10m }"))).toEqual([]);
  });
});
