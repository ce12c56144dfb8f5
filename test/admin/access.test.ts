import { request, type IncomingHttpHeaders } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { AdminServer, type AccessRefusal, type AdminParts } from "../../src/admin/index.js";
import { Secret } from "../../src/config/index.js";
import { parts } from "./rig.js";

const token = "arise, fair sun, and kill";
const servers: AdminServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("who may see what names users", () => {
  test("on loopback it needs no secret, under each name of this machine", async () => {
    const ask = await opened();
    for (const host of ["localhost", "127.0.0.1:9199", "[::1]:9199", "LOCALHOST:80"])
      expect((await ask("GET", "/api/status", { host })).status).toBe(200);
  });

  test.each(["capulet.lit", "127.0.0.1.capulet.lit", "localhost.capulet.lit:9199", "10.0.0.1", "[::1].capulet.lit"])(
    "a page that was led here by DNS names another host, and is turned away: %s (RFC 9110 §7.2)",
    async (host) => {
      const refused: AccessRefusal[] = [];
      const ask = await opened({ refused: (reason) => refused.push(reason) });
      expect((await ask("GET", "/api/status", { host })).status).toBe(403);
      expect(refused).toEqual(["host"]);
    },
  );

  test.each(["cross-site", "same-site"])(
    "a page of another origin (%s) takes no reader's place, and may have a link that leads here",
    async (site) => {
      const refused: AccessRefusal[] = [];
      const ask = await opened({ refused: (reason) => refused.push(reason) });
      const foreign = { host: "localhost", "sec-fetch-site": site };
      expect((await ask("GET", "/live", { ...foreign, "sec-fetch-mode": "cors" })).status).toBe(403);
      expect(refused).toEqual(["origin"]);
      expect((await ask("GET", "/", { ...foreign, "sec-fetch-mode": "navigate" })).status).toBe(200);
    },
  );

  test.each(["forwarded", "x-forwarded-for", "via", "x-real-ip"])(
    "what a proxy on this machine passes on is not from this machine: %s",
    async (name) => {
      const ask = await opened({ token: () => new Secret(token) });
      expect((await ask("GET", "/api/status", { host: "localhost", [name]: "for=192.0.2.1" })).status).toBe(401);
      expect((await (await opened())("GET", "/api/status", { host: "localhost", [name]: "x" })).status).toBe(403);
    },
  );

  test("the token is a bearer's, or the password of a browser with any name (RFC 6750 §2.1, RFC 7617)", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    const basic = `Basic ${Buffer.from(`anybody:${token}`).toString("base64")}`;
    expect((await ask("GET", "/api/status", { host: "capulet.lit", authorization: basic })).status).toBe(200);
    const short = await opened({ token: () => new Secret("arise-fair-sun-and-kill") });
    expect(
      (await short("GET", "/api/status", { host: "capulet.lit", authorization: "Bearer arise-fair-sun-and-kill" }))
        .status,
    ).toBe(200);
  });

  test.each([
    "Bearer wrong",
    "Bearer ",
    "Basic !!!",
    `Basic ${Buffer.from("anybody:").toString("base64")}`,
    `Basic ${Buffer.from(token).toString("base64").slice(0, 8)}`,
    `Digest ${token}`,
    "",
  ])("a token that is wrong is refused with 401, counted and logged, on loopback too: %s", async (authorization) => {
    const refused: AccessRefusal[] = [];
    const logged: Record<string, unknown>[] = [];
    const ask = await opened({ token: () => new Secret(token), refused: (reason) => refused.push(reason) }, logged);
    const host = authorization === "" ? "capulet.lit" : "localhost";
    const { status, headers } = await ask("GET", "/api/status", { host, authorization });
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toMatch(/^Basic realm=/);
    expect(refused).toEqual(["token"]);
    expect(logged).toMatchObject([{ event: "admin-refused", reason: "token", remote: "127.0.0.1" }]);
    expect(JSON.stringify(logged)).not.toContain("arise");
  });

  test("what says nothing about users asks for nothing: probes and metrics", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    for (const path of ["/livez", "/readyz", "/metrics"])
      expect((await ask("GET", path, { host: "capulet.lit" })).status).toBe(200);
  });

  test("a port for metrics alone has neither page nor commands", async () => {
    const ask = await opened({ serves: () => new Set(["metrics"] as const) });
    for (const path of ["/", "/api/status"]) expect((await ask("GET", path)).status).toBe(404);
    expect((await ask("GET", "/metrics")).status).toBe(200);
    const page = await opened({ serves: () => new Set(["page"] as const) });
    expect((await page("GET", "/metrics")).status).toBe(404);
    expect((await page("GET", "/readyz")).status).toBe(200);
  });
});

describe("changes over the port", () => {
  const change = { host: "localhost", "content-type": "application/json" };
  const authorization = `Basic ${Buffer.from(`x:${token}`).toString("base64")}`;

  test("need the token, on loopback too, because every user of the machine is there", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    expect((await ask("POST", "/api/drain", change)).status).toBe(403);
    expect((await ask("POST", "/api/drain", { ...change, authorization })).status).toBe(202);
  });

  test.each<Record<string, string>>([
    { origin: "https://montague.lit" },
    { origin: "null" },
    { origin: "http://localhost:1" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "content-type": "text/plain" },
    { "content-type": "application/x-www-form-urlencoded" },
  ])("are not taken from a page of another origin: %o (RFC 6454 §7)", async (headers) => {
    const refused: AccessRefusal[] = [];
    const ask = await opened({ token: () => new Secret(token), refused: (reason) => refused.push(reason) });
    expect((await ask("POST", "/api/drain", { ...change, authorization, ...headers })).status).toBe(403);
    expect(refused).toEqual(["origin"]);
  });

  test("are taken from the page itself", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    const own = { ...change, host: "localhost:9199", origin: "http://localhost:9199", "sec-fetch-site": "same-origin" };
    expect((await ask("POST", "/api/drain", { ...own, authorization })).status).toBe(202);
  });

  test("are POST alone", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    for (const command of ["close", "drain", "reload", "log-level"]) {
      const { status, headers } = await ask("GET", `/api/${command}`, { host: "localhost", authorization });
      expect([status, headers.allow]).toEqual([405, "POST"]);
    }
    expect((await ask("POST", "/api/status", { ...change, authorization })).headers.allow).toBe("GET, HEAD");
  });

  test("delegated requests are not shown over the port, with the token neither", async () => {
    const ask = await opened({ token: () => new Secret(token) });
    expect((await ask("GET", "/api/tap", { host: "localhost", authorization })).status).toBe(403);
  });
});

type Ask = (
  method: string,
  path: string,
  headers?: Record<string, string>,
) => Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }>;

async function opened(changes: Partial<AdminParts> = {}, logged: Record<string, unknown>[] = []): Promise<Ask> {
  const server = new AdminServer(parts(changes, logged));
  servers.push(server);
  await server.open("127.0.0.1", 0);
  const port = server.address?.port ?? 0;
  return (method, path, headers = {}) =>
    new Promise((resolve, reject) => {
      const wanted = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ""));
      request({ host: "127.0.0.1", port, method, path, headers: wanted }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => (body += text));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      })
        .on("error", reject)
        .end();
    });
}
