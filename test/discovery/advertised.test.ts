import { describe, expect, test } from "vitest";
import {
  capabilitiesHash,
  capabilitiesVer,
  type DiscoInfo,
  matches,
  readDiscoInfo,
  rewriteCapabilities,
} from "../../src/discovery/index.js";
import { childElements, serialize } from "../../src/xml/index.js";
import { element, features, info, query } from "./answers.js";

const NODE = "http://prosody.im";
const server = info(`<identity category='server' type='im' name='Globe'/>${features("urn:a", "urn:b")}`);
const given = info(`<identity category='server' type='im' name='Globe'/>${features("urn:a", "urn:c")}`);
const ill = info(features("urn:a", "urn:a"));
const ver = (read = server, hash = "sha-1") => capabilitiesVer(read, hash) ?? "none";
const hashOf = (algorithm: string, read = server) => capabilitiesHash(read, algorithm) ?? "none";

const c = (value = ver(), hash = "sha-1") =>
  `<c xmlns='http://jabber.org/protocol/caps' hash='${hash}' node='${NODE}' ver='${value}'/>`;
const hash = (algorithm: string, value = hashOf(algorithm)) =>
  `<hash xmlns='urn:xmpp:hashes:2' algo='${algorithm}'>${value}</hash>`;
const hashes = (...content: readonly string[]) => `<c xmlns='urn:xmpp:caps'>${content.join("")}</c>`;
const streamFeatures = (content: string) => element(`<stream:features>${content}</stream:features>`);

const both = { from: server, to: given };

/** What became of stream features with this content, and what of it remains, as text. */
function rewritten(content: string, infos: { readonly from?: DiscoInfo; readonly to?: DiscoInfo } = both) {
  const parent = streamFeatures(content);
  const outcome = rewriteCapabilities(parent, infos.from, infos.to);
  const left = childElements(parent).map((child) => serialize(child, "http://etherx.jabber.org/streams"));
  return { ...outcome, left: left.join("").replaceAll('"', "'") };
}

describe("whether a hash describes an answer", () => {
  test("is told of XEP-0115 by ver and hash function (XEP-0115 §5.4)", () => {
    expect(matches(server, element(c()))).toBe(true);
    expect(matches(server, element(c(ver(server, "sha-256"), "sha-256")))).toBe(true);
    expect(matches(given, element(c()))).toBe(false);
    expect(matches(server, element(c(ver(), "sha-256")))).toBe(false);
    expect(matches(server, element(c(ver(), "sha-0")))).toBe(false);
    expect(matches(server, element("<c xmlns='http://jabber.org/protocol/caps' node='n' ver='1.3'/>"))).toBe(false);
    expect(matches(server, element(c().replace("protocol/caps", "protocol/hats")))).toBe(false);
  });

  test("is told of XEP-0390 by all hashes of known functions (XEP-0390 §4.4)", () => {
    expect(matches(server, element(hashes(hash("sha-256"), hash("sha3-256"))))).toBe(true);
    expect(matches(server, element(hashes(hash("sha-256"), hash("sha-0", "AAAA"))))).toBe(true);
    expect(matches(server, element(hashes(hash("sha-256"), hash("sha3-256", "AAAA"))))).toBe(false);
    expect(matches(server, element(hashes(hash("sha-0", "AAAA"))))).toBe(false);
    expect(matches(server, element(hashes()))).toBe(false);
    expect(matches(server, element(hashes(`<hash xmlns='urn:x' algo='sha-256'>${hashOf("sha-256")}</hash>`)))).toBe(
      false,
    );
  });
});

