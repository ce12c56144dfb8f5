import type { DiscoInfo, NestedNamespace, NestingScope } from "../../discovery/index.js";
import {
  discoLimits,
  matches,
  nest,
  nestingNode,
  readDiscoInfo,
  rewriteCapabilities,
  writeDiscoInfo,
} from "../../discovery/index.js";
import type { DelegationRule, RuleTable } from "../../rules/index.js";
import {
  attributeOf,
  childElements,
  copyOf,
  Element,
  findChild,
  namespaceHash,
  namespaceOf,
  serialize,
  writtenLength,
} from "../../xml/index.js";
import { NS, parseJid } from "../../xmpp/index.js";
import { attributesOf } from "../link/stanzas.js";

/** Answers whose hashes were given to clients, which may ask for them still (XEP-0390 §6.1 wants the last three sets). */
const MAX_NODES = 64;

const GT = 0x3e;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const DISCO_INFO = namespaceHash(NS.discoInfo);

/** Answers of the domain's, nested by us, since the start; the labels of `caesura_discovery_nested_total`. */
export interface DiscoveryCounts {
  /** From everything that the entities have to say. */
  nested: number;
  /** From a part of it, because an entity has not answered yet (protocol.md D59). */
  incomplete: number;
  /** Not nested, because there would be more of it than the server itself may send: it went on as the server gave it. */
  too_large: number;
  /** Capability hashes that went on as those of the nested answer. */
  recomputed: number;
  /** Capability hashes that were taken away, because what they stand for is not known. */
  removed: number;
}

/**
 * What the discovery of one domain is made of: the server's answers, and what managing entities say on the namespaces that
 * are delegated to them (XEP-0355 §7.2). Nothing waits for anything: an answer is nested from what is known.
 */
export class DomainDiscovery {
  readonly #domain: string;
  readonly counts: DiscoveryCounts = { nested: 0, incomplete: 0, too_large: 0, recomputed: 0, removed: 0 };
  #rules: readonly DelegationRule[] = [];
  /** Undefined without client mode, which has namespace delegation announced even if no rule does. */
  #alsoAnnounced: readonly string[] | undefined;
  /** By namespace, entity and scope. */
  readonly #answers = new Map<string, DiscoInfo>();
  /** New arrays whenever an answer changes: what follows from one is kept with it. */
  #nested: Readonly<Record<NestingScope, readonly NestedNamespace[]>> = { domain: [], account: [] };
  #isComplete = true;
  /** The server's own answer of the domain, as it was given to a component, and to a client: servers may tell them apart. */
  readonly #own = new Map<"component" | "client", DiscoInfo>();
  /** The nested answers of the domain by the nodes under which clients know them. */
  readonly #nodes = new Map<string, Element>();
  #wantsOwn = false;
  /** Hashes that could not be checked, and those of which asking a client's server has not helped. */
  #unknown = "";
  #explored: string | undefined;
  readonly #nestedInfos = new WeakMap<DiscoInfo, DiscoInfo>();

  readonly #name: Buffer;
  readonly #maxBytes: () => number;

  /** `maxBytes`: what a stanza of the server's may have, and so one that is written in its place. */
  constructor(domain: string, maxBytes: () => number) {
    this.#domain = domain;
    this.#maxBytes = maxBytes;
    this.#name = Buffer.from(domain);
  }

  /** What the entities that a user chose have to say of the user's account; by `bareKey`. */
  grantedOf: (account: string) => readonly NestedNamespace[] = () => [];

  /** Whether anything of the server's is changed. */
  get isActive(): boolean {
    return this.#rules.length > 0 || this.#alsoAnnounced !== undefined;
  }

  /** A client was not told a hash because the server's answer is not known: somebody is to ask the server. */
  get wantsOwn(): boolean {
    return this.#wantsOwn && this.isActive;
  }

