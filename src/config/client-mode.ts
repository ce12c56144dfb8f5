import { accessSync, constants, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { NS, parseJid } from "../xmpp/index.js";
import { clientModeSchema, storeSchema } from "./client-mode-schema.js";
import type { ClientModeSettings } from "../delegation/index.js";
import type { ClientModeConfig, DelegationConfig, DomainConfig, StoreConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { asRecord, proved } from "./shape.js";
import type { DocumentPath } from "./source.js";

/** Reads what users of one domain may delegate (XEP-0355 §5, §10); undefined if they may not. */
export function proveClientMode(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  delegations: readonly DelegationConfig[],
): ClientModeConfig | undefined {
  const mode = raw === undefined ? undefined : proved(clientModeSchema, raw);
  if (mode === undefined) return undefined;
  const namespaces: string[] = [];
  for (const [index, namespace] of mode.namespaces.entries()) {
    const path = [...at, "namespaces", index];
    if (!isGrantable(document, path, namespace)) continue;
    const administered = delegations.find((delegation) => delegation.namespace === namespace);
    if (administered !== undefined) {
      document.complain(path, {
        severity: "warning",
        code: "no-effect",
        message: `${JSON.stringify(namespace)} is delegated to ${administered.entity} for everybody, so that no user can delegate it.`,
      });
    }
    if (namespaces.includes(namespace)) {
      document.complain(path, {
        severity: "warning",
        code: "no-effect",
        message: `${JSON.stringify(namespace)} is here twice.`,
      });
    } else namespaces.push(namespace);
  }
  const entities = mode.entities?.flatMap(
    (text, index) => proveAsker(document, [...at, "entities", index], text) ?? [],
  );
  return {
    namespaces,
    entities,
    challengeMs: mode.challengeLifetime,
    maxGrantsPerUser: mode.maxGrantsPerUser,
    timeoutMs: mode.timeout,
  };
}

/** What users of a domain may delegate, and to whom; undefined if nothing. */
export function clientModeSettings({
  name,
  delegations,
  clientMode: mode,
}: Pick<DomainConfig, "name" | "delegations" | "clientMode">): ClientModeSettings | undefined {
  return (
    mode && {
      domain: name,
      namespaces: new Set(mode.namespaces),
      administered: new Set(delegations.map(({ namespace }) => namespace)),
      entities: mode.entities && new Set(mode.entities),
      challengeMs: mode.challengeMs,
      maxGrantsPerUser: mode.maxGrantsPerUser,
      timeoutMs: mode.timeoutMs,
    }
  );
}

function isGrantable(document: ConfigDocument, at: DocumentPath, namespace: string): boolean {
  if (namespace === NS.delegation) {
    const message = `${NS.delegation} itself cannot be delegated (XEP-0355 §8).`;
    document.complain(at, { code: "delegation-delegated", message });
    return false;
  }
  if (!namespace.startsWith(`${NS.delegation}:`) && !/\s/.test(namespace)) return true;
  document.complain(at, {
    code: "invalid-namespace",
    message: /\s/.test(namespace)
      ? "A namespace holds no white space."
      : "The special names of XEP-0355 §7.2 are for administrators; users delegate namespaces of requests.",
  });
  return false;
}

function proveAsker(document: ConfigDocument, at: DocumentPath, text: string): string | undefined {
  const entity = parseJid(text);
  if (entity === undefined) {
    document.complain(at, { code: "invalid-jid", message: `${JSON.stringify(text)} is no JID (RFC 7622).` });
    return undefined;
  }
  if (entity.resource === undefined) return entity.bareKey;
  document.complain(at, {
    code: "invalid-entity",
    message: `${JSON.stringify(text)} has a resource: who asks is a component or an account.`,
    hint: `Write ${entity.bare()}.`,
  });
  return undefined;
}

/**
 * Reads where grants are kept. Whether the folder can be used is said as a warning: who checks a configuration need not be
 * the user who runs it.
 */
export function proveStore(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  rawDomains: unknown,
  folder: string,
): StoreConfig | undefined {
  // As written: also a domain that has another problem needs the store.
  const needy = Object.entries(asRecord(rawDomains) ?? {}).find(
    ([, domain]) => asRecord(domain)?.["clientMode"] !== undefined,
  )?.[0];
  const store = raw === undefined ? undefined : proved(storeSchema, raw);
  if (raw === undefined && needy !== undefined) {
    document.complain(["domains", needy, "clientMode"], {
      code: "missing-key",
      message: `${needy} has clientMode, but nothing says where grants are kept.`,
      hint: "Add store: { path: /var/lib/caesura/grants } beside domains.",
    });
  }
  if (store === undefined) return undefined;
  const path = resolve(folder, store.path);
  if (needy === undefined) {
    document.complain(at, {
      severity: "warning",
      code: "no-effect",
      message: "No domain has clientMode, so that nothing is stored.",
    });
  } else checkFolder(document, [...at, "path"], path);
  return { path, maxGrants: store.maxGrants, ...document.positionOf([...at, "path"]) };
}

function checkFolder(document: ConfigDocument, at: DocumentPath, path: string): void {
  const shown = JSON.stringify(path);
  const warn = (message: string, hint?: string): void =>
    document.complain(at, { severity: "warning", code: "store-unusable", message, hint });
  const chown = `chown caesura ${path}; chmod 700 ${path}`;
  const stat = statOf(path);
  if (stat === undefined) {
    const parent = dirname(path);
    if (statOf(parent)?.isDirectory() !== true)
      warn(`There is no folder ${JSON.stringify(parent)} to make the store in.`);
    else if (!isWritable(parent)) warn(`${shown} is not there, and this user may not make it.`);
  } else if (!stat.isDirectory()) warn(`${shown} is no folder.`);
  else if (!isWritable(path)) warn(`This user may not write to ${shown}.`, chown);
  else if ((stat.mode & 0o077) !== 0) {
    document.complain(at, {
      severity: "warning",
      code: "world-readable",
      message: `Other users of this machine may look into ${shown}, which says who delegated what.`,
      hint: chown,
    });
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // A folder on the way that cannot be looked into, or that is a file.
    return undefined;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
