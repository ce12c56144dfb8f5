import { describe, expect, test } from "vitest";
import { configJsonSchema } from "../../src/config/index.js";
import { caesura } from "./recorder.js";

describe("the command line", () => {
  test("prints its help on request, on standard output, with exit code 0", async () => {
    const { code, stdout, stderr } = await caesura(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const command of ["run", "check", "explain", "import", "rules", "schema", "demo"]) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
  });

  test.each(["run", "check", "explain", "import", "rules", "schema", "demo"])(
    "prints the help of %s",
    async (command) => {
      const { code, stdout } = await caesura([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: caesura ${command}`);
    },
  );

  test("prints its version", async () => {
    expect(await caesura(["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  });

  test.each([
    [[], "Usage: caesura"],
    [["chek"], "Did you mean check?"],
    [["check", "--onlin"], "Did you mean --online?"],
    [["check", "extra"], "too many arguments"],
    [["check", "--config"], "argument missing"],
    [["explain"], "required option '--from <jid>' not specified"],
  ])("refuses %j with exit code 2 and says what to do", async (arguments_, words) => {
    const { code, stdout, stderr } = await caesura(arguments_);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("prints the JSON Schema", async () => {
    const { code, stdout } = await caesura(["schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(configJsonSchema());
  });
});