  /** The delegations of now. What entities have said before counts until they say something else. */
  configure({ rules }: RuleTable, hasClientMode: boolean): void {
    this.#rules = rules;
    // XEP-0050 §2.1: the domain has a command then, whether or not the server has any.
    this.#alsoAnnounced = hasClientMode ? [NS.commands] : undefined;
    const present = new Set(rules.flatMap((rule) => [keyOf(rule, "domain"), keyOf(rule, "account")]));
    for (const key of this.#answers.keys()) if (!present.has(key)) this.#answers.delete(key);
    this.#renew();
  }

  /** Whether an attribute in the first tag of a stanza is the domain's name, as it is in what the domain itself sends. */
  isNamedIn(bytes: Buffer, start: number, end: number): boolean {
    const name = this.#name;
    for (let at = start; at < end && bytes[at] !== GT; at++) {
      const quote = bytes[at];
      if ((quote !== QUOTE && quote !== APOSTROPHE) || bytes[at + name.length + 1] !== quote) continue;
      let length = 0;
      while (length < name.length && bytes[at + 1 + length] === name[length]) length++;
      if (length === name.length) return true;
    }
    return false;
  }

  /** What an entity answered; undefined: it has nothing to say. */
  answered(rule: DelegationRule, scope: NestingScope, info: DiscoInfo | undefined): void {
    if (!this.#rules.some((one) => keyOf(one, scope) === keyOf(rule, scope))) return;
    this.#answers.set(keyOf(rule, scope), info ?? NOTHING);
    this.#renew();
  }

  /** What the server answers by itself, learnt by asking as `asker`. */
  learn(asker: "component" | "client", query: Element): void {
    this.#own.set(asker, readDiscoInfo(query));
    this.#wantsOwn = false;
    // If it is not what the hash stands for, asking again will not help until there is another hash.
    if (asker === "client") this.#explored = this.#unknown;
  }

  /** What is read of an answer, so that all of them together stay far below what a stanza may hold (protocol.md R8). */
  get limits(): typeof discoLimits {
    const share = Math.max(1, this.#rules.length / 4);
    return {
      ...discoLimits,
      maxFeatures: Math.ceil(discoLimits.maxFeatures / share),
      maxCharacters: Math.ceil(discoLimits.maxCharacters / share),
    };
  }

  /** Whether a client's iq with this hash of its child's namespace could be one that is looked at or answered here. */
  mayAnswer(childNamespaceHash: number): boolean {
    return childNamespaceHash === DISCO_INFO && (this.isActive || this.#nodes.size > 0);
  }

  /**
   * Nests into an iq of the server's, if it is an answer that describes the domain or one of its accounts (protocol.md
   * D50 to D54). True: `iq` was changed, and goes on in its place; otherwise the answer goes on as it came.
   *
   * Shape   `account` is who answers without an address; `lang` that of the stream.
   */
  nest(iq: Element, account: string | undefined, lang: string | undefined): boolean {
    if (!this.isActive || attributesOf(iq).type !== "result") return false;
    const described = attributesOf(iq).from ?? account;
    const scope = this.#scopeOf(described);
    const query = scope && findChild(iq, "query", NS.discoInfo);
    if (query === undefined || scope === undefined || attributeOf(query, "node") !== undefined) return false;
    const delegated = scope === "domain" ? this.#nested.domain : this.#accountOf(described);
    const isChanged = nest(query, delegated, { ...this.#announced(scope), lang });
    const isTooLarge = isChanged && this.#isTooLarge(iq);
    if (isTooLarge) this.counts.too_large++;
    else if (this.#isComplete) this.counts.nested++;
    else this.counts.incomplete++;
    return isChanged && !isTooLarge;
  }

  /** What the account itself is given where the server does not describe accounts (protocol.md D53). */
  describeAccount(owner: string): Element | undefined {
    const account = this.#accountOf(owner);
    if (!account.some(({ info }) => info !== undefined && info !== NOTHING)) return undefined;
    const query = new Element("query", { xmlns: NS.discoInfo });
    query.c("identity", { category: "account", type: "registered" });
    query.c("feature", { var: NS.discoInfo });
    nest(query, account, { announce: false });
    if (!this.#isTooLarge(query)) return query;
    this.counts.too_large++;
    return undefined;
  }

  /**
   * Makes the capability hashes in the server's own features or presence those of the nested answer, or takes them away
   * (protocol.md D55). True: `parent` was changed.
   */
  rewriteCapabilities(parent: Element): boolean {
    if (!this.isActive) return false;
    const given = capabilitiesIn(parent)
      .map((c) => serialize(c))
      .join("");
    const own = this.#ownDescribedBy(parent);
    const nested = own && this.#nestedInfo(own);
    const { changed, nodes, removed } = rewriteCapabilities(parent, own, nested);
    for (const node of nodes) if (nested !== undefined) this.#remember(node, writeDiscoInfo(nested, node));
    this.counts.recomputed += nodes.length;
    this.counts.removed += removed.length;
    if (removed.includes("not-verified")) {
      this.#unknown = given;
      this.#wantsOwn = given !== this.#explored;
    }
    return changed;
  }

  /** The answer to a request for a node that only we have advertised (XEP-0115 §6.2); undefined for any other. */
  answer(iq: Element): Element | undefined {
    const { type, id, to } = attributesOf(iq);
    if (type !== "get" || id === undefined || to === undefined || this.#scopeOf(to) !== "domain") return undefined;
    // RFC 6120 §8.2.3: the server has an error for more than one child.
    if (childElements(iq).length !== 1) return undefined;
    const query = findChild(iq, "query", NS.discoInfo);
    const node = query && attributeOf(query, "node");
    const answer = node === undefined ? undefined : this.#nodes.get(node);
    return answer === undefined ? undefined : copyOf(answer);
  }

  /** Whether an iq asks the sender's own account what it is. */
  isAboutOwnAccount(iq: Element, account: string): boolean {
    const { type, to } = attributesOf(iq);
    if (type !== "get" || (to !== undefined && parseJid(to)?.fullKey !== parseJid(account)?.bareKey)) return false;
    const query = findChild(iq, "query", NS.discoInfo);
    return query !== undefined && attributeOf(query, "node") === undefined;
  }

  /** protocol.md R8: whoever gets an answer has made room for what its server may send, and for no more. */
  #isTooLarge(written: Element): boolean {
    return writtenLength(written) > this.#maxBytes();
  }

  #accountOf(address: string | undefined): readonly NestedNamespace[] {
    const granted = this.grantedOf((address === undefined ? undefined : parseJid(address)?.bareKey) ?? "");
    // One array for all without grants: what follows from it is kept with it.
    return granted.length === 0 ? this.#nested.account : [...this.#nested.account, ...granted];
  }

  #announced(scope: NestingScope): { readonly announce: boolean; readonly alsoAnnounced: readonly string[] } {
    return { announce: scope === "domain", alsoAnnounced: this.#alsoAnnounced ?? [] };
  }

  #scopeOf(address: string | undefined): NestingScope | undefined {
    const jid = address === undefined ? undefined : parseJid(address);
    if (jid?.domain !== this.#domain || jid.resource !== undefined) return undefined;
    return jid.local === undefined ? "domain" : "account";
  }

  #ownDescribedBy(parent: Element): DiscoInfo | undefined {
    const [c] = capabilitiesIn(parent);
    return c && [...this.#own.values()].find((own) => matches(own, c));
  }

  /** Kept, because hashing is what costs. */
  #nestedInfo(own: DiscoInfo): DiscoInfo {
    const known = this.#nestedInfos.get(own);
    if (known !== undefined) return known;
    const query = writeDiscoInfo(own);
    nest(query, this.#nested.domain, this.#announced("domain"));
    const info = readDiscoInfo(query);
    this.#nestedInfos.set(own, info);
    return info;
  }

  #remember(node: string, answer: Element): void {
    this.#nodes.delete(node);
    this.#nodes.set(node, answer);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= MAX_NODES) break;
      this.#nodes.delete(oldest);
    }
  }

  #renew(): void {
    this.#isComplete = true;
    this.#nested = { domain: this.#list("domain"), account: this.#list("account") };
    for (const own of this.#own.values()) this.#nestedInfos.delete(own);
  }

  /** protocol.md D59: a namespace of which nothing is known yet stays as the server describes it. */
  #list(scope: NestingScope): readonly NestedNamespace[] {
    return this.#rules.flatMap((rule) => {
      const info = this.#answers.get(keyOf(rule, scope));
      if (nestingNode(rule.namespace, scope) === undefined) return [];
      if (info === undefined) {
        this.#isComplete = false;
        return [];
      }
      return [{ namespace: rule.namespace, entity: rule.entity, identities: rule.identities, info }];
    });
  }
}

/** The `<c/>` of XEP-0115 and of XEP-0390. */
function capabilitiesIn(parent: Element): readonly Element[] {
  return childElements(parent).filter(
    (child) => child.name === "c" && [NS.caps, NS.caps2].some((namespace) => namespace === namespaceOf(child)),
  );
}

/** The answer of an entity that has nothing to say: it answered with an error, or not at all. */
const NOTHING: DiscoInfo = readDiscoInfo(new Element("query", { xmlns: NS.discoInfo }));

function keyOf({ namespace, entity }: DelegationRule, scope: NestingScope): string {
  return `${scope}\n${entity}\n${namespace}`;
}
