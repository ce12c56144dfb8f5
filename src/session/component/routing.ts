import type { Element } from "../../xml/index.js";
import { writtenLength } from "../../xml/index.js";
import { parseJid } from "../../xmpp/index.js";
import type { BoundSession } from "../hub/bound-session.js";
import type { Hub } from "../hub/hub.js";
import { attributesOf, stanzaError } from "../link/stanzas.js";

/** The component whose stanza it is, and who is told what became of it. */
export interface AnsweredComponent {
  deliver(stanza: Element): void;
}

/**
 * Delivers a stanza of a component whose link ends here. The server does not take part: what reaches a local stream is
 * delivered there, everything else is answered with a stanza error.
 *
 * Source  RFC 6121 §8.5 (delivery at the account), RFC 6120 §10.5.2 (unknown domain), §8.3.1 (errors are not answered).
 */
export function routeFromComponent(hub: Hub, component: AnsweredComponent, stanza: Element): void {
  const { type, to = "" } = attributesOf(stanza);
  const jid = parseJid(to);
  if (jid === undefined) {
    refuse(component, stanza, { type: "modify", condition: "jid-malformed" });
    return;
  }
  const other = hub.domain(jid.domain) === undefined ? jid.domain : undefined;
  if (other !== undefined) {
    if (hub.hasEntity(other)) {
      hub.sendToComponent(other, stanza, (error) => {
        component.deliver(error);
      });
    } else refuse(component, stanza, { type: "cancel", condition: "remote-server-not-found" });
    return;
  }
  if (writtenLength(stanza) > 2 * hub.limits.trusted.maxFrameBytes) {
    refuse(component, stanza, { type: "modify", condition: "policy-violation" });
    return;
  }
  const found = jid.resource === undefined ? atAccount(hub, jid.bareKey, stanza) : atResource(hub, jid.fullKey);
  // A domain whose components are its server's own is none of this component's business.
  const targets = found.filter((session) => session.domain.endsComponents && session.isReachable);
  for (const session of targets) session.deliver(stanza);
  if (targets.length === 0 && type !== "error" && type !== "result") {
    refuse(component, stanza, { type: "cancel", condition: "service-unavailable" });
  }
}

function atResource(hub: Hub, fullKey: string): readonly BoundSession[] {
  const session = hub.sessions.atResource(fullKey);
  return session === undefined ? [] : [session];
}

/** RFC 6121 §8.5.2.1: by the kind of stanza and the priority of the resources that are available. */
function atAccount(hub: Hub, bareKey: string, stanza: Element): readonly BoundSession[] {
  const { type } = attributesOf(stanza);
  const available = [...hub.sessions.atAccount(bareKey)].filter(({ priority }) => priority !== undefined);
  if (stanza.name === "message") {
    if (type === "groupchat" || type === "error") return [];
    return available.filter(({ priority }) => (priority ?? -1) >= 0);
  }
  // Subscriptions need the roster, which the server keeps; an iq to an account is the server's to answer.
  const isPresenceNotice = stanza.name === "presence" && (type === undefined || type === "unavailable");
  return isPresenceNotice ? available : [];
}

function refuse(
  component: AnsweredComponent,
  stanza: Element,
  error: {
    readonly type: "modify" | "cancel";
    readonly condition: "jid-malformed" | "policy-violation" | "remote-server-not-found" | "service-unavailable";
  },
): void {
  const { type, id, to, from } = attributesOf(stanza);
  // RFC 6121 §8.5.1: nobody waits for an answer to presence, but for one to a request for a subscription.
  if (type === "error" || type === "result" || (stanza.name === "presence" && type !== "subscribe")) return;
  component.deliver(stanzaError({ name: stanza.name, id, to: from ?? "", from: to ?? "" }, error));
}
