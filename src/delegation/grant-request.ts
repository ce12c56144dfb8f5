import { attributeOf, childElements, type Element, findChild, namespaceOf } from "../xml/index.js";
import { type Jid, NS, parseJid } from "../xmpp/index.js";
import type { GrantRequestRefusal } from "./grant-refusals.js";

/** What users of a domain may delegate, and to whom. */
export interface ClientModePolicy {
  /** Normalised. */
  readonly domain: string;
  /** The allow-list (XEP-0355 §10): only these can be granted. */
  readonly namespaces: ReadonlySet<string>;
  /** What the administrator has delegated, which nobody else can. */
  readonly administered: ReadonlySet<string>;
  /** Who may ask, prepared for comparing; undefined: everybody. */
  readonly entities: ReadonlySet<string> | undefined;
}

/** A managing entity's request to manage namespaces of one user. */
export interface GrantRequest {
  readonly user: Jid;
  /** Without repetitions, in the order in which they were asked for. */
  readonly namespaces: readonly string[];
}

export type GrantRequestReading =
  | { readonly kind: "request"; readonly request: GrantRequest }
  | { readonly kind: "refuse"; readonly code: GrantRequestRefusal };

/** A form with more questions is not read by anybody. */
export const MAX_REQUESTED_NAMESPACES = 16;

/** Whether an entity may ask at all. One that may not is not told that there is anything to ask for. */
export function isEntityAllowed({ entities }: ClientModePolicy, entity: string): boolean {
  return entities === undefined || entities.has(entity);
}

/** Whether a grant may have an effect, judged by the configuration of now; grants outlive reloads and restarts. */
export function isGrantEffective(
  policy: ClientModePolicy,
  { namespace, entity }: { readonly namespace: string; readonly entity: string },
): boolean {
  return policy.namespaces.has(namespace) && !policy.administered.has(namespace) && isEntityAllowed(policy, entity);
}

/**
 * Reads and judges the request for namespaces of a user.
 *
 * Shape   `iq` is a `get` to the domain in normal form that holds `<query xmlns='urn:xmpp:delegation:2'/>`; `entity` is who
 *         sent it, as grants name it.
 * Errors  the first refusal that applies. It never depends on whether the user exists, on what the user has granted, nor
 *         on whether the user is there (XEP-0355 §10.4).
 * Source  XEP-0355 §5.1, §8, §10; protocol.md D60, D66.
 */
export function readGrantRequest(iq: Element, entity: string, policy: ClientModePolicy): GrantRequestReading {
  const query = findChild(iq, "query", NS.delegation);
  if (query === undefined || childElements(iq).length !== 1) return refuse("grant-request-malformed");
  const to = attributeOf(query, "to");
  const user = to === undefined ? undefined : parseJid(to);
  if (user?.local === undefined || user.resource !== undefined) return refuse("grant-request-malformed");
  const namespaces = new Set<string>();
  for (const child of childElements(query)) {
    const namespace = attributeOf(child, "namespace");
    const isDelegate = child.name === "delegate" && namespaceOf(child) === NS.delegation;
    if (!isDelegate || namespace === undefined || namespace === "") return refuse("grant-request-malformed");
    namespaces.add(namespace);
    if (namespaces.size > MAX_REQUESTED_NAMESPACES) return refuse("grant-request-too-long");
  }
  if (namespaces.size === 0) return refuse("grant-request-malformed");
  for (const namespace of namespaces) {
    const code = namespaceRefusal(namespace, policy);
    if (code !== undefined) return refuse(code);
  }
  if (user.domain !== policy.domain) return refuse("grant-user-elsewhere");
  if (user.bareKey === entity) return refuse("grant-user-is-entity");
  return { kind: "request", request: { user, namespaces: [...namespaces] } };
}

function namespaceRefusal(namespace: string, policy: ClientModePolicy): GrantRequestRefusal | undefined {
  if (namespace === NS.delegation) return "grant-delegation-itself";
  if (policy.administered.has(namespace)) return "grant-namespace-administered";
  if (!policy.namespaces.has(namespace)) return "grant-namespace-not-allowed";
  return undefined;
}

function refuse(code: GrantRequestRefusal): GrantRequestReading {
  return { kind: "refuse", code };
}
