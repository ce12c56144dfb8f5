import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { firstUnprivilegedPort, tryPort } from "../../../src/cli/port-trial.js";
import { workspace, yaml } from "../../config/workspace.js";
import { freePort } from "../../support/peer.js";

const server = createServer();
const port = await freePort();
await new Promise<void>((resolve) => {
  server.listen({ host: "127.0.0.1", port }, resolve);
});
afterAll(() => server.close());

test("a port that is free is found free, and is free afterwards", async () => {
  const free = await freePort();
  expect(await tryPort("127.0.0.1", free)).toEqual({ kind: "free" });
  expect(await tryPort("127.0.0.1", free)).toEqual({ kind: "free" });
});

test("the process that has a port is named", async () => {
  expect(await tryPort("127.0.0.1", port)).toMatchObject({
    kind: "in-use",
    owner: { pid: process.pid, isCaesura: false },
  });
});

test("an address of another machine, and a name without address, are told apart from a port in use", async () => {
  // RFC 5737: for documentation, and nobody's; RFC 6761 §6.4: never resolves.
  expect(await tryPort("192.0.2.1", port)).toMatchObject({
    kind: "no-address",
    why: expect.stringContaining("192.0.2.1"),
  });
  expect(await tryPort("nowhere.invalid", port)).toMatchObject({ kind: "no-address" });
});

test("the program finds the port taken, and ends with 1", async () => {
  const space = workspace();
  const listen = `[{ kind: c2s, host: 127.0.0.1, port: ${String(port)}, tls: starttls }, { kind: component, host: 127.0.0.1, port: 0 }]`;
  space.write("proxy.yaml", yaml({ listen }));
  const root = join(import.meta.dirname, "..", "..", "..");
  const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
  const child = spawn(process.execPath, [tsx, join(root, "src/cli/caesura.ts"), "check", "-c", space.file]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(output).toContain(`Port ${String(port)} of 127.0.0.1 is taken by`);
  expect(output).toContain(`(process ${String(process.pid)})`);
  expect(code).toBe(1);
});

test("what a privileged port is comes from the system", () => {
  expect(firstUnprivilegedPort()).toBeGreaterThanOrEqual(0);
  expect(firstUnprivilegedPort()).toBeLessThanOrEqual(1_024);
});
