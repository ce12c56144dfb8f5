import { describe, expect, test } from "vitest";
import type { PortTrial } from "../../src/cli/port-trial.js";
import { workspace, yaml } from "../config/workspace.js";
import { caesura } from "./recorder.js";

/** Checks a configuration on a machine where ports are as told, by `host:port`; the rest is free. */
async function check(trials: Readonly<Record<string, PortTrial>>, text = yaml(), ...more: string[]) {
  const space = workspace();
  space.write("proxy.yaml", text);
  const tried: string[] = [];
  const outcome = await caesura(["check", "-c", space.file, ...more], {
    ports: {
      tryPort: async (host, port) => {
        tried.push(`${host}:${String(port)}`);
        return trials[`${host}:${String(port)}`] ?? { kind: "free" };
      },
      firstUnprivilegedPort: () => 1_024,
    },
  });
  return { ...outcome, tried };
}

const taken = (name: string, isCaesura = false): PortTrial => ({
  kind: "in-use",
  owner: { pid: 812, name, isCaesura },
});

describe("caesura check and ports", () => {
  test("tries each address once, and leaves out those that the system chooses", async () => {
    const listen =
      "[{ kind: c2s, host: 127.0.0.1, port: 5222, tls: starttls }, { kind: c2s, host: 127.0.0.1, port: 0, tls: direct }, { kind: component, host: ::1, port: 5347 }]";
    const { code, tried } = await check({}, yaml({ listen, rest: "admin: {}" }));
    expect([code, tried]).toEqual([0, ["127.0.0.1:5222", "::1:5347", "127.0.0.1:9199"]]);
  });

  test("says who has a port, at its place, and what to do", async () => {
    const { code, stdout } = await check({ "127.0.0.1:5222": taken("prosody") });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /proxy\.yaml:10:46: error: Port 5222 of 127\.0\.0\.1 is taken by prosody \(process 812\)\. \[port-in-use\]\n.*\n {6}\| {40}\^\n {2}hint: Give Prosody other ports/,
    );
  });

  test("takes the Caesura that is running for no problem", async () => {
    const { code, stdout } = await check({ "127.0.0.1:5222": taken("Caesura", true) });
    expect([code, stdout]).toEqual([0, expect.stringContaining("no problems")]);
  });

  test("warns where it cannot be seen who has a port", async () => {
    const { code, stdout } = await check({ "127.0.0.1:5347": { kind: "in-use", owner: undefined } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/warning: Port 5347 .* \[port-in-use\]/);
  });

  test.each([
    [{ kind: "free" }, "this user may open it"],
    [{ kind: "denied" }, "this user may not open it"],
  ] as const)("warns of a privileged port that is %j", async (trial, words) => {
    const listen =
      "[{ kind: c2s, host: 127.0.0.1, port: 443, tls: direct }, { kind: component, host: 127.0.0.1, port: 5347 }]";
    const { code, stdout } = await check({ "127.0.0.1:443": trial }, yaml({ listen }));
    expect(code).toBe(0);
    expect(stdout).toContain(words);
    expect(stdout).toContain("CAP_NET_BIND_SERVICE");
  });

  test("says that an address is none of this machine", async () => {
    const why = "127.0.0.1 is no address of this machine";
    const { code, stdout } = await check({ "127.0.0.1:5222": { kind: "no-address", why } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/:10:\d+: error: Nothing can listen there: .* \[address-not-here\]/);
  });

  test("says it together with everything else that is wrong, in the order of the file", async () => {
    const text = yaml({ c2s: "{ host: 127.0.0.1, port: 15222, tls: x }", rest: "lgo: {}" });
    const { stdout } = await check({ "127.0.0.1:5222": taken("beam.smp") }, text, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      problems: [{ code: "wrong-choice" }, { code: "port-in-use" }, { code: "unknown-key" }],
    });
  });

  test.each([
    "",
    "listen: [",
    "listen: 5",
    "listen: [{ host: 5, port: x }, null, { host: '', port: 1.5 }]\nadmin: []",
    "*a",
  ])("tries nothing in %j", async (text) => {
    const { code, tried } = await check({}, text);
    expect([code, tried]).toEqual([1, []]);
  });
});
