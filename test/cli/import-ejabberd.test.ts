import * as fc from "fast-check";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadRules, parseConfig } from "../../src/config/index.js";
import { pem, workspace } from "../config/workspace.js";
import type { Workspace } from "../config/workspace.js";
import { caesura } from "./recorder.js";
import type { Outcome } from "./recorder.js";

const ejabberd = `hosts:
  - localhost
  - capulet.lit
certfiles:
  - pem/*.crt
  - pem/*.key
define_macro:
  DELEGATED: external_pubsub
listen:
  - port: 5222
    ip: "::"
    module: ejabberd_c2s
    max_stanza_size: 65536
  - port: 5223
    module: ejabberd_c2s
    tls: true
  - port: 5347
    ip: 127.0.0.1
    module: ejabberd_service
    hosts:
      pubsub.capulet.lit: { password: balcony }
acl:
  external_component: { server: Pubsub.Capulet.LIT }
access_rules:
  external_pubsub:
    allow: external_component
  external_mam:
    - allow: external_component
    - deny: all
modules:
  mod_delegation:
    namespaces:
      urn:xmpp:mam:2:
        access: external_mam
        filtering: [node]
      http://jabber.org/protocol/pubsub:
        access: DELEGATED
`;

interface Imported extends Outcome {
  readonly space: Workspace;
}

async function run(yaml: string | Uint8Array, ...more: string[]): Promise<Imported> {
  const space = workspace();
  for (const name of ["montague.crt", "montague.key", "capulet.crt", "capulet.key"]) {
    space.write(`pem/${name.replace("capulet", "z")}`, pem(name));
  }
  const file = space.write("ejabberd.yml", yaml);
  return { ...(await caesura(["import", file, ...more])), space };
}

function notesOf({ stderr, space }: Imported): readonly string[] {
  return stderr
    .split("\n")
    .filter((line) => /: (?:error|warning|note): /.test(line))
    .map((line) => line.replace(`${space.folder}/`, ""));
}

function delegationsOf({ stdout, space }: Imported) {
  const loaded = loadRules(space.write("proxy.yaml", stdout));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.domains.map(({ name, delegations }) => [
    name,
    ...delegations.map(({ namespace, entity, filtering }) => [namespace, entity, ...filtering].join(" ")),
  ]);
}

/** The example with another access rule, or other text in place of some of it. */
const changed = (wanted: string, text: string): string => {
  expect(ejabberd).toContain(wanted);
  return ejabberd.replace(wanted, text);
};

