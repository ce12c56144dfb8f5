import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Decision, DelegationRule, PassReason, Request, RequestChild } from "../../src/rules/index.js";
import { passReasons, RuleTable } from "../../src/rules/index.js";
import { namespaceHash } from "../../src/xml/index.js";
import { NS, UsageError } from "../../src/xmpp/index.js";

const MAM = "urn:xmpp:mam:2";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const OWNER = "http://jabber.org/protocol/pubsub#owner";

function rule(namespace: string, more: Partial<DelegationRule> = {}): DelegationRule {
  return {
    namespace,
    entity: "pubsub.capulet.lit",
    filtering: [],
    timeoutMs: 30_000,
    blocking: false,
    foreignTargets: "delegate",
    identities: [],
    ...more,
  };
}

const table = RuleTable.compile("capulet.lit", [
  rule(MAM, { filtering: ["node"] }),
  rule(PUBSUB),
  rule(OWNER, { foreignTargets: "server" }),
  rule("urn:xmpp:avatar", { foreignTargets: "probe", entity: "avatar.capulet.lit" }),
  rule("urn:xmpp:nurse", { entity: "nurse@capulet.lit/chamber" }),
  rule(NS.delegationBareDiscoInfo),
]);

function child(namespace: string, ...attributes: readonly string[]): RequestChild {
  return { namespace, name: "query", attributes: new Set(attributes) };
}

function request(more: Partial<Request> = {}): Request {
  return {
    type: "get",
    id: "h1",
    to: undefined,
    from: "juliet@capulet.lit/balcony",
    children: [child(PUBSUB)],
    ...more,
  };
}

const decide = (more: Partial<Request>, by = table): Decision => by.decide(request(more));
const passes = (reason: PassReason): Decision => ({ kind: "pass", reason });

/** What became of a request, in a word. */
function outcome(more: Partial<Request>, by = table): string {
  const decision = decide(more, by);
  switch (decision.kind) {
    case "pass":
      return decision.reason;
    case "delegate":
      return decision.target;
    case "refuse":
      return decision.code;
    default:
      return decision satisfies never;
  }
}

