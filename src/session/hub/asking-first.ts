import type { Waiting } from "../../rules/index.js";
import { attributeOf, childElements, Element, findChild } from "../../xml/index.js";
import { NS, parseJid } from "../../xmpp/index.js";
import type { Delegation } from "./delegations.js";
import type { Hub } from "./hub.js";
import type { DelegatedRequest } from "./requests.js";
import type { Questions } from "./questions.js";
import { attributesOf } from "../link/stanzas.js";

/** Whose request it is that a rule takes. */
export interface AskingParty {
  /** The server, asked in the name of the requester; undefined where there is none behind the stream. */
  readonly server: Questions | undefined;
  /** Many senders share the stream, so that each stanza says whose it is (XEP-0114 §3). */
  readonly isShared: boolean;
  /** Opens the request; `isTaken`: it does not go to the server, which counts as one stanza less. */
  begin(delegation: Delegation, isTaken: boolean): DelegatedRequest;
}

/**
 * Hands a request to its managing entity, or asks the server first (protocol.md D57, D58, R11).
 *
 * Returns whether the request was taken. If not it goes to the server as it came, and its answer is looked at.
 */
export function delegate(hub: Hub, party: AskingParty, delegation: Delegation, waitsFor: Waiting): boolean {
  const { delegations } = hub;
  const { iq, rule, domain } = delegation;
  switch (waitsFor) {
    case "nothing":
      delegations.forward(party.begin(delegation, true));
      return true;
    case "probe": {
      const request = party.begin(delegation, true);
      const { server, isShared } = party;
      const about = questionAbout(attributesOf(iq).to ?? "");
      // protocol.md R11: in the requester's name, since block lists and subscriptions are about that one.
      if (isShared) about.attrs["from"] = delegation.from;
      if (server === undefined) delegations.fail(request, "target-refused");
      server?.ask(about, rule.timeoutMs, (answer) => {
        if (isTurnedAway(answer)) delegations.fail(request, "target-refused");
        else delegations.forward(request);
      });
      return true;
    }
    case "server":
      party.server?.watch(iq, (answer) => {
        // A reload may have taken the rule away, or given it to somebody else.
        const { rules } = domain.settings;
        if (!rules.rulesOf(rule.entity).some(({ namespace }) => namespace === rule.namespace)) return false;
        if (!isUnknownNode(answer, delegation)) {
          if (answersItself(answer)) hub.report({ kind: "shadowed", domain: domain.name, rule: rule.namespace });
          return false;
        }
        delegations.forward(party.begin(delegation, false));
        return true;
      });
      return false;
    default:
      return waitsFor satisfies never;
  }
}

/** A harmless question to an account, which the server answers only to those who may know of it (XEP-0030 §8). */
function questionAbout(account: string): Element {
  const iq = new Element("iq", { type: "get", to: account });
  iq.c("query", { xmlns: NS.discoInfo });
  return iq;
}

/**
 * Whether the server does not let the sender through to an account. In doubt it does not: errors that say nothing of the
 * sender are those of servers which do not describe accounts, or not by such a node.
 */
function isTurnedAway(answer: Element | undefined): boolean {
  if (answer === undefined) return true;
  const condition = conditionOfError(answer);
  return condition !== undefined && condition !== "feature-not-implemented" && condition !== "item-not-found";
}

/** RFC 6120 §8.3.2; undefined for a result. */
function conditionOfError(answer: Element): string | undefined {
  if (attributeOf(answer, "type") !== "error") return undefined;
  const error = childElements(answer).find(({ name }) => name === "error");
  const condition = error && childElements(error).find((child) => attributeOf(child, "xmlns") === NS.stanzaErrors);
  return condition?.name ?? "undefined-condition";
}

/** Whether the server does not know a node of an account that the sender may know of (XEP-0355 §7.2.4). */
function isUnknownNode(answer: Element, { iq, from }: Delegation): boolean {
  const condition = conditionOfError(answer);
  if (condition === "item-not-found") return true;
  // COMPAT(ejabberd 23.01): without a PEP service it says so to the owner alone. Contacts hear `not-allowed`, and
  // strangers, who must not learn who exists, `subscription-required`. See docs/decisions/0018-nodes-of-contacts.md.
  const { to } = attributesOf(iq);
  return condition === "not-allowed" && to !== undefined && parseJid(to)?.bareKey !== parseJid(from)?.bareKey;
}

/**
 * The server's own service answers for a node that is to be the managing entity's. Some servers answer for any node, with
 * no more than what the account is.
 */
function answersItself(answer: Element): boolean {
  const query = findChild(answer, "query", NS.discoInfo) ?? findChild(answer, "query", NS.discoItems);
  if (query === undefined || attributeOf(answer, "type") !== "result") return false;
  const isCommand = childElements(query).some(
    (child) => child.name === "identity" && attributeOf(child, "category") === "automation",
  );
  return !isCommand && attributeOf(query, "node")?.split("#")[0] !== COMMANDS;
}

/** XEP-0050 §2.1: a node of the server's on accounts, too. */
const COMMANDS = "http://jabber.org/protocol/commands";
