import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cannotRun, Peer } from "../../support/peer.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

async function demo(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Peer> {
  return Peer.start({
    name: "the demonstration",
    command: process.execPath,
    args: [bin, "demo", ...args],
    env,
    isReady: (log) => /^Status page: http/m.test(log),
    startDeadlineMs: 60_000,
  });
}

/** The processes below one, as `ps` sees them. */
function childrenOf(pid: number): readonly string[] {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  return rows
    .map((row) => row.trim().split(/\s+/))
    .flatMap(([child = "", parent]) => (parent === String(pid) ? [child] : []));
}

function areGone(pids: readonly string[]): boolean {
  const rows = execFileSync("ps", ["-eo", "pid="], { encoding: "utf8" }).split(/\s+/);
  return pids.every((pid) => !rows.includes(pid));
}

const servers = [
  ["Prosody", {}, "✓ Prosody"],
  ["the small built-in server", { CAESURA_DEMO_SERVER: "small" }, "in the place of Prosody"],
] as const;

describe.skipIf(cannotRun("prosody", "ps"))("caesura demo", () => {
  test.each(servers)(
    "shows the round trip with %s and ends with 0 when it is told --once",
    async (_what, env, said) => {
      const peer = await demo(["--once"], env);
      expect(await peer.ended(20_000)).toBe(0);
      expect(peer.log).toContain(said);
      expect(peer.log).toMatch(/client → Caesura.*\n.*<iq type="get" id="v2">/);
      expect(peer.log).toMatch(/Caesura → verse\.capulet\.lit.*\n.*<iq type="set" from="capulet\.lit"/);
      expect(peer.log).toMatch(/verse\.capulet\.lit → Caesura/);
      expect(peer.log).toMatch(/Caesura → client[^]*yonder window/);
      expect(peer.log.trim().split("\n").at(-1)).toMatch(/^Status page: http:\/\/127\.0\.0\.1:\d+\/$/);
    },
  );

  test.each(["SIGINT", "SIGTERM"] as const)(
    "keeps running, answers on its status page, and stops everything on %s",
    async (signal) => {
      const peer = await demo([], {});
      const url = /^Status page: (\S+)$/m.exec(peer.log)?.[1] ?? "";
      expect((await fetch(url)).status).toBe(200);
      // Prosody, Caesura, the managing entity, the client.
      const children = childrenOf(peer.pid);
      expect(children.length).toBe(4);
      peer.signal(signal);
      expect(await peer.ended(15_000)).toBe(0);
      expect(areGone(children)).toBe(true);
    },
  );

  test("ends with 1 and a reason when one of its programs dies", async () => {
    const peer = await demo([], {});
    const [first = ""] = childrenOf(peer.pid);
    process.kill(Number(first), "SIGKILL");
    expect(await peer.ended(15_000)).toBe(1);
    expect(peer.log).toContain("ended by itself");
  });
});
