import { clientModeSettings } from "../config/index.js";
import type {
  Config,
  DomainConfig,
  LimitsConfig,
  ServerComponentConfig,
  StreamManagementConfig,
} from "../config/index.js";
import type { CertificateSource } from "../listen/index.js";
import type { RuleName } from "../metrics/index.js";
import { c2sUpstream, upstream, type Upstream } from "../relay/index.js";
import { RuleTable } from "../rules/index.js";
import type { DomainSettings, LinkLimits, StreamManagementSettings } from "../session/index.js";
import { DEFAULT_MANAGEMENT_OPTIONS } from "../stream/index.js";

// What each part needs of the configuration, in the words of that part.

export function domainSettings(config: Config): readonly DomainSettings[] {
  return config.domains.map((domain) => ({
    name: domain.name,
    serverTls: domain.server.c2s.tls,
    channelBinding: domain.server.c2s.channelBinding,
    relaysComponents: domain.server.component !== undefined,
    components:
      domain.components === undefined
        ? undefined
        : new Map(domain.components.map(({ jid, secret }) => [jid, { secret: secret?.reveal() }])),
    rules: RuleTable.compile(domain.name, domain.delegations),
    clientMode: clientModeSettings(domain),
  }));
}

export function linkLimits(limits: LimitsConfig): LinkLimits {
  const { maxDepth, maxAttributes, maxNameBytes, maxChildren } = limits;
  const framer = (maxFrameBytes: number): LinkLimits["trusted"] => ({
    maxFrameBytes,
    maxDepth,
    maxAttributes,
    maxNameBytes,
    maxChildren,
  });
  return {
    unauthenticated: framer(limits.maxUnauthenticatedStanzaBytes),
    authenticated: framer(limits.maxStanzaBytes),
    trusted: framer(limits.maxTrustedStanzaBytes),
    pendingPerSession: limits.pendingPerSession,
    heldBytes: limits.heldBytes,
    entityQueueBytes: limits.entityQueueBytes,
    clientQueueBytes: limits.clientQueueBytes,
    // protocol.md R8: servers allow components twice what they allow clients (Prosody: 512 KiB to 256 KiB).
    writtenBytes: 2 * limits.maxStanzaBytes,
  };
}

export function streamManagement(config: StreamManagementConfig): StreamManagementSettings {
  const { resumptionMs, graceMs, handoverFile: _, ...options } = config;
  return {
    options: { ...options, modulus: DEFAULT_MANAGEMENT_OPTIONS.modulus },
    resumption: { defaultMaxSeconds: resumptionMs / 1000, graceSeconds: graceMs / 1000 },
  };
}

export function certificateSources(config: Config): readonly CertificateSource[] {
  return config.domains.map(({ name, tls }) => ({ domain: name, cert: tls.cert, key: tls.key.reveal() }));
}

export function ruleNames(config: Config): readonly RuleName[] {
  return config.domains.flatMap(({ name, delegations, clientMode: mode }) => [
    ...delegations.map(({ namespace, entity }) => ({ domain: name, rule: namespace, entity })),
    ...(mode?.namespaces ?? []).map((namespace) => ({ domain: name, rule: namespace, entity: "" })),
  ]);
}

export function clientModeDomains(config: Config): ReadonlySet<string> {
  return new Set(config.domains.flatMap(({ name, clientMode: mode }) => (mode === undefined ? [] : [name])));
}

/** Where server legs lead, by domain. */
export interface Upstreams {
  readonly c2s: ReadonlyMap<string, Upstream>;
  /** Only domains whose server has a component port. */
  readonly component: ReadonlyMap<string, Upstream>;
}

/** Errors  throws on authorities that TLS does not take. */
export function upstreams(config: Config): Upstreams {
  return {
    c2s: new Map(config.domains.map((domain) => [domain.name, c2sUpstream(domain.server.c2s, domain.tls.cert)])),
    component: new Map(
      config.domains.flatMap((domain) => {
        const { component } = domain.server;
        return component === undefined ? [] : [[domain.name, componentUpstream(domain, component)] as const];
      }),
    ),
  };
}

/** XEP-0114 knows no TLS. */
function componentUpstream(domain: DomainConfig, server: ServerComponentConfig): Upstream {
  return upstream({
    ...server,
    tls: "none",
    serverName: domain.name,
    verify: true,
    ca: undefined,
    pinnedCertificate: undefined,
  });
}
