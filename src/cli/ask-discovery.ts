import type { Config, DomainConfig } from "../config/index.js";
import { belongsTo } from "../discovery/index.js";
import { childElements, findChild } from "../xml/index.js";
import type { Element } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";
import { logInAsAccount, logInAsComponent, Refused } from "./conversation.js";
import type { Conversation } from "./conversation.js";
import type { Finding, Judgement } from "./finding.js";
import type { Ports } from "./ports.js";
import { deadlineOf, severally } from "./online.js";
import { ProbeError } from "./probe.js";

/** Somebody to log in as, so that accounts can be asked about too. */
export interface Account {
  readonly jid: Jid;
  readonly password: string;
}

export interface AskOptions {
  readonly account?: Account | undefined;
  /** To see whether a Caesura is running, whose components are not to be disturbed. */
  readonly ports?: Ports | undefined;
}

/**
 * Asks each domain's server, past Caesura, what its service discovery says (XEP-0030): whether it delegates itself, and
 * whether it answers what is delegated, so that requests that come another way are answered differently.
 *
 * Asks as the account if there is one; else as a component whose secret is in the configuration, but only while no
 * Caesura listens for components, because the real one may be connected and a server may drop it for us.
 *
 * Errors  none; what could not be asked is a finding, with what to do.
 */
export async function askDiscovery(config: Config, options: AskOptions): Promise<readonly Finding[]> {
  return (await severally(config.domains, (domain) => askDomain(domain, config, options))).flat();
}

async function askDomain(
  domain: DomainConfig,
  config: Config,
  { account, ports }: AskOptions,
): Promise<readonly Finding[]> {
  const finding =
    (port: Finding["port"]) =>
    ({ message, ...rest }: Judgement): Finding => ({
      ...rest,
      domain: domain.name,
      port,
      message: `${domain.name}, service discovery: ${message}`,
    });
  const deadlineMs = deadlineOf(config);
  if (account?.jid.domain === domain.name) {
    const login = (): Promise<Conversation> => logInAsAccount(domain, account.jid, account.password, deadlineMs);
    return (await ask(login, domain, account.jid.bare())).map(finding("c2s"));
  }
  const component = domain.components?.find(({ secret }) => secret !== undefined);
  const server = domain.server.component;
  if (server === undefined || component?.secret === undefined) {
    return [finding("component")(notAsked("there is no component's secret in the configuration to ask with"))];
  }
  if (await isServing(config, ports)) {
    return [finding("component")(notAsked(`Caesura is running, and ${component.jid} may be connected`))];
  }
  const { jid, secret } = component;
  const login = (): Promise<Conversation> => logInAsComponent(server, domain.name, jid, secret.reveal(), deadlineMs);
  return (await ask(login, domain, undefined)).map(finding("component"));
}

function notAsked(reason: string): Judgement {
  return {
    severity: "note",
    message: `it was not asked whether it delegates itself, or answers what is delegated: ${reason}.`,
    hint: "Name an account to ask as: CAESURA_PASSWORD=… caesura check --online --as juliet@capulet.lit",
  };
}

async function isServing({ listen }: Config, ports: Ports | undefined): Promise<boolean> {
  for (const { kind, host, port } of listen) {
    if (kind !== "component") continue;
    // Who holds a socket of the service manager is not known.
    if (host === undefined || port === undefined) return true;
    if (port !== 0 && (await ports?.tryPort(host, port))?.kind === "in-use") return true;
  }
  return false;
}

async function ask(
  login: () => Promise<Conversation>,
  domain: DomainConfig,
  account: string | undefined,
): Promise<readonly Judgement[]> {
  let conversation: Conversation | undefined;
  try {
    conversation = await login();
    const ofDomain = featuresOf(await conversation.discoInfo(domain.name));
    const ofAccount = account === undefined ? [] : featuresOf(await conversation.discoInfo(account));
    const judgements = judge(domain, new Set([...ofDomain, ...ofAccount]), conversation.advertised);
    if (account !== undefined) judgements.push(...(await askForNodes(conversation, domain, account)));
    if (judgements.length > 0) return judgements;
    const whom = account === undefined ? "its domain" : "its domain and the account";
    const hint = account === undefined ? { hint: "With --as an account is asked too." } : {};
    return [{ severity: "note", message: `${whom} announces nothing that is delegated.`, ...hint }];
  } catch (error) {
    if (error instanceof Refused) return [{ severity: error.severity, message: error.message, hint: error.hint }];
    if (error instanceof ProbeError) {
      const { message, hint } = error;
      // What it said by itself counts, whatever it does not answer.
      const said = conversation === undefined ? [] : judge(domain, new Set(), conversation.advertised);
      return [...said, { severity: "warning", message, ...(hint === undefined ? {} : { hint }) }];
    }
    throw error;
  } finally {
    conversation?.close();
  }
}