describe("what is delegated", () => {
  test("a get and a set, never a result or an error, nor what has another type (XEP-0355 §4.1)", () => {
    expect(decide({ type: "get" })).toMatchObject({ kind: "delegate", rule: { namespace: PUBSUB } });
    expect(decide({ type: "set" })).toMatchObject({ kind: "delegate", rule: { namespace: PUBSUB } });
    for (const type of ["result", "error", "GET", "", undefined]) {
      expect(decide({ type })).toEqual(passes("not-a-request"));
    }
  });

  test.each([
    [undefined, "own-account"],
    ["capulet.lit", "domain"],
    ["juliet@capulet.lit", "own-account"],
    ["romeo@capulet.lit", "foreign-account"],
    ["juliet@capulet.lit/balcony", "full-jid"],
    ["romeo@capulet.lit/orchard", "full-jid"],
    ["capulet.lit/echo", "domain-with-resource"],
    ["montague.lit", "other-domain"],
    ["romeo@montague.lit", "other-domain"],
    ["pubsub.capulet.lit", "other-domain"],
    ["capulet.lit.montague.lit", "other-domain"],
    ["", "malformed-target"],
    ["@capulet.lit", "malformed-target"],
    ["juliet@", "malformed-target"],
    ["juliet@capulet.lit/", "malformed-target"],
    ["capulet.lit/", "malformed-target"],
    [" juliet@capulet.lit", "malformed-target"],
    ["juliet @capulet.lit", "malformed-target"],
    ["romeo@juliet@capulet.lit", "malformed-target"],
  ])("to %j: %s (XEP-0355 §4.3)", (to, expected) => {
    expect(outcome({ to })).toBe(expected);
  });

  test.each([
    ["JULIET@Capulet.LIT", "own-account"],
    ["Juliet@CAPULET.lit.", "own-account"],
    ["ｊuliet@capulet.lit", "own-account"],
    ["ROMEO@capulet.lit", "foreign-account"],
    ["CAPULET.LIT", "domain"],
    ["ｃapulet.lit", "domain"],
  ])("to %j, which the server would read as its own: %s (protocol.md D4)", (to, expected) => {
    expect(outcome({ to })).toBe(expected);
  });

  test("a domain is recognised in either of its spellings", () => {
    const verona = RuleTable.compile("xn--vrona-bsa.lit", [rule(PUBSUB)]);
    expect(outcome({ to: "vérona.lit", from: "juliet@xn--vrona-bsa.lit/balcony" }, verona)).toBe("domain");
    expect(outcome({ to: "juliet@XN--VRONA-BSA.lit", from: "juliet@vérona.lit/balcony" }, verona)).toBe("own-account");
  });

  test("namespaces match exactly, not by their beginning (protocol.md D5)", () => {
    const only = RuleTable.compile("capulet.lit", [rule(PUBSUB)]);
    for (const namespace of [OWNER, `${PUBSUB}/`, ` ${PUBSUB}`, PUBSUB.toUpperCase(), ""]) {
      expect(decide({ children: [child(namespace)] }, only)).toEqual(passes("namespace-not-delegated"));
    }
  });

  test("a filtering attribute must be there, whatever it says (XEP-0355 §4.3 N.B.3)", () => {
    expect(outcome({ children: [child(MAM)] })).toBe("filtering-attribute-missing");
    expect(outcome({ children: [child(MAM, "queryid")] })).toBe("filtering-attribute-missing");
    expect(outcome({ children: [child(MAM, "queryid", "node")] })).toBe("own-account");
  });

  test("of several filtering attributes all must be there", () => {
    const strict = RuleTable.compile("capulet.lit", [rule(MAM, { filtering: ["node", "queryid"] })]);
    expect(outcome({ children: [child(MAM, "node")] }, strict)).toBe("filtering-attribute-missing");
    expect(outcome({ children: [child(MAM, "node", "queryid")] }, strict)).toBe("own-account");
  });

  test("an empty id is an id", () => {
    expect(outcome({ id: "" })).toBe("own-account");
  });

  test("a request without payload is the server's (protocol.md R4)", () => {
    expect(decide({ children: [] })).toEqual(passes("no-payload"));
  });

  test("a component's request is delegated to, but it has no account of its own", () => {
    const from = "gateway.capulet.lit";
    expect(outcome({ from, to: "juliet@capulet.lit" })).toBe("foreign-account");
    expect(outcome({ from, to: "capulet.lit" })).toBe("domain");
    expect(outcome({ from })).toBe("no-own-account");
    expect(outcome({ from: "romeo@montague.lit/orchard" })).toBe("no-own-account");
    expect(outcome({ from: "capulet.lit" })).toBe("no-own-account");
  });

  test("a sender whose address cannot be read is the server's business", () => {
    expect(outcome({ from: "", to: "capulet.lit" })).toBe("malformed-sender");
  });
});

describe("the managing entity", () => {
  test.each([
    "pubsub.capulet.lit",
    "juliet@pubsub.capulet.lit",
    "anything@PubSub.Capulet.LIT/x",
    "pubsub.capulet.lit/x",
  ])("%s is not given its own requests back (XEP-0355 §4.3.1)", (from) => {
    expect(outcome({ from, to: "juliet@capulet.lit" })).toBe("from-managing-entity");
  });

  test("its requests in namespaces of others are delegated to those", () => {
    const decision = decide({
      from: "pubsub.capulet.lit",
      to: "juliet@capulet.lit",
      children: [child("urn:xmpp:nurse")],
    });
    expect(decision).toMatchObject({ kind: "delegate", rule: { entity: "nurse@capulet.lit/chamber" } });
  });

  test("a user who is one is recognised by the account, since all users share the domain", () => {
    const children = [child("urn:xmpp:nurse")];
    expect(outcome({ from: "Nurse@capulet.lit/hall", to: "juliet@capulet.lit", children })).toBe(
      "from-managing-entity",
    );
    expect(outcome({ from: "juliet@capulet.lit/balcony", children })).toBe("own-account");
  });
});

