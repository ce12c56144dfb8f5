import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isSame, loadConfig, Secret } from "../../src/config/index.js";
import { nowMs, pem, workspace, yaml } from "./workspace.js";

describe("a configuration without problems", () => {
  test("is loaded with every default, in milliseconds and bytes", () => {
    const { limits, timeouts, streamManagement, log, admin, listen } = workspace().config(yaml());
    expect(limits).toEqual({
      maxStanzaBytes: 262_144,
      maxUnauthenticatedStanzaBytes: 10_000,
      maxTrustedStanzaBytes: 1_048_576,
      maxDepth: 128,
      maxAttributes: 256,
      maxChildren: 25_000,
      maxNameBytes: 1_024,
      pendingPerSession: 256,
      heldBytes: 1_048_576,
      entityQueueBytes: 8_388_608,
      clientQueueBytes: 4 * 1024 * 1024,
      connections: 10_000,
      connectionsPerAddress: 1_000,
    });
    expect(timeouts).toEqual({
      tlsMs: 30_000,
      headerMs: 30_000,
      connectMs: 10_000,
      authenticationMs: 120_000,
      drainMs: 30_000,
      idleMs: 0,
      shutdownMs: 30_000,
    });
    expect(streamManagement).toEqual({
      ackDelegated: "accept",
      requestAfterCount: 5,
      requestAfterMs: 30_000,
      requestServerAfterCount: 32,
      maxInjected: 512,
      maxRetainedBytes: 1_048_576,
      resumptionMs: 900_000,
      graceMs: 30_000,
    });
    expect(log).toEqual({ level: "info", format: "auto" });
    expect(admin).toBeUndefined();
    expect(listen[1]).toEqual({ kind: "component", host: "127.0.0.1", port: 5_347, tls: "none" });
  });

  test("takes each setting that is written", () => {
    const rest = `admin: { port: 0 }
limits: { stanza: 512KiB, unauthenticatedStanza: 16KiB, trustedStanza: 2MiB, depth: 64, connectionsPerAddress: 0 }
timeouts: { tls: 5s, idle: 1h, drain: 500ms }
streamManagement: { ackDelegated: reply, injected: 1000, resumption: 10m, grace: 0s }
log: { level: debug }`;
    const config = workspace().config(yaml({ rest }));
    expect(config).toMatchObject({
      admin: { host: "127.0.0.1", port: 0 },
      limits: {
        maxStanzaBytes: 524_288,
        maxUnauthenticatedStanzaBytes: 16_384,
        maxDepth: 64,
        connectionsPerAddress: 0,
      },
      timeouts: { tlsMs: 5_000, idleMs: 3_600_000, drainMs: 500, headerMs: 30_000 },
      streamManagement: { ackDelegated: "reply", maxInjected: 1_000, resumptionMs: 600_000, graceMs: 0 },
      log: { level: "debug" },
    });
  });

  test("yields delegations in the shape of rules, with normalised entities (XEP-0355 §4)", () => {
    const delegations = `
      urn:xmpp:mam:2: { jid: PubSub.Capulet.LIT, filtering: [node], timeout: 1.5s, blocking: true }
      http://jabber.org/protocol/pubsub: { jid: pubsub.capulet.lit, foreignTargets: server }`;
    expect(workspace().config(yaml({ delegations })).domains[0]?.delegations).toEqual([
      {
        namespace: "urn:xmpp:mam:2",
        entity: "pubsub.capulet.lit",
        filtering: ["node"],
        timeoutMs: 1_500,
        blocking: true,
        foreignTargets: "delegate",
        identities: [],
      },
      {
        namespace: "http://jabber.org/protocol/pubsub",
        entity: "pubsub.capulet.lit",
        filtering: [],
        timeoutMs: 30_000,
        blocking: false,
        foreignTargets: "server",
        identities: ["pubsub/pep"],
      },
    ]);
  });

  test("turns a domain into its A-labels and names the server so (RFC 7622 §3.2)", () => {
    const space = workspace();
    const text = yaml({ delegations: "{}" }).replace("  capulet.lit:", "  Bücher.example:");
    const [domain] = space.config(text).domains;
    expect(domain?.name).toBe("xn--bcher-kva.example");
    expect(domain?.server.c2s.serverName).toBe("xn--bcher-kva.example");
  });

  test("holds certificate, key and secret as they were read", () => {
    const space = workspace();
    const [domain] = space.config(yaml()).domains;
    expect(domain?.tls.cert).toBe(pem("capulet.crt"));
    expect(domain?.tls.key.reveal()).toBe(pem("capulet.key"));
    expect(domain?.tls.certFile).toBe(join(space.folder, "capulet.crt"));
    expect(domain?.components?.[0]?.secret?.reveal()).toBe("balcony");
  });

  test("takes a secret from the environment", () => {
    const components = "{ pubsub.capulet.lit: { secretEnv: ORCHARD } }";
    const [domain] = workspace().config(yaml({ components }), { env: { ORCHARD: "wall" } }).domains;
    expect(domain?.components).toEqual([{ jid: "pubsub.capulet.lit", secret: new Secret("wall") }]);
    expect(domain?.components?.[0]?.secret?.reveal()).toBe("wall");
  });

  test("admits any component where links are relayed and no list is given, none where they end here", () => {
    const relayed = yaml().replace(/ {4}components:.*\n/, "");
    expect(workspace().config(relayed).domains[0]?.components).toBeUndefined();
    const ended = yaml({ component: "", delegations: "{}" }).replace(/ {4}components:.*\n/, "");
    expect(workspace().config(ended).domains[0]?.components).toEqual([]);
  });

  test("is frozen to the bottom", () => {
    const config = workspace().config(yaml({ rest: "admin: {}" }));
    const loose: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) loose.push(path);
      for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`);
    };
    look(config, "config");
    expect(loose).toEqual([]);
    expect(config.domains[0]?.delegations[0]?.filtering).toSatisfy(Object.isFrozen);
  });

  test("equals itself when it is read again, and differs when only a file that it names has changed", () => {
    const space = workspace();
    const first = space.config(yaml());
    expect(isSame(first, space.config(yaml()))).toBe(true);
    space.write("secret", "orchard");
    expect(isSame(first, space.config(yaml()))).toBe(false);
    space.write("secret", "balcony\n");
    space.write("capulet.crt", `${pem("capulet.crt")}\n`);
    expect(isSame(first, space.config(yaml()))).toBe(false);
  });
});

describe("a file that cannot be read as a configuration", () => {
  test.each([
    ["", "error empty-file 1:1 "],
    ["# nothing\n\n", "error empty-file 1:1 "],
    ["a: [1, 2\nb: 3\n", "error yaml-syntax 2:1 "],
    ["\tversion: 1\n", "error yaml-syntax 1:1 "],
    ["version: 1\n---\nversion: 1\n", "error yaml-syntax 2:1 "],
    ["version: *nobody\n", "error yaml-alias 1:10 "],
    ["a: &a [*a]\n", "error yaml-alias 1:8 "],
    ["? [a, b]\n: 1\n", "error yaml-key 1:3 "],
    ["__proto__: {}\n", "error yaml-key 1:1 "],
    ["version: !secret 1\n", "error yaml-syntax 1:10 "],
  ])("%j is refused with its place", (text, finding) => {
    expect(workspace().findings(text)[0]).toBe(finding);
  });

  test.each(["[1]", "just a text", "42"])("%j, no mapping, is refused", (text) => {
    expect(workspace().findings(text)).toEqual(["error wrong-type 1:1 "]);
  });

  test("one without a file is said to be missing, with what to do", () => {
    const result = loadConfig("/nonexistent/verona.yaml", { env: {} });
    expect(result).toMatchObject({
      ok: false,
      problems: [{ code: "file-missing", file: "/nonexistent/verona.yaml", line: 1, column: 1, severity: "error" }],
    });
  });

  test("a folder, a device and a text in another encoding are no configuration", () => {
    expect(loadConfig("/", { env: {} })).toMatchObject({ problems: [{ code: "not-a-file" }] });
    expect(loadConfig("/dev/zero", { env: {} })).toMatchObject({ problems: [{ code: "not-a-file" }] });
    expect(workspace().findings(Uint8Array.of(0x76, 0xff, 0xfe))).toEqual(["error file-not-text 1:2 "]);
    expect(workspace().findings("#".repeat(1_048_577))).toEqual(["error file-too-large 1:1 "]);
  });

  test("a file that this user may not read is said so", () => {
    const space = workspace();
    space.write("proxy.yaml", yaml(), 0o000);
    const isRoot = process.geteuid?.() === 0;
    // Root may read every file, so it becomes nobody for a moment.
    if (isRoot) process.seteuid?.(65_534);
    try {
      expect(loadConfig(space.file, { env: {}, nowMs })).toMatchObject({ problems: [{ code: "file-unreadable" }] });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test("aliases cannot blow a small file up", () => {
    const layers = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(9)}*a${n}]`);
    const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", ...layers, ""].join("\n");
    const started = performance.now();
    const findings = workspace().findings(bomb);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(findings.length).toBeGreaterThan(0);
  });

  test("brackets nested without end are refused, not followed", () => {
    const findings = workspace().findings("[".repeat(200_000));
    expect(findings[0]).toMatch(/^error yaml-syntax /);
  });

  test("an anchor that is used sensibly is fine", () => {
    const listen =
      "[{ kind: c2s, host: &here 127.0.0.1, port: 5222, tls: direct }, { kind: component, host: *here, port: 5347 }]";
    expect(workspace().findings(yaml({ listen }))).toEqual([]);
  });

  test("a byte order mark is no part of the first key", () => {
    expect(workspace().findings(`\u{feff}${yaml()}`)).toEqual([]);
  });
});