function featuresOf(answer: Element | undefined): readonly string[] {
  const query = answer && findChild(answer, "query", NS.discoInfo);
  if (query === undefined) return [];
  return childElements(query).flatMap(({ name, attrs }) => {
    const feature: unknown = attrs["var"];
    return name === "feature" && typeof feature === "string" ? [feature] : [];
  });
}

/** The modules that answer a namespace, for a hint. */
const modules: ReadonlyMap<string, string> = new Map([
  ["http://jabber.org/protocol/pubsub", "Prosody: mod_pep; ejabberd: mod_pubsub"],
  ["urn:xmpp:mam:2", "Prosody and ejabberd: mod_mam"],
  ["vcard-temp", "Prosody: mod_vcard, mod_vcard_legacy; ejabberd: mod_vcard"],
  ["jabber:iq:private", "Prosody and ejabberd: mod_private"],
  ["jabber:iq:register", "Prosody: mod_register; ejabberd: mod_register"],
  ["jabber:iq:version", "Prosody and ejabberd: mod_version"],
]);

function judge(domain: DomainConfig, features: ReadonlySet<string>, advertised: ReadonlySet<string>): Judgement[] {
  const judgements: Judgement[] = [];
  // Not every server announces in discovery that it delegates; each tells the component to which it does.
  const announced = [...features].filter((feature) => /^urn:xmpp:delegation:[0-9]+$/.test(feature));
  if (announced.length > 0 || advertised.size > 0) {
    const what = advertised.size > 0 ? [...advertised].slice(0, 10) : announced;
    judgements.push({
      severity: "warning",
      message: `it delegates namespaces itself (${what.join(", ")}).`,
      hint: "Switch the server's own delegation off (Prosody and ejabberd: mod_delegation), or two parties answer the same requests.",
    });
  }
  for (const { namespace, filtering } of domain.delegations) {
    // What the filter leaves to the server the server is to announce.
    if (filtering.length > 0 || namespace.startsWith(NS.delegation)) continue;
    const announced = [...features].filter((feature) => belongsTo(feature, namespace));
    if (announced.length === 0) continue;
    const base = namespace.replace(/#.*$/, "");
    const known = modules.get(namespace) ?? modules.get(base);
    judgements.push({
      severity: "warning",
      message: `it answers ${namespace} itself too (it announces ${announced.length === 1 ? "that" : `${announced.length} features of it`}); what does not pass Caesura, such as requests of other servers, is answered by it.`,
      hint: `Switch off in the server what is delegated${known === undefined ? "" : ` (${known})`}.`,
    });
  }
  return judgements;
}

/** XEP-0355 §7.2.4: what remains is delegated only where the server says item-not-found. */
async function askForNodes(
  conversation: Conversation,
  domain: DomainConfig,
  account: string,
): Promise<readonly Judgement[]> {
  if (!domain.delegations.some(({ namespace }) => namespace === NS.delegationBareDiscoInfo)) return [];
  const answer = await conversation.discoInfo(account, "urn:xmpp:caesura:no-such-node");
  const error = childElements(answer).find(({ name }) => name === "error");
  if (error !== undefined && childElements(error).some(({ name }) => name === "item-not-found")) return [];
  return [
    {
      severity: "warning",
      message: `it answers disco#info for nodes that it does not have, so that ${NS.delegationBareDiscoInfo} never comes to bear (XEP-0355 §7.2.4).`,
      hint: "Switch its own PEP off (Prosody: mod_pep; ejabberd: mod_pubsub).",
    },
  ];
}