describe("requests to other accounts (protocol.md R11)", () => {
  test.each([
    [OWNER, "go to the server", "other-account"],
    ["urn:xmpp:avatar", "are delegated, once the server was asked", "foreign-account"],
  ])("in %s %s", (namespace, _, foreign) => {
    const children = [child(namespace)];
    expect(outcome({ to: "romeo@capulet.lit", children })).toBe(foreign);
    expect(outcome({ to: "juliet@capulet.lit", children })).toBe("own-account");
    expect(outcome({ to: "capulet.lit", children })).toBe("domain");
    expect(outcome({ children })).toBe("own-account");
    expect(outcome({ from: "gateway.capulet.lit", to: "juliet@capulet.lit", children })).toBe(foreign);
  });
});

describe("requests that break the protocol", () => {
  test("a delegated request without id is refused with bad-request (RFC 6120 §8.2.3)", () => {
    expect(decide({ id: undefined })).toEqual({
      kind: "refuse",
      condition: "bad-request",
      errorType: "modify",
      code: "delegated-request-without-id",
      rule: table.rules[1],
    });
  });

  test("several children are refused as soon as one is delegated, wherever it stands (RFC 6120 §8.2.3)", () => {
    const other = child("jabber:iq:version");
    for (const children of [
      [child(PUBSUB), other],
      [other, child(PUBSUB)],
      [child(PUBSUB), child(PUBSUB)],
      [child(MAM), other, child(MAM, "node")],
      [other, child(NS.delegation)],
    ]) {
      expect(decide({ children })).toMatchObject({
        kind: "refuse",
        condition: "bad-request",
        errorType: "modify",
        code: "delegated-request-with-several-children",
      });
    }
  });

  test("what is not delegated is the server's, however malformed", () => {
    const other = child("jabber:iq:version");
    expect(outcome({ children: [other, other] })).toBe("namespace-not-delegated");
    expect(outcome({ children: [other], id: undefined })).toBe("namespace-not-delegated");
    expect(outcome({ children: [child(MAM), other] })).toBe("filtering-attribute-missing");
    expect(outcome({ to: "romeo@montague.lit", id: undefined })).toBe("other-domain");
    expect(outcome({ to: "juliet@capulet.lit/balcony", children: [child(PUBSUB), other] })).toBe("full-jid");
    expect(outcome({ from: "pubsub.capulet.lit", to: "capulet.lit", id: undefined })).toBe("from-managing-entity");
    expect(outcome({ to: "romeo@capulet.lit", children: [child(OWNER)], id: undefined })).toBe("other-account");
  });

  test("the delegation protocol itself is forbidden to users (XEP-0355 §8)", () => {
    const children = [child(NS.delegation)];
    for (const to of [undefined, "capulet.lit", "juliet@capulet.lit", "romeo@capulet.lit"]) {
      expect(decide({ to, children })).toEqual({
        kind: "refuse",
        condition: "forbidden",
        errorType: "auth",
        code: "delegation-namespace-requested",
      });
    }
    expect(outcome({ children, id: undefined })).toBe("delegated-request-without-id");
    for (const to of ["romeo@capulet.lit/orchard", "montague.lit", "pubsub.capulet.lit"]) {
      expect(decide({ to, children }).kind).toBe("pass");
    }
    expect(decide({ from: "gateway.capulet.lit", to: "capulet.lit", children }).kind).toBe("pass");
    expect(decide({ type: "result", children })).toEqual(passes("not-a-request"));
  });

  test("without rules nothing is refused, so that nobody can tell that we are there (design.md §2)", () => {
    const none = RuleTable.compile("capulet.lit", []);
    expect(decide({ children: [child(NS.delegation)] }, none)).toEqual(passes("namespace-not-delegated"));
    expect(none.mayMatch(namespaceHash(NS.delegation))).toBe(false);
  });
});

