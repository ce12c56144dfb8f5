import { namespaceHash } from "../xml/index.js";
import { normaliseDomain, NS, UsageError } from "../xmpp/index.js";
import { type CompiledRule, compileRule, conditions, Facts, waitsFor } from "./conditions.js";
import type {
  Condition,
  Decision,
  DelegationRule,
  PassReason,
  RefusalCode,
  Request,
  RequestChild,
  RuleStep,
} from "./rule.js";
import { refusals } from "./rule.js";

/** The delegations of one domain, ready to be asked for each request. */
export class RuleTable {
  readonly domain: string;
  readonly rules: readonly DelegationRule[];
  /** By the namespace of the requests that a rule is about; one that names it goes before a special name. */
  readonly #byNamespace = new Map<string, CompiledRule>();
  readonly #byEntity = new Map<string, readonly DelegationRule[]>();
  readonly #hashes = new Set<number>();

  private constructor(domain: string, rules: readonly DelegationRule[]) {
    this.domain = domain;
    this.rules = rules;
    if (rules.length > 0) this.#hashes.add(namespaceHash(NS.delegation) | 0);
    const byEntity = new Map<string, DelegationRule[]>();
    for (const rule of rules) {
      const compiled = compileRule(rule);
      const others = byEntity.get(rule.entity);
      if (others === undefined) byEntity.set(rule.entity, [rule]);
      else others.push(rule);
      const { namespace, isSpecial } = compiled;
      if (!isSpecial || !this.#byNamespace.has(namespace)) this.#byNamespace.set(namespace, compiled);
      this.#hashes.add(namespaceHash(namespace) | 0);
    }
    this.#byEntity = byEntity;
  }

  /**
   * Makes a table of rules that the configuration has already accepted.
   *
   * Errors  UsageError for a domain that is not normalised, an entity that is no address, two rules for one namespace,
   *         or one for no namespace or for that of delegation itself.
   * Source  protocol.md D7 (XEP-0355 §8), D8.
   */
  static compile(domain: string, rules: readonly DelegationRule[]): RuleTable {
    if (normaliseDomain(domain) !== domain) throw new UsageError("the domain of a rule table is not normalised");
    const seen = new Set<string>();
    for (const { namespace } of rules) {
      if (namespace === "") throw new UsageError("a rule delegates no namespace");
      if (namespace === NS.delegation) throw new UsageError(`${namespace} cannot be delegated`);
      if (seen.has(namespace)) throw new UsageError(`${namespace} is delegated twice`);
      seen.add(namespace);
    }
    return new RuleTable(domain, rules);
  }

  /**
   * Whether `decide` could do anything but pass, judged by the `namespaceHash` of an IQ's first child. A request with
   * several children is to be decided whatever this says, unless there are no rules: RFC 6120 §8.2.3 forbids it, and the
   * delegated child need not be the first.
   *
   * Cost    one look into a set of numbers, however many rules there are.
   */
  mayMatch(childNamespaceHash: number): boolean {
    return this.#hashes.has(childNamespaceHash | 0);
  }

  /**
   * Whose request it is: the server's, a managing entity's, or nobody's because it breaks a rule of the protocol.
   *
   * Cost    does not grow with the number of rules; with the children once.
   * Source  protocol.md D1 to D8, R3, R4, R11; XEP-0355 §4.3, §4.3.1, §8.
   */
  decide(request: Request): Decision {
    const { children } = request;
    if (!isRequest(request)) return { kind: "pass", reason: "not-a-request" };
    if (children.length === 0) return { kind: "pass", reason: "no-payload" };

    const facts = new Facts(this.domain, request);
    let reason: PassReason | undefined;
    for (const child of children) {
      if (child.namespace === NS.delegation && this.#refusesDelegation(facts)) return refusalOf(request, undefined);
      const compiled = this.#byNamespace.get(child.namespace);
      if (compiled === undefined) continue;
      const failure = failureOf(compiled, child, facts);
      if (failure !== undefined) {
        reason ??= failure;
      } else if (children.length > 1 || request.id === undefined) {
        return refusalOf(request, compiled.rule);
      } else if (facts.addressed.target !== undefined) {
        const { target } = facts.addressed;
        return { kind: "delegate", rule: compiled.rule, target, waitsFor: waitsFor(compiled, child, target) };
      }
    }
    return { kind: "pass", reason: reason ?? "namespace-not-delegated" };
  }

  /** How each rule sees a request, in the order in which they are configured. Agrees with `decide`. */
  explain(request: Request): readonly RuleStep[] {
    const facts = new Facts(this.domain, request);
    return this.rules.map((rule) => {
      const held: Condition[] = [];
      const failed = explainRule(compileRule(rule), request, facts, held);
      return { rule, held, failed };
    });
  }

  /** The managing entities, each once, in the order in which they are configured. */
  entities(): readonly string[] {
    return [...this.#byEntity.keys()];
  }

  /** What is delegated to one managing entity, in the order in which it is configured. */
  rulesOf(entity: string): readonly DelegationRule[] {
    return this.#byEntity.get(entity) ?? [];
  }

  /** XEP-0355 §8: what a user asks of the delegation protocol itself is forbidden where there is such a thing. */
  #refusesDelegation(facts: Facts): boolean {
    return this.rules.length > 0 && facts.isFromAccount && facts.addressed.target !== undefined;
  }
}

// XEP-0355 §4.1, RFC 6120 §8.2.3: results and errors are never delegated, and nothing else has a type.
function isRequest({ type }: Request): boolean {
  return type === "get" || type === "set";
}

/** RFC 6120 §8.2.3: a request has an id and exactly one child. What breaks that goes to nobody (protocol.md R4). */
function refusalOf(request: Request, rule: DelegationRule | undefined): Decision {
  let code: RefusalCode = "delegation-namespace-requested";
  if (request.children.length > 1) code = "delegated-request-with-several-children";
  else if (request.id === undefined) code = "delegated-request-without-id";
  const { condition, errorType } = refusals[code];
  return { kind: "refuse", condition, errorType, code, ...(rule && { rule }) };
}

function failureOf(compiled: CompiledRule, child: RequestChild, facts: Facts): PassReason | undefined {
  for (const { failure } of conditions) {
    const reason = failure(compiled, child, facts);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** The same, keeping account of what held; with several children that of the one that came furthest. */
function explainRule(compiled: CompiledRule, request: Request, facts: Facts, held: Condition[]): RuleStep["failed"] {
  const { namespace } = compiled;
  if (!isRequest(request)) return { condition: "type", reason: "not-a-request" };
  held.push("type");
  if (request.children.length === 0) return { condition: "namespace", reason: "no-payload" };
  const children = request.children.filter((child) => child.namespace === namespace);
  const [first] = children;
  if (first === undefined) return { condition: "namespace", reason: "namespace-not-delegated" };
  held.push("namespace");
  const child = children.find((one) => failureOf(compiled, one, facts) === undefined) ?? first;
  for (const { name, failure } of conditions) {
    if (name === "discovery" && !compiled.isSpecial) continue;
    const reason = failure(compiled, child, facts);
    if (reason !== undefined) return { condition: name, reason };
    held.push(name);
  }
  return undefined;
}
