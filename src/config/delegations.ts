import { NS, parseJid, serverIdentities } from "../xmpp/index.js";
import type { DelegationConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { delegationSchema } from "./domain-schema.js";
import { asRecord, proved } from "./shape.js";
import type { DocumentPath } from "./source.js";
import { didYouMean } from "./suggest.js";

const specialNames: readonly string[] = [NS.delegationBareDiscoInfo, NS.delegationBareDiscoItems];

/**
 * Reads the delegations of one domain.
 *
 * Errors  complains; a delegation that cannot be used is left out of the result.
 * Source  XEP-0355 §4.1, §8.
 */
export function proveDelegations(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  domain: string | undefined,
): readonly DelegationConfig[] {
  const delegations: DelegationConfig[] = [];
  for (const [namespace, value] of Object.entries(asRecord(raw) ?? {})) {
    const path = [...at, namespace];
    const isDelegable = checkNamespace(document, path, namespace);
    const rule = proved(delegationSchema, value);
    if (rule === undefined) continue;
    const entity = proveEntity(document, [...path, "jid"], rule.jid, domain);
    checkAttributes(document, [...path, "filtering"], rule.filtering);
    if (!isDelegable || entity === undefined) continue;
    delegations.push({
      namespace,
      entity,
      filtering: rule.filtering,
      timeoutMs: rule.timeout,
      blocking: rule.blocking,
      foreignTargets: rule.foreignTargets,
      identities: rule.identities ?? serverIdentities.get(namespace) ?? [],
    });
  }
  return delegations;
}

function checkNamespace(document: ConfigDocument, at: DocumentPath, namespace: string): boolean {
  if (namespace === NS.delegation) {
    // XEP-0355 §8: whoever answered this namespace could delegate everything to itself.
    document.complain(
      at,
      { code: "delegation-delegated", message: `${NS.delegation} itself cannot be delegated (XEP-0355 §8).` },
      "key",
    );
    return false;
  }
  if (specialNames.includes(namespace)) return true;
  if (namespace.startsWith(`${NS.delegation}:`)) {
    document.complain(
      at,
      {
        code: "unknown-special-name",
        message: `${JSON.stringify(namespace)} is none of the special names of XEP-0355 §7.2.`,
        hint: didYouMean(namespace, specialNames) ?? `They are ${specialNames.join(" and ")}.`,
      },
      "key",
    );
    return false;
  }
  if (/\s/.test(namespace)) {
    document.complain(at, { code: "invalid-namespace", message: "A namespace holds no white space." }, "key");
    return false;
  }
  return true;
}

function proveEntity(
  document: ConfigDocument,
  at: DocumentPath,
  text: string,
  domain: string | undefined,
): string | undefined {
  const entity = parseJid(text);
  if (entity === undefined) {
    document.complain(at, { code: "invalid-jid", message: `${JSON.stringify(text)} is no JID (RFC 7622).` });
    return undefined;
  }
  if (entity.local !== undefined) {
    if (entity.domain === domain) return entity.fullKey;
    document.complain(at, {
      code: "invalid-entity",
      message: `${JSON.stringify(text)} has no account at ${domain ?? "the domain"}; a user who manages has one there.`,
      hint: "Name a user of the domain, or a component, for example pubsub.capulet.lit.",
    });
    return undefined;
  }
  if (entity.resource !== undefined) {
    document.complain(at, {
      code: "invalid-entity",
      message: `${JSON.stringify(text)} is no component: a component is a domain without a resource.`,
      hint: `Write ${entity.domain}.`,
    });
    return undefined;
  }
  if (entity.domain === domain) {
    document.complain(at, {
      code: "entity-is-server",
      message: `${entity.domain} is the served domain itself; a managing entity is a component of its own.`,
      hint: "Leave the namespace out to let the server answer it.",
    });
    return undefined;
  }
  return entity.domain;
}

function checkAttributes(document: ConfigDocument, at: DocumentPath, names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    // XEP-0355 §4.3 compares attributes without a namespace: no prefix can be meant.
    if (/^[\p{L}_][\p{L}\p{N}._-]*$/u.test(name) && name !== "xmlns") continue;
    document.complain([...at, index], {
      code: "invalid-attribute",
      message: `${JSON.stringify(name)} is no name of an attribute without a prefix.`,
    });
  }
}