describe("caesura import of ejabberd.yml", () => {
  test("carries mod_delegation over, with components, ports, certificate and limits", async () => {
    const outcome = await run(ejabberd);
    expect(outcome.code).toBe(0);
    expect(notesOf(outcome)).toEqual(["ejabberd.yml:2:5: note: localhost is left out beside real domains."]);
    expect(delegationsOf(outcome)).toEqual([
      ["capulet.lit", "urn:xmpp:mam:2 pubsub.capulet.lit node", "http://jabber.org/protocol/pubsub pubsub.capulet.lit"],
    ]);
    const { space, stdout } = outcome;
    expect(parseConfig(join(space.folder, "proxy.yaml"), stdout, { env: {}, nowMs: 0 })).toMatchObject({
      ok: true,
      config: {
        domains: [
          {
            tls: { certFile: join(space.folder, "pem/z.crt"), keyFile: join(space.folder, "pem/z.key") },
            server: { c2s: { port: 15222 }, component: { port: 15347 } },
            components: [{ jid: "pubsub.capulet.lit" }],
          },
        ],
        listen: [
          { kind: "c2s", host: "::", port: 5222, tls: "starttls" },
          { kind: "c2s", host: "0.0.0.0", port: 5223, tls: "direct" },
          { kind: "component", host: "127.0.0.1", port: 5347 },
        ],
        limits: { maxStanzaBytes: 65_536 },
      },
    });
    expect(stdout + outcome.stderr).not.toContain("balcony");
  });

  test("says what is to be changed in ejabberd", async () => {
    const { stdout } = await run(ejabberd);
    expect(stdout).toContain("# Change the configuration of ejabberd before Caesura starts:");
    expect(stdout).toContain("# - take mod_delegation out of modules");
    expect(stdout).toContain(`# - listen, module ejabberd_service: port: 15347  ip: "127.0.0.1"`);
    expect(stdout).not.toContain("Prosody");
  });

  test.each([
    ["anyone", "access_rules:\n  anyone: { allow: all }", "everybody who connects is admitted"],
    ["all", "access_rules:", "everybody who connects is admitted"],
    ["nobody_knows", "access_rules:", `there is no access rule "nobody_knows"`],
    ["{ allow: { server: [a.lit, b.lit] } }", "access_rules:", "its access rule admits a.lit and b.lit"],
    ["{ allow: { user_regexp: '' } }", "access_rules:", `it goes by "user_regexp", not by a domain`],
    ["{ allow: { server: '@@' } }", "access_rules:", "its server is no list of addresses"],
    ["round", "access_rules:\n  round: round", "its access rules go round in a circle"],
    ["[{ deny: { server: a.lit } }, { allow: { server: b.lit } }]", "access_rules:", "it denies somebody first"],
    ["[]", "access_rules:", "its access rule is empty"],
  ])("leaves out a delegation whose entity cannot be known: access: %s", async (access, rules, why) => {
    const text = changed("access: external_mam", `access: ${access}`).replace("access_rules:", rules);
    const outcome = await run(text);
    expect(outcome.code).toBe(0);
    const line = text.split("\n").findIndex((one) => one.includes("access: ")) + 1;
    expect(notesOf(outcome).join("\n")).toContain(
      `ejabberd.yml:${String(line)}:9: warning: Not carried over: the delegation of urn:xmpp:mam:2: ${why}.`,
    );
    expect(delegationsOf(outcome)).toEqual([["capulet.lit", "http://jabber.org/protocol/pubsub pubsub.capulet.lit"]]);
  });

  test.each([
    ["{ allow: { server: pubsub.capulet.lit } }"],
    ["[{ allow: [{ server: { pubsub.capulet.lit: {} } }] }]"],
    ["[{ allow: { acl: external_component } }, { deny: all }]"],
  ])("understands each way to write an access rule: %s", async (access) => {
    expect(delegationsOf(await run(changed("access: external_mam", `access: ${access}`)))[0]).toContain(
      "urn:xmpp:mam:2 pubsub.capulet.lit node",
    );
  });

  test("gives a host what its own configuration adds, and tells of a component that is nowhere", async () => {
    const more =
      "append_host_config:\n  capulet.lit:\n    modules:\n      mod_delegation:\n        namespaces:\n          urn:x: { access: { allow: { server: vault.capulet.lit } } }\n";
    const outcome = await run(ejabberd + more);
    expect(delegationsOf(outcome)[0]).toContain("urn:x vault.capulet.lit");
    expect(notesOf(outcome)[1]).toMatch(
      /:43:18: warning: urn:x is delegated to vault\.capulet\.lit, which no ejabberd_service/,
    );
  });

  test("never takes a rule without its filter, nor the namespace of delegation itself (XEP-0355 §4.3, §8)", async () => {
    const filter = await run(changed("filtering: [node]", "filtering: { a: 1 }"));
    expect(delegationsOf(filter)[0]).toHaveLength(2);
    const itself = await run(changed("urn:xmpp:mam:2:", "urn:xmpp:delegation:2:"));
    expect(delegationsOf(itself)[0]).toHaveLength(2);
    expect(notesOf(itself).filter((note) => note.includes("cannot be delegated"))).toHaveLength(1);
  });

  test("follows included files, each once and none for ever", async () => {
    const space = workspace();
    space.write("modules.yml", ejabberd.slice(ejabberd.indexOf("modules:")) + "include_config_file: ejabberd.yml\n");
    const file = space.write(
      "ejabberd.yml",
      `${ejabberd.slice(0, ejabberd.indexOf("modules:"))}include_config_file: [modules.yml, gone.yml]\n`,
    );
    const { code, stderr } = await caesura(["import", file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/ejabberd\.yml:30:36: warning: There is no file ".*gone\.yml"/);
    expect(stderr).toContain(`ejabberd.yml" includes itself`);
  });

  test("tells of doors that pass Caesura by, and of listeners that are no ports", async () => {
    const more = `listen:
  - { port: 5443, module: ejabberd_http, request_handlers: { /ws: ejabberd_http_ws, /bosh: mod_bosh } }
  - { port: "unix:/run/c2s.sock", module: ejabberd_c2s }
  - { port: "5230-5232", ip: 127.0.0.1, module: ejabberd_c2s }`;
    const outcome = await run(changed("listen:", more));
    expect(notesOf(outcome).slice(1)).toEqual([
      expect.stringMatching(/:10:67: warning: Clients that come through WebSocket/),
      expect.stringMatching(/:10:92: warning: Clients that come through BOSH/),
      expect.stringMatching(/:11:5: warning: Not carried over: this listener \(ejabberd_c2s\)/),
    ]);
    expect(outcome.stdout).toContain("port: 5231, tls: starttls");
  });

  test("says that the certificate is a guess where none of the files names the host", async () => {
    const outcome = await run(changed("- capulet.lit", "- verona.lit"));
    expect(notesOf(outcome).join("\n")).toMatch(
      /:5:5: warning: Which of the certfiles is the certificate of verona\.lit/,
    );
  });

  test("prints the same as JSON", async () => {
    const outcome = await run(ejabberd, "--json");
    expect(JSON.parse(outcome.stdout)).toMatchObject({ ok: true, yaml: expect.stringContaining("version: 1") });
  });

  test.each([
    ["", /holds no configuration/],
    ["[1]", /no configuration of ejabberd/],
    ["hosts: [", /1:9: error: Not YAML/],
    ["hosts: [capulet.lit\n", /Not YAML/],
    ["loglevel: 4\n", /There is no host/],
    [`hosts: ${"[".repeat(50_000)}`, /nested far deeper/],
  ])("makes nothing of %j, and says why", async (text, words) => {
    const { code, stdout, stderr } = await run(text);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(words);
  });

  test("is not stopped by macros that stand for themselves", async () => {
    const macros = `DELEGATED: [${Array.from({ length: 50 }, () => "DELEGATED").join(", ")}]`;
    const outcome = await run(changed("DELEGATED: external_pubsub", macros));
    expect(outcome.code).toBe(0);
    expect(delegationsOf(outcome)[0]).toHaveLength(2);
  });

  test.each(["port: 5222", "max_stanza_size: 65536", "module: ejabberd_c2s", 'ip: "::"'])(
    "throws nothing where a mapping has keys of JavaScript's own instead of %s",
    async (line) => {
      const [key = ""] = line.split(":", 1);
      const outcome = await run(changed(line, `${key}: { toString: 1, valueOf: 2 }`));
      expect(outcome.code).toBe(0);
    },
  );

  test("throws nothing, whatever stands anywhere, and stays inside of the file", { timeout: 30_000 }, async () => {
    const names = ["hosts", "certfiles", "define_macro", "listen", "acl", "access_rules", "modules", "host_config"];
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 4 }),
      fc.constantFrom({ mod_delegation: { namespaces: { "urn:x": { access: ["x", { allow: "x" }] } } } }, [
        "capulet.lit",
      ]),
    );
    const document = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(document, async (content) => {
        const text = JSON.stringify(content, undefined, 1);
        const { code, stdout } = await run(text, "--json");
        expect([0, 1]).toContain(code);
        const { notes }: { notes: readonly { line: number; column: number }[] } = JSON.parse(stdout);
        const lines = text.split("\n");
        for (const { line, column } of notes) expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
      }),
      { numRuns: 60 },
    );
  });
});
