import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadRules, parseConfig } from "../../src/config/index.js";
import { workspace } from "../config/workspace.js";
import type { Workspace } from "../config/workspace.js";
import { caesura } from "./recorder.js";

const prosody = `
-- As the page of mod_delegation shows it.
admins = { "juliet@capulet.lit" }
modules_enabled = { "roster", "delegation", "privilege", "bosh" }
c2s_direct_tls_ports = { 5223 }
c2s_stanza_size_limit = 65536
VirtualHost "capulet.lit"
  delegations = {
    ["urn:xmpp:mam:2"] = {
      filtering = {"node"};
      jid = "pubsub.capulet.lit";
    },
    ["http://jabber.org/protocol/pubsub"] = { jid = "pubsub.capulet.lit" },
    ["urn:xmpp:delegation:2:bare:disco#info:*"] = { jid = "pubsub.capulet.lit"; },
  }
Component "pubsub.capulet.lit"
  component_secret = "balcony"
  modules_enabled = {"privilege", "delegation"}
Component "rooms.capulet.lit" "muc"
`;

interface Imported {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly space: Workspace;
}

async function run(lua: string, ...more: string[]): Promise<Imported> {
  const space = workspace();
  const file = space.write("prosody.cfg.lua", lua);
  return { ...(await caesura(["import", file, ...more])), space };
}

/** The notes without excerpts, without the folder, and without what most short configurations here lack. */
function notesOf({ stderr, space }: Imported): readonly string[] {
  return stderr
    .split("\n")
    .filter((line) => /: (?:error|warning|note): /.test(line) && !line.includes("note: No modules_enabled"))
    .map((line) => line.replace(`${space.folder}/`, ""));
}

/** What the result says, as `caesura explain` would read it. */
function rulesOf({ stdout, space }: Imported) {
  const loaded = loadRules(space.write("proxy.yaml", stdout));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return Object.fromEntries(
    loaded.config.domains.map(({ name, delegations }) => [
      name,
      Object.fromEntries(delegations.map(({ namespace, entity, filtering }) => [namespace, [entity, ...filtering]])),
    ]),
  );
}

/** Problems of the result apart from what is not there on this machine. */
function remaining({ stdout, space }: Imported): readonly string[] {
  const parsed = parseConfig(join(space.folder, "proxy.yaml"), stdout, { env: {} });
  return (parsed.ok ? [] : parsed.problems)
    .filter(({ severity, code }) => severity === "error" && code !== "file-missing")
    .map(({ code, path }) => `${code} ${path}`);
}

