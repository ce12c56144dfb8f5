import { describe, expect, test } from "vitest";
import { pem, workspace, yaml } from "../config/workspace.js";
import { caesura } from "./recorder.js";

describe("caesura check", () => {
  test("ends with 0 and says what is served when nothing is wrong", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml());
    const { code, stdout, stderr } = await caesura(["check", "-c", space.file]);
    expect(stdout).toMatch(/1 domain, 1 delegated namespace, 2 listeners\.\n$/);
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("ends with 1 and shows each problem at its place", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml({ c2s: "{ host: 127.0.0.1, port: 15222, tls: startls }" }));
    const { code, stdout } = await caesura(["check", "-c", space.file]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      [
        `${space.file}:6:49: error: "tls" must be one of none, starttls, direct, not "startls". [wrong-choice]`,
        "    6 |       c2s: { host: 127.0.0.1, port: 15222, tls: startls }",
        `      | ${" ".repeat(48)}^`,
        `  hint: Did you mean "starttls"?`,
      ].join("\n"),
    );
    expect(stdout).toMatch(/: 1 error\.\n$/);
  });

  test("counts warnings as no problem", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml({ c2s: "{ host: 127.0.0.1, port: 15222, ca: capulet.crt }" }));
    const { code, stdout } = await caesura(["check", "-c", space.file]);
    expect(code).toBe(0);
    expect(stdout).toContain("warning");
  });

  test("prints everything as JSON for a program", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml({ rest: "domians: {}" }));
    const { code, stdout } = await caesura(["check", "--json", "-c", space.file]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      file: space.file,
      problems: [
        {
          severity: "error",
          path: "domians",
          file: space.file,
          line: 11,
          column: 1,
          code: "unknown-key",
          hint: `Did you mean "domains"?`,
        },
      ],
    });
  });

  test("says that there is no file, without a stack trace", async () => {
    const { code, stdout, stderr } = await caesura(["check", "-c", "/nonexistent/proxy.yaml"]);
    expect(code).toBe(1);
    expect(stdout).toContain("There is no file");
    expect(stdout + stderr).not.toMatch(/^\s+at /m);
  });

  test("takes an expired certificate for a problem, although run would only warn", async () => {
    const space = workspace();
    space.write("capulet.crt", pem("expired.crt"));
    space.write("capulet.key", pem("expired.key"));
    space.write("proxy.yaml", yaml());
    const { code, stdout } = await caesura(["check", "-c", space.file]);
    expect(stdout).toContain("[certificate-expired]");
    expect(code).toBe(1);
  });

  test("reads secrets from the environment that it is given", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml({ components: "{ pubsub.capulet.lit: { secretEnv: ORCHARD } }" }));
    expect((await caesura(["check", "-c", space.file])).code).toBe(1);
    expect((await caesura(["check", "-c", space.file], { env: { ORCHARD: "wall" } })).code).toBe(0);
  });

  test("takes credentials of systemd that are not there before the service runs for one warning", async () => {
    const space = workspace();
    const credentials = "/run/credentials/caesura-test.service";
    space.write("proxy.yaml", yaml({ tls: `{ cert: ${credentials}/tls_x.crt, key: ${credentials}/tls_x.key }` }));
    const { code, stdout } = await caesura(["check", "-c", space.file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/warning: .*tls_x\.crt" is not there, .* Nor is 1 more\. \[credential-missing\]/);
    expect(stdout).toMatch(/: 1 warning\.\n$/);
    // There is nothing to ask with.
    const online = await caesura(["check", "--online", "--json", "-c", space.file]);
    expect(online.code).toBe(1);
    expect(JSON.parse(online.stdout)).toMatchObject({ ok: false, problems: [{ severity: "warning" }], online: [] });
  });
});
