import { replyTo, type Wrapped } from "../../support/managing-entity.js";
import { entityJid, verseNs } from "../../support/scene.js";
import type { Behaviour, Stage } from "./stage.js";

/** One conversation; its name is also the heading under which its differences are listed, when it has any. */
export interface Conversation {
  readonly name: string;
  readonly play: (stage: Stage) => Promise<void>;
}

export const echoJid = "echo.capulet.lit";
export const filteredNs = "urn:example:filtered";

const line = `<line xmlns='${verseNs}'>yes</line>`;
const stanzasNs = "urn:ietf:params:xml:ns:xmpp-stanzas";
const error = (condition: string): string => `<error type='cancel'><${condition} xmlns='${stanzasNs}'/></error>`;

/** Juliet sends something, the entity behaves in some way. */
export function asks(name: string, stanza: string, behaviour: Behaviour = { payload: line }): Conversation {
  return {
    name,
    play: async (stage) => {
      stage.behaviour = behaviour;
      await stage.entity(entityJid);
      const juliet = await stage.client("juliet");
      juliet.stream.send(stanza);
    },
  };
}

const iq = (attributes: string, payload = `<line xmlns='${verseNs}'/>`): string => `<iq ${attributes}>${payload}</iq>`;
const ask = iq("type='get' id='q'");
const toDomain = iq("type='get' id='q' to='capulet.lit'");

/** Requests that are delegated, or rightly are not. */
const requests: readonly Conversation[] = [
  asks("a get to the own account", ask),
  asks("a set to the own account", iq("type='set' id='q'", `<line xmlns='${verseNs}'>x</line>`)),
  asks("a request to the own bare JID", iq("type='get' id='q' to='juliet@capulet.lit'")),
  asks("a request to another's bare JID", iq("type='get' id='q' to='romeo@capulet.lit'")),
  asks("a request to a bare JID that nobody has", iq("type='get' id='q' to='nobody@capulet.lit'")),
  asks("a request to the domain", iq("type='get' id='q' to='capulet.lit'")),
  asks("a request to an address written in capitals", iq("type='get' id='q' to='ROMEO@Capulet.LIT'")),
  asks("a request to the own full JID", iq("type='get' id='q' to='juliet@capulet.lit/balcony'")),
  asks("a request to a full JID that is not there", iq("type='get' id='q' to='juliet@capulet.lit/nowhere'")),
  asks("a request to the domain with a resource", iq("type='get' id='q' to='capulet.lit/x'")),
  asks(
    "a payload with children and attributes",
    iq("type='set' id='q'", `<line xmlns='${verseNs}' n='1' m='&lt;&amp;'><a/>é &gt;<b xmlns='urn:example:b'/></line>`),
    { payload: `<line xmlns='${verseNs}' n='&apos;'><a>x</a><b xmlns='urn:example:b'/></line>` },
  ),
  asks(
    "line ends and tabs in an attribute",
    iq("type='set' id='q'", `<line xmlns='${verseNs}' n='a&#9;b&#10;c&#13;d'/>`),
  ),
  asks("a request in another language", iq("type='get' id='q' xml:lang='it'")),
  asks("a request in a namespace that nobody manages", iq("type='get' id='q'", "<f xmlns='urn:example:other'/>")),
  asks("the filtering attribute is there", iq("type='get' id='q'", `<f xmlns='${filteredNs}' node='n'/>`)),
  asks("the filtering attribute is there and empty", iq("type='get' id='q'", `<f xmlns='${filteredNs}' node=''/>`)),
  asks("the filtering attribute is missing", iq("type='get' id='q'", `<f xmlns='${filteredNs}'/>`)),
  asks(
    "the filtering attribute has a prefix",
    iq("type='get' id='q'", `<f xmlns='${filteredNs}' xmlns:p='urn:example:p' p:node='n'/>`),
  ),
  asks("a result that nobody asked for", iq("type='result' id='q' to='juliet@capulet.lit'")),
  asks("an error that nobody asked for", iq("type='error' id='q' to='romeo@capulet.lit'", error("forbidden"))),
  asks(
    "a request for the delegation protocol itself",
    iq("type='get' id='q' to='capulet.lit'", "<query xmlns='urn:xmpp:delegation:2'/>"),
  ),
];

/** Requests that RFC 6120 §8.2.3 does not allow. */
const malformed: readonly Conversation[] = [
  asks("a request without id", iq("type='get' to='capulet.lit'")),
  asks("a request without child", iq("type='get' id='q'", "")),
  asks(
    "a request with two children",
    iq("type='get' id='q' to='capulet.lit'", `<line xmlns='${verseNs}'/><b xmlns='urn:example:b'/>`),
  ),
  asks("a request without type", iq("id='q'")),
  asks("a request of an unknown type", iq("type='ask' id='q'")),
  asks("white space around the child", `<iq type='get' id='q' to='capulet.lit'>\n  <line xmlns='${verseNs}'/>\n</iq>`),
  asks("text beside the child", `<iq type='get' id='q' to='capulet.lit'>what<line xmlns='${verseNs}'/></iq>`),
];

