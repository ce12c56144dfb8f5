import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  isComplete,
  matches,
  nest,
  readDiscoInfo,
  rewriteCapabilities,
  writeDiscoInfo,
} from "../../src/discovery/index.js";
import { childElements, type Element, findChild } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import { delegation, element, features, MAM, PUBSUB } from "./answers.js";

// What real servers said on loopback, their own hash included: stream features, disco#info of the domain and of an account.

const folder = new URL("../fixtures/discovery/", import.meta.url);

function recorded(file: string) {
  const recording = element(readFileSync(new URL(file, folder), "utf8").trim());
  const [streamFeatures, domain, account] = childElements(recording);
  if (streamFeatures === undefined || domain === undefined || account === undefined) throw new Error("cut recording");
  return { streamFeatures, domain: queryIn(domain), account: queryIn(account) };
}

function queryIn(iq: Element): Element {
  const query = findChild(iq, "query", NS.discoInfo);
  if (query === undefined) throw new Error("no query in the recording");
  return query;
}

const PEP = "<identity category='pubsub' type='pep'/>";
const entity = [
  delegation(PUBSUB, PEP + features(PUBSUB, `${PUBSUB}#publish`, "urn:xmpp:order-by:0"), {
    identities: ["pubsub/pep"],
  }),
  delegation(MAM, features(MAM)),
];

describe.each(["prosody-0.12.3.xml", "ejabberd-23.01.xml"])("what a real server says (%s)", (file) => {
  test("is described by the hash in its stream features (XEP-0115 §5.4)", () => {
    const { streamFeatures, domain } = recorded(file);
    const c = findChild(streamFeatures, "c", NS.caps);
    expect(c && matches(readDiscoInfo(domain), c)).toBe(true);
  });

  test("is nested, and the hash follows it (D52, D55)", () => {
    const { streamFeatures, domain } = recorded(file);
    const own = readDiscoInfo(domain);
    expect(nest(domain, entity, { announce: true })).toBe(true);
    const nested = readDiscoInfo(domain);
    expect(isComplete(nested)).toBe(true);
    expect(nested.features).toContain(NS.delegation);

    const { nodes, removed } = rewriteCapabilities(streamFeatures, own, nested);
    const c = findChild(streamFeatures, "c", NS.caps);
    expect(removed).toEqual([]);
    expect(nodes).toEqual([`${String(c?.attrs["node"])}#${String(c?.attrs["ver"])}`]);
    // A client checks the hash against what it is answered on the node, or without one.
    for (const answer of [domain, writeDiscoInfo(nested, nodes[0])]) {
      expect(c && matches(readDiscoInfo(answer), c)).toBe(true);
    }
    expect(c && matches(own, c)).toBe(false);
  });

  test("of an account is nested, and nothing of the server's own service remains (D52)", () => {
    const { account } = recorded(file);
    const before = readDiscoInfo(account).features;
    nest(account, entity, { announce: false });
    const after = readDiscoInfo(account);
    const belonging = (name: string) => name.startsWith(PUBSUB) || name.startsWith(`${MAM}#`) || name === MAM;
    expect(after.features.filter(belonging).sort()).toEqual([PUBSUB, `${PUBSUB}#publish`, MAM].sort());
    expect(after.features.filter((name) => before.includes(name) && !belonging(name))).toEqual(
      before.filter((name) => !belonging(name)),
    );
    expect(after.identities.map(({ category, type }) => `${category}/${type}`).sort()).toEqual([
      "account/registered",
      "pubsub/pep",
    ]);
  });
});
