import { describe, expect, test } from "vitest";
import { workspace, yaml } from "../config/workspace.js";
import { caesura } from "./recorder.js";

const delegations = `
      urn:xmpp:mam:2: { jid: pubsub.capulet.lit, filtering: [node] }
      http://jabber.org/protocol/pubsub: { jid: pubsub.capulet.lit, foreignTargets: server }`;

async function explain(stanza: string | Uint8Array, from = "juliet@capulet.lit/balcony", ...more: string[]) {
  const space = workspace();
  space.write("proxy.yaml", yaml({ delegations }));
  return caesura(["explain", "-c", space.file, "--from", from, ...more], { input: stanza });
}

describe("caesura explain", () => {
  test("names the rule that takes a request, and shows the wrapper as it would leave (XEP-0355 §4.3)", async () => {
    const stanza = "<iq type='set' id='a1'>\n <query xmlns='urn:xmpp:mam:2' node='n' to='&#9;'/>\n</iq>\n";
    const { code, stdout, stderr } = await explain(stanza);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ {2}\[x\] urn:xmpp:mam:2 → pubsub\.capulet\.lit: .*filtering.* hold$/m);
    expect(stdout).toMatch(/^ {2}\[ \] http:\/\/jabber\.org\/protocol\/pubsub → .*: another namespace$/m);
    expect(stdout).toContain("Delegated by urn:xmpp:mam:2 to pubsub.capulet.lit (to the sender's own account).");
    expect(stdout).toMatch(
      /^<iq type="set" from="capulet\.lit" to="pubsub\.capulet\.lit" id="UNGUESSABLE-ID"><delegation xmlns="urn:xmpp:delegation:2">/m,
    );
    expect(stdout).toContain('from="juliet@capulet.lit/balcony"');
    expect(stdout).toContain('to="&#9;"');
  });

  test("gives the wrapped stanza the language of the stream (RFC 6120 §8.1.5), and asks for a full JID", async () => {
    const stanza = "<iq type='get' id='a1'><query xmlns='urn:xmpp:mam:2' node='n'/></iq>";
    const { code, stdout, stderr } = await explain(stanza, "juliet@capulet.lit", "--lang", "it");
    expect(code).toBe(0);
    expect(stdout).toContain('xml:lang="it"');
    expect(stderr).toMatch(/^note: .*juliet@capulet\.lit\/balcony\n$/);
  });

  test("says which filtering attribute is missing, and shows the stanza unchanged (XEP-0355 §4.3)", async () => {
    const stanza = "<iq  type='get' id='a1'><m:query xmlns:m='urn:xmpp:mam:2'/></iq >";
    const { code, stdout } = await explain(stanza);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\[ \] urn:xmpp:mam:2 .*filtering does not: .*; it needs node$/m);
    expect(stdout).toMatch(/^No rule takes it: a filtering attribute is missing/m);
    expect(stdout).toContain(`\n\n${stanza}\n\n`);
  });

  test("leaves another account to the server where the rule says so (XEP-0191 §3.3)", async () => {
    const { stdout } = await explain(
      "<iq type='get' id='a' to='romeo@capulet.lit'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>",
    );
    expect(stdout).toMatch(/foreign-target does not/);
    expect(stdout).toContain("To the server, unchanged:");
  });

  test("shows the error that a malformed request gets (RFC 6120 §8.2.3)", async () => {
    const { code, stdout } = await explain("<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>");
    expect(code).toBe(0);
    expect(stdout).toContain("Refused: delegated-request-without-id");
    expect(stdout).toContain('<bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>');
  });

  test("passes messages and presence, whatever they hold (XEP-0355 §4.1)", async () => {
    const { stdout } = await explain("<message><q xmlns='urn:xmpp:mam:2' node='n'/></message><presence/>");
    expect(stdout).toMatch(/This is a message; rules select IQs only[^]*This is presence; rules/);
    expect(stdout).not.toContain("urn:xmpp:delegation:2");
  });

  test.each([
    ["<iq type='get' id='a'>\n<!-- x --></iq>", "line 2, byte 3", "<restricted-xml/>"],
    ["<iq type='get' id='a'><x></iq>", "line 1", "<not-well-formed/>"],
    ["<?xml version='1.0'?><iq/>", "line 1", "<"],
    [Uint8Array.of(0x3c, 0x61, 0x3e, 0xc0, 0x80), "line 1, byte 4", "<"],
    [`<iq type='get' id='a'>${"<a>".repeat(200)}`, "line 1", "<policy-violation/>"],
    [`<message><body>${"x".repeat(300_000)}</body></message>`, "line 1", "<policy-violation/>"],
  ])("reports hostile XML with its fault, and passes nothing", async (stanza, place, condition) => {
    const { code, stdout, stderr } = await explain(stanza);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Refused at ${place}`);
    expect(stdout).toContain(`the stream ends with ${condition}`);
    expect(stdout).not.toContain("unchanged");
  });

  test("explains a request of another component", async () => {
    const stanza =
      "<iq type='get' id='a' from='search.capulet.lit' to='juliet@capulet.lit'><query xmlns='urn:xmpp:mam:2' node='n'/></iq>";
    const { code, stdout } = await explain(stanza, "search.capulet.lit");
    expect(code).toBe(0);
    expect(stdout).toContain("Delegated by urn:xmpp:mam:2");
    expect(stdout).toContain('<iq xmlns="jabber:client"');
    const own = await explain(stanza.replace("search.", "pubsub."), "pubsub.capulet.lit");
    expect(own.stdout).toContain("the sender is the managing entity itself");
  });

  test.each([
    ["", "holds no stanza"],
    ["\n\n", "holds no stanza"],
    ["<iq type='get' id='a'>", "ends inside a stanza"],
  ])("says that %j is not enough", async (stanza, words) => {
    const { code, stderr } = await explain(stanza);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
  });

  test.each([
    ["a@b@c", [], "is no JID"],
    ["romeo@montague.lit/garden", [], "is at no served domain"],
    ["juliet@capulet.lit/balcony", ["--domain", "verona.lit"], "is not served; served: capulet.lit"],
  ])("refuses --from %s %j", async (from, more, words) => {
    const { code, stderr } = await explain("<iq/>", from, ...more);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  test("does not explain with a configuration that is wrong", async () => {
    const space = workspace();
    space.write("proxy.yaml", "version: 2\n");
    const { code, stderr } = await caesura(["explain", "-c", space.file, "--from", "a@b"], { input: "<iq/>" });
    expect(code).toBe(1);
    expect(stderr).toContain("[unsupported-version]");
  });

  test("needs neither certificates nor secrets, which its user may not be able to read", async () => {
    const space = workspace();
    space.write(
      "proxy.yaml",
      yaml({ tls: "{ cert: gone.crt, key: gone.key }", components: "{ pubsub.capulet.lit: { secretFile: gone } }" }),
    );
    const { code, stdout } = await caesura(["explain", "-c", space.file, "--from", "juliet@capulet.lit/balcony"], {
      input: "<iq type='get' id='a'><query xmlns='urn:xmpp:mam:2'/></iq>",
    });
    expect(code).toBe(0);
    expect(stdout).toContain("Delegated by urn:xmpp:mam:2");
  });

  test("prints what became of each stanza as JSON, rule by rule", async () => {
    const input = [
      "<iq type='set' id='1'><query xmlns='urn:xmpp:mam:2' node='n'/></iq>",
      "<iq type='get' id='2' to='romeo@capulet.lit'><query xmlns='urn:xmpp:mam:2'/></iq>",
      "<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>",
      "<message/>",
      "<a><!--",
    ].join("");
    const { code, stdout } = await explain(input, "juliet@capulet.lit/balcony", "--json");
    expect(code).toBe(0);
    const [mam, pubsub] = ["urn:xmpp:mam:2", "http://jabber.org/protocol/pubsub"];
    const entity = "pubsub.capulet.lit";
    expect(JSON.parse(stdout)).toEqual({
      domain: "capulet.lit",
      from: "juliet@capulet.lit/balcony",
      stanzas: [
        {
          outcome: "delegated",
          rule: mam,
          entity,
          target: "own-account",
          waitsFor: "nothing",
          leaves: expect.stringMatching(/^<iq type="set" from="capulet\.lit"/),
          steps: [
            {
              rule: mam,
              entity,
              takes: true,
              held: ["type", "namespace", "filtering", "sender", "target", "foreign-target"],
            },
            {
              rule: pubsub,
              entity,
              takes: false,
              held: ["type"],
              failed: { condition: "namespace", reason: "namespace-not-delegated" },
            },
          ],
        },
        {
          outcome: "passed",
          reason: "filtering-attribute-missing",
          leaves: "<iq type='get' id='2' to='romeo@capulet.lit'><query xmlns='urn:xmpp:mam:2'/></iq>",
          steps: [
            {
              rule: mam,
              entity,
              takes: false,
              held: ["type", "namespace"],
              failed: { condition: "filtering", reason: "filtering-attribute-missing" },
            },
            expect.anything(),
          ],
        },
        {
          outcome: "refused",
          reason: "delegated-request-without-id",
          condition: "bad-request",
          rule: pubsub,
          leaves: expect.stringContaining("bad-request"),
          steps: [expect.anything(), expect.anything()],
        },
        { outcome: "passed", reason: "message", leaves: "<message/>", steps: [] },
      ],
      fault: {
        code: expect.any(String),
        condition: "restricted-xml",
        source: expect.stringContaining("RFC 6120"),
        line: 1,
        byte: expect.any(Number),
      },
    });
  });
});

test("a person who types the stanza is told so, and a pipe is not", async () => {
  const space = workspace();
  space.write("proxy.yaml", yaml({ delegations }));
  const arguments_ = ["explain", "-c", space.file, "--from", "juliet@capulet.lit/balcony"];
  const typed = await caesura(arguments_, { input: "<presence/>", isTyped: true });
  expect([typed.code, typed.stderr]).toEqual([0, "Write a stanza, and end it with Ctrl-D.\n"]);
  expect((await caesura(arguments_, { input: "<presence/>" })).stderr).toBe("");
});

describe("caesura explain where users delegate namespaces (XEP-0355 §5)", () => {
  const bookmarks = (to = "", more = ""): string =>
    `<iq type='get' id='b1'${to}><query xmlns='urn:xmpp:bookmarks:1'/>${more}</iq>`;

  async function explainGrants(stanza: string, from: string, ...more: string[]) {
    const space = workspace();
    const mode = "\n    clientMode: { namespaces: [urn:xmpp:bookmarks:1], entities: [bookmarks.capulet.lit] }";
    space.write("proxy.yaml", yaml({ delegations: delegations + mode, rest: "store: { path: grants }" }));
    return caesura(["explain", "-c", space.file, "--from", from, ...more], { input: stanza });
  }
  const juliet = "juliet@capulet.lit/balcony";

  test("says that a grant could take what no rule takes, and whose", async () => {
    const own = await explainGrants(bookmarks(), juliet);
    expect(own.code).toBe(0);
    expect(own.stdout).toContain("if juliet@capulet.lit has, the entity of that choice gets it instead");
    expect(own.stdout).toContain("To the server, unchanged:");
    const others = await explainGrants(bookmarks(" to='nurse@capulet.lit'"), juliet, "--json");
    expect(JSON.parse(others.stdout)).toMatchObject({
      stanzas: [
        {
          outcome: "passed",
          reason: "namespace-not-delegated",
          grantable: { account: "nurse@capulet.lit", namespace: "urn:xmpp:bookmarks:1" },
        },
      ],
    });
  });

  test("shows with --granted what the entity would get", async () => {
    const { code, stdout } = await explainGrants(bookmarks(), juliet, "--granted", "Bookmarks.Capulet.LIT");
    expect(code).toBe(0);
    expect(stdout).toContain("No rule takes it, but the user's grant (XEP-0355 §5.2)");
    expect(stdout).toMatch(/^<iq type="set" from="capulet\.lit" to="bookmarks\.capulet\.lit" id="UNGUESSABLE-ID">/m);
    const json = await explainGrants(bookmarks(), juliet, "--granted", "bookmarks.capulet.lit", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ stanzas: [{ outcome: "delegated", granted: true }] });
  });

  test("refuses what the proxy would refuse, grant or not (RFC 6120 §8.2.3)", async () => {
    const stanza = bookmarks("", "<x xmlns='urn:x'/>");
    const { stdout } = await explainGrants(stanza, juliet, "--granted", "bookmarks.capulet.lit");
    expect(stdout).toContain("Refused: delegated-request-with-several-children");
  });

  test.each([
    ["another namespace", "<iq type='get' id='b'><query xmlns='urn:x'/></iq>", juliet],
    ["a full JID", bookmarks(" to='nurse@capulet.lit/kitchen'"), juliet],
    ["another domain", bookmarks(" to='romeo@montague.lit'"), juliet],
    ["the entity itself", bookmarks(" to='juliet@capulet.lit'"), "bookmarks.capulet.lit"],
    ["a result", bookmarks().replace("'get'", "'result'"), juliet],
  ])("says nothing of grants for %s, which no grant takes", async (_, stanza, from) => {
    const { stdout } = await explainGrants(stanza, from, "--json");
    const { stanzas } = JSON.parse(stdout);
    expect(stanzas).toMatchObject([{ outcome: "passed" }]);
    expect(stanzas[0]).not.toHaveProperty("grantable");
  });

  test("knows who may not ask users, and where there is no client mode", async () => {
    const other = await explainGrants(bookmarks(), juliet, "--granted", "pubsub.capulet.lit");
    expect([other.code, other.stderr]).toEqual([
      2,
      "error: pubsub.capulet.lit may not ask users of capulet.lit; clientMode.entities: bookmarks.capulet.lit\n",
    ]);
    expect((await explainGrants(bookmarks(), juliet, "--granted", "@@")).code).toBe(2);
    const none = await explain(bookmarks(), juliet, "--granted", "bookmarks.capulet.lit");
    expect([none.code, none.stderr]).toEqual([
      2,
      "error: users of capulet.lit may delegate nothing: it has no clientMode\n",
    ]);
  });
});
