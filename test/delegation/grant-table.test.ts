import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Grant, GrantChange } from "../../src/delegation/index.js";
import { GrantTable, type ManagedRequest } from "../../src/delegation/grant-table.js";
import { namespaceHash } from "../../src/xml/index.js";
import { PUBSUB } from "./entity.js";
import { BLOG, JULIETS, MAM, settings } from "./grants.js";

const JULIET = `${JULIETS}/balcony`;
const ROMEO = "romeo@capulet.lit/orchard";
const grant: Grant = { account: JULIETS, namespace: PUBSUB, entity: BLOG, grantedAtMs: 0 };

function table(...grants: readonly Grant[]): GrantTable {
  const made = new GrantTable(settings);
  made.apply(grants.map((one) => ({ kind: "put", grant: one })));
  return made;
}

function ask(changed: Partial<ManagedRequest> = {}): ManagedRequest {
  return { type: "get", id: "1", to: undefined, from: JULIET, children: [{ namespace: PUBSUB }], ...changed };
}

describe("which requests a grant forwards (XEP-0355 §5.2, protocol.md D64)", () => {
  const forwarded: readonly (readonly [string, Partial<ManagedRequest>])[] = [
    ["without to, of the managed user", {}],
    ["to the domain, of the managed user", { to: "capulet.lit" }],
    ["to the domain in another spelling", { to: "Capulet.LIT." }],
    ["to the own bare JID", { to: JULIETS }],
    ["to the managed user's bare JID, of another user", { to: JULIETS, from: ROMEO }],
    ["to the managed user's bare JID in another spelling", { to: "JULIET@Capulet.lit", from: ROMEO }],
    ["to the managed user's bare JID, of a component", { to: JULIETS, from: "muc.capulet.lit" }],
    ["of type set", { type: "set" }],
  ];
  test.each(forwarded)("a request %s is forwarded", (_name, changed) => {
    expect(table(grant).decide(ask(changed))).toEqual({ kind: "forward", grant });
  });

  const passed: readonly (readonly [string, Partial<ManagedRequest>])[] = [
    ["without to, of another user", { from: ROMEO }],
    ["to the domain, of another user", { to: "capulet.lit", from: ROMEO }],
    ["to another user, of the managed one", { to: "romeo@capulet.lit" }],
    ["to a full JID of the managed user", { to: JULIET, from: ROMEO }],
    ["to a resource of the domain", { to: "capulet.lit/x" }],
    ["to another domain", { to: "montague.lit" }],
    ["to the same name at another domain", { to: "juliet@montague.lit" }],
    ["to what is no address", { to: "@" }],
    ["to the managed user, of the managing entity", { to: JULIETS, from: BLOG }],
    ["to the managed user, of an address of the managing entity", { to: JULIETS, from: `bot@${BLOG}/x` }],
    ["without to, of a component", { from: "muc.capulet.lit" }],
    ["of type result", { type: "result" }],
    ["of type error", { type: "error" }],
    ["without a type", { type: undefined }],
    ["in another namespace", { children: [{ namespace: MAM }] }],
    ["in a namespace that begins alike (protocol.md D5)", { children: [{ namespace: `${PUBSUB}#owner` }] }],
    ["without content", { children: [] }],
  ];
  test.each(passed)("a request %s is the server's", (_name, changed) => {
    expect(table(grant).decide(ask(changed))).toEqual({ kind: "pass" });
  });

  test("a user who manages is exempt on the account that is managed, and on no other", () => {
    const byNurse: Grant = { ...grant, entity: "nurse@capulet.lit" };
    const grants = table(byNurse);
    expect(grants.decide(ask({ to: JULIETS, from: "nurse@capulet.lit/hall" }))).toEqual({ kind: "pass" });
    expect(grants.decide(ask({ to: JULIETS, from: ROMEO }))).toEqual({ kind: "forward", grant: byNurse });
  });

  test("a request without id or with several children goes to nobody (protocol.md R4)", () => {
    const several = [{ namespace: MAM }, { namespace: PUBSUB }];
    expect(table(grant).decide(ask({ id: undefined }))).toMatchObject({ code: "delegated-request-without-id" });
    expect(table(grant).decide(ask({ children: several }))).toMatchObject({
      code: "delegated-request-with-several-children",
    });
  });

  test("a grant that the configuration of now does not allow has no effect, and is still listed", () => {
    for (const changed of [
      { namespaces: new Set<string>() },
      { administered: new Set([PUBSUB]) },
      { entities: new Set<string>() },
    ]) {
      const grants = table(grant);
      grants.configure({ ...settings, ...changed });
      expect(grants.decide(ask())).toEqual({ kind: "pass" });
      expect(grants.managed(BLOG, JULIETS)).toEqual([]);
      expect(grants.of(JULIETS)).toEqual([grant]);
      grants.configure(settings);
      expect(grants.decide(ask())).toEqual({ kind: "forward", grant });
    }
  });
});

