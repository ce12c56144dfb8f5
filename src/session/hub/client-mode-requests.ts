import type { ClientMode, GrantCommandRefusal } from "../../delegation/index.js";
import {
  grantAnswerRefusals,
  grantCommandOf,
  grantCommandRefusals,
  grantRequestRefusals,
  grantTexts,
  isGrantRequest,
} from "../../delegation/index.js";
import { attributeOf, childElements, Element, findChild } from "../../xml/index.js";
import type { Jid, StanzaErrorCondition } from "../../xmpp/index.js";
import { NS, parseJid, stanzaErrorTypes } from "../../xmpp/index.js";
import type { BoundSession } from "./bound-session.js";
import type { Domain } from "../domain/domain.js";
import type { Hub } from "./hub.js";
import type { Questions } from "./questions.js";
import { attributesOf, stanzaError } from "../link/stanzas.js";

/** Who sends what may concern client mode: a user's session, or a component. */
export interface GrantParty {
  /** As the server bound it, or the component's domain. */
  readonly jid: Jid;
  /** Language of the stream. */
  readonly lang: string | undefined;
  /** The stanza goes no further, which stream management has to know. */
  swallow(stanza: Element): void;
  deliver(stanza: Element): void;
  readonly server: Questions | undefined;
}

/** How long a client may take to say whether it has commands. */
const CLIENT_ANSWER_MS = 10_000;

/**
 * Takes an iq that concerns client mode (XEP-0355 §5.1, §6).
 *
 * Returns true if it was taken and is, or will be, answered. Otherwise it is to be judged like any other; the server's answer
 * may be watched then.
 */
export function takesClientModeIq(hub: Hub, domain: Domain, party: GrantParty, iq: Element): boolean {
  const { clientMode: mode } = domain;
  const { to } = attributesOf(iq);
  if (mode === undefined || to === undefined || !isDomain(to, domain)) return false;
  if (isGrantRequest(iq)) return takesRequest(hub, domain, mode, party, iq);
  // Commands are for the users whose grants they are.
  if (party.jid.local === undefined || party.jid.domain !== domain.name) return false;
  const command = attributeOf(iq, "type") === "set" ? grantCommandOf(iq) : undefined;
  if (command !== undefined) {
    party.swallow(iq);
    execute(hub, domain, mode, party, iq, command);
    return true;
  }
  return attributeOf(iq, "type") === "get" && tellsOfCommand(domain, party, iq);
}

/**
 * Takes a message to the domain if it answers a question of ours (XEP-0355 §5.1, example 14).
 *
 * Returns true if it was taken. What cannot be proved to be an answer goes to the server.
 */
export function takesGrantAnswer(hub: Hub, domain: Domain, party: BoundSession, message: Element): boolean {
  const { clientMode: mode, name } = domain;
  const { to, type, id } = attributesOf(message);
  if (mode === undefined || to === undefined || type === "error" || !isDomain(to, domain)) return false;
  const at = { now: hub.now(), wallMs: hub.wallMs() };
  const outcome = mode.answer(message, party.jid, at, hub.clientModes.room);
  if (outcome.kind === "not-ours") return false;
  party.swallow(message);
  const refuse = (code: keyof typeof grantAnswerRefusals): void => {
    const { condition } = grantAnswerRefusals[code];
    const stanza = { name: "message", id, to: party.jid.full(), from: name };
    party.deliver(stanzaError(stanza, { type: stanzaErrorTypes[condition], condition }));
  };
  switch (outcome.kind) {
    case "refuse":
      hub.clientModes.refused(name, outcome.code);
      refuse(outcome.code);
      return true;
    case "denied":
      hub.clientModes.report(
        "denied",
        name,
        outcome.question.entity,
        party.jid.bare(),
        outcome.question.namespaces.length,
      );
      return true;
    case "grant":
      askForCommands(domain, party, (hasCommands) => {
        hub.clientModes.grant(domain, outcome, hasCommands ? undefined : party, (refusal) => {
          if (refusal !== undefined) refuse(refusal);
        });
      });
      return true;
    default:
      return outcome satisfies never;
  }
}

/**
 * Whether the user's client has ad-hoc commands (XEP-0050 §2.1), so that the user can take back what is granted now: only
 * then it may be kept for the next session (XEP-0355 §8, rule 2).
 */
function askForCommands({ name }: Domain, { client, jid }: BoundSession, told: (hasCommands: boolean) => void): void {
  const question = new Element("iq", { xmlns: NS.client, type: "get", from: name, to: jid.full() });
  question.c("query", { xmlns: NS.discoInfo });
  client.ask(question, CLIENT_ANSWER_MS, (answer) => {
    const isResult = answer !== undefined && attributeOf(answer, "type") === "result";
    const query = isResult ? findChild(answer, "query", NS.discoInfo) : undefined;
    told(query !== undefined && childElements(query).some((feature) => attributeOf(feature, "var") === NS.commands));
  });
}

