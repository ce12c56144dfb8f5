import { describe, expect, test } from "vitest";
import { formatProblems, summarise } from "../../src/cli/report.js";
import type { Problem } from "../../src/config/index.js";

const problem: Problem = {
  severity: "error",
  path: "domians",
  file: "proxy.yaml",
  line: 2,
  column: 1,
  code: "unknown-key",
  message: `Unknown key "domians".`,
  hint: `Did you mean "domains"?`,
};

describe("a reported problem", () => {
  test("shows place, sentence, line, caret and hint", () => {
    expect(formatProblems([problem], "version: 1\ndomians: {}\n")).toBe(
      [
        `proxy.yaml:2:1: error: Unknown key "domians". [unknown-key]`,
        "    2 | domians: {}",
        "      | ^",
        `  hint: Did you mean "domains"?`,
        "",
      ].join("\n"),
    );
  });

  test("puts the caret under the column, also behind wide characters", () => {
    const [, , caret] = formatProblems([{ ...problem, line: 1, column: 4 }], "ロミオx: 1").split("\n");
    expect(caret).toBe(`      | ${" ".repeat(6)}^`);
  });

  test("cuts a long line around the column", () => {
    const line = `${"a".repeat(500)}!${"b".repeat(500)}`;
    const [, shown = "", caret = ""] = formatProblems([{ ...problem, line: 1, column: 501 }], line).split("\n");
    expect(shown.length).toBeLessThan(120);
    expect(shown[caret.indexOf("^")]).toBe("!");
  });

  test.each([20, 60, 80, 200])("fits a terminal of %i columns, wherever the column is", (columns) => {
    const line = `${"a".repeat(150)}!${"b".repeat(150)}`;
    for (const column of [1, 30, 151, 300, 302]) {
      const text = formatProblems([{ ...problem, line: 1, column }], line, { columns });
      const [, shown = "", caret = ""] = text.split("\n");
      // Nothing is narrower than what one can still read.
      for (const one of [shown, caret]) expect(one.length).toBeLessThanOrEqual(Math.max(columns, 39));
      if (column === 151) expect(shown[caret.indexOf("^")]).toBe("!");
    }
  });

  test("stands without a line when there is none", () => {
    expect(formatProblems([problem], undefined)).not.toContain("|");
    expect(formatProblems([{ ...problem, line: 99 }], "version: 1")).not.toContain("|");
  });

  test("does not let the file move the cursor of the terminal", () => {
    const text = formatProblems([{ ...problem, line: 1, message: "\u001B[2J" }], "a: \u001B[31mred\u009B0m\u202E");
    for (const character of ["\u001B", "\u009B", "\u202E"]) expect(text).not.toContain(character);
  });

  test("masks a secret that was written into the file", () => {
    for (const line of ["secret: balcony", `"password": 'balcony', x: 1`, "{ secret: balcony }"]) {
      const text = formatProblems([{ ...problem, line: 1 }], line);
      expect(text).not.toContain("balcony");
      expect(text).toContain("*******");
    }
    expect(formatProblems([{ ...problem, line: 1 }], "secretFile: balcony")).toContain("balcony");
  });

  test("uses colours only where they may be", () => {
    expect(formatProblems([problem], "", { hasColours: false })).not.toContain("\u001B");
    expect(formatProblems([problem], "", { hasColours: true })).toContain("\u001B[31merror\u001B[0m");
  });
});

test("problems are counted by severity", () => {
  const warning = { ...problem, severity: "warning" } as const;
  expect(summarise([])).toBe("no problems");
  expect(summarise([problem])).toBe("1 error");
  expect(summarise([problem, problem, warning])).toBe("2 errors, 1 warning");
});
