import { describe, expect, test } from "vitest";
import type { ServerConfig } from "../../src/config/index.js";
import { pem, workspace, yaml } from "./workspace.js";

const domain = 'domains."capulet.lit"';

describe("the shape of values", () => {
  test.each([
    ["timeouts: { tls: 30 }", "error missing-unit 11:18 timeouts.tls"],
    ["timeouts: { tls: 30 s }", "error invalid-duration 11:18 timeouts.tls"],
    ["timeouts: { tls: 0s }", "error out-of-range 11:18 timeouts.tls"],
    ["timeouts:", "error empty-value 11:1 timeouts"],
    ["timeouts: [30s]", "error wrong-type 11:11 timeouts"],
    ["limits: { stanza: 256kb }", "error invalid-size 11:19 limits.stanza"],
    ["limits: { stanza: 9999B }", "error out-of-range 11:19 limits.stanza"],
    ["limits: { depth: 129 }", "error out-of-range 11:18 limits.depth"],
    ["limits: { depth: 1.5 }", "error wrong-type 11:18 limits.depth"],
    ['limits: { depth: "64" }', "error wrong-type 11:18 limits.depth"],
    ["limits: { stanza: 2MiB, trustedStanza: 1MiB }", "error out-of-range 11:40 limits.trustedStanza"],
    ["limits: { stanza: 2MiB, heldBytes: 1MiB }", "error out-of-range 11:36 limits.heldBytes"],
    ["limits: { unauthenticatedStanza: 512KiB }", "error out-of-range 11:34 limits.unauthenticatedStanza"],
    ["streamManagement: { ackDelegated: later }", "error wrong-choice 11:35 streamManagement.ackDelegated"],
    ["streamManagement: { injected: 99 }", "error out-of-range 11:31 streamManagement.injected"],
    ["streamManagement: { requestAfter: 51 }", "error out-of-range 11:35 streamManagement.requestAfter"],
    ["streamManagement: { injected: 255 }", "error out-of-range 11:31 streamManagement.injected"],
    ["streamManagement: { retained: 512KiB }", "error out-of-range 11:31 streamManagement.retained"],
    ["log: { level: verbose }", "error wrong-choice 11:15 log.level"],
    ["admin: { port: 65536 }", "error out-of-range 11:16 admin.port"],
    ["timeout: {}", "error unknown-key 11:1 timeout"],
    ["ca: x.crt", "error unknown-key 11:1 ca"],
  ])("%s is refused", (rest, finding) => {
    expect(workspace().findings(yaml({ rest }))).toContain(finding);
  });

  test("what is left out grows with the limit of a stanza", () => {
    const { limits } = workspace().config(yaml({ rest: "limits: { stanza: 2MiB }" }));
    expect(limits).toMatchObject({ maxStanzaBytes: 2_097_152, maxTrustedStanzaBytes: 2_097_152, heldBytes: 2_097_152 });
  });

  test("what is left out of stream management grows with what it must have room for", () => {
    const rest = "limits: { trustedStanza: 4MiB, pendingPerSession: 600 }";
    const { streamManagement } = workspace().config(yaml({ rest }));
    expect(streamManagement).toMatchObject({ maxInjected: 600, maxRetainedBytes: 4_194_304 });
  });

  test("a limit of exactly 10 000 bytes is allowed, one byte less is not (RFC 6120 §13.12)", () => {
    expect(workspace().findings(yaml({ rest: "limits: { stanza: 10KB }" }))).toEqual([]);
    const [problem] = workspace().problems(yaml({ rest: "limits: { stanza: 9999B }" }));
    expect(problem?.hint).toContain("RFC 6120 §13.12");
  });

  test.each([
    ["timeout: {}", `Did you mean "timeouts"?`],
    ["ca: x.crt", "That key belongs into domains.<name>.server.c2s."],
    [
      "zzz: 1",
      "Known here: version, domains, listen, admin, metrics, limits, timeouts, drain, streamManagement, store, log.",
    ],
    ["log: { level: inof }", `Did you mean "info"?`],
    ["log: { level: 5 }", undefined],
  ])("%s comes with a hint", (rest, hint) => {
    expect(workspace().problems(yaml({ rest }))[0]?.hint).toBe(hint);
  });

  test("nothing required may be left out; of a misspelt key that is said alone", () => {
    const missing = workspace().problems(yaml({ c2s: "{ port: 15222 }" }));
    expect(missing).toMatchObject([{ code: "missing-key", hint: "For example: host: 127.0.0.1" }]);
    const misspelt = workspace().problems(yaml({ c2s: "{ hostt: 127.0.0.1, port: 15222 }" }));
    expect(misspelt).toMatchObject([{ code: "unknown-key", hint: `Did you mean "host"?` }]);
  });
});

