import { ClientMode, type ClientModeSettings, type GrantQuestion } from "../../src/delegation/index.js";
import { type Element, serialize } from "../../src/xml/index.js";
import { type Jid, NS, parseJid } from "../../src/xmpp/index.js";
import { clientStanza, componentStanza, DOMAIN, PUBSUB } from "./entity.js";

export const BLOG = "pubsub.montague.lit";
export const MAM = "urn:xmpp:mam:2";
export const JULIETS = "juliet@capulet.lit";

export const settings: ClientModeSettings = {
  domain: DOMAIN,
  namespaces: new Set([PUBSUB, `${PUBSUB}#owner`, MAM]),
  administered: new Set(),
  entities: undefined,
  challengeMs: 60_000,
  maxGrantsPerUser: 4,
  timeoutMs: 30_000,
};

export function jid(text: string): Jid {
  const parsed = parseJid(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

/** A request as a component sends it; `content` is what stands in the query. */
export function requestFor(namespaces: readonly string[], to = JULIETS): Element {
  return requestWith(namespaces.map((namespace) => `<delegate namespace='${namespace}'/>`).join(""), `to='${to}'`);
}

export function requestWith(content: string, attributes = `to='${JULIETS}'`): Element {
  return componentStanza(
    `<iq type='get' id='delegation1' from='${BLOG}' to='${DOMAIN}'><query xmlns='${NS.delegation}' ${attributes}>${content}</query></iq>`,
  );
}

/** The user's answer, as XEP-0355 example 14 has it: with an empty FORM_TYPE. */
export function answerWith(
  challenge: string,
  values: Readonly<Record<string, string>>,
  formType = "<field var='FORM_TYPE'><value></value></field>",
  type = "submit",
): Element {
  const fields = Object.entries(values).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return clientStanza(
    `<message to='${DOMAIN}'><x xmlns='jabber:x:data' type='${type}'>${formType}<field var='challenge'><value>${challenge}</value></field>${fields.join("")}</x></message>`,
  );
}

/** Client mode with what a test says otherwise. */
export function clientMode(changed: Partial<ClientModeSettings> = {}): ClientMode {
  return new ClientMode({ ...settings, ...changed });
}

/** Asks Juliet, and fails if she is not asked. */
export function asked(
  mode: ClientMode,
  namespaces = [PUBSUB],
  entity = BLOG,
  challenge = "c1",
  now = 0,
): GrantQuestion {
  const outcome = mode.request(requestFor(namespaces), entity, challenge, now);
  if (outcome.kind !== "ask") throw new Error(`not asked but ${JSON.stringify(outcome)}`);
  return outcome.question;
}

/** Juliet grants an entity namespaces, and it is stored. */
export function granted(mode: ClientMode, namespaces: readonly string[] = [PUBSUB], entity = BLOG): void {
  mode.grants.apply(
    namespaces.map((namespace) => ({
      kind: "put",
      grant: { account: JULIETS, namespace, entity, grantedAtMs: 0 },
    })),
  );
}

export function text(element: Element): string {
  return serialize(element);
}
