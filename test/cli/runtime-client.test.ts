import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RuntimeClient } from "../../src/cli/runtime-client.js";
import { caesura } from "./recorder.js";

let folder = "";
let socket = "";
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-client-"));
  socket = join(folder, "admin.sock");
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

describe("a runtime command, when the other side", () => {
  test("takes the question and never answers, says so in time", async () => {
    await answering(() => undefined);
    await expect(impatient().get("status")).rejects.toMatchObject({ message: hangs(), why: "other" });
  });

  test("stops in the middle of its answer, says so in time", async () => {
    await answering((_request, response) => void response.write('{"state":'));
    await expect(impatient().get("status")).rejects.toMatchObject({ message: hangs(), why: "other" });
  });

  test("ends in the middle of its answer, says that and nothing of our code", async () => {
    await answering((_request, response) => {
      response.write('{"state":');
      setImmediate(() => response.destroy());
    });
    const { code, stderr } = await caesura(["status", "--socket", socket]);
    expect([code, stderr]).toEqual([1, "caesura: The proxy ended before it had answered.\n"]);
  });

  test("ends while delegated requests are shown, says that behind what was shown", async () => {
    await answering((_request, response) => {
      response.write('{"event":"lost","lost":1,"lostAltogether":3}\n{"event":"req');
      setImmediate(() => response.destroy());
    });
    const { code, stdout, stderr } = await caesura(["tap", "--socket", socket]);
    expect(stdout).toContain("1 events lost");
    expect([code, stderr]).toEqual([1, "caesura: The proxy has ended.\n"]);
  });

  test("shows nothing for long, waits on: there may be nothing to show", async () => {
    let show: (text: string) => void = () => undefined;
    await answering((_request, response) => {
      response.flushHeaders();
      show = (text) => void response.end(text);
    });
    const lines = impatient().lines("tap", {});
    const first = lines.next();
    expect(await Promise.race([first, passed(3 * DEADLINE_MS)])).toBe("nothing yet");
    show('{"event":"request"}\n');
    expect(await first).toEqual({ done: false, value: '{"event":"request"}' });
  });

  test("is no Caesura, says so", async () => {
    await answering((_request, response) => void response.end("hello"));
    const { code, stderr } = await caesura(["status", "--socket", socket]);
    expect([code, stderr]).toEqual([
      1,
      `caesura: ${socket} is not the socket of a Caesura: it does not answer in JSON.\n`,
    ]);
  });

  test("is of another version, says so", async () => {
    await answering((_request, response) => void response.end("{}"));
    const { code, stderr } = await caesura(["sessions", "--socket", socket]);
    expect([code, stderr]).toEqual([
      1,
      "caesura: The proxy answers in words that this command does not know; it is of another version.\n",
    ]);
  });

  test("hangs while it is drained, does not say that it has ended", async () => {
    await answering((request, response) => {
      if (request.method === "POST") response.end('{"draining":true}');
      else response.writeHead(500).end('{"error":"nothing works any more"}');
    });
    const { code, stdout, stderr } = await caesura(["drain", "--socket", socket]);
    expect([code, stdout, stderr]).toEqual([1, "", "caesura: nothing works any more\n"]);
  });
});

describe("a path", () => {
  test.each<[string, () => void, RegExp, number]>([
    ["on which nobody is", () => undefined, /There is no socket .*: the proxy is not running/, 1],
    ["that is a file", () => writeFileSync(socket, ""), /admin\.sock is no socket/, 1],
    ["in a file", () => (socket = join(import.meta.filename, "x")), /part of its path is no folder/, 1],
    ["longer than the system takes", () => (socket = join(folder, "x".repeat(100))), /is too long/, 2],
  ])("%s is refused with the reason", async (_what, prepare, reason, expected) => {
    prepare();
    const { code, stdout, stderr } = await caesura(["status", "--socket", socket]);
    expect(stderr).toMatch(reason);
    expect([code, stdout]).toEqual([expected, ""]);
    const json = await caesura(["status", "--json", "--socket", socket]);
    expect(JSON.parse(json.stdout)).toEqual({ error: expect.stringMatching(reason) });
    expect([json.code, json.stderr]).toEqual([expected, ""]);
  });
});

const DEADLINE_MS = 50;

function impatient(): RuntimeClient {
  return new RuntimeClient({ config: "", socket }, { GET: DEADLINE_MS, POST: DEADLINE_MS });
}

function hangs(): string {
  return `${socket} does not answer: the proxy hangs, or is no Caesura.`;
}

async function answering(listener: RequestListener): Promise<void> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

async function passed(ms: number): Promise<"nothing yet"> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return "nothing yet";
}
