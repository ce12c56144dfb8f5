import { unwrap } from "../support/managing-entity.js";
import type { Received } from "../support/stream-reader.js";
import { saidNs } from "./book.js";
import type { StormClient } from "./client.js";
import { replyFor } from "./replies.js";
import { talk } from "./requests.js";
import type { Session } from "./session.js";

/** What a client makes of a stanza: writes it down, and answers as it must. */
export function takeStanza(client: StormClient, session: Session, received: Received): void {
  const { element } = received;
  const { book } = client.stage;
  const { id, type, from } = element.attrs as Record<string, string | undefined>;
  if (element.is("message")) {
    const mark = element.getChild("said", saidNs);
    if (mark !== undefined && type !== "error") book.hears(session, element, mark);
    return;
  }
  if (!element.is("iq") || session !== client.session) return;
  if (type === "result" || type === "error") {
    book.answers(session, element);
    return;
  }
  const wrapped = unwrap(received);
  if (wrapped !== undefined && from === session.domain) {
    const asked = book.sees(session.account, wrapped);
    if (asked === undefined) return;
    const reply = replyFor(client.chance, wrapped, asked, client.stage.options.timeoutMs, client.stage.isOver);
    asked.mood = reply.mood;
    for (const { afterMs, xml } of reply.sends) sendLater(client, session, afterMs, xml);
    return;
  }
  const [payload] = element.getChildElements();
  const to = from === undefined ? "" : ` to='${from.replaceAll("'", "&apos;")}'`;
  const known = payload?.getNS() === talk || type === "set";
  const content = known
    ? payload?.getNS() === talk
      ? `<line xmlns='${talk}' t='${String(payload.attrs["t"])}'/>`
      : ""
    : "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
  client.send({ xml: `<iq type='${known ? "result" : "error"}' id='${id ?? ""}'${to}>${content}</iq>` });
}

function sendLater(client: StormClient, session: Session, afterMs: number, xml: string): void {
  const send = (): void => {
    if (client.session === session && session.over === undefined) client.send({ xml });
  };
  if (afterMs === 0) send();
  else setTimeout(send, afterMs);
}