describe("caesura import", () => {
  test("carries the table of mod_delegation over, with its components, ports and limits", async () => {
    const outcome = await run(prosody);
    expect(outcome.code).toBe(0);
    expect(remaining(outcome)).toEqual([]);
    expect(rulesOf(outcome)).toEqual({
      "capulet.lit": {
        "urn:xmpp:mam:2": ["pubsub.capulet.lit", "node"],
        "http://jabber.org/protocol/pubsub": ["pubsub.capulet.lit"],
        "urn:xmpp:delegation:2:bare:disco#info:*": ["pubsub.capulet.lit"],
      },
    });
    const { stdout, space } = outcome;
    for (const words of [
      `cert: ${space.folder}/certs/capulet.lit.crt`,
      `key: ${space.folder}/certs/capulet.lit.key`,
      "c2s: { host: 127.0.0.1, port: 15222, tls: none }",
      "component: { host: 127.0.0.1, port: 15347 }",
      "pubsub.capulet.lit: {}",
      '{ kind: c2s, host: "::", port: 5222, tls: starttls }',
      '{ kind: c2s, host: "::", port: 5223, tls: direct }',
      '{ kind: component, host: "127.0.0.1", port: 5347 }',
      "stanza: 65536B",
      "# - c2s_ports = { 15222 }",
      '# - take "delegation" out of modules_enabled',
    ]) {
      expect(stdout).toContain(words);
    }
    expect(notesOf(outcome)).toEqual([
      expect.stringMatching(
        /^prosody\.cfg\.lua:4:\d+: warning: Clients that come through mod_bosh do not pass Caesura/,
      ),
    ]);
  });

  test("never prints a secret, not even beside a complaint about its line", async () => {
    const outcome = await run(
      `${prosody}\nComponent "x.capulet.lit" component_secret = "orchard" .. ENV_MORE  foo()\n`,
    );
    const json = await run(prosody, "--json");
    for (const text of [outcome.stdout, outcome.stderr, json.stdout]) expect(text).not.toMatch(/balcony|orchard/);
  });

  test("shares a global table among all domains that have none of their own, and serves them all", async () => {
    const outcome = await run(`
      delegations = { ["urn:xmpp:mam:2"] = { jid = "pubsub.capulet.lit" } }
      VirtualHost "localhost"
      VirtualHost "capulet.lit"
      VirtualHost "montague.lit" { delegations = { ["urn:x"] = { jid = "x.montague.lit", filtering = "node" } } }
      VirtualHost "off.lit" enabled = false
      Component "pubsub.capulet.lit" { component_secret = "s" }
      Component "x.montague.lit" component_secret = "s"
    `);
    expect(rulesOf(outcome)).toEqual({
      "capulet.lit": { "urn:xmpp:mam:2": ["pubsub.capulet.lit"] },
      "montague.lit": { "urn:x": ["x.montague.lit", "node"] },
    });
    expect(remaining(outcome)).toEqual([]);
    expect(notesOf(outcome)).toEqual([
      expect.stringContaining("note: localhost is left out"),
      expect.stringContaining("note: off.lit is switched off"),
    ]);
  });

  test("takes a table in the section of a component for the domain above it", async () => {
    const outcome = await run(`
      VirtualHost "capulet.lit"
      Component "pubsub.capulet.lit"
        delegations = { ["urn:xmpp:mam:2"] = { jid = "pubsub.capulet.lit" } }
    `);
    expect(rulesOf(outcome)).toEqual({ "capulet.lit": { "urn:xmpp:mam:2": ["pubsub.capulet.lit"] } });
    expect(notesOf(outcome)).toEqual([
      expect.stringMatching(/^prosody\.cfg\.lua:4:9: note: These delegations stand in/),
    ]);
  });

  test("says with its place what would have to be executed, or cannot be taken", async () => {
    const outcome = await run(
      [
        "local suffix = '.lit'",
        "VirtualHost 'capulet.lit'",
        "delegations = {",
        "  ['urn:a'] = { jid = 'pubsub' .. suffix },",
        "  ['urn:b'] = make(),",
        "  [ns] = { jid = 'pubsub.capulet.lit' },",
        "  ['urn:c'] = { jid = 'pubsub.capulet.lit', filtering = { os.getenv('F') } },",
        "  ['urn:d'] = { jid = 'pubsub.capulet.lit', connected = true },",
        "  ['urn:xmpp:delegation:2'] = { jid = 'pubsub.capulet.lit' },",
        "  ['urn:e'] = { },",
        "  ['urn:f'] = { jid = 'capulet.lit' },",
        "}",
        "Include(ENV_MORE)",
        "Include 'gone.cfg.lua'",
        "if os.getenv('X') then c2s_ports = { 1 } end",
        "VirtualHost(name)",
        "c2s_ports = { 5222 + 1 }",
        "Component 'pubsub.capulet.lit'",
      ].join("\n"),
    );
    expect(outcome.code).toBe(0);
    expect(remaining(outcome)).toEqual([]);
    expect(rulesOf(outcome)).toEqual({ "capulet.lit": { "urn:d": ["pubsub.capulet.lit"] } });
    expect(notesOf(outcome).map((note) => note.replace("prosody.cfg.lua:", ""))).toEqual([
      "4:23: warning: Not carried over: the jid of urn:a is text put together with .., which is not executed here.",
      "5:4: warning: Not carried over: the delegation of urn:b is a function call (make…), which is not executed here, not a table.",
      "6:4: warning: Not carried over: a delegation whose namespace is the variable ns, which is not executed here.",
      "7:57: warning: Not carried over: urn:c, whose filtering is no list of names.",
      "8:57: warning: Not carried over: connected in the delegation of urn:d.",
      "9:4: warning: Not carried over: the delegation of urn:xmpp:delegation:2. urn:xmpp:delegation:2 itself cannot be delegated (XEP-0355 §8).",
      "10:4: warning: Not carried over: the delegation of urn:e names no jid.",
      expect.stringMatching(
        /^11:4: warning: Not carried over: the delegation of urn:f\. capulet\.lit is the served domain/,
      ),
      "13:1: warning: Not carried over: an Include whose file name is computed is not executed here.",
      expect.stringMatching(/^14:1: warning: There is no file/),
      '15:1: warning: Not carried over: a block that begins with "if" is not executed here.',
      "16:1: warning: This VirtualHost is left out. Its name is the variable name, which is not computed here.",
    ]);
    expect(outcome.stderr).toContain("    4 |   ['urn:a'] = { jid = 'pubsub' .. suffix },");
  });

  test("warns of an entity that Prosody does not know, and lets it connect all the same", async () => {
    const outcome = await run(`VirtualHost "capulet.lit" delegations = { ["urn:x"] = { jid = "x.capulet.lit" } }`);
    expect(notesOf(outcome)).toEqual([expect.stringContaining("x.capulet.lit, which is no Component here")]);
    expect(outcome.stdout).toContain("x.capulet.lit: {}");
    expect(remaining(outcome)).toEqual([]);
  });

  test("warns of an entity that Prosody makes itself, and of options that it does not know", async () => {
    const outcome = await run(
      [
        'modules_enabled = { "delegation" }',
        'VirtualHost "capulet.lit"',
        'delegations = { ["urn:x"] = { jid = "rooms.capulet.lit" } }',
        "delegations_timeout = 5",
        'Component "rooms.capulet.lit" "muc"',
      ].join("\n"),
    );
    expect(notesOf(outcome)).toEqual([
      expect.stringContaining(
        "3:18: warning: urn:x is delegated to rooms.capulet.lit, which Prosody makes itself of a module (muc)",
      ),
      expect.stringContaining("4:1: warning: Not carried over: delegations_timeout is not known here."),
    ]);
    // The file itself says so too, to whoever finds it later.
    expect(outcome.stdout).toMatch(
      /^# To be looked at:\n#\n# - .*prosody\.cfg\.lua:3: urn:x is delegated[^\n]*\n# - .*:4: Not carried/m,
    );
  });

  test("says that a table had no effect before", async () => {
    const lua =
      'VirtualHost "capulet.lit" delegations = { ["urn:x"] = { jid = "x.capulet.lit" } } Component "x.capulet.lit"';
    const outcome = await run(lua);
    expect(outcome.stderr).toContain("1:27: note: No modules_enabled names mod_delegation");
    expect(outcome.stdout).not.toContain("To be looked at");
  });

  test("names files for secrets where Prosody takes no components", async () => {
    const outcome = await run(`component_ports = {}\n${prosody}`);
    expect(outcome.stdout).toContain("pubsub.capulet.lit: { secretFile: secrets/pubsub.capulet.lit }");
    expect(outcome.stdout).not.toContain("component: {");
    expect(remaining(outcome)).toEqual([]);
  });

  test("keeps the ports of a Prosody that is behind something already", async () => {
    const outcome = await run(
      `c2s_interfaces = { "127.0.0.1" } c2s_ports = { 15222 } component_ports = 15347\n${prosody}`,
    );
    expect(outcome.stdout).toContain("port: 15222");
    expect(outcome.stdout).toContain("component: { host: 127.0.0.1, port: 15347 }");
    expect(outcome.stdout).not.toContain("c2s_ports = ");
    expect(remaining(outcome)).toEqual([]);
  });

  test.each([
    [`ssl = { certificate = "/c/a.pem", key = "/c/b.pem" }`, "cert: /c/a.pem", "key: /c/b.pem"],
    [`certificate = "tls/capulet.crt"`, "/tls/capulet.crt", "/tls/capulet.key"],
    [`certificate = "/le/fullchain.pem"`, "cert: /le/fullchain.pem", "key: /le/privkey.pem"],
    [`certificates = "/etc/certs"`, "cert: /etc/certs/capulet.lit.crt", "key: /etc/certs/capulet.lit.key"],
  ])("finds the certificate by %s", async (option, cert, key) => {
    const { stdout } = await run(`${option}\nVirtualHost "capulet.lit"`);
    expect(stdout).toContain(cert);
    expect(stdout).toContain(key);
  });

  test("reads included files in their order, each outside of all sections, and none twice within itself", async () => {
    const space = workspace();
    space.write("conf.d/b.cfg.lua", `VirtualHost "montague.lit"\nInclude "../prosody.cfg.lua"`);
    space.write("conf.d/a.cfg.lua", `c2s_direct_tls_ports = { 5223 }\nVirtualHost "capulet.lit"`);
    space.write("conf.d/.hidden.cfg.lua", `VirtualHost "hidden.lit"`);
    space.write("conf.d/c.txt", `VirtualHost "other.lit"`);
    symlinkSync("nowhere", join(space.folder, "conf.d", "z.cfg.lua"));
    const file = space.write(
      "prosody.cfg.lua",
      `VirtualHost "verona.lit" Include "conf.d/*.cfg.lua" Include "none/*.lua" certificate = "x.crt"`,
    );
    const outcome = { ...(await caesura(["import", file])), space };
    expect(Object.keys(rulesOf(outcome))).toEqual(["verona.lit", "capulet.lit", "montague.lit"]);
    expect(outcome.stdout).toMatch(/verona\.lit:\n.*\n {6}cert: .*x\.crt/);
    expect(outcome.stdout).toContain("port: 5223, tls: direct");
    expect(outcome.stderr).toMatch(/includes itself[^]*There is no file[^]*cannot be read; its files are left out/);
  });

  test("writes to a file, and never over one", async () => {
    const space = workspace();
    const file = space.write("prosody.cfg.lua", prosody);
    const output = join(space.folder, "made.yaml");
    const first = await caesura(["import", file, "-o", output]);
    expect([first.code, first.stdout]).toEqual([0, expect.stringContaining(`${output} is written.`)]);
    const written = readFileSync(output, "utf8");
    expect(statSync(output).mode & 0o007).toBe(0);
    const second = await caesura(["import", file, "-o", output]);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("nothing is overwritten")]);
    expect(readFileSync(output, "utf8")).toBe(written);
    expect((await caesura(["import", file, "-o", join(space.folder, "no", "x.yaml")])).stderr).toContain(
      "folder is not there",
    );
    expect((await caesura(["import", file, "-o", space.folder])).code).toBe(1);
  });

  test("prints text, losses and outcome as JSON", async () => {
    const { stdout, code } = await run(prosody, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      file: expect.stringContaining("prosody.cfg.lua"),
      yaml: expect.stringContaining("version: 1"),
      notes: [
        { severity: "warning", line: 4, column: expect.any(Number), message: expect.stringContaining("mod_bosh") },
      ],
    });
  });

  test.each([
    ["", /There is no VirtualHost/],
    ["VirtualHost 'capulet.lit", /1:13: error: .*quotation mark is missing/],
    ["VirtualHost 'capulet.lit' delegations = {", /1:42: error: Lua cannot have this here/],
    [`x = ${"{".repeat(50_000)}`, /nested too deeply/],
    ["\u0000", /cannot stand here/],
  ])("makes nothing of %j, and says why", async (lua, words) => {
    const { code, stdout, stderr } = await run(lua);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(words);
    expect(stderr).toContain("nothing was made of it");
  });

  test("does not wait for a pipe, and reads no folder, device or binary", async () => {
    const space = workspace();
    const pipe = join(space.folder, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    const binary = space.write("binary", Uint8Array.of(0xff, 0xfe, 0, 1));
    mkdirSync(join(space.folder, "folder"));
    for (const path of [pipe, join(space.folder, "folder"), "/dev/zero", binary, "/nonexistent"]) {
      const { code, stderr } = await caesura(["import", path]);
      expect(code).toBe(1);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });

  test("takes the configuration that Debian ships", async () => {
    const file = "/etc/prosody/prosody.cfg.lua";
    const text = existsSync(file) ? readFileSync(file, "utf8") : debianLike;
    const outcome = await run(text);
    expect(outcome.code).toBe(0);
    expect(remaining(outcome)).toEqual([]);
    expect(rulesOf(outcome)).toEqual({ localhost: {} });
    expect(notesOf(outcome).filter((note) => !note.includes("conf.d"))).toEqual([
      expect.stringContaining("warning: No delegation was found"),
    ]);
  });

  test(
    "throws nothing whatever is cut out of a configuration or put in, and what it makes is accepted",
    { timeout: 60_000 },
    async () => {
      const piece = fc.oneof(
        fc.string({ unit: "binary", maxLength: 12 }),
        fc.constantFrom(
          "{",
          "}",
          '"',
          "[[",
          "--",
          "\n",
          "VirtualHost",
          "Component ",
          "delegations = ",
          "jid",
          "nil",
          "5",
          "\\",
          "..",
          "*",
        ),
      );
      const mutation = fc.tuple(fc.nat(prosody.length), fc.nat(60), piece);
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
          let text = prosody;
          for (const [at, length, word] of mutations) text = text.slice(0, at) + word + text.slice(at + length);
          const outcome = await run(text);
          expect(outcome.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
          expect(outcome.code).toBe(outcome.stdout === "" ? 1 : 0);
          if (outcome.code === 0) expect(remaining(outcome)).toEqual([]);
        }),
        { numRuns: 100 },
      );
    },
  );
});

const debianLike = `modules_enabled = { "roster"; "tls"; }\npidfile = "/run/prosody/prosody.pid";\ncertificates = "certs"\nVirtualHost "localhost"\nInclude "conf.d/*.cfg.lua"\n`;
