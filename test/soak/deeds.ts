import { type Asked, saidNs, sumOf } from "./book.js";
import type { StormClient } from "./client.js";
import { smNs } from "./entrance.js";
import { attributes, delegated, escaped, payloadOf, talk, textBy } from "./requests.js";
import type { Sent, Session } from "./session.js";

// What a client does in the storm: one deed at a time, by chance.

const deeds = {
  message: 30,
  delegated: 30,
  ordinary: 10,
  talk: 5,
  presence: 3,
  acknowledgement: 5,
  strange: 4,
  burst: 2,
  reset: 0.8,
  fin: 0.5,
  drop: 0.5,
  breakOff: 0.8,
  leave: 0.5,
  overtake: 0.4,
  freeze: 0.5,
} as const;
type Deed = keyof typeof deeds;

/** Does something. `isFrozen`: the client does not read, so that only what needs no answer at once is done. */
export async function act(client: StormClient, isFrozen = false): Promise<void> {
  const { session, chance } = client;
  if (session === undefined) return;
  const deed = chance.weighed<Deed>(deeds);
  switch (deed) {
    case "reset":
    case "fin":
    case "drop":
      // A managing entity's stream is cut as well, but it is to be there now and then.
      if (!isFrozen && (!client.isEntity || chance.once(3))) client.cut(deed);
      return;
    case "breakOff":
      if (!isFrozen) await client.breakOffIn(saidBy(client, session) ?? { xml: "<presence/>" });
      return;
    case "leave":
      if (!isFrozen && !client.isEntity) await client.leave();
      return;
    case "overtake":
      if (!isFrozen) await client.overtake();
      return;
    case "freeze":
      if (!isFrozen) await client.freeze(chance.between(300, 3000));
      return;
    case "acknowledgement":
      if (session.isManaged) client.sendUncounted(`<r xmlns='${smNs}'/>`);
      else client.sendUncounted(" ");
      return;
    case "burst":
      for (let count = chance.between(5, 40); count > 0; count--)
        say(client, session, chance.once(2) ? "message" : "delegated");
      return;
    case "message":
    case "delegated":
    case "ordinary":
    case "talk":
    case "presence":
    case "strange":
      say(client, session, deed);
      return;
    default:
      deed satisfies never;
  }
}

type Saying = "message" | "delegated" | "ordinary" | "talk" | "presence" | "strange";

function say(client: StormClient, session: Session, what: Saying): void {
  const { chance } = client;
  switch (what) {
    case "message": {
      const sent = saidBy(client, session);
      if (sent !== undefined) client.send(sent);
      return;
    }
    case "delegated":
      askDelegated(client, session);
      return;
    case "ordinary":
      askServer(client, session);
      return;
    case "talk": {
      const other = anybody(client);
      if (other === undefined) return;
      const asked = client.stage.book.asks(session, newId(client), {
        namespace: talk,
        to: other.jid,
        mayStayOpen: true,
      });
      const { id, token, to } = asked;
      client.send({ xml: `<iq type='get'${attributes({ id, to })}><line xmlns='${talk}' t='${token}'/></iq>` });
      return;
    }
    case "presence": {
      const to = chance.once(2) ? anybody(client)?.jid : undefined;
      client.send({
        xml: `<presence${attributes({ to })}><status>${escaped(textBy(chance, client.person.sasl === 2))}</status></presence>`,
      });
      return;
    }
    case "strange":
      sayStrangeThings(client, session);
      return;
    default:
      what satisfies never;
  }
}

/** A message to somebody, written down. */
function saidBy(client: StormClient, session: Session): Sent | undefined {
  const { chance, stage } = client;
  const other = anybody(client);
  if (other === undefined) return undefined;
  const said = stage.book.says(session, other);
  const text = textBy(chance, client.person.sasl === 2);
  // What stands inside must not be taken for what it looks like.
  const forwarded = chance.once(20)
    ? `<forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='get' id='1'/></forwarded>`
    : "";
  const mark = `<said xmlns='${saidNs}'${attributes({ by: session.jid, n: String(said.seq), sum: sumOf(text) })}/>`;
  const xml = `<message type='chat'${attributes({ to: other.jid, id: newId(client) })}><body>${escaped(text)}</body>${mark}${forwarded}</message>`;
  return { xml, said };
}