test("reports every problem of a file at once, in the order of the file", () => {
  const text = `version: 2
domians: {}
domains:
  Capulet.LIT:
    tls: { cert: none.crt, key: secret, keey: x }
    server:
      c2s: { host: "127.0.0.1", port: 99999, tls: startls }
    components:
      pubsub.capulet.lit: { secretFile: nowhere }
    delegations:
      urn:xmpp:mam:2: { jid: romeo@capulet.lit, timeout: 30 }
      urn:xmpp:delegation:2: { jid: pubsub.capulet.lit }
      urn:xmpp:mam:2: { jid: romeo@montague.lit }
  capulet.lit:
    tls:
listen:
  - { kind: c2s, host: 0.0.0.0, port: 5222, tls: none }
  - { kid: c2s }
limits: { stanza: 9KB }
`;
  expect(workspace().findings(text)).toEqual([
    "error unsupported-version 1:10 version",
    "error unknown-key 2:1 domians",
    'error file-missing 5:18 domains."Capulet.LIT".tls.cert',
    'error not-a-key 5:33 domains."Capulet.LIT".tls.key',
    'error unknown-key 5:41 domains."Capulet.LIT".tls.keey',
    'error out-of-range 7:39 domains."Capulet.LIT".server.c2s.port',
    'error wrong-choice 7:51 domains."Capulet.LIT".server.c2s.tls',
    'error file-missing 9:41 domains."Capulet.LIT".components."pubsub.capulet.lit".secretFile',
    'error delegation-delegated 12:7 domains."Capulet.LIT".delegations."urn:xmpp:delegation:2"',
    'error namespace-delegated-twice 13:7 domains."Capulet.LIT".delegations."urn:xmpp:mam:2"',
    'error invalid-entity 13:30 domains."Capulet.LIT".delegations."urn:xmpp:mam:2".jid',
    'error missing-key 14:3 domains."capulet.lit".server',
    'error duplicate-domain 14:3 domains."capulet.lit"',
    'error empty-value 15:5 domains."capulet.lit".tls',
    "error cleartext-listener 17:50 listen[0].tls",
    "error missing-key 18:5 listen[1].kind",
    "error out-of-range 19:19 limits.stanza",
  ]);
});
