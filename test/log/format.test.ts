import { describe, expect, test } from "vitest";
import { createLogger, LogDestination, droppedLine, lineFormat } from "../../src/log/index.js";
import { asErrors, isJournalStream } from "../../src/log/format.js";

const nowhere = { isTerminal: false, isJournal: false, hasColours: false };
const time = "2026-11-22T19:00:01.234Z";

function line(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ level: "info", time, name: "caesura", pid: 1, ...fields })}\n`;
}

describe("the form of a line", () => {
  test("is JSON as it came, unless somebody watches or the journal reads", () => {
    const came = line({ event: "bound", msg: "x" });
    expect(lineFormat("auto", nowhere)(came)).toBe(came);
    expect(lineFormat("json", { isTerminal: true, isJournal: true, hasColours: true })(came)).toBe(came);
    expect(lineFormat("auto", { ...nowhere, isJournal: true })(came)).toBe(`<6>${came}`);
    expect(lineFormat("auto", { ...nowhere, isTerminal: true })(came)).toBe("19:00:01.234 INFO  x event=bound\n");
  });

  test("is one of an error to the journal, each of several, if it stands on standard error (sd-daemon(3))", () => {
    expect(asErrors("proxy.yaml:1:1: error: x\n  1 | y\n\n1 error\n")).toBe(
      "<3>proxy.yaml:1:1: error: x\n<3>  1 | y\n\n<3>1 error\n",
    );
  });

  test.each([
    ["fatal", 2],
    ["error", 3],
    ["warn", 4],
    ["info", 6],
    ["debug", 7],
    ["trace", 7],
  ] as const)("of level %s begins with <%d> for the journal (sd-daemon(3))", (level, priority) => {
    const lines: string[] = [];
    const format = lineFormat("journald", nowhere);
    const log = createLogger({ level: "trace", destination: { write: (one) => void lines.push(format(one)) } });
    log[level]({ event: "x" }, "y");
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^<${String(priority)}>\\{"level":"${level}".*\\}\\n$`))]);
  });

  test("is readable on a terminal: time, level, connection, what happened, the rest", () => {
    const format = lineFormat("pretty", nowhere);
    const bound = line({ event: "bound", connection: "0007", jid: "juliet@capulet.lit/balcony", n: 3, msg: "bound" });
    expect(format(bound)).toBe("19:00:01.234 INFO  0007 bound event=bound jid=juliet@capulet.lit/balcony n=3\n");
    const err = { type: "Error", message: "no", stack: "Error: no\n    at here" };
    expect(format(line({ level: "error", err, msg: "failed" }))).toBe(
      "19:00:01.234 ERROR failed\n    Error: no\n        at here\n",
    );
    expect(format("no JSON\n")).toBe("no JSON\n");
  });

  test("has colours only where they may be shown", () => {
    const came = line({ level: "warn", msg: "x" });
    expect(lineFormat("pretty", { ...nowhere, hasColours: true })(came)).toContain("\u001b[33mWARN ");
    expect(lineFormat("pretty", nowhere)(came)).not.toContain("\u001b");
  });

  test("lets no peer command the terminal of whoever reads it", () => {
    const hostile = "\u001b[2J\u009b31m\n\r\u0007\u202egnp\u2066\u2028\u007f";
    const shown = lineFormat(
      "pretty",
      nowhere,
    )(line({ jid: hostile, [`k${hostile}`]: { deep: hostile }, msg: hostile }));
    expect(shown.endsWith("\n")).toBe(true);
    expect(shown.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/);
    expect(shown).toContain("\\u001b[2J");
  });
});

test("a line about lost lines has the form of the others, and a form can change", () => {
  const written: string[] = [];
  let isFull = true;
  const destination = new LogDestination({
    write: (bytes) => {
      if (isFull) throw Object.assign(new Error("full"), { code: "ENOSPC" });
      written.push(Buffer.from(bytes).toString());
      return bytes.length;
    },
    note: droppedLine,
  });
  destination.format = lineFormat("journald", nowhere);
  destination.write(line({ msg: "lost" }));
  isFull = false;
  destination.flushSync();
  expect(written).toEqual([expect.stringMatching(/^<4>\{"level":"warn".*"event":"log-lines-dropped"/)]);
  destination.format = lineFormat("json", nowhere);
  destination.write(line({ msg: "kept" }));
  expect(written.at(-1)).toBe(line({ msg: "kept" }));
});

test("the journal is where the variable names the very file that is written to (systemd.exec(5))", () => {
  expect(isJournalStream("8:12345", { dev: 8n, ino: 12_345n })).toBe(true);
  expect(isJournalStream("8:12345", { dev: 8n, ino: 1n })).toBe(false);
  expect(isJournalStream("8:12345 ", { dev: 8n, ino: 12_345n })).toBe(false);
  expect(isJournalStream(undefined, { dev: 8n, ino: 12_345n })).toBe(false);
});
