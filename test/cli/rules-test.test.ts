import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DOMParser } from "@xmldom/xmldom";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { workspace, yaml } from "../config/workspace.js";
import { caesura } from "./recorder.js";

const examples = join(import.meta.dirname, "..", "..", "examples", "rules");

const rules = yaml({
  tls: "{ cert: not-on-this-machine.crt, key: not-on-this-machine.key }",
  delegations: "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit, filtering: [node] } }",
});

async function run(cases: string, ...more: string[]) {
  const space = workspace();
  space.write("proxy.yaml", rules);
  const file = space.write("cases.yaml", cases);
  const outcome = await caesura(["rules", "test", ...more, file]);
  return { ...outcome, file, space };
}

const one = (more: string) =>
  `version: 1
config: proxy.yaml
cases:
  - name: a query
    from: juliet@capulet.lit/balcony
    stanza: <iq type='get' id='a'><query xmlns='urn:xmpp:mam:2' node='n'/></iq>
${more.replaceAll(/^/gm, "    ")}
`;

const parseXml = (text: string) => new DOMParser().parseFromString(text, "text/xml");

describe("caesura rules test", () => {
  test.each(readdirSync(examples))("finds that the example %s holds", async (name) => {
    const { code, stdout } = await caesura(["rules", "test", join(examples, name)]);
    expect(stdout).not.toContain("FAIL");
    expect(stdout).toMatch(/: \d+ cases, \d+ passed, 0 failed\.\n$/);
    expect(code).toBe(0);
  });

  test("ends with 0 when every case comes out as expected, without certificates or secrets", async () => {
    const { code, stdout, file } = await run(
      one("expect: delegated\nrule: urn:xmpp:mam:2\nentity: pubsub.capulet.lit"),
    );
    expect([code, stdout]).toEqual([0, `ok    a query\n${file}: 1 case, 1 passed, 0 failed.\n`]);
  });

  test("ends with 1 and shows what was expected, what came, and each rule", async () => {
    const { code, stdout, file } = await run(one("expect: passed\nreason: full-jid\nentity: pubsub.capulet.lit"));
    expect(code).toBe(1);
    expect(stdout).toBe(
      [
        `FAIL  a query (${file}:4)`,
        "      - expect: passed",
        "      + expect: delegated",
        "      - reason: full-jid",
        "      + reason: (none)",
        "        rule: urn:xmpp:mam:2",
        "        [x] urn:xmpp:mam:2 → pubsub.capulet.lit: type, namespace, filtering, sender, target, foreign-target hold",
        `${file}: 1 case, 0 passed, 1 failed.`,
        "",
      ].join("\n"),
    );
  });

  test("points at the first byte that differs", async () => {
    const { code, stdout } = await run(one('expect: delegated\nleaves: <iq type="set" from="verona.lit"/>'));
    expect(code).toBe(1);
    const [, , expected = "", actual = "", caret = ""] = ["", ...stdout.split("\n")];
    expect(expected).toContain('- leaves: <iq type="set" from="verona.lit"/>');
    expect(actual).toContain('+ leaves: <iq type="set" from="capulet.lit"');
    expect(actual[caret.indexOf("^")]).toBe("c");
  });

  test.each([
    ["romeo@montague.lit/garden", "<iq/>", "is at no served domain"],
    ["juliet@capulet.lit/balcony", "''", "there is no stanza"],
    ["juliet@capulet.lit/balcony", "<iq>", "the stanza has no end"],
    ["juliet@capulet.lit/balcony", "<iq/><iq/>", "there is more than one stanza"],
  ])("fails a case of %s with %s", async (from, stanza, words) => {
    const cases = `version: 1\nconfig: proxy.yaml\ncases:\n- { name: n, from: ${from}, stanza: ${stanza}, expect: passed }\n`;
    const { code, stdout } = await run(cases);
    expect(code).toBe(1);
    expect(stdout).toContain(words);
  });

  test("expects of a refused stream its fault and its condition (RFC 6120 §11.1)", async () => {
    const cases = one("expect: refused\ncondition: restricted-xml").replace("node='n'/>", "node='n'/><!-- -->");
    expect((await run(cases)).code).toBe(0);
  });

  test("runs several files, and prints all of them as JSON", async () => {
    const { code, stdout, file } = await run(one("expect: refused"), "--json", join(examples, "capulet.yaml"));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      files: [
        { ok: true, failed: 0, problems: [] },
        {
          ok: false,
          file,
          config: expect.stringMatching(/proxy\.yaml$/),
          passed: 0,
          failed: 1,
          cases: [
            {
              name: "a query",
              line: 4,
              ok: false,
              actual: { expect: "delegated", entity: "pubsub.capulet.lit", target: "own-account" },
              differences: [{ key: "expect", expected: "refused", actual: "delegated" }],
            },
          ],
        },
      ],
    });
  });

  test("takes the configuration of -c instead of the one that the file names", async () => {
    const { space, file } = await run(one("expect: passed"));
    space.write("other.yaml", yaml({ delegations: "{}" }));
    const other = join(space.folder, "other.yaml");
    expect((await caesura(["rules", "test", "-c", other, file])).code).toBe(0);
    const missing = await caesura(["rules", "test", "-c", join(space.folder, "none.yaml"), file]);
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(/There is no file[^]*no case was run/);
  });

  test.each([
    [one("expect: delegatd"), /cases\.yaml:7:13: error: .*\n.*\n.*\^\n {2}hint: Did you mean "delegated"\?/],
    [
      one("expect: passed\nreson: full-jid"),
      /cases\.yaml:8:5: error: Unknown key "reson".*[^]*Did you mean "reason"\?/,
    ],
    [one("expect: passed\nreason: full-jidd"), /cases\.yaml:8:13: .*[^]*Did you mean "full-jid"\?/],
    [one("expect: passed").replace("juliet@capulet.lit/balcony", "a@b@c"), /cases\.yaml:5:11: .*is no JID/],
    [one("rule: x"), /"expect" is missing/],
    ["version: 2\ncases: []\n", /unsupported-version[^]*"cases" is empty/],
    ["", /holds no configuration/],
    ["cases: [", /yaml-syntax/],
    [`version: 1\ncases: [${"{ name: a, from: a@b, stanza: x, expect: passed },".repeat(2)}]`, /is called "a" already/],
  ])("says with a place what is wrong with a file", async (cases, words) => {
    const { code, stdout, stderr } = await run(cases);
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout).toMatch(words);
    expect(stdout).toContain("no case was run");
  });

  test("throws nothing, whatever a file holds", { timeout: 60_000 }, async () => {
    const valid = one("expect: delegated");
    const space = workspace();
    space.write("proxy.yaml", rules);
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom("&a ", "*a", "[", "{", "- ", "\t", "!!binary ", "null"),
    );
    const mutation = fc.tuple(fc.nat(valid.length), fc.nat(40), piece);
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        let text = valid;
        for (const [at, length, word] of mutations) text = text.slice(0, at) + word + text.slice(at + length);
        const file = space.write("cases.yaml", text);
        const { code, stdout, stderr } = await caesura(["rules", "test", file]);
        expect([0, 1]).toContain(code);
        expect(stdout + stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
      }),
      { numRuns: 100 },
    );
  });

  test("needs a file", async () => {
    expect((await caesura(["rules", "test"])).code).toBe(2);
    expect((await caesura(["rules"])).code).toBe(2);
  });
});

