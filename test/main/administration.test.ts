import { mkdtempSync, rmSync, statSync, existsSync, writeFileSync } from "node:fs";
import { get, request, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Sampler, Taps } from "../../src/admin/index.js";
import { Secret } from "../../src/config/index.js";
import { Administration } from "../../src/main/administration.js";
import { Families } from "../../src/metrics/index.js";
import { freePort } from "../support/peer.js";
import { parts } from "../admin/rig.js";

type Config = Parameters<Administration["prepare"]>[0];

let folder = "";
let administration: Administration;
const ends: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-doors-"));
  const sampler = new Sampler({ stanzas: () => 0, sessions: () => 0, connections: () => 0 });
  ends.push(() => sampler.close());
  const given = parts();
  const log = pino({ level: "silent" });
  administration = new Administration({
    families: new Families(),
    taps: new Taps(),
    model: given.model,
    controls: { ...given.controls, reload: async () => ({ ok: true, problems: [], ...(await onReload()) }) },
    readiness: () => given.readiness(),
    sampler,
    log,
  });
  onReload = () => Promise.resolve({});
});
afterEach(async () => {
  await administration.close();
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

let onReload: () => Promise<object> = () => Promise.resolve({});

describe("a reload", () => {
  test("moves the administration port: the new one is open before the old one closes", async () => {
    const [first, second] = [await freePort(), await freePort()];
    await use({ admin: at(first) });
    const { commit } = await administration.prepare(config({ admin: at(second) }));
    expect([await status(first, "/livez"), await status(second, "/livez")]).toEqual([200, 200]);
    commit();
    expect(await status(second, "/livez")).toBe(200);
    await expect(status(first, "/livez")).rejects.toThrow("ECONNREFUSED");
  });

  test("opens the same port on another address, which has to be free first", async () => {
    const port = await freePort();
    await use({ admin: at(port) });
    await use({ admin: { ...at(port), host: "127.0.0.2" } });
    expect(await status(port, "/livez", { host: "127.0.0.2" })).toBe(200);
    await expect(status(port, "/livez")).rejects.toThrow("ECONNREFUSED");
    await use({ admin: { ...at(port), host: "0.0.0.0" } });
    expect(await status(port, "/livez")).toBe(200);
  });

  test("swaps the ports of page and metrics", async () => {
    const [first, second] = [await freePort(), await freePort()];
    await use({ admin: at(first), metrics: address(second) });
    await use({ admin: at(second), metrics: address(first) });
    expect(await status(second, "/api/status")).toBe(200);
    expect([await status(first, "/metrics"), await status(first, "/api/status")]).toEqual([200, 404]);
  });

  test("that wants a port which is taken leaves every door as it was", async () => {
    const port = await freePort();
    const taken = await freePort();
    const other = createServer();
    ends.push(() => other.close());
    await new Promise<void>((resolve) => other.listen(taken, "127.0.0.1", resolve));
    const path = join(folder, "admin.sock");
    await use({ admin: { ...at(port), socket: { path, mode: 0o600 } } });
    const elsewhere = join(folder, "other.sock");
    for (const wanted of [
      { admin: { ...at(taken), socket: { path: elsewhere, mode: 0o600 } } },
      { admin: { ...at(port), host: "127.0.0.2" }, metrics: address(taken) },
      { admin: at(port), metrics: address(taken) },
    ])
      await expect(administration.prepare(config(wanted))).rejects.toThrow(
        `127.0.0.1:${String(taken)}: another program`,
      );
    expect(await status(port, "/api/status")).toBe(200);
    expect(await status(path, "/api/status")).toBe(200);
    expect(existsSync(elsewhere)).toBe(false);
  });

  test("takes everything back when the listeners behind it cannot be opened", async () => {
    const [first, second] = [await freePort(), await freePort()];
    await use({ admin: at(first) });
    const moved = { admin: { ...at(first), host: "127.0.0.2" }, metrics: address(second) };
    const { revert } = await administration.prepare(config(moved));
    await expect(status(first, "/livez")).rejects.toThrow("ECONNREFUSED");
    await revert();
    expect(await status(first, "/livez")).toBe(200);
    await expect(status(second, "/metrics")).rejects.toThrow("ECONNREFUSED");
    await expect(status(first, "/livez", { host: "127.0.0.2" })).rejects.toThrow("ECONNREFUSED");
  });

  test("lets a port go that a listener for clients wants", async () => {
    const [first, second] = [await freePort(), await freePort()];
    await use({ admin: at(first) });
    const { commit } = await administration.prepare(config({ admin: at(second), listen: [{ port: first }] }));
    const server = createServer();
    ends.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(first, "127.0.0.1", resolve));
    commit();
    expect(await status(second, "/livez")).toBe(200);
  });

  test("moves the socket, changes its permissions, and removes it", async () => {
    const [port, first, second] = [await freePort(), join(folder, "1.sock"), join(folder, "2.sock")];
    const on = (path: string, mode: number): Partial<Config> => ({ admin: { ...at(port), socket: { path, mode } } });
    await use(on(first, 0o600));
    await use(on(first, 0o660));
    expect(statSync(first).mode & 0o777).toBe(0o660);
    await use(on(second, 0o600));
    expect([existsSync(first), statSync(second).mode & 0o777]).toEqual([false, 0o600]);
    expect(await status(second, "/api/status")).toBe(200);
    await use({ admin: at(port) });
    expect(existsSync(second)).toBe(false);
  });

  test("that wants a path where something else is leaves the socket where it was", async () => {
    const [port, path, precious] = [await freePort(), join(folder, "admin.sock"), join(folder, "precious")];
    writeFileSync(precious, "precious");
    await use({ admin: { ...at(port), socket: { path, mode: 0o600 } } });
    const wanted = { admin: { ...at(port), socket: { path: precious, mode: 0o600 } } };
    await expect(administration.prepare(config(wanted))).rejects.toThrow("something that is no socket is there");
    expect(await status(path, "/api/status")).toBe(200);
  });

  test("asked for over the door that it takes away is answered there", async () => {
    const [port, path] = [await freePort(), join(folder, "admin.sock")];
    await use({ admin: { ...at(port), socket: { path, mode: 0o600 } } });
    onReload = async () => {
      await use({ admin: at(port) });
      return {};
    };
    const asked = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath: path, path: "/api/reload", method: "POST", agent: false }, resolve)
        .once("error", reject)
        .end();
    });
    expect(asked.statusCode).toBe(200);
    asked.resume();
    expect(existsSync(path)).toBe(false);
  });

  test("changes the token: the old one is refused at once, and who reads live with it is sent away", async () => {
    const port = await freePort();
    const withToken = (token: string) => ({ admin: { ...at(port), token: new Secret(token) } });
    const showing = (token: string) => ({
      host: "127.0.0.1",
      headers: { host: "example.org", authorization: `Bearer ${token}` },
    });
    await use(withToken("old"));
    expect(await status(port, "/api/status", showing("old"))).toBe(200);
    const live = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, path: "/live", agent: false, ...showing("old") }, resolve).once("error", reject);
    });
    const ended = new Promise((resolve) => live.resume().once("end", resolve));
    await use(withToken("new"));
    expect(await status(port, "/api/status", showing("old"))).toBe(401);
    expect(await status(port, "/api/status", showing("new"))).toBe(200);
    await ended;
  });
});

function config(changes: Partial<Config>): Config {
  return { admin: undefined, metrics: undefined, listen: [], ...changes };
}

async function use(changes: Partial<Config>): Promise<void> {
  (await administration.prepare(config(changes))).commit();
}

function address(port: number): { readonly host: string; readonly port: number } {
  return { host: "127.0.0.1", port };
}

function at(port: number): NonNullable<Config["admin"]> {
  return { ...address(port), token: undefined, socket: undefined };
}

function status(
  where: number | string,
  path: string,
  more: { readonly host?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const place = typeof where === "string" ? { socketPath: where } : { host: "127.0.0.1", port: where };
  return new Promise((resolve, reject) => {
    get({ ...place, path, agent: false, ...more }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once("error", reject);
  });
}
