import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

const MAM = "urn:xmpp:mam:2";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const place = 'domains."capulet.lit".clientMode';

/** `clientMode` stands on line 10, `store` on line 12. */
function withMode(mode: string, rest = "store: { path: grants }"): string {
  return yaml({ delegations: `{ ${MAM}: { jid: pubsub.capulet.lit } }\n    clientMode: ${mode}`, rest });
}

describe("clientMode", () => {
  test("is off unless it is there", () => {
    const { domains, store } = workspace().config(yaml());
    expect([domains[0]?.clientMode, store]).toEqual([undefined, undefined]);
  });

  test("has a default for everything but the namespaces", () => {
    const space = workspace();
    const { domains, store } = space.config(withMode(`{ namespaces: ["${PUBSUB}"] }`));
    expect(domains[0]?.clientMode).toEqual({
      namespaces: [PUBSUB],
      entities: undefined,
      challengeMs: 86_400_000,
      maxGrantsPerUser: 32,
      timeoutMs: 30_000,
    });
    expect(store).toEqual({ path: join(space.folder, "grants"), maxGrants: 100_000, line: 12, column: 16 });
  });

  test("names entities in any spelling", () => {
    const { domains } = workspace().config(
      withMode(`{ namespaces: ["${PUBSUB}"], entities: [Pubsub.Capulet.LIT, Nurse@capulet.lit, bücher.example] }`),
    );
    expect(domains[0]?.clientMode?.entities).toEqual([
      "pubsub.capulet.lit",
      "nurse@capulet.lit",
      "xn--bcher-kva.example",
    ]);
  });

  test.each([
    ["{}", `error missing-key 10:5 ${place}.namespaces`],
    ["{ namespaces: [] }", `error empty-value 10:31 ${place}.namespaces`],
    ['{ namespaces: ["urn:xmpp:delegation:2"] }', `error delegation-delegated 10:32 ${place}.namespaces[0]`],
    [
      '{ namespaces: ["urn:xmpp:delegation:2:bare:disco#info:*"] }',
      `error invalid-namespace 10:32 ${place}.namespaces[0]`,
    ],
    ['{ namespaces: ["urn: x"] }', `error invalid-namespace 10:32 ${place}.namespaces[0]`],
    [`{ namespaces: [${MAM}] }`, `warning no-effect 10:32 ${place}.namespaces[0]`],
    ['{ namespaces: ["urn:x", "urn:x"] }', `warning no-effect 10:41 ${place}.namespaces[1]`],
    ['{ namespaces: ["urn:x"], entities: ["@"] }', `error invalid-jid 10:53 ${place}.entities[0]`],
    ['{ namespaces: ["urn:x"], entities: [a.lit/x] }', `error invalid-entity 10:53 ${place}.entities[0]`],
    ['{ namespaces: ["urn:x"], entity: [a.lit] }', `error unknown-key 10:42 ${place}.entity`],
    ['{ namespaces: ["urn:x"], challengeLifetime: 1s }', `error out-of-range 10:61 ${place}.challengeLifetime`],
    ['{ namespaces: ["urn:x"], maxGrantsPerUser: 0 }', `error out-of-range 10:60 ${place}.maxGrantsPerUser`],
  ])("%s is found fault with", (mode, finding) => {
    expect(workspace().findings(withMode(mode))).toContain(finding);
  });

  test("needs a store", () => {
    expect(workspace().findings(withMode('{ namespaces: ["urn:x"] }', ""))).toEqual([
      `error missing-key 10:17 ${place}`,
    ]);
  });
});

describe("store", () => {
  const mode = '{ namespaces: ["urn:x"] }';

  test("has no effect without client mode", () => {
    expect(workspace().findings(yaml({ rest: "store: { path: grants }" }))).toEqual(["warning no-effect 11:8 store"]);
  });

  test.each([
    ["grants", []],
    ["missing/grants", ["warning store-unusable 12:16 store.path"]],
    ["secret", ["warning store-unusable 12:16 store.path"]],
    ["secret/grants", ["warning store-unusable 12:16 store.path"]],
  ])("%s is looked at, and not touched", (path, findings) => {
    expect(workspace().findings(withMode(mode, `store: { path: ${path} }`))).toEqual(findings);
  });

  test("should be for this user's eyes", () => {
    const space = workspace();
    mkdirSync(join(space.folder, "grants"));
    chmodSync(join(space.folder, "grants"), 0o750);
    expect(space.findings(withMode(mode))).toEqual(["warning world-readable 12:16 store.path"]);
    chmodSync(join(space.folder, "grants"), 0o700);
    expect(space.findings(withMode(mode))).toEqual([]);
  });
});
