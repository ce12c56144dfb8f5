import type { Element } from "../../xml/index.js";
import { attributeOf } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import type { Domain } from "../domain/domain.js";
import type { Questions } from "./questions.js";
import { resultFor } from "../link/stanzas.js";

/** A bound session as far as its questions about discovery are concerned. */
export interface InquiringSession {
  readonly jid: Jid;
  readonly account: string;
  readonly domain: Domain;
  readonly server: Questions;
  answerHere(iq: Element, payload: Element): void;
  deliver(stanza: Element): void;
}

/**
 * True: a request about a node that only we have advertised was answered (XEP-0115 §6.2). What goes on may be answered in
 * the server's place: where it does not describe accounts, their owners are told what entities offer them (protocol.md D53).
 */
export function answersDiscovery(session: InquiringSession, iq: Element): boolean {
  const { discovery } = session.domain;
  const query = discovery.answer(iq);
  if (query !== undefined) {
    session.answerHere(iq, query);
    return true;
  }
  if (!discovery.isAboutOwnAccount(iq, session.account)) return false;
  session.server.watch(iq, (answer) => {
    const description =
      attributeOf(answer, "type") === "error" ? discovery.describeAccount(session.account) : undefined;
    if (description !== undefined) session.deliver(resultFor(iq, session.jid, description));
    return description !== undefined;
  });
  return false;
}
