import type { ManagementNamespace, ManagementSnapshot } from "../../stream/index.js";
import { parseJid } from "../../xmpp/index.js";
import type { OutstandingQuestion } from "../hub/questions.js";
import { ClientSession } from "./client-session.js";
import type { Hub } from "../hub/hub.js";

/**
 * A session that waits to be resumed (XEP-0198 §5), as a value of JSON for the process that comes after this one. The server
 * keeps the session meanwhile; here is what it does not know: the two numberings, and the stanzas of ours.
 */
export interface HandedSession {
  /** The id that the client was given, and the server's own. */
  readonly cid: string;
  readonly serverId: string;
  /** Normalised. */
  readonly domain: string;
  /** Full JID as the server bound it. */
  readonly jid: string;
  /** `max` of `<enabled/>`, if there was one. */
  readonly maxSeconds?: number | undefined;
  readonly namespace: ManagementNamespace;
  /** Of its available presence; absent while it is not available. */
  readonly priority?: number | undefined;
  readonly management: ManagementSnapshot;
  /** Questions of ours that the server may still answer. */
  readonly questions: readonly OutstandingQuestion[];
}

/** The sessions that wait to be resumed, when no link is left. What they wait for themselves is answered now. */
export function* handOver(hub: Hub): Iterable<HandedSession> {
  for (const { cid, serverId, domain, maxSeconds, management, owner } of hub.sessions.resumptions.detached()) {
    owner.failPending("link-closed");
    const { jid, managementNamespace: namespace, priority } = owner;
    yield {
      cid,
      serverId,
      domain,
      jid: jid.full(),
      maxSeconds,
      namespace,
      priority,
      management: management.snapshot(),
      questions: owner.questions?.outstanding ?? [],
    };
  }
}

/**
 * A session of the process before this one waits here to be resumed, under the id that its client was given. False: its domain
 * is served no more. `ageMs`: how long ago it was handed over.
 */
export function takeOver(hub: Hub, handed: HandedSession, ageMs = 0): boolean {
  const domain = hub.domain(handed.domain);
  const jid = parseJid(handed.jid);
  if (domain === undefined || jid?.domain !== domain.name || jid.local === undefined) return false;
  const session = new ClientSession(hub, { jid, domain }, undefined);
  const management = hub.sessions.restoredManagement(handed.management);
  session.manage(management, handed.namespace);
  const { cid, serverId, maxSeconds } = handed;
  hub.sessions.takenOver(session, { serverId, domain: domain.name, maxSeconds, management }, cid, ageMs);
  for (const question of handed.questions) session.server.overdue(question);
  if (handed.priority !== undefined) session.availableAs(handed.priority);
  return true;
}