describe("the special names of discovery (XEP-0355 §7.2.4, §7.2.5)", () => {
  const items = RuleTable.compile("capulet.lit", [rule(NS.delegationBareDiscoItems), rule(MAM)]);
  const info = RuleTable.compile("capulet.lit", [rule(NS.delegationBareDiscoInfo)]);
  const get = { type: "get" };

  test("take questions about nodes of accounts, once the server has not found them (D57, D58)", () => {
    for (const to of [undefined, "juliet@capulet.lit", "romeo@capulet.lit"]) {
      const target = to === "romeo@capulet.lit" ? "foreign-account" : "own-account";
      const taken = { kind: "delegate", target, waitsFor: "server" };
      expect(decide({ ...get, to, children: [child(NS.discoInfo, "node")] }, info)).toMatchObject(taken);
      expect(decide({ ...get, to, children: [child(NS.discoItems, "node")] }, items)).toMatchObject(taken);
    }
    expect(info.mayMatch(namespaceHash(NS.discoInfo))).toBe(true);
    expect(info.mayMatch(namespaceHash(NS.discoItems))).toBe(false);
  });

  test("take items without a node at once, and leave the description of the account to the server (D58)", () => {
    const children = [child(NS.discoItems)];
    expect(decide({ ...get, children }, items)).toMatchObject({ kind: "delegate", waitsFor: "nothing" });
    expect(decide({ ...get, children: [child(NS.discoInfo)] }, info)).toEqual(passes("no-node"));
  });

  test("take nothing that goes to the domain, sets something, or names them as if they were namespaces", () => {
    const node = [child(NS.discoInfo, "node")];
    expect(decide({ ...get, to: "capulet.lit", children: node }, info)).toEqual(passes("not-an-account"));
    expect(decide({ type: "set", children: node }, info)).toEqual(passes("not-a-get"));
    expect(decide({ ...get, children: [child(NS.delegationBareDiscoInfo, "node")] }, info)).toEqual(
      passes("namespace-not-delegated"),
    );
  });

  test("wait for the probe where one is asked for, unless the server answers first anyway (R11)", () => {
    const probing = RuleTable.compile("capulet.lit", [
      rule(NS.delegationBareDiscoItems, { foreignTargets: "probe" }),
      rule(MAM, { foreignTargets: "probe" }),
    ]);
    const to = "romeo@capulet.lit";
    expect(decide({ ...get, to, children: [child(NS.discoItems)] }, probing)).toMatchObject({ waitsFor: "probe" });
    expect(decide({ ...get, to, children: [child(NS.discoItems, "node")] }, probing)).toMatchObject({
      waitsFor: "server",
    });
    expect(decide({ ...get, to, children: [child(MAM)] }, probing)).toMatchObject({ waitsFor: "probe" });
    expect(decide({ ...get, children: [child(MAM)] }, probing)).toMatchObject({ waitsFor: "nothing" });
  });

  test("stay among the rules of their entity, to be advertised", () => {
    expect(table.rulesOf("pubsub.capulet.lit").map((one) => one.namespace)).toContain(NS.delegationBareDiscoInfo);
  });
});