describe("caesura rules test --junit", () => {
  test("is XML that names each case, what failed in it, and what could not be run", async () => {
    const { code, stdout, file, space } = await run(
      `${one("expect: passed")}  - { name: "b & \\u0001 <c>", from: juliet@capulet.lit/b, stanza: "<iq/>", expect: refused }\n`,
      "--junit",
    );
    expect(code).toBe(1);
    const suite = parseXml(stdout).getElementsByTagName("testsuite")[0];
    expect([suite?.getAttribute("name"), suite?.getAttribute("tests")]).toEqual([file, "2"]);
    const [first, second] = [...(suite?.getElementsByTagName("testcase") ?? [])];
    expect([first?.getAttribute("name"), first?.getAttribute("line")]).toEqual(["a query", "4"]);
    expect(first?.textContent).toMatch(/^- expect: passed\n\+ expect: delegated\n/);
    expect(second?.getAttribute("name")).toBe("b & \u{fffd} <c>");
    const broken = space.write("broken.yaml", "version: 2\n");
    const { stdout: errors } = await caesura(["rules", "test", "--junit", broken]);
    expect(parseXml(errors).getElementsByTagName("error")[0]?.textContent).toMatch(/:1:\d+: /);
  });

  test("has no failure in it when all is well, and is one of two shapes", async () => {
    const { code, stdout } = await run(one("expect: delegated"), "--junit");
    expect(code).toBe(0);
    expect(stdout).toContain('failures="0" errors="0"');
    expect((await run(one("expect: delegated"), "--junit", "--json")).code).toBe(2);
  });
});
