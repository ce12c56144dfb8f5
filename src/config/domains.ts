import { normaliseDomain } from "../xmpp/index.js";
import { proveCertificate } from "./certificates.js";
import { proveClientMode } from "./client-mode.js";
import { proveComponents } from "./components.js";
import type { SecretSources } from "./components.js";
import type { ComponentConfig, DomainConfig, ListenerConfig } from "./config.js";
import { proveDelegations } from "./delegations.js";
import type { ConfigDocument } from "./document.js";
import { certificateSchema } from "./domain-schema.js";
import { proveC2s, proveComponentPort } from "./servers.js";
import { asRecord, proved } from "./shape.js";
import type { DocumentPath } from "./source.js";

export interface DomainSources extends SecretSources {
  readonly nowMs: number;
  readonly listeners: readonly ListenerConfig[];
  /** False while a listener has a problem: then nothing is concluded from one that is missing. */
  readonly areListenersComplete: boolean;
}

/** Reads the served domains. Complains; one that cannot be used is left out of the result. */
export function proveDomains(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  sources: DomainSources,
): readonly DomainConfig[] {
  const entries = Object.entries(asRecord(raw) ?? {});
  if (entries.length === 0 && asRecord(raw) !== undefined) {
    document.complain(at, { code: "no-domain", message: "No domain is served.", hint: "Name at least one domain." });
  }
  const names = new Map<string, string>();
  const domains: DomainConfig[] = [];
  for (const [written, value] of entries) {
    const path = [...at, written];
    const name = normaliseDomain(written);
    const twin = name === undefined ? undefined : names.get(name);
    if (name === undefined || name.startsWith("[")) {
      document.complain(
        path,
        {
          code: "invalid-domain",
          message: `${JSON.stringify(written)} is no domain name.`,
          hint: written.includes("@") ? "A served domain has no localpart." : undefined,
        },
        "key",
      );
    } else if (twin === undefined) names.set(name, written);
    else {
      document.complain(
        path,
        { code: "duplicate-domain", message: `${JSON.stringify(written)} and ${JSON.stringify(twin)} are one domain.` },
        "key",
      );
    }
    const domain = proveDomain(document, path, name, value, sources);
    if (domain !== undefined) domains.push(domain);
  }
  checkWays(document, at, domains, names);
  return domains;
}

function proveDomain(
  document: ConfigDocument,
  at: DocumentPath,
  name: string | undefined,
  raw: unknown,
  sources: DomainSources,
): DomainConfig | undefined {
  const fields = asRecord(raw);
  if (fields === undefined) return undefined;
  const server = asRecord(fields["server"]);
  const rawTls = proved(certificateSchema, fields["tls"]);
  const tls = rawTls && proveCertificate(document, [...at, "tls"], name, rawTls, sources.folder, sources.nowMs);
  const c2s = proveC2s(document, [...at, "server", "c2s"], name, server?.["c2s"], sources);
  const endsHere = server !== undefined && server["component"] === undefined;
  const component = proveComponentPort(document, [...at, "server", "component"], server?.["component"], sources);
  const hasList = fields["components"] !== undefined;
  const listed = proveComponents(document, [...at, "components"], fields["components"], endsHere, sources);
  const delegations = proveDelegations(document, [...at, "delegations"], fields["delegations"], name);

  const clientMode = proveClientMode(document, [...at, "clientMode"], fields["clientMode"], delegations);

  const seen = new Set<string>();
  for (const { entity, namespace } of delegations) {
    if (seen.has(entity)) continue;
    seen.add(entity);
    // A user comes in as a client.
    if (entity.includes("@")) continue;
    const isListed = listed.some(({ jid }) => jid === entity);
    checkWayIn(document, [...at, "delegations", namespace, "jid"], entity, { endsHere, hasList, isListed }, sources);
  }
  if (name === undefined || tls === undefined || c2s === undefined) return undefined;
  const components = hasList || endsHere ? listed : undefined;
  return { name, tls, server: { c2s, component }, components, delegations, clientMode };
}

interface WayIn {
  readonly endsHere: boolean;
  readonly hasList: boolean;
  readonly isListed: boolean;
}

/** A managing entity that cannot connect would leave every request unanswered. */
function checkWayIn(
  document: ConfigDocument,
  at: DocumentPath,
  entity: string,
  { endsHere, hasList, isListed }: WayIn,
  { listeners, areListenersComplete }: DomainSources,
): void {
  if (areListenersComplete && !listeners.some(({ kind }) => kind === "component")) {
    document.complain(at, {
      code: "no-component-listener",
      message: `${entity} has no way in: no listener has kind: component.`,
      hint: "Add { kind: component, host: 127.0.0.1, port: 5347 } to listen, and point the component there.",
    });
  }
  if ((endsHere || hasList) && !isListed) {
    document.complain(at, {
      code: "unknown-component",
      message: endsHere
        ? `${entity} has no way in: component links end here, and it is not in this domain's components.`
        : `${entity} has no way in: this domain's components allow others only.`,
      hint: endsHere
        ? `Add ${entity}: { secretFile: … } to components, or name the server's component port in server.component.`
        : `Add ${entity}: {} to components.`,
    });
  }
}

/** A component has one link, and so one place where it goes, whichever domains it serves. */
function checkWays(
  document: ConfigDocument,
  at: DocumentPath,
  domains: readonly DomainConfig[],
  written: ReadonlyMap<string, string>,
): void {
  const ways = new Map<string, DomainConfig>();
  for (const domain of domains) {
    const here = [...at, written.get(domain.name) ?? domain.name];
    const places = new Map<string, DocumentPath>();
    for (const { entity, namespace } of domain.delegations) {
      if (!places.has(entity)) places.set(entity, [...here, "delegations", namespace, "jid"]);
    }
    for (const { jid } of domain.components ?? []) places.set(jid, [...here, "components", jid]);
    for (const [jid, place] of places) {
      if (domains.some(({ name }) => name === jid)) {
        document.complain(place, { code: "entity-is-server", message: `${jid} is a served domain, not a component.` });
      }
      const other = ways.get(jid);
      if (other !== undefined && !isSameWay(other, domain, jid)) {
        document.complain(place, {
          code: "ambiguous-component",
          message: `The link of ${jid} would have to go two ways: ${other.name} and ${domain.name} treat it differently.`,
          hint: "Give both domains the same server.component, or the same secret.",
        });
      }
      if (other === undefined) ways.set(jid, domain);
    }
  }
}

function isSameWay(one: DomainConfig, other: DomainConfig, jid: string): boolean {
  const [a, b] = [one.server.component, other.server.component];
  if (a !== undefined && b !== undefined) return a.host === b.host && a.port === b.port;
  if (a !== undefined || b !== undefined) return false;
  const [mine, theirs] = [secretOf(one, jid), secretOf(other, jid)];
  return mine === undefined || theirs === undefined || mine.equals(theirs);
}

function secretOf({ components }: DomainConfig, jid: string): ComponentConfig["secret"] {
  return components?.find((component) => component.jid === jid)?.secret;
}
