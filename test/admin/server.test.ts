import { once } from "node:events";
import { connect } from "node:net";
import { request, type IncomingHttpHeaders } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminServer, type Readiness } from "../../src/admin/index.js";
import { parts } from "./rig.js";

let server: AdminServer;
let readiness: Readiness;
let port = 0;

beforeEach(async () => {
  readiness = { ready: true, reasons: [] };
  server = new AdminServer(parts({ readiness: () => readiness }));
  await server.open("127.0.0.1", 0);
  port = server.address?.port ?? 0;
});

afterEach(() => server.close());

describe("the administration port", () => {
  test("shows the numbers in the format of Prometheus", async () => {
    const { status, headers, body } = await ask("GET", "/metrics");
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toContain("# TYPE caesura_test_total counter\ncaesura_test_total 7\n");
  });

  test("says that the process lives", async () => {
    expect(await ask("GET", "/livez")).toMatchObject({ status: 200, body: '{"live":true}\n' });
  });

  test("says that it is ready, and 503 with the reasons when it is not", async () => {
    expect(await ask("GET", "/readyz")).toMatchObject({ status: 200, body: '{"ready":true,"reasons":[]}\n' });
    readiness = { ready: false, reasons: ["draining", "not-listening"] };
    expect(await ask("GET", "/readyz")).toMatchObject({
      status: 503,
      body: '{"ready":false,"reasons":["draining","not-listening"]}\n',
    });
    // A process that drains is not to be killed.
    expect(await ask("GET", "/livez")).toMatchObject({ status: 200 });
  });

  test("has a page for a person, with files of its own and nothing from elsewhere", async () => {
    const { status, headers, body } = await ask("GET", "/");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(body).toContain("1.2.3&lt;b&gt;");
    expect(body).not.toMatch(/https?:|<script>|<style|style=|onclick/);
    for (const [, file = ""] of body.matchAll(/(?:src|href)="([a-z]+\.[a-z]+)"/g)) {
      const answer = await ask("GET", `/${file}`);
      expect([answer.status, answer.headers["x-content-type-options"]]).toEqual([200, "nosniff"]);
      expect(answer.headers["content-type"]).toMatch(file.endsWith("js") ? /^text\/javascript/ : /^text\/css/);
    }
  });

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "refuses %s with 405 and says what it takes",
    async (method) => {
      const { status, headers } = await ask(method, "/metrics");
      expect(status).toBe(405);
      expect(headers.allow).toBe("GET, HEAD");
    },
  );

  test("answers HEAD like GET, without a body", async () => {
    const { status, headers, body } = await ask("HEAD", "/readyz");
    expect(status).toBe(200);
    expect(headers["content-length"]).toBe(String('{"ready":true,"reasons":[]}\n'.length));
    expect(body).toBe("");
  });

  test.each(["/metric", "/metrics/", "/../etc/passwd", "/favicon.ico", "//metrics"])("knows no %s", async (path) => {
    expect((await ask("GET", path)).status).toBe(404);
  });

  test("takes no notice of a query", async () => {
    expect((await ask("GET", "/livez?verbose")).status).toBe(200);
  });

  test("keeps no answer in a cache", async () => {
    expect((await ask("GET", "/metrics")).headers["cache-control"]).toBe("no-store");
  });

  test("refuses headers beyond its limit with 431", async () => {
    expect(await raw(`GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`)).toContain(" 431 ");
  });

  test("refuses what is not HTTP with 400 and lives on", async () => {
    expect(await raw("<stream:stream to='capulet.lit'>\r\n\r\n")).toContain(" 400 ");
    expect((await ask("GET", "/livez")).status).toBe(200);
  });

  test("reads no body, and ends the connection that carries one", async () => {
    const answer = await raw(
      `POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(100_000)}`,
    );
    expect(answer).toContain(" 405 ");
    expect(answer.toLowerCase()).toContain("connection: close");
  });

  test("says of a body that is too long, or that does not come, what is wrong with it, and logs no fault of its own", async () => {
    const logged: Record<string, unknown>[] = [];
    await server.close();
    server = new AdminServer(parts({ serves: () => new Set(["socket"] as const) }, logged));
    await server.open("127.0.0.1", 0);
    port = server.address?.port ?? 0;
    const head = "POST /api/close HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (const length of [5000, 5_000_000]) {
      const answer = await raw(`${head}content-length: ${String(length)}\r\n\r\n${"x".repeat(5000)}`);
      expect(answer).toContain(" 400 ");
    }
    const unfinished = connect({ port, host: "127.0.0.1" });
    unfinished.write(`${head}content-length: 100\r\n\r\n{"conn`, () => unfinished.destroy());
    await once(unfinished, "close");
    expect((await ask("GET", "/livez")).status).toBe(200);
    expect(logged).toEqual([]);
  });

  test("a port that is taken is an error", async () => {
    const other = new AdminServer(parts());
    await expect(other.open("127.0.0.1", port)).rejects.toThrow(/EADDRINUSE/);
  });
});

function ask(
  method: string,
  path: string,
): Promise<{ readonly status: number | undefined; readonly headers: IncomingHttpHeaders; readonly body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, method, path }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    })
      .on("error", reject)
      .end();
  });
}

/** Sends bytes as they are and resolves to what comes until the end of the answer's head. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ port, host: "127.0.0.1" });
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      if (answer.includes("\r\n\r\n")) done();
    });
    socket.on("end", done).on("error", done);
    socket.write(bytes);
  });
}
