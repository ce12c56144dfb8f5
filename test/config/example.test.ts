import { Ajv } from "ajv";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configJsonSchema, configReference, problemCodes } from "../../src/config/index.js";
import { nowMs, pem, workspace, yaml } from "./workspace.js";

const root = join(import.meta.dirname, "..", "..");
const example = readFileSync(join(root, "proxy.yaml"), "utf8");
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(configJsonSchema());

describe("proxy.yaml", () => {
  test("loads without a word when the files that it names are there", () => {
    const space = workspace();
    space.write("certs/capulet.lit.crt", pem("capulet.crt"));
    space.write("certs/capulet.lit.key", pem("capulet.key"));
    expect(space.findings(example)).toEqual([]);
  });

  test("says what is missing when they are not", () => {
    expect(
      new Set(
        workspace()
          .problems(example)
          .map(({ code }) => code),
      ),
    ).toEqual(new Set(["file-missing"]));
  });

  test("listens on loopback only, and points editors at the schema", () => {
    const hosts = [...example.matchAll(/^\s*[^#\n]*\bhost: ([\w.:]+)/gm)].map(([, host]) => host);
    expect(hosts).toHaveLength(6);
    expect(new Set(hosts)).toEqual(new Set(["127.0.0.1"]));
    expect(example.split("\n")[0]).toBe("# yaml-language-server: $schema=./proxy.schema.json");
  });

  test("shows the defaults as the defaults", () => {
    const space = workspace();
    space.write("certs/capulet.lit.crt", pem("capulet.crt"));
    space.write("certs/capulet.lit.key", pem("capulet.key"));
    const { limits, timeouts, streamManagement, log } = space.config(example);
    expect(workspace().config(yaml())).toMatchObject({ limits, timeouts, streamManagement, log });
  });
});

describe("proxy.schema.json", () => {
  test("is what caesura schema prints", () => {
    const stored: unknown = JSON.parse(readFileSync(join(root, "proxy.schema.json"), "utf8"));
    expect(stored).toEqual(configJsonSchema());
  });

  test("accepts proxy.yaml", () => {
    expect(validate(parse(example)), JSON.stringify(validate.errors)).toBe(true);
  });

  test("requires no key that has a default", () => {
    const small = yaml({ delegations: "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit } }" });
    expect(validate(parse(small)), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    ["an unknown key", "domians: {}"],
    ["an unknown key of a section", "limits: { stanzas: 1MiB }"],
    ["a duration without a unit", "timeouts: { tls: 30 }"],
    ["a size that is none", "limits: { stanza: 256kb }"],
    ["a count out of its range", "limits: { depth: 1000 }"],
    ["a level that is none", "log: { level: verbose }"],
  ])("rejects %s", (_, rest) => expect(validate(parse(yaml({ rest })))).toBe(false));

  test.each([
    ["a listener without TLS setting", { listen: "[{ kind: c2s, host: 127.0.0.1, port: 5222 }]" }],
    ["a listener of another kind", { listen: "[{ kind: s2s, host: 127.0.0.1, port: 5269, tls: starttls }]" }],
    ["a delegation without an entity", { delegations: "{ urn:xmpp:mam:2: {} }" }],
    ["a server without a port", { c2s: "{ host: 127.0.0.1 }" }],
  ])("rejects %s", (_, parts) => expect(validate(parse(yaml(parts)))).toBe(false));

  test("describes every key, with an example that it accepts itself", () => {
    const undescribed: string[] = [];
    // One for all: each takes a while to be made.
    const ajv = new Ajv({ strict: true });
    const look = (schema: ReturnType<typeof configJsonSchema>, path: string): void => {
      for (const [key, child] of Object.entries(schema.properties ?? {})) {
        const here = `${path}.${key}`;
        if (child.description === undefined || child.examples?.length !== 1) undescribed.push(here);
        else if (child.type !== "object" && child.type !== "array") {
          const isFine = ajv.compile(child)(child.examples[0]);
          if (!isFine) undescribed.push(`${here}: example`);
        }
        look(child, here);
      }
      for (const variant of schema.oneOf ?? []) look(variant, path);
      if (typeof schema.additionalProperties === "object") look(schema.additionalProperties, `${path}.*`);
      if (schema.items !== undefined) look(schema.items, `${path}[]`);
    };
    look(configJsonSchema(), "");
    expect(undescribed).toEqual([]);
  });
});

describe("docs/configuration.md", () => {
  // After a change of the schema: npx vitest run --project unit test/config/example.test.ts -u
  test("is the reference that the schema makes", async () => {
    await expect(configReference()).toMatchFileSnapshot(join(root, "docs", "configuration.md"));
  });

  test("describes every key of the schema and every code of a problem", () => {
    const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");
    const keys = new Set<string>();
    JSON.stringify(configJsonSchema(), (key, value: unknown) => {
      if (key === "properties" && typeof value === "object" && value !== null) {
        for (const name of Object.keys(value)) keys.add(name);
      }
      return value;
    });
    expect(keys.size).toBeGreaterThan(45);
    for (const key of keys) expect(text).toMatch(new RegExp(`^#+ \`([^\`]*\\.)?${key}\``, "m"));
    for (const code of Object.keys(problemCodes)) expect(text).toContain(`- \`${code}\`: `);
  });

  test("gives each key a type, its need or default, and an example", () => {
    const sections = configReference()
      .split(/^#{2,3} `/m)
      .slice(1);
    for (const section of sections.filter((text) => !/^[^`]*>`/.test(text))) {
      expect(section).toMatch(/^- Type: .+$/m);
      expect(section).toMatch(/^- (Required|Default: .+)$/m);
      expect(section).toMatch(/^- Example: `.+`$/m);
    }
  });
});

test("the certificates of the tests are valid at the date of the tests", () => {
  expect(workspace().findings(yaml(), { nowMs })).toEqual([]);
});