describe("the table", () => {
  test("refuses a namespace twice, that of delegation, none, and an entity that is no address (protocol.md D7, D8)", () => {
    const compile =
      (...rules: readonly DelegationRule[]) =>
      () =>
        RuleTable.compile("capulet.lit", rules);
    expect(compile(rule(MAM), rule(MAM, { entity: "other.capulet.lit" }))).toThrow(UsageError);
    expect(compile(rule(NS.delegation))).toThrow(UsageError);
    expect(compile(rule(""))).toThrow(UsageError);
    expect(compile(rule(MAM, { entity: "not a jid" }))).toThrow(UsageError);
    expect(() => RuleTable.compile("Capulet.LIT", [])).toThrow(UsageError);
    expect(compile(rule(MAM), rule(PUBSUB))).not.toThrow();
  });

  test("gives the rules by entity, in their order", () => {
    expect(table.entities()).toEqual(["pubsub.capulet.lit", "avatar.capulet.lit", "nurse@capulet.lit/chamber"]);
    expect(table.rulesOf("pubsub.capulet.lit").map((one) => one.namespace)).toEqual([
      MAM,
      PUBSUB,
      OWNER,
      NS.delegationBareDiscoInfo,
    ]);
    expect(table.rulesOf("nobody.capulet.lit")).toEqual([]);
  });

  test("lets nothing by that it would take", () => {
    for (const namespace of [MAM, PUBSUB, OWNER, NS.delegation]) {
      expect(table.mayMatch(namespaceHash(namespace))).toBe(true);
      expect(table.mayMatch(namespaceHash(namespace) | 0)).toBe(true);
    }
    for (const namespace of ["jabber:iq:version", "", `${PUBSUB}#event`]) {
      expect(table.mayMatch(namespaceHash(namespace))).toBe(false);
    }
    expect(table.mayMatch(0)).toBe(false);
  });

  test("finds one rule among ten thousand", () => {
    const many = Array.from({ length: 10_000 }, (_, at) => rule(`urn:verona:${at}`));
    const large = RuleTable.compile("capulet.lit", many);
    expect(decide({ children: [child("urn:verona:9999")] }, large)).toMatchObject({ rule: many[9999] });
    expect(decide({ children: [child("urn:verona:10000")] }, large)).toEqual(passes("namespace-not-delegated"));
  });
});

describe("the explanation", () => {
  test("tells rule by rule what held, and the first that did not", () => {
    const steps = table.explain(request({ to: "romeo@capulet.lit", children: [child(OWNER)] }));
    expect(steps.map(({ held, failed }) => [held.length, failed?.reason])).toEqual([
      [1, "namespace-not-delegated"],
      [1, "namespace-not-delegated"],
      [5, "other-account"],
      [1, "namespace-not-delegated"],
      [1, "namespace-not-delegated"],
      [1, "namespace-not-delegated"],
    ]);
    expect(steps[2]?.held).toEqual(["type", "namespace", "filtering", "sender", "target"]);
    expect(steps[2]?.failed).toEqual({ condition: "foreign-target", reason: "other-account" });
    expect(table.explain(request())[1]?.failed).toBeUndefined();
    const reasonOf = (type: string) =>
      table.explain(request({ type, children: [child(NS.discoInfo)] }))[5]?.failed?.reason;
    expect(reasonOf("get")).toBe("no-node");
    expect(reasonOf("set")).toBe("not-a-get");
  });

  test("agrees with the decision, whatever the request", { timeout: 60_000 }, () => {
    const namespaces = [MAM, PUBSUB, OWNER, "urn:xmpp:avatar", "urn:xmpp:nurse", "jabber:iq:version", NS.discoInfo];
    const address = fc.constantFrom(
      "juliet@capulet.lit",
      "romeo@capulet.lit",
      "capulet.lit",
      "pubsub.capulet.lit",
      "x@y/z",
      "@",
    );
    const requests = fc.record({
      type: fc.constantFrom("get", "set", "result", undefined),
      id: fc.constantFrom("1", "", undefined),
      to: fc.option(address, { nil: undefined }),
      from: fc.oneof(address, fc.constant("juliet@capulet.lit/balcony")),
      children: fc.array(
        fc.record({
          namespace: fc.constantFrom(...namespaces),
          name: fc.constant("query"),
          attributes: fc.subarray(["node", "other"]).map((names) => new Set(names)),
        }),
        { maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(requests, (any) => {
        const decision = table.decide(any);
        const steps = table.explain(any);
        const takers = steps.filter(({ failed }) => failed === undefined).map((step) => step.rule);
        if (decision.kind === "pass") {
          expect(takers).toEqual([]);
          const reasons: readonly string[] = steps.map(({ failed }) => failed?.reason ?? "");
          expect(reasons).toContain(decision.reason);
          expect(passReasons).toHaveProperty(decision.reason);
        } else {
          expect(takers).toContain(decision.rule);
        }
        // The prefilter may only let by what passes, unless there are several children.
        const [first] = any.children;
        if (any.children.length === 1 && first !== undefined && decision.kind !== "pass") {
          expect(table.mayMatch(namespaceHash(first.namespace))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
