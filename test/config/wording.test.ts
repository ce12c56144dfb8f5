import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

describe("what to write instead", () => {
  test.each([
    [{ c2s: "{ host: 127.0.0.1, port: '15222' }" }, "6:37", "Write port: 15222"],
    [{ c2s: "{ host: 127.0.0.1, port: 15_222 }" }, "6:37", "Write port: 15222"],
    [{ c2s: "{ host: 'localhost:15222' }" }, "6:7", "Write host: localhost, port: 15222"],
    [{ c2s: "127.0.0.1:15222" }, "6:12", "Write c2s: { host: 127.0.0.1, port: 15222 }"],
    [{ c2s: "{ host: 127.0.0.1, port: 15222, tls: no }" }, "6:49", "Write tls: none"],
    [{ c2s: "{ host: 127.0.0.1, port: 15222, verify: yes }" }, "6:52", /^Write verify: true\./],
    [{ c2s: "{ host: 127.0.0.1, port: 15222, verify: Off }" }, "6:52", /^Write verify: false\./],
    [{ tls: "{ certificate: capulet.crt, key: capulet.key }" }, "4:12", `Did you mean "cert"?`],
    [{ delegations: "[{ jid: pubsub.capulet.lit }]" }, "9:18", /^For example delegations: \{ urn:xmpp:mam:2: /],
    [{ delegations: "{ urn:xmpp:mam:2: a.lit }" }, "9:36", "Write urn:xmpp:mam:2: { jid: a.lit }"],
    [
      { delegations: "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit, filtering: node } }" },
      "9:74",
      "Write filtering: [node]",
    ],
    [{ rest: "log: debug" }, "11:6", "For example log: { level: info }"],
    [{ rest: "limits: { stanza: 262144 }" }, "11:19", "For example 256KiB"],
    [{ rest: "limits: { stanza: 10000 }" }, "11:19", "For example 10000B"],
    [{ rest: "limits: { stanza: 2097152 }" }, "11:19", "For example 2MiB"],
    [{ rest: "timeouts: { tls: 30 }" }, "11:18", "For example 30s"],
    [{ rest: "timeouts: { tls: 30000 }" }, "11:18", "For example 30000ms"],
    [{ rest: "limits: { depth: lots }" }, "11:18", undefined],
    [
      { listen: "[{ kind: c2s, host: 127.0.0.1, port: 5222, tls: starttls, proxyProtocol: on }]" },
      "10:82",
      /^For example/,
    ],
  ])("is said of %j", (parts, place, hint) => {
    const problems = workspace().problems(yaml(parts));
    expect(problems).toMatchObject([{ severity: "error" }]);
    const [problem] = problems;
    expect(`${String(problem?.line)}:${String(problem?.column)}`).toBe(place);
    if (hint instanceof RegExp) expect(problem?.hint).toMatch(hint);
    else expect(problem?.hint).toBe(hint);
  });

  test("is an example that is accepted as it stands", () => {
    const [{ hint = "" } = {}] = workspace().problems(yaml().replace(/^listen:.*$/m, ""));
    const [, example = ""] = /^For example: listen: (.*)$/.exec(hint) ?? [];
    expect(workspace().findings(yaml({ listen: example, delegations: "{}" }))).toEqual([]);
  });
});

describe("one mistake is one problem", () => {
  test.each([
    ["an alias repeats it", `${yaml({ c2s: "{ host: 127.0.0.1, port: x }" }).replace("lit:\n", "lit: &c\n")}\n`, 1],
    ["a key is misspelt that is required", yaml().replace("listen:", "listn:"), 1],
    ["a listener's key is misspelt", yaml({ listen: "[{ kind: c2s, hst: 127.0.0.1, port: 5222, tls: starttls }]" }), 1],
    ["brackets are not closed", "listen: [[[[[[", 1],
    ["a line is indented wrongly", yaml().replace("    server:", "   server:"), 1],
    ["a line is indented with a tab", yaml().replace("    server:", "\tserver:"), 1],
    [
      "two sections are indented wrongly",
      `${yaml().replace("    server:", "   server:")}\nlog:\n    a: 1\n   b: 1\n`,
      2,
    ],
  ])("when %s", (_, text, count) => {
    const again = text.includes("&c") ? text.replace("listen:", "  capulet.example: *c\nlisten:") : text;
    const errors = workspace()
      .problems(again)
      .filter(({ severity, code }) => severity === "error" && code !== "ambiguous-component");
    expect(errors.map(({ message }) => message)).toHaveLength(count);
  });
});

describe("what is not YAML", () => {
  test.each([
    ["a: 1\nversion 1\nb: 2\n", "2:1", `Not YAML: no colon with a space stands behind "version".`, "Write version: 1"],
    ["a: 1\nport:5222\n", "2:1", `Not YAML: no colon with a space stands behind "port".`, "Write port: 5222"],
    ["a:\n\tb: 1\n", "2:1", "Not YAML: this line is indented with a tab.", "Indent with spaces."],
    ["a: { b: 1\nc: 2\n", "2:1", "Not YAML: a closing } is missing before this place.", undefined],
    [
      "a:\n    b: 1\n\n   c: 1\n",
      "4:4",
      "Not YAML: this line is indented by 3 spaces, where nothing above begins.",
      "Indent it as far as its neighbours are.",
    ],
    ["\n\n  - a\n - b", "4:2", /^Not YAML/, undefined],
    ["a: @b\n", "1:4", "Not YAML: Plain value cannot start with reserved character @.", "Write the value in quotes."],
  ])("is told of %j", (text, place, message, hint) => {
    const [problem] = workspace().problems(text);
    expect(`${String(problem?.line)}:${String(problem?.column)}`).toBe(place);
    expect(problem?.message).toMatch(message);
    if (hint !== undefined) expect(problem?.hint).toBe(hint);
  });

  test.each([
    ["brackets", "[".repeat(100_000)],
    ["dashes", "- ".repeat(100_000)],
    ["mappings", "a: {b: ".repeat(50_000)],
    ["questions", "? ".repeat(50_000)],
    ["lines", Array.from({ length: 1_000 }, (_, index) => `${" ".repeat(index)}a:`).join("\n")],
  ])("nor usable: %s without end, which would exhaust the stack", (_, text) => {
    expect(workspace().problems(text)).toMatchObject([{ code: "yaml-syntax", message: /nested/ }]);
  });

  test("nor usable: aliases that multiply, at the alias that is too much", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const lines = names.map((name, index) => {
      const content = index === 0 ? "x" : `*${names[index - 1] ?? ""}`;
      return `${name}: &${name} [${Array.from({ length: 9 }, () => content).join(",")}]`;
    });
    const [problem] = workspace().problems(lines.join("\n"));
    expect(problem).toMatchObject({ code: "yaml-alias", line: 5 });
    // One inside of the other, and none of them large.
    const deep = names.map(
      (name, index) =>
        `${name}: &${name} ${"[".repeat(60)}${index === 0 ? "x" : `*${names[index - 1] ?? ""}`}${"]".repeat(60)}`,
    );
    expect(workspace().problems(deep.join("\n"))).toMatchObject([{ code: "yaml-alias", line: 3 }]);
  });

  test("nor text: the first byte that is none is shown, and how to turn the file into UTF-8", () => {
    const latin = Buffer.from("version: 1\n# ä, from Capulets caf\xe9\n", "latin1");
    expect(workspace().problems(latin)).toMatchObject([
      { code: "file-not-text", line: 2, column: 3, hint: expect.stringContaining("iconv -f ISO-8859-1") },
    ]);
    const mixed = Buffer.concat([Buffer.from("# ä\n# bé "), Buffer.of(0xe9), Buffer.from("\n")]);
    expect(workspace().problems(mixed)).toMatchObject([{ line: 2, column: 6, message: /byte E9/ }]);
    const wide = Buffer.from("\ufeffversion: 1\n", "utf16le");
    expect(workspace().problems(wide)).toMatchObject([{ code: "file-not-text", message: /UTF-16/ }]);
  });
});
