import type { Element } from "../xml/index.js";
import { attributeOf, childElements, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { capabilitiesHash, capabilitiesVer, type LanguageReading } from "./capabilities.js";
import { hashNames } from "./hashing.js";
import type { DiscoInfo } from "./info.js";

/** Why a hash was taken away rather than replaced. */
export type CapabilitiesRemoval =
  /** No hash function, no node or no hash is named: the form before XEP-0115 v1.4, or nothing that could be checked. */
  | "legacy"
  /** The hash function is not known here. */
  | "unknown-algorithm"
  /** It does not describe what the server answers, or that is not known. */
  | "not-verified"
  /** The nested answer has no hash, or is not known. */
  | "not-computable";

export interface CapabilitiesOutcome {
  readonly changed: boolean;
  /** The nodes under which the new answer is advertised now; a query on one of them is to be given that answer. */
  readonly nodes: readonly string[];
  /** One for each hash that was taken away. */
  readonly removed: readonly CapabilitiesRemoval[];
}

/**
 * Whether a `<c/>` of XEP-0115 or XEP-0390 describes an answer.
 *
 * Shape   of XEP-0390 each hash whose function is known must agree, and one must be known.
 * Source  XEP-0115 §5.4, XEP-0390 §4.4.
 */
export function matches(info: DiscoInfo, c: Element): boolean {
  if (isVer(c)) {
    const algorithm = attributeOf(c, "hash");
    const ver = attributeOf(c, "ver");
    return algorithm !== undefined && ver !== undefined && capabilitiesVer(info, algorithm) === ver;
  }
  return isHashSet(c) && readingOf(info, hashesOf(c)) !== undefined;
}

/**
 * Makes the hashes in stream features or in a presence speak of the nested answer.
 *
 * Shape   `parent` is changed in place; its `<c/>` must be the *server's own*. `from` is what the server answers by
 *         itself, `to` what a client is given; undefined what is not known. A hash that describes `from` is replaced with
 *         that of `to`, by the same function and, of XEP-0115, under the same node. Any other is removed, because it would
 *         make clients keep an answer that they are not given. Of a set of XEP-0390 hashes one that is wrong
 *         condemns all, one of an unknown function only itself.
 * Source  XEP-0115 §5.1, §6.3; XEP-0390 §4.2, §5.2; protocol.md D55, design decision 6.
 */
export function rewriteCapabilities(
  parent: Element,
  from: DiscoInfo | undefined,
  to: DiscoInfo | undefined,
): CapabilitiesOutcome {
  const nodes: string[] = [];
  const removed: CapabilitiesRemoval[] = [];
  let changed = false;
  for (const c of childElements(parent)) {
    const isOld = isVer(c);
    if (!isOld && !isHashSet(c)) continue;
    const before = nodes.length;
    const removals = isOld ? rewriteVer(c, from, to, nodes) : rewriteHashes(c, from, to, nodes);
    removed.push(...removals);
    changed = true;
    if (nodes.length === before) parent.remove(c);
  }
  return { changed, nodes, removed };
}

function isVer(c: Element): boolean {
  return c.name === "c" && namespaceOf(c) === NS.caps;
}

function isHashSet(c: Element): boolean {
  return c.name === "c" && namespaceOf(c) === NS.caps2;
}

type Removals = readonly CapabilitiesRemoval[];

function rewriteVer(c: Element, from: DiscoInfo | undefined, to: DiscoInfo | undefined, nodes: string[]): Removals {
  const algorithm = attributeOf(c, "hash");
  const node = attributeOf(c, "node");
  if (algorithm === undefined || node === undefined) return ["legacy"];
  if (!hashNames.includes(algorithm)) return ["unknown-algorithm"];
  if (from === undefined || !matches(from, c)) return ["not-verified"];
  const ver = to && capabilitiesVer(to, algorithm);
  if (ver === undefined) return ["not-computable"];
  c.attrs["ver"] = ver;
  nodes.push(`${node}#${ver}`);
  return [];
}

function rewriteHashes(c: Element, from: DiscoInfo | undefined, to: DiscoInfo | undefined, nodes: string[]): Removals {
  const hashes = hashesOf(c);
  const unknown = hashes.filter(({ algorithm }) => !hashNames.includes(algorithm));
  const known = hashes.filter((hash) => !unknown.includes(hash));
  const removals = unknown.map((): CapabilitiesRemoval => "unknown-algorithm");
  if (known.length === 0) return hashes.length === 0 ? ["legacy"] : removals;
  const reading = from && readingOf(from, known);
  const all = (reason: CapabilitiesRemoval): Removals => [...removals, ...known.map(() => reason)];
  if (reading === undefined) return all("not-verified");
  const values = known.map(({ algorithm }) => to && capabilitiesHash(to, algorithm, reading));

  const renewed = known.flatMap((hash, index) => {
    const value = values[index];
    return value === undefined ? [] : [{ ...hash, value }];
  });
  if (renewed.length !== known.length) return all("not-computable");
  for (const { element } of unknown) c.remove(element);
  for (const { element, algorithm, value } of renewed) {
    element.children = [value];
    nodes.push(`${NS.caps2}#${algorithm}.${value}`);
  }
  return removals;
}

interface CapabilityHash {
  readonly algorithm: string;
  readonly value: string;
  readonly element: Element;
}

function hashesOf(c: Element): readonly CapabilityHash[] {
  return childElements(c)
    .filter((child) => child.name === "hash" && namespaceOf(child) === NS.hashes)
    .map((element) => ({ element, algorithm: attributeOf(element, "algo") ?? "", value: element.getText().trim() }));
}

/** The reading by which all hashes of known functions describe an answer; undefined if there is none. */
function readingOf(info: DiscoInfo, hashes: readonly CapabilityHash[]): LanguageReading | undefined {
  const known = hashes.filter(({ algorithm }) => hashNames.includes(algorithm));
  if (known.length === 0) return undefined;
  const readings: readonly LanguageReading[] = ["inherited", "explicit"];
  return readings.find((reading) =>
    known.every(({ algorithm, value }) => capabilitiesHash(info, algorithm, reading) === value),
  );
}
