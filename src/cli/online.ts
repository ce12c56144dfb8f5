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
  const deadlineMs = deadlineOf(config);
  const findings = await severally(config.domains, async (domain) => {
    const clients = await askClientPort(domain, deadlineMs);
    return [...clients, ...(await askComponentPort(domain, deadlineMs))];
  });
  return findings.flat();
}

// An operator waits for the answer, whatever the proxy may do.
const maxDeadlineMs = 10_000;

/** How long one server may take for one answer. */
export function deadlineOf({ timeouts }: Config): number {
  return Math.min(timeouts.connectMs, maxDeadlineMs);
}

const atOnce = 8;

/** Asks about several things at once, so that those that do not answer are waited for together. Keeps the order. */
export async function severally<Item, Result>(
  items: Iterable<Item>,
  ask: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const left = [...items].entries();
  const results: Result[] = [];
  const work = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await ask(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
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
    return [found(failed(error))];
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
    throw new ProbeError(refusal(heard.element, domain), describeDomain);
  }
}

async function proceed(probe: Probe): Promise<void> {
  const heard = await probe.hear();
  if (heard.kind === "element" && heard.element.name === "proceed" && namespaceOf(heard.element) === NS.tls) return;
  throw new ProbeError(
    "It offers STARTTLS, but refuses it.",
    "Has it a certificate for the domain? Its log says more.",
  );
}

async function askComponentPort(domain: DomainConfig, deadlineMs: number): Promise<readonly Finding[]> {
  const { component } = domain.server;
  if (component === undefined) return [];
  const names = new Set([
    ...domain.delegations.map(({ entity }) => entity),
    ...(domain.components ?? []).map(({ jid }) => jid),
  ]);
  return severally(names, async (name): Promise<Finding> => {
    const judgement = await askForComponent(componentUpstream(component, domain.name), name, deadlineMs);
    const message = `${domain.name}, component port ${component.host}:${component.port}: ${judgement.message}`;
    return { ...judgement, domain: domain.name, port: "component", message };
  });
}

function failed({ message, hint }: ProbeError): Judgement {
  return { severity: "error", message, ...(hint === undefined ? {} : { hint }) };
}

const describeDomain =
  "Let the server serve the domain (Prosody: VirtualHost; ejabberd: hosts), or correct its name in the configuration.";

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
    return failed(error);
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
