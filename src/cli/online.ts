import type { Config, DomainConfig, ServerComponentConfig } from "../config/index.js";
import { c2sUpstream, upstream } from "../relay/index.js";
import type { Upstream } from "../relay/index.js";
import { childElements, findChild, namespaceOf } from "../xml/index.js";
import type { Element } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { Finding, Judgement } from "./finding.js";
import { judgeFeatures } from "./judge-features.js";
import { Probe, ProbeError, streamHeader } from "./probe.js";

/**
 * Asks each domain's server what it offers: its client port up to the stream features before authentication, its
 * component port up to the stream header that each component of the configuration gets. Nobody is logged in, so no
 * session and no component link is disturbed.
 *
 * Errors  none; what fails is a finding.
 */
export async function askServers(config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const domain of config.domains) {
    const clients = await askClientPort(domain, config.timeouts.connectMs);
    const components = await askComponentPort(domain, config.timeouts.connectMs);
    findings.push(...clients, ...components);
  }
  return findings;
}

async function askClientPort(domain: DomainConfig, deadlineMs: number): Promise<readonly Finding[]> {
  const { c2s } = domain.server;
  const found = (judgement: Judgement): Finding => ({
    ...judgement,
    domain: domain.name,
    port: "c2s",
    message: `${domain.name}, client port ${c2s.host}:${c2s.port}: ${judgement.message}`,
  });
  const probe = new Probe(c2sUpstream(c2s, domain.tls.cert), NS.client, deadlineMs);
  try {
    await probe.open();
    let features = await featuresOf(probe, domain.name);
    if (c2s.tls === "starttls") {
      if (findChild(features, "starttls", NS.tls) === undefined) {
        return [
          found({ severity: "error", message: "it does not offer STARTTLS.", hint: "Use tls: none or tls: direct." }),
        ];
      }
      probe.send(`<starttls xmlns='${NS.tls}'/>`);
      await proceed(probe);
      await probe.secure();
      features = await featuresOf(probe, domain.name);
    }
    return judgeFeatures(features, c2s, probe.showsEndPoint).map(found);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return [found({ severity: "error", message: error.message })];
  } finally {
    probe.close();
  }
}

async function featuresOf(probe: Probe, domain: string): Promise<Element> {
  probe.send(streamHeader(NS.client, domain));
  for (;;) {
    const heard = await probe.hear();
    if (heard.kind === "header") continue;
    if (heard.element.name === "features" && namespaceOf(heard.element) === NS.streams) return heard.element;
    throw new ProbeError(refusal(heard.element, domain));
  }
}

async function proceed(probe: Probe): Promise<void> {
  const heard = await probe.hear();
  if (heard.kind === "element" && heard.element.name === "proceed" && namespaceOf(heard.element) === NS.tls) return;
  throw new ProbeError("It offers STARTTLS, but refuses it.");
}

async function askComponentPort(domain: DomainConfig, deadlineMs: number): Promise<readonly Finding[]> {
  const { component } = domain.server;
  if (component === undefined) return [];
  const names = new Set([
    ...domain.delegations.map(({ entity }) => entity),
    ...(domain.components ?? []).map(({ jid }) => jid),
  ]);
  const findings: Finding[] = [];
  for (const name of names) {
    const judgement = await askForComponent(componentUpstream(component, domain.name), name, deadlineMs);
    findings.push({
      ...judgement,
      domain: domain.name,
      port: "component",
      message: `${domain.name}, component port ${component.host}:${component.port}: ${judgement.message}`,
    });
  }
  return findings;
}

/** The server's stream header, with the id that the handshake needs, is as far as one comes without the secret. */
async function askForComponent(server: Upstream, name: string, deadlineMs: number): Promise<Judgement> {
  const probe = new Probe(server, NS.component, deadlineMs);
  try {
    await probe.open();
    probe.send(streamHeader(NS.component, name));
    const heard = await probe.hear();
    // A server that does not know the component says so instead of its header, or right behind it.
    const refused = heard.kind === "element" ? heard.element : await errorWithin(probe);
    if (refused === undefined && heard.kind === "header" && (heard.attributes.get("id") ?? "") === "") {
      const message = `it gives no stream id to ${name}, so no handshake is possible (XEP-0114 §3).`;
      return { severity: "error", message };
    }
    if (refused === undefined) return { severity: "note", message: `it knows ${name}.` };
    const hint = `Add the component ${name} with its secret to the server's configuration.`;
    return { severity: "error", message: refusal(refused, name), hint };
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return { severity: "error", message: error.message };
  } finally {
    probe.close();
  }
}

const errorWaitMs = 300;

async function errorWithin(probe: Probe): Promise<Element | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), errorWaitMs);
  });
  const heard = await Promise.race([probe.hear().catch(() => undefined), silence]);
  clearTimeout(timer);
  return heard?.kind === "element" ? heard.element : undefined;
}

function refusal(element: Element, name: string): string {
  if (element.name !== "error" || namespaceOf(element) !== NS.streams)
    return `it answers ${name} with <${element.name}/>.`;
  const condition = childElements(element)[0]?.name ?? "an error";
  return condition === "host-unknown"
    ? `it does not serve ${name} (host-unknown).`
    : `it refuses ${name}: ${condition}.`;
}

function componentUpstream(server: ServerComponentConfig, domain: string): Upstream {
  return upstream({
    ...server,
    tls: "none",
    serverName: domain,
    verify: true,
    ca: undefined,
    pinnedCertificate: undefined,
  });
}