function askDelegated(client: StormClient, session: Session): void {
  const { chance, stage } = client;
  const namespace = chance.oneOf(delegated);
  const contact = chance.oneOf(stage.accountsOf(session.domain));
  const to = chance.oneOf([undefined, undefined, session.account, session.domain, contact] as const);
  const asked = stage.book.asks(session, newId(client), { namespace, ...(to === undefined ? {} : { to }) });
  // RFC 6120 §8.1.2.1: who it says it is counts for nothing. ejabberd ends the stream where it sees that.
  const from = !stage.options.isEjabberd && chance.once(15) ? stage.accountsOf(session.domain)[0] : undefined;
  const type = chance.once(2) ? "get" : "set";
  const { id, token } = asked;
  client.send({
    xml: `<iq${attributes({ type, id, from, to })}>${payloadOf(namespace, token, textBy(chance, client.person.sasl === 2))}</iq>`,
  });
}

/** Asks the server something that it always answers. */
export function ask(client: StormClient, session: Session): Asked {
  const namespace = "urn:xmpp:ping";
  const asked = client.stage.book.asks(session, newId(client), { namespace, to: session.domain });
  client.send({ xml: `<iq type='get' id='${asked.id}' to='${session.domain}'><ping xmlns='${namespace}'/></iq>` });
  return asked;
}

function askServer(client: StormClient, session: Session): void {
  const { chance, stage } = client;
  const [namespace, name, to] = chance.oneOf<readonly [string, string, string | undefined]>([
    ["urn:xmpp:ping", "ping", session.domain],
    ["jabber:iq:roster", "query", undefined],
    ["jabber:iq:version", "query", session.domain],
    ["http://jabber.org/protocol/disco#info", "query", session.domain],
    ["http://jabber.org/protocol/disco#info", "query", session.account],
    ["http://jabber.org/protocol/disco#items", "query", session.domain],
  ] as const);
  const { id } = stage.book.asks(session, newId(client), { namespace, ...(to === undefined ? {} : { to }) });
  client.send({ xml: `<iq type='get'${attributes({ id, to })}><${name} xmlns='${namespace}'/></iq>` });
}

/** What only servers and entities may say, said by a client. */
function sayStrangeThings(client: StormClient, session: Session): void {
  const { chance, stage } = client;
  const { jid = "nobody@capulet.lit/x" } = anybody(client) ?? {};
  const victim = `<iq xmlns='jabber:client' type='set' id='1' from='${jid}'><line xmlns='urn:example:verse' t='0'/></iq>`;
  const wrapper = `<delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'>${victim}</forwarded></delegation>`;
  const to = chance.oneOf([session.domain, undefined, jid, ...stage.entityJids] as const);
  switch (chance.below(3)) {
    case 0: {
      const namespace = "urn:xmpp:delegation:2";
      const request = {
        namespace,
        mayStayOpen: to !== undefined && to !== session.domain,
        ...(to === undefined ? {} : { to }),
      };
      const { id } = stage.book.asks(session, newId(client), request);
      client.send({ xml: `<iq type='set'${attributes({ id, to })}>${wrapper}</iq>` });
      return;
    }
    case 1:
      client.send({ xml: `<iq type='result'${attributes({ id: newId(client), to })}>${wrapper}</iq>` });
      return;
    default:
      client.send({ xml: `<message${attributes({ to: jid })}>${wrapper}</message>` });
  }
}

/** A session that goes on, as far as anybody knows. */
function anybody({ stage, chance, session }: StormClient): Session | undefined {
  const others = stage.clients.flatMap((one) =>
    one.session === undefined || one.session === session ? [] : [one.session],
  );
  return others[chance.below(others.length)];
}

/** Small numbers, as many clients use; so they collide everywhere. */
function newId({ chance }: StormClient): string {
  return String(chance.below(chance.once(4) ? 10 : 100_000));
}