describe("domains", () => {
  test.each(["romeo@capulet.lit", "capulet.lit/x", "[::1]", "a b", "..", "capulet..lit"])("%s is none", (name) => {
    const text = yaml().replace("  capulet.lit:", `  ${JSON.stringify(name)}:`);
    expect(workspace().findings(text)).toContain(`error invalid-domain 3:3 domains.${JSON.stringify(name)}`);
  });

  test("two spellings of one domain are one (RFC 7622 §3.2)", () => {
    const text = yaml({ delegations: "{}" }).replace(
      "  capulet.lit:",
      "  xn--bcher-kva.example: {}\n  BÜCHER.example:",
    );
    expect(workspace().findings(text)).toContain('error duplicate-domain 4:3 domains."BÜCHER.example"');
  });

  test("at least one must be there", () => {
    const text = yaml().replace(/domains:[^]*(?=listen)/, "domains: {}\n");
    expect(workspace().findings(text)).toEqual(["error no-domain 2:10 domains"]);
  });
});

describe("the server", () => {
  test.each([
    ["{ host: '127.0.0.1:5222', port: 15222 }", "error invalid-host 6:20"],
    ["{ host: '[::1]', port: 15222 }", "error invalid-host 6:20"],
    ["{ host: 999.1.1.1, port: 15222 }", "error invalid-host 6:20"],
    ["{ host: 127.0.0.1, port: 0 }", "error out-of-range 6:37"],
    ["{ host: 127.0.0.1, port: 15222, proxyProtocol: v3 }", "error wrong-choice 6:59"],
    ["{ host: 127.0.0.1, port: 15222, proxyProtocol: true }", "error wrong-choice 6:59"],
    ["{ host: 127.0.0.1, port: 15222, tls: starttls, verify: false }", "warning unverified-server 6:67"],
    ["{ host: 127.0.0.1, port: 15222, tls: direct, ca: none.crt }", "error file-missing 6:61"],
    ["{ host: 127.0.0.1, port: 15222, tls: direct, ca: secret }", "error not-a-certificate 6:61"],
    ["{ host: 127.0.0.1, port: 15222, tls: none, ca: capulet.crt }", "warning no-effect 6:59"],
    ["{ host: 127.0.0.1, port: 15222, channelBinding: endpoint }", "error binding-needs-tls 6:60"],
    ["{ host: 127.0.0.1, port: 15222, channelBinding: strip }", "warning no-effect 6:60"],
    ["{ host: 127.0.0.1, port: 15222, tls: direct, channelBinding: unique }", "error wrong-choice 6:73"],
    ["{ host: 127.0.0.1, port: 15222, tls: direct, pinnedCertificate: 'AA:BB' }", "error invalid-fingerprint 6:76"],
    ["{ host: 127.0.0.1, port: 15222, tls: direct, serverName: 'a b' }", "error invalid-domain 6:69"],
    ["{ host: prosody.capulet.lit, port: 15222 }", "warning cleartext-server 6:20"],
    ["{ host: 127.0.0.1, port: 5222 }", "error server-is-self 6:37"],
    ["{ host: localhost, port: 5222 }", "error server-is-self 6:37"],
  ])("%s", (c2s, finding) => {
    const findings = workspace().findings(yaml({ c2s }));
    expect(findings.map((text) => text.split(" ").slice(0, 3).join(" "))).toEqual([finding]);
  });

  test("is told by a fingerprint, with or without colons, or by a certificate", () => {
    const space = workspace();
    const digits = "ab".repeat(32);
    const pins = [digits.toUpperCase(), `SHA256:${digits}`, digits.match(/../g)?.join(":") ?? "", "capulet.crt"].map(
      (pin) =>
        space.config(yaml({ c2s: `{ host: 127.0.0.1, port: 1, tls: direct, pinnedCertificate: "${pin}" }` })).domains[0]
          ?.server.c2s.pinnedCertificate,
    );
    expect(pins.slice(0, 3)).toEqual([digits, digits, digits]);
    expect(pins[3]).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("the PROXY protocol", () => {
  const listen = (from: string): string =>
    `[{ kind: c2s, host: 127.0.0.1, port: 5222, tls: starttls, proxyProtocol: ${from} }, { kind: component, host: 127.0.0.1, port: 5347 }]`;

  test("is spoken to the server's client port and component port where they say so", () => {
    const { server } = onlyDomain({
      c2s: "{ host: 127.0.0.1, port: 15222, proxyProtocol: v2 }",
      component: "component: { host: 127.0.0.1, port: 15347, proxyProtocol: v1 }",
    });
    expect([server.c2s.proxyProtocol, server.component?.proxyProtocol]).toEqual(["v2", "v1"]);
    const { server: silent } = onlyDomain({});
    expect([silent.c2s.proxyProtocol, silent.component?.proxyProtocol]).toEqual([undefined, undefined]);
  });

  test("is read from networks and single addresses, IPv6 among them", () => {
    const text = yaml({ listen: listen("{ from: [127.0.0.1, 10.0.0.0/8, 'fd00::/8', '2001:db8::1'] }") });
    const [clients, components] = workspace().config(text).listen;
    expect(clients?.proxyProtocol).toEqual({
      from: [
        { address: "127.0.0.1", prefix: 32 },
        { address: "10.0.0.0", prefix: 8 },
        { address: "fd00::", prefix: 8 },
        { address: "2001:db8::1", prefix: 128 },
      ],
    });
    expect(components?.proxyProtocol).toBeUndefined();
  });

  test.each([
    ["{ from: [localhost] }", "error invalid-network"],
    ["{ from: [10.0.0.0/33] }", "error invalid-network"],
    ["{ from: [10.0.0.0/08] }", "error invalid-network"],
    ["{ from: [10.0.0.0/8/8] }", "error invalid-network"],
    ["{ from: [10.0.0/8] }", "error invalid-network"],
    ["{ from: [10.0.0.0/] }", "error invalid-network"],
    ["{ from: ['fd00::/129'] }", "error invalid-network"],
    ["{ from: ['fe80::1%eth0'] }", "error invalid-network"],
    ["{ from: ['[::1]'] }", "error invalid-network"],
    ["{ from: ['0.0.0.0/0'] }", "warning trusts-anybody"],
    ["{ from: ['::/0'] }", "warning trusts-anybody"],
    ["{ from: [] }", "error empty-value"],
    ["{}", "error missing-key"],
    ["true", "error wrong-type"],
    ["{ from: [127.0.0.1], version: v1 }", "error unknown-key"],
  ])("%s: %s", (from, finding) => {
    const findings = workspace().findings(yaml({ listen: listen(from) }));
    expect(findings.map((text) => text.split(" ").slice(0, 2).join(" "))).toEqual([finding]);
    expect(findings[0]).toContain("listen[0].proxyProtocol");
  });

  function onlyDomain(parts: Parameters<typeof yaml>[0]): { readonly server: ServerConfig } {
    const [domain] = workspace().config(yaml(parts)).domains;
    if (domain === undefined) throw new Error("no domain");
    return domain;
  }
});

describe("the certificate", () => {
  const at = `4:${"    tls: { cert: ".length + 1} ${domain}.tls.cert`;

  test("of another domain is warned about", () => {
    const space = workspace();
    space.write("capulet.crt", pem("montague.crt"));
    space.write("capulet.key", pem("montague.key"));
    expect(space.findings(yaml())).toEqual([`warning certificate-name ${at}`]);
  });

  test.each([
    ["2200-01-01", "certificate-expired"],
    ["2019-12-31", "certificate-not-yet-valid"],
    ["2119-12-25", "certificate-expires-soon"],
  ])("at %s is warned about as %s", (date, code) => {
    expect(workspace().findings(yaml(), { nowMs: Date.parse(date) })).toEqual([`warning ${code} ${at}`]);
  });

  test("and a key that does not belong to it are refused", () => {
    const space = workspace();
    space.write("capulet.key", pem("montague.key"));
    expect(space.findings(yaml())).toEqual([
      `error key-mismatch 4:${"    tls: { cert: capulet.crt, key: ".length + 1} ${domain}.tls.key`,
    ]);
  });

  test("in the place of the key is noticed", () => {
    const problems = workspace().problems(yaml({ tls: "{ cert: capulet.key, key: capulet.crt }" }));
    expect(problems.map(({ code, hint }) => [code, hint])).toEqual([
      ["not-a-certificate", "It holds a key: are cert and key swapped?"],
      ["not-a-key", "It holds a certificate: are cert and key swapped?"],
    ]);
  });

  test.each([
    ["locked", "not-a-key", "protected by a passphrase"],
    ["weak", "weak-key", "1024 bits"],
  ])("with a %s key is refused", (name, code, words) => {
    const space = workspace();
    space.write("capulet.key", pem(`${name}.key`));
    const [problem] = space.problems(yaml());
    expect(problem).toMatchObject({ severity: "error", code });
    expect(problem?.message).toContain(words);
  });

  test("with a key that everybody may read is warned about", () => {
    const space = workspace();
    space.write("capulet.key", pem("capulet.key"), 0o644);
    expect(space.findings(yaml()).map((text) => text.split(" ").slice(0, 2))).toEqual([["warning", "world-readable"]]);
  });

  test("that is damaged is refused", () => {
    const space = workspace();
    space.write("capulet.crt", pem("capulet.crt").replace("MII", "AAA"));
    expect(space.findings(yaml())).toEqual([`error not-a-certificate ${at}`]);
  });
});

describe("components", () => {
  const linksEndHere = { component: "" };

  test.each([
    ["romeo@capulet.lit", "invalid-component"],
    ["capulet.lit/x", "invalid-component"],
    ["'a b'", "invalid-component"],
  ])("%s cannot be one (XEP-0114)", (name, code) => {
    const components = `{ pubsub.capulet.lit: { secretFile: secret }, ${name}: { secretFile: secret } }`;
    expect(workspace().problems(yaml({ components }))[0]).toMatchObject({ severity: "error", code });
  });

  test("whose links end here need a secret", () => {
    const components = "{ pubsub.capulet.lit: {} }";
    expect(
      workspace()
        .problems(yaml({ ...linksEndHere, components }))
        .map(({ code }) => code),
    ).toEqual(["secret-missing"]);
    expect(workspace().findings(yaml({ components }))).toEqual([]);
  });

  test.each([
    ["{ secretFile: nowhere }", "error file-missing"],
    ["{ secretFile: empty }", "error secret-empty"],
    ["{ secretFile: lines }", "error secret-lines"],
    ["{ secretFile: open }", "warning world-readable"],
    ["{ secretFile: binary }", "error file-not-text"],
    ["{ secretFile: . }", "error not-a-file"],
    ["{ secretEnv: NOWHERE }", "error variable-missing"],
    ["{ secretEnv: EMPTY }", "error secret-empty"],
    ["{ secretEnv: 1 A }", "error invalid-value"],
    ["{ secretFile: secret, secretEnv: EMPTY }", "error two-secrets"],
  ])("with the secret %s", (component, finding) => {
    const space = workspace();
    space.write("empty", "\n");
    space.write("lines", "balcony\norchard\n");
    space.write("open", "balcony", 0o644);
    space.write("binary", Uint8Array.of(0xff, 0xfe));
    const text = yaml({ ...linksEndHere, components: `{ pubsub.capulet.lit: ${component} }` });
    const findings = space.findings(text, { env: { EMPTY: "" } });
    expect(findings.map((one) => one.split(" ").slice(0, 2).join(" "))).toEqual([finding]);
  });

  test("never have their secrets in a message", () => {
    const space = workspace();
    space.write("lines", "balcony\norchard\n", 0o644);
    const text = yaml({ ...linksEndHere, components: "{ pubsub.capulet.lit: { secretFile: lines } }" });
    expect(JSON.stringify(space.load(text))).not.toMatch(/balcony|orchard/);
    expect(JSON.stringify(space.load(yaml()))).not.toMatch(/balcony|PRIVATE KEY/);
  });
});

describe("delegations", () => {
  const first = (delegations: string): string | undefined => {
    const [problem] = workspace().problems(yaml({ delegations }));
    return problem && `${problem.severity} ${problem.code} ${problem.line}:${problem.column}`;
  };
  const jidColumn = "    delegations: { urn:xmpp:mam:2: { jid: ".length + 1;

  test.each([
    ["romeo@montague.lit", "invalid-entity"],
    ["romeo@montague.lit/orchard", "invalid-entity"],
    ["pubsub.capulet.lit/x", "invalid-entity"],
    ["capulet.lit", "entity-is-server"],
    ["Capulet.LIT", "entity-is-server"],
    ["a@b@c", "invalid-jid"],
    ["x.capulet.lit", "unknown-component"],
  ])("cannot go to %s", (jid, code) => {
    expect(first(`{ urn:xmpp:mam:2: { jid: ${jid} } }`)).toBe(`error ${code} 9:${jidColumn}`);
  });

  test("of the delegation protocol itself are refused (XEP-0355 §8)", () => {
    expect(first("{ urn:xmpp:delegation:2: { jid: pubsub.capulet.lit } }")).toBe("error delegation-delegated 9:20");
  });

  test("of one namespace twice are refused, each time that it is written again", () => {
    const delegations = `
      urn:xmpp:mam:2: { jid: pubsub.capulet.lit }
      "urn:xmpp:mam:2": { jid: pubsub.capulet.lit }`;
    expect(first(delegations)).toBe("error namespace-delegated-twice 11:7");
  });

  test("of the two special names are allowed, and others like them are not (XEP-0355 §7.2)", () => {
    const special = (name: string) => `{ "urn:xmpp:delegation:2:bare:disco#${name}": { jid: pubsub.capulet.lit } }`;
    expect(first(special("info:*"))).toBeUndefined();
    expect(first(special("items:*"))).toBeUndefined();
    expect(first(special("item:*"))).toBe("error unknown-special-name 9:20");
  });

  test.each([
    ["foreignTargets: always", "error wrong-choice"],
    ["identities: [pubsub]", "error invalid-identity"],
    ["filtering: ['a b']", "error invalid-attribute"],
    ["filtering: ['x:node']", "error invalid-attribute"],
    ["filtering: node", "error wrong-type"],
    ["timeout: 11m", "error out-of-range"],
    ["blocking: yes", "error wrong-type"],
  ])("with %s", (setting, finding) => {
    expect(first(`{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit, ${setting} } }`)).toMatch(new RegExp(`^${finding} `));
  });

  test("need a listener for the component that answers them", () => {
    const listen = "[{ kind: c2s, host: 127.0.0.1, port: 5222, tls: starttls }]";
    expect(
      workspace()
        .problems(yaml({ listen }))
        .map(({ code }) => code),
    ).toEqual(["no-component-listener"]);
    expect(workspace().findings(yaml({ listen, delegations: "{}" }))).toEqual([]);
  });

  test("to a component that is not in the list of who may connect are refused, relayed or not", () => {
    const delegations = "{ urn:xmpp:mam:2: { jid: archive.capulet.lit } }";
    for (const component of ["", undefined]) {
      const text = yaml({ delegations, ...(component === undefined ? {} : { component }) });
      expect(
        workspace()
          .problems(text)
          .map(({ code }) => code),
      ).toEqual(["unknown-component"]);
    }
  });

  test("of two domains to one component need one way for its link", () => {
    const other = (port: number) => `  montague.lit:
    tls: { cert: capulet.crt, key: capulet.key }
    server: { c2s: { host: 127.0.0.1, port: 15222 }, component: { host: 127.0.0.1, port: ${port} } }
    delegations: { urn:xmpp:mam:2: { jid: pubsub.capulet.lit } }
listen:`;
    const codes = (port: number) =>
      workspace()
        .problems(yaml().replace("listen:", other(port)))
        .filter(({ severity }) => severity === "error")
        .map(({ code, line }) => `${code} ${line}`);
    expect(codes(15_347)).toEqual([]);
    expect(codes(15_348)).toEqual(["ambiguous-component 13"]);
  });
});

describe("listeners", () => {
  const component = "{ kind: component, host: 127.0.0.1, port: 5347 }";
  const findings = (listen: string, rest = ""): readonly string[] =>
    workspace()
      .findings(yaml({ listen: `[${component}, ${listen}]`, rest }))
      .map((text) =>
        text
          .split(" ")
          .filter((_, index) => index !== 2)
          .join(" "),
      );

  test.each(["127.0.0.1", "127.8.0.1", "::1", "localhost"])("serve clients without TLS on %s", (host) => {
    expect(findings(`{ kind: c2s, host: "${host}", port: 5222, tls: none }`)).toEqual([]);
  });

  test.each(["0.0.0.0", "::", "192.0.2.1", "verona.example"])("do not serve clients without TLS on %s", (host) => {
    expect(findings(`{ kind: c2s, host: "${host}", port: 5222, tls: none }`)).toEqual([
      "error cleartext-listener listen[1].tls",
    ]);
  });

  test.each([
    ["127.0.0.1", 5_347, true],
    ["localhost", 5_347, true],
    ["0.0.0.0", 5_347, true],
    ["::", 5_347, true],
    ["::1", 5_347, false],
    ["127.0.0.2", 5_347, false],
    ["127.0.0.1", 5_348, false],
  ])("on %s port %i share the address of another: %s", (host, port, isShared) => {
    expect(findings(`{ kind: c2s, host: "${host}", port: ${port}, tls: direct }`)).toEqual(
      isShared ? ["error address-in-use listen[1].port"] : [],
    );
  });

  test("may all leave the port to the system", () => {
    const two =
      "{ kind: c2s, host: 127.0.0.1, port: 0, tls: direct }, { kind: c2s, host: 127.0.0.1, port: 0, tls: none }";
    expect(findings(two, "admin: { port: 0 }")).toEqual([]);
  });

  test("say so when no client can connect, or when components connect in clear from elsewhere", () => {
    expect(workspace().findings(yaml({ listen: `[${component}]` }))).toEqual([
      "warning no-client-listener 10:9 listen",
    ]);
    const open =
      "{ kind: component, host: 0.0.0.0, port: 5999 }, { kind: c2s, host: 0.0.0.0, port: 5222, tls: direct }";
    expect(findings(open)).toEqual(["warning cleartext-component listen[1].host"]);
  });

  test.each([
    ["{ kind: s2s, host: 127.0.0.1, port: 5269, tls: starttls }", "error wrong-choice listen[1].kind"],
    ["{ kind: component, host: 127.0.0.1, port: 5348, tls: starttls }", "error wrong-choice listen[1].tls"],
    ["{ kind: c2s, host: 127.0.0.1, port: 5222 }", "error missing-key listen[1].tls"],
    ["c2s", "error wrong-type listen[1]"],
  ])("%s is none", (listener, finding) => expect(findings(listener)).toContain(finding));

  test("and the administration port do not share an address, and it stays at home", () => {
    const c2s = "{ kind: c2s, host: 127.0.0.1, port: 5222, tls: direct }";
    expect(findings(c2s, "admin: { port: 5222 }")).toEqual(["error address-in-use admin.port"]);
    expect(findings(c2s, "admin: { host: 0.0.0.0 }")).toEqual(["warning admin-exposed admin.host"]);
  });
});