function takesRequest(hub: Hub, domain: Domain, mode: ClientMode, party: GrantParty, iq: Element): boolean {
  const { clientModes } = hub;
  const { id } = attributesOf(iq);
  const entity = party.jid.bareKey;
  if (id === undefined) return false;
  const outcome = mode.request(iq, entity, hub.newId(), hub.now());
  if (outcome.kind === "hidden") return false;
  party.swallow(iq);
  const addresses = { id, to: party.jid.full(), from: domain.name };
  if (outcome.kind === "refuse") {
    const { condition } = grantRequestRefusals[outcome.code];
    clientModes.refused(domain.name, outcome.code);
    party.deliver(stanzaError({ name: "iq", ...addresses }, { type: stanzaErrorTypes[condition], condition }));
    return true;
  }
  party.deliver(new Element("iq", { xmlns: NS.client, type: "result", ...addresses }));
  switch (outcome.kind) {
    case "ask":
      clientModes.report("requested", domain.name, entity, "", outcome.question.namespaces.length);
      clientModes.ask(domain, outcome.question);
      return true;
    case "granted":
      clientModes.tell(domain.name, entity, outcome.user);
      return true;
    case "repeated":
      return true;
    default:
      return outcome satisfies never;
  }
}

function execute(hub: Hub, domain: Domain, mode: ClientMode, party: GrantParty, iq: Element, command: Element): void {
  const { id } = attributesOf(iq);
  const addresses = { id, to: party.jid.full(), from: domain.name };
  const refuse = (code: GrantCommandRefusal): void => {
    const { condition, application } = grantCommandRefusals[code];
    hub.clientModes.refused(domain.name, code);
    party.deliver(commandError(addresses, condition, application));
  };
  if (id === undefined) {
    // RFC 6120 §8.2.3.
    party.deliver(commandError(addresses, "bad-request", undefined));
    return;
  }
  const reply = (content: Element): void => {
    party.deliver(resultWith({ ...addresses, id }, content));
  };
  const outcome = mode.execute({
    command,
    requester: party.jid.fullKey,
    user: party.jid.bareKey,
    texts: grantTexts(attributeOf(iq, "xml:lang") ?? party.lang),
    sessionId: hub.newId(),
    now: hub.now(),
  });
  switch (outcome.kind) {
    case "reply":
      reply(outcome.command);
      return;
    case "revoke":
      hub.clientModes.revoke(domain.name, outcome.grants, (isStored) => {
        reply(outcome.done(isStored));
      });
      return;
    case "refuse":
      refuse(outcome.code);
      return;
    default:
      outcome satisfies never;
  }
}

function commandError(
  addresses: { readonly id: string | undefined; readonly to: string; readonly from: string },
  condition: StanzaErrorCondition,
  application: string | undefined,
): Element {
  const type = stanzaErrorTypes[condition];
  const beside = application === undefined ? {} : { application: { name: application, namespace: NS.commands } };
  return stanzaError({ name: "iq", ...addresses }, { type, condition, ...beside });
}

/** What discovery tells of the command (XEP-0050 §2.1 to §2.3). True: the question was ours alone to answer. */
function tellsOfCommand(domain: Domain, party: GrantParty, iq: Element): boolean {
  const { id } = attributesOf(iq);
  const info = findChild(iq, "query", NS.discoInfo);
  const items = findChild(iq, "query", NS.discoItems);
  if (id === undefined || childElements(iq).length !== 1) return false;
  const texts = grantTexts(attributeOf(iq, "xml:lang") ?? party.lang);
  const addresses = { id, to: party.jid.full(), from: domain.name };
  if (info !== undefined && attributeOf(info, "node") === NS.delegationConfigure) {
    const query = new Element("query", { xmlns: NS.discoInfo, node: NS.delegationConfigure });
    query.c("identity", { category: "automation", type: "command-node", name: texts.commandName });
    for (const feature of [NS.commands, NS.dataForms]) query.c("feature", { var: feature });
    party.swallow(iq);
    party.deliver(resultWith(addresses, query));
    return true;
  }
  if (items !== undefined && attributeOf(items, "node") === NS.commands) {
    const item = { jid: domain.name, node: NS.delegationConfigure, name: texts.commandName };
    party.server?.watch(iq, (answer) => {
      // A server without commands answers with an error; ours is there all the same.
      const own = attributeOf(answer, "type") === "result" ? findChild(answer, "query", NS.discoItems) : undefined;
      const query = own ?? new Element("query", { xmlns: NS.discoItems, node: NS.commands });
      query.c("item", item);
      party.deliver(own === undefined ? resultWith(addresses, query) : answer);
      return true;
    });
  }
  return false;
}

function resultWith(
  addresses: { readonly id: string; readonly to: string; readonly from: string },
  content: Element,
): Element {
  const iq = new Element("iq", { xmlns: NS.client, type: "result", ...addresses });
  iq.cnode(content);
  return iq;
}

function isDomain(to: string, { name }: Domain): boolean {
  if (to === name) return true;
  const address = parseJid(to);
  return address?.local === undefined && address?.resource === undefined && address?.domain === name;
}
