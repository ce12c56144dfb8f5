import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminServer, type AdminParts, type GrantRow } from "../../src/admin/index.js";
import { parts } from "./rig.js";

let folder = "";
let path = "";
const servers: AdminServer[] = [];
const others: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-admin-"));
  path = join(folder, "admin.sock");
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  for (const server of others.splice(0)) server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the socket for runtime commands", () => {
  test("is its owner's alone, and goes when the proxy does", async () => {
    const server = await opened();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await ask("GET", "/api/status")).status).toBe(200);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test("has the permissions that are configured, whatever the mask of the process is", async () => {
    const before = process.umask(0);
    try {
      await opened({}, 0o660);
      expect(statSync(path).mode & 0o777).toBe(0o660);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  test("takes the place of one that a killed process left behind", async () => {
    abandonedSocket(path);
    expect(statSync(path).isSocket()).toBe(true);
    await opened();
    expect((await ask("GET", "/api/status")).status).toBe(200);
  });

  test("leaves alone one that somebody listens on", async () => {
    const other = createServer((_request, response) => response.end("other"));
    others.push(other);
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await expect(opened()).rejects.toThrow("another process listens there");
    expect((await ask("GET", "/")).body).toBe("other");
  });

  test.each<[string, () => void, RegExp]>([
    ["a file is there", () => writeFileSync(path, "precious"), /something that is no socket is there/],
    ["a folder is there", () => mkdirSync(path), /something that is no socket is there/],
    [
      "a link to a socket is there",
      () => {
        abandonedSocket(join(folder, "real.sock"));
        symlinkSync(join(folder, "real.sock"), path);
      },
      /something that is no socket is there/,
    ],
    ["its folder is missing", () => (path = join(folder, "none", "admin.sock")), /its folder does not exist/],
    [
      "its folder is a file",
      () => {
        writeFileSync(join(folder, "file"), "");
        path = join(folder, "file", "admin.sock");
      },
      /its folder is none/,
    ],
    ["the path is too long", () => (path = join(folder, "a".repeat(120))), /the path is too long/],
  ])("is refused with the reason when %s", async (_what, spoil, reason) => {
    spoil();
    await expect(opened()).rejects.toThrow(reason);
    if (existsSync(path) && statSync(path).isFile()) expect(statSync(path).size).toBe("precious".length);
  });

  test("asks for neither token nor host, and takes changes", async () => {
    const closed: string[] = [];
    const levels: string[] = [];
    await opened({
      controls: {
        close: (connection) => closed.push(connection) > 0 && connection === "0001",
        drain: () => false,
        reload: () => Promise.resolve({ ok: false, message: "The configuration stays as it was.", problems: [] }),
        setLogLevel: (level) => levels.push(level),
        revoke: ({ account }) =>
          Promise.resolve({ revoked: account === "juliet@capulet.lit" ? [grant] : [], stored: false }),
      },
    });
    expect(await ask("POST", "/api/close", { connection: "0001" })).toMatchObject({ status: 200 });
    expect(await ask("POST", "/api/close", { connection: "zzzz" })).toMatchObject({
      status: 404,
      body: '{"error":"There is no link \\"zzzz\\"."}\n',
    });
    expect(await ask("POST", "/api/log-level", { level: "debug" })).toMatchObject({ status: 200 });
    expect(levels).toEqual(["debug"]);
    expect(await ask("POST", "/api/revoke", { account: "juliet@capulet.lit" })).toEqual({
      status: 200,
      body: `${JSON.stringify({ revoked: [grant], stored: false })}\n`,
    });
    expect(await ask("POST", "/api/revoke", { account: "romeo@capulet.lit" })).toMatchObject({ status: 404 });
    expect(await ask("POST", "/api/drain")).toMatchObject({ status: 409 });
    expect(await ask("POST", "/api/reload")).toMatchObject({ status: 422 });
  });

  test.each<[string, string, unknown]>([
    ["a level that is none", "/api/log-level", { level: "loud" }],
    ["no level", "/api/log-level", {}],
    ["a level of another type", "/api/log-level", { level: 3 }],
    ["a connection of another type", "/api/close", { connection: ["0001"] }],
    ["no account", "/api/revoke", { namespace: "urn:example:verse" }],
    ["an account that is a domain", "/api/revoke", { account: "capulet.lit" }],
    ["a namespace of another type", "/api/revoke", { account: "juliet@capulet.lit", namespace: 1 }],
    ["a list", "/api/close", []],
    ["a body that is no JSON", "/api/close", "{"],
    ["a body that is too long", "/api/close", { connection: "x".repeat(5000) }],
  ])("answers 400 to %s", async (_what, command, body) => {
    await opened({
      controls: {
        close: () => expect.unreachable(),
        drain: () => expect.unreachable(),
        reload: () => expect.unreachable(),
        setLogLevel: () => expect.unreachable(),
        revoke: () => expect.unreachable(),
      },
    });
    expect((await ask("POST", command, body)).status).toBe(400);
  });

  test.each(["limit=0", "limit=10001", "limit=-1", "limit=x", "limit=1e3"])(
    "answers 400 to a list with %s",
    async (query) => {
      await opened();
      expect((await ask("GET", `/api/links?${query}`)).status).toBe(400);
    },
  );

  test("knows no other command", async () => {
    await opened();
    for (const command of ["", "statuses", "status/", "../metrics", "__proto__"])
      expect((await ask("GET", `/api/${command}`)).status).toBe(404);
  });

  test("a peer that sends nothing, or half a request, is not waited for", async () => {
    const server = await opened();
    const silent = connect({ path });
    await new Promise((resolve) => silent.once("connect", resolve));
    silent.write("GET /api/status HT");
    const ended = new Promise((resolve) => silent.once("close", resolve));
    silent.on("error", () => undefined).resume();
    await server.close();
    await ended;
  });
});

const grant: GrantRow = {
  domain: "capulet.lit",
  account: "juliet@capulet.lit",
  namespace: "urn:example:verse",
  entity: "verse.capulet.lit",
  grantedAt: "2026-01-01T00:00:00.000Z",
  effective: true,
  lasting: true,
};

async function opened(changes: Partial<AdminParts> = {}, mode = 0o600): Promise<AdminServer> {
  const server = new AdminServer(parts({ serves: () => new Set(["socket"] as const), ...changes }));
  await server.openPath(path, mode);
  servers.push(server);
  return server;
}

function ask(
  method: string,
  target: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    request({ socketPath: path, method, path: target, agent: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (answer += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: answer }));
    })
      .on("error", reject)
      .end(text);
  });
}

/** Leaves a socket as a process that was killed leaves it. */
function abandonedSocket(at: string): void {
  const script = `require("node:net").createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
}