/** What the managing entity answers, or does not. */
const replies: readonly Conversation[] = [
  asks("an error in answer to a request without to", ask, { outerType: "error", content: error("forbidden") }),
  asks("an inner error", toDomain, { innerType: "error", payload: error("item-not-found") }),
  asks("an error in place of the wrapper", toDomain, { outerType: "error", content: error("forbidden") }),
  asks("an inner iq of another type", toDomain, { innerType: "set", payload: line }),
  asks("an inner iq with another id", toDomain, { innerId: "other", payload: line }),
  asks("an inner iq to somebody else", toDomain, { innerTo: "romeo@capulet.lit/balcony", payload: line }),
  asks("an inner iq from somebody else", toDomain, { innerFrom: "romeo@montague.lit", payload: line }),
  asks("an inner iq without from", toDomain, { innerFrom: null, payload: line }),
  asks("an inner iq of the component's namespace", toDomain, {
    innerNamespace: "jabber:component:accept",
    payload: line,
  }),
  asks("an inner result with two children", toDomain, { payload: `${line}<b xmlns='urn:example:b'/>` }),
  asks("an empty reply", toDomain, { content: "" }),
  asks("a reply with nothing forwarded", toDomain, { content: "<delegation xmlns='urn:xmpp:delegation:2'/>" }),
  asks("a reply to another address of the server", toDomain, { outerTo: "capulet.lit/x", payload: line }),
  asks("a reply twice", toDomain, (entity, wrapped) => {
    entity.stream.send(replyTo(wrapped, { payload: line }).repeat(2));
  }),
  {
    name: "a forged reply of another component before the true one",
    play: async (stage) => {
      const echo = await stage.component(echoJid);
      const asked = new Promise<Wrapped>((resolve) => {
        stage.behaviour = (_entity, wrapped) => {
          resolve(wrapped);
        };
      });
      const entity = await stage.entity(entityJid);
      (await stage.client("juliet")).stream.send(toDomain);
      const wrapped = await asked;
      echo.stream.send(replyTo(wrapped, { outerFrom: echoJid, payload: "<forged xmlns='urn:example:b'/>" }));
      await echo.stream.settle();
      entity.stream.send(replyTo(wrapped, { payload: line }));
    },
  },
];

/** The managing entity is not there. */
const absences: readonly Conversation[] = [
  {
    name: "a request after the managing entity has left",
    play: async (stage) => {
      await (await stage.entity(entityJid)).stream.close();
      (await stage.client("juliet")).stream.send(toDomain);
    },
  },
  {
    name: "the managing entity leaves with a request open",
    play: async (stage) => {
      const isAsked = new Promise<void>((resolve) => {
        stage.behaviour = () => {
          resolve();
        };
      });
      const entity = await stage.entity(entityJid);
      (await stage.client("juliet")).stream.send(toDomain);
      await isAsked;
      await entity.stream.close();
    },
  },
  {
    name: "the managing entity comes back and answers",
    play: async (stage) => {
      stage.behaviour = { payload: line };
      await (await stage.entity(entityJid)).stream.close();
      await stage.entity(entityJid);
      (await stage.client("juliet")).stream.send(toDomain);
    },
  },
];

/** Who else asks. */
const others: readonly Conversation[] = [
  {
    name: "the managing entity's own request in the namespace that it manages",
    play: async (stage) => {
      const entity = await stage.entity(entityJid);
      entity.stream.send(iq(`type='get' id='q' from='${entityJid}' to='juliet@capulet.lit'`));
    },
  },
  {
    name: "a request of another component",
    play: async (stage) => {
      stage.behaviour = { payload: line };
      await stage.entity(entityJid);
      const echo = await stage.component(echoJid);
      echo.stream.send(iq(`type='get' id='q' from='${echoJid}' to='juliet@capulet.lit'`));
    },
  },
  {
    name: "two users with equal ids at once",
    play: async (stage) => {
      stage.behaviour = (entity, wrapped) => {
        const whose = String(wrapped.inner.attrs["from"]);
        entity.stream.send(replyTo(wrapped, { payload: `<line xmlns='${verseNs}'>${whose}</line>` }));
      };
      await stage.entity(entityJid);
      const juliet = await stage.client("juliet");
      const romeo = await stage.client("romeo");
      juliet.stream.send(ask);
      await stage.settle();
      romeo.stream.send(ask);
    },
  },
];

export const conversations: readonly Conversation[] = [...requests, ...malformed, ...replies, ...absences, ...others];
