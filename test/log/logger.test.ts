import { describe, expect, test } from "vitest";
import { Secret } from "../../src/config/index.js";
import { connectionLogger, createLogger, flushLog } from "../../src/log/index.js";
import type { Logger } from "../../src/log/index.js";

function recorded(level: "debug" | "info" | "silent"): { log: Logger; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const log = createLogger({ level, destination: { write: (line: string) => void written.push(line) } });
  return { log, lines: () => written.map((line) => JSON.parse(line)) };
}

describe("the log", () => {
  test("writes one JSON object a line, with level and time as words", () => {
    const { log, lines } = recorded("info");
    log.info({ event: "opened" }, "the stream is open");
    expect(lines()).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        name: "caesura",
        pid: process.pid,
        event: "opened",
        msg: "the stream is open",
      },
    ]);
  });

  test("writes nothing below its level", () => {
    const { log, lines } = recorded("info");
    log.debug("not this");
    log.warn("but this");
    expect(lines().map(({ level }) => level)).toEqual(["warn"]);
  });

  test("gives each line of a connection the connection's id", () => {
    const { log, lines } = recorded("info");
    connectionLogger(log, "c-7").info("bound");
    expect(lines()[0]).toMatchObject({ connection: "c-7", msg: "bound" });
  });

  test("takes secrets out at the top and two levels below it, also in the log of a connection", () => {
    const { log, lines } = recorded("info");
    connectionLogger(log, "c-7").info({
      secret: "hunter2",
      component: { password: "hunter2", tls: { key: "hunter2" } },
      config: { secret: new Secret("hunter2"), other: new Secret("hunter2") },
    });
    expect(JSON.stringify(lines())).not.toContain("hunter2");
    expect(lines()[0]).toMatchObject({ secret: "[redacted]", component: { password: "[redacted]" } });
  });

  test("resolves a flush whatever the destination is", async () => {
    const { log } = recorded("silent");
    await expect(flushLog(log)).resolves.toBeUndefined();
  });
});