describe("a hash of the server's", () => {
  test("becomes that of the nested answer under the same node (XEP-0115 §5.1, D55)", () => {
    const mechanisms = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    expect(rewritten(`${mechanisms}${c()}`)).toEqual({
      changed: true,
      nodes: [`${NODE}#${ver(given)}`],
      removed: [],
      left: `${mechanisms}${c(ver(given))}`,
    });
  });

  test("is replaced in a presence as in stream features (XEP-0115 §6.1)", () => {
    const presence = element(`<presence from='capulet.lit'>${c()}</presence>`);
    expect(rewriteCapabilities(presence, server, given).nodes).toEqual([`${NODE}#${ver(given)}`]);
    expect(serialize(presence).replaceAll('"', "'")).toContain(ver(given));
  });

  test("becomes that of the nested answer in each hash function (XEP-0390 §4.2, §4.3)", () => {
    expect(rewritten(hashes(hash("sha-256"), hash("sha3-256", ` ${hashOf("sha3-256")}\n`)))).toEqual({
      changed: true,
      nodes: ["sha-256", "sha3-256"].map((algorithm) => `urn:xmpp:caps#${algorithm}.${hashOf(algorithm, given)}`),
      removed: [],
      left: hashes(hash("sha-256", hashOf("sha-256", given)), hash("sha3-256", hashOf("sha3-256", given))),
    });
  });

  test("is removed when it does not describe what the server answers, or that is unknown (D55)", () => {
    for (const infos of [{ from: given, to: given }, { to: given }, { from: ill, to: given }]) {
      expect(rewritten(c(), infos)).toEqual({ changed: true, nodes: [], removed: ["not-verified"], left: "" });
      expect(rewritten(hashes(hash("sha-256"), hash("sha-512")), infos)).toEqual({
        changed: true,
        nodes: [],
        removed: ["not-verified", "not-verified"],
        left: "",
      });
    }
  });

  test("is removed when the nested answer has none or is unknown", () => {
    for (const to of [ill, undefined]) {
      const parent = streamFeatures(c() + hashes(hash("sha-256")));
      expect(rewriteCapabilities(parent, server, to)).toEqual({
        changed: true,
        nodes: [],
        removed: ["not-computable", "not-computable"],
      });
      expect(parent.children).toEqual([]);
    }
  });

  test("is removed where its function is unknown, and only that one (XEP-0390 §4.2)", () => {
    expect(rewritten(c("AAAA", "sha-0")).removed).toEqual(["unknown-algorithm"]);
    const mixed = rewritten(hashes(hash("sha-0", "AAAA"), hash("sha-256")));
    expect(mixed.removed).toEqual(["unknown-algorithm"]);
    expect(mixed.left).toBe(hashes(hash("sha-256", hashOf("sha-256", given))));
    expect(rewritten(hashes(hash("sha-0", "AAAA")))).toEqual({
      changed: true,
      nodes: [],
      removed: ["unknown-algorithm"],
      left: "",
    });
  });

  test("is removed in the form before XEP-0115 v1.4, and where it says nothing (XEP-0115 §13)", () => {
    const caps = "xmlns='http://jabber.org/protocol/caps'";
    expect(rewritten(`<c ${caps} node='${NODE}' ver='0.9' ext='rn'/>`)).toMatchObject({
      removed: ["legacy"],
      left: "",
    });
    expect(rewritten(`<c ${caps} hash='sha-1' ver='${ver()}'/>`)).toMatchObject({ removed: ["legacy"], left: "" });
    expect(rewritten(`<c ${caps} hash='sha-1' node='${NODE}'/>`)).toMatchObject({
      removed: ["not-verified"],
      left: "",
    });
    expect(rewritten(hashes())).toMatchObject({ removed: ["legacy"], left: "" });
  });

  test("is each judged by itself when there are several (XEP-0390 §7.2)", () => {
    const each = rewritten(c("AAAA") + c() + hashes(hash("sha-256")));
    expect(each.removed).toEqual(["not-verified"]);
    expect(each.nodes).toHaveLength(2);
    expect(each.left).toBe(c(ver(given)) + hashes(hash("sha-256", hashOf("sha-256", given))));
  });

  test("is computed by the reading of inherited languages that the server has (XEP-0390 §4.1)", () => {
    const identity = "<identity category='server' type='im' name='Globe'/>";
    const read = (content: string) => readDiscoInfo(query(identity + content, "xml:lang='en'"));
    const [from, to] = [read(features("urn:a")), read(features("urn:c"))];
    for (const reading of ["inherited", "explicit"] as const) {
      const before = hash("sha-256", capabilitiesHash(from, "sha-256", reading));
      const after = hash("sha-256", capabilitiesHash(to, "sha-256", reading));
      expect(matches(from, element(hashes(before)))).toBe(true);
      expect(rewritten(hashes(before), { from, to }).left).toBe(hashes(after));
    }
  });

  test("is left alone where there is none", () => {
    const other = "<c xmlns='urn:x'/>";
    expect(rewritten(other)).toEqual({ changed: false, nodes: [], removed: [], left: other });
  });
});