test("the gate opens for namespaces that somebody granted and the list allows, and for no others", () => {
  const grants = table(grant);
  const isOpen = (namespace: string) => grants.mayMatch(namespaceHash(namespace));
  expect([isOpen(PUBSUB), isOpen(MAM), grants.isEmpty]).toEqual([true, false, false]);
  grants.apply([{ kind: "remove", account: JULIETS, namespace: PUBSUB }]);
  expect([isOpen(PUBSUB), grants.isEmpty]).toEqual([false, true]);
});

test("a second grant of a namespace takes it from the first entity", () => {
  const grants = table(grant, { ...grant, namespace: MAM }, { ...grant, entity: "pubsub.capulet.lit" });
  expect(grants.size).toBe(2);
  expect(grants.managed(BLOG, JULIETS).map(({ namespace }) => namespace)).toEqual([MAM]);
  expect(grants.managerOf(JULIETS, PUBSUB)).toBe("pubsub.capulet.lit");
  expect([...grants.entities()].sort()).toEqual(["pubsub.capulet.lit", BLOG].sort());
});

test("whatever was granted and revoked, all its indices agree with a plain list", () => {
  const accounts = ["juliet@capulet.lit", "Romeo@capulet.lit", "nurse@capulet.lit"];
  const change: fc.Arbitrary<GrantChange> = fc.oneof(
    fc.record({
      kind: fc.constant("put" as const),
      grant: fc.record({
        account: fc.constantFrom(...accounts),
        namespace: fc.constantFrom(PUBSUB, MAM, "urn:x"),
        entity: fc.constantFrom(BLOG, "pubsub.capulet.lit"),
        grantedAtMs: fc.nat(9),
      }),
    }),
    fc.record({
      kind: fc.constant("remove" as const),
      account: fc.constantFrom(...accounts),
      namespace: fc.constantFrom(PUBSUB, MAM, "urn:x"),
    }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const grants = new GrantTable(settings);
      const model = new Map<string, Grant>();
      for (const one of changes) {
        grants.apply([one]);
        const { account, namespace } = one.kind === "put" ? one.grant : one;
        if (one.kind === "put") model.set(`${account} ${namespace}`, one.grant);
        else model.delete(`${account} ${namespace}`);
      }
      const listed = [...model.values()];
      expect(grants.size).toBe(listed.length);
      expect(grants.isEmpty).toBe(!listed.some(({ namespace }) => namespace !== "urn:x"));
      for (const entity of [BLOG, "pubsub.capulet.lit"]) {
        const users = new Set(listed.filter((one) => one.entity === entity).map((one) => one.account.toLowerCase()));
        expect(new Set(grants.usersOf(entity))).toEqual(users);
      }
      for (const account of accounts) {
        const own = listed.filter((one) => one.account === account);
        expect(new Set(grants.of(account.toLowerCase()))).toEqual(new Set(own));
      }
    }),
  );
});
