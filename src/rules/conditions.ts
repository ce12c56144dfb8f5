import { type Jid, NS, parseJid, UsageError } from "../xmpp/index.js";
import type { Condition, DelegationRule, PassReason, Request, RequestChild, Target, Waiting } from "./rule.js";

/** A rule with what is worked out once. */
export interface CompiledRule {
  readonly rule: DelegationRule;
  readonly entity: Jid;
  /** The namespace of the requests that it is about. */
  readonly namespace: string;
  /** It is about discovery of accounts (XEP-0355 §7.2.4, §7.2.5) and no delegated namespace. */
  readonly isSpecial: boolean;
}

/** Names that look like namespaces but stand for a part of discovery, and the namespace of the requests in question. */
const SPECIAL_NAMES: ReadonlyMap<string, string> = new Map([
  [NS.delegationBareDiscoInfo, NS.discoInfo],
  [NS.delegationBareDiscoItems, NS.discoItems],
]);

export function compileRule(rule: DelegationRule): CompiledRule {
  const entity = parseJid(rule.entity);
  if (entity === undefined) throw new UsageError(`the managing entity of ${rule.namespace} is no address`);
  const part = SPECIAL_NAMES.get(rule.namespace);
  return { rule, entity, namespace: part ?? rule.namespace, isSpecial: part !== undefined };
}

/** What is known of a request whatever the rule; addresses are read when a rule asks for them. */
export class Facts {
  readonly #domain: string;
  readonly #request: Request;
  #sender: Jid | "malformed" | undefined;
  #addressed: Addressed | undefined;

  constructor(domain: string, request: Request) {
    this.#domain = domain;
    this.#request = request;
  }

  get type(): string | undefined {
    return this.#request.type;
  }

  get sender(): Jid | undefined {
    const sender = (this.#sender ??= parseJid(this.#request.from) ?? "malformed");
    return sender === "malformed" ? undefined : sender;
  }

  /** Whom the request is addressed to, or why it is to nobody whose requests can be delegated. */
  get addressed(): Addressed {
    return (this.#addressed ??= this.#address());
  }

  /** Whether the sender is a user of the domain, and no component. */
  get isFromAccount(): boolean {
    return this.sender?.local !== undefined && this.sender.domain === this.#domain;
  }

  // XEP-0355 §4.3: no address, the domain itself, or any bare JID at the domain; compared as the server would (D4).
  #address(): Addressed {
    const { to } = this.#request;
    // RFC 6120 §10.3.3: without an address it is for the sender's own account.
    if (to === undefined) return this.isFromAccount ? { target: "own-account" } : { reason: "no-own-account" };
    const address = parseJid(to);
    if (address === undefined) return { reason: "malformed-target" };
    if (address.domain !== this.#domain) return { reason: "other-domain" };
    if (address.resource !== undefined) {
      return { reason: address.local === undefined ? "domain-with-resource" : "full-jid" };
    }
    if (address.local === undefined) return { target: "domain" };
    return { target: address.bareKey === this.sender?.bareKey ? "own-account" : "foreign-account" };
  }
}

type Addressed =
  { readonly target: Target; readonly reason?: never } | { readonly reason: PassReason; readonly target?: never };

/**
 * What a rule asks of a request that has a child in its namespace, in this order. Each says why not, or undefined.
 *
 * Source  XEP-0355 §4.3, §4.3.1; protocol.md D2 to D6, D57, D58, R11.
 */
export const conditions: readonly {
  readonly name: Condition;
  readonly failure: (rule: CompiledRule, child: RequestChild, facts: Facts) => PassReason | undefined;
}[] = [
  {
    name: "filtering",
    failure: ({ rule }, { attributes }) =>
      rule.filtering.every((name) => attributes.has(name)) ? undefined : "filtering-attribute-missing",
  },
  {
    name: "sender",
    failure: ({ entity }, _child, { sender }) => {
      if (sender === undefined) return "malformed-sender";
      return isSentBy(entity, sender) ? "from-managing-entity" : undefined;
    },
  },
  { name: "target", failure: (_rule, _child, { addressed }) => addressed.reason },
  {
    name: "discovery",
    failure: ({ isSpecial, namespace }, { attributes }, { type, addressed }) => {
      if (!isSpecial) return undefined;
      if (type !== "get") return "not-a-get";
      if (addressed.target === "domain") return "not-an-account";
      return namespace === NS.discoInfo && !attributes.has("node") ? "no-node" : undefined;
    },
  },
  {
    name: "foreign-target",
    failure: ({ rule }, _child, { addressed }) =>
      addressed.target === "foreign-account" && rule.foreignTargets === "server" ? "other-account" : undefined,
  },
];

/** What a request that falls under a rule waits for. */
export function waitsFor({ rule, isSpecial }: CompiledRule, { attributes }: RequestChild, target: Target): Waiting {
  // protocol.md D57, D58: the server knows its own nodes, and says so before a managing entity is asked.
  if (isSpecial && attributes.has("node")) return "server";
  return target === "foreign-account" && rule.foreignTargets === "probe" ? "probe" : "nothing";
}

/** A component is recognised by its domain (protocol.md D6), a user by the account: others share the domain. */
function isSentBy(entity: Jid, sender: Jid): boolean {
  return entity.local === undefined ? sender.domain === entity.domain : sender.bareKey === entity.bareKey;
}
