import { entityJid, verseNs } from "../../support/scene.js";
import { asks, type Conversation } from "./requests.js";
import type { Behaviour, DiscoAnswers } from "./stage.js";

// Service discovery (XEP-0355 §7.2): nesting of what the managing entity says of its namespaces, and the special names.

export const pubsubNs = "http://jabber.org/protocol/pubsub";
export const bareDiscoInfo = "urn:xmpp:delegation:2:bare:disco#info:*";
export const bareDiscoItems = "urn:xmpp:delegation:2:bare:disco#items:*";

const infoNs = "http://jabber.org/protocol/disco#info";
const itemsNs = "http://jabber.org/protocol/disco#items";
const stanzasNs = "urn:ietf:params:xml:ns:xmpp-stanzas";

const features = (...names: readonly string[]): string => names.map((name) => `<feature var='${name}'/>`).join("");
const form = (type: string): string =>
  `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${type}</value></field>` +
  `<field var='lines'><value>14</value></field></x>`;

/** What the entity says of its namespaces, for the server and for accounts. */
export const discoAnswers: DiscoAnswers = (node) => {
  if (node === `urn:xmpp:delegation:2::${verseNs}`) {
    return `<identity category='automation' type='poet'/>${features(verseNs, `${verseNs}#server`)}${form(verseNs)}`;
  }
  if (node === `urn:xmpp:delegation:2:bare:${verseNs}`) {
    return `<identity category='automation' type='muse'/>${features(verseNs, `${verseNs}#account`)}`;
  }
  if (node === `urn:xmpp:delegation:2:bare:${pubsubNs}`) {
    // A real entity says things twice, and things that belong to nobody's namespace.
    const rsm = "http://jabber.org/protocol/rsm";
    return `<identity category='pubsub' type='pep'/>${features(`${pubsubNs}#publish`, rsm, rsm)}`;
  }
  return "";
};

const disco = (ns: string, to?: string, node?: string): string =>
  `<iq type='get' id='q'${to === undefined ? "" : ` to='${to}'`}>` +
  `<query xmlns='${ns}'${node === undefined ? "" : ` node='${node}'`}/></iq>`;

const items: Behaviour = {
  payload: `<query xmlns='${itemsNs}'><item jid='juliet@capulet.lit' node='urn:example:sonnets'/></query>`,
};
const info: Behaviour = {
  payload: `<query xmlns='${infoNs}' node='urn:example:sonnets'>${features("urn:example:rhyme")}</query>`,
};
const notFound: Behaviour = {
  innerType: "error",
  payload: `<error type='cancel'><item-not-found xmlns='${stanzasNs}'/></error>`,
};

/** Questions about items and nodes of accounts (§7.2.4, §7.2.5). */
export const specialNodes: readonly Conversation[] = [
  asks("items of the own account", disco(itemsNs), items),
  asks("items of a contact", disco(itemsNs, "nurse@capulet.lit"), items),
  asks("items of a stranger", disco(itemsNs, "romeo@capulet.lit"), items),
  asks("items of a bare JID that nobody has", disco(itemsNs, "nobody@capulet.lit"), items),
  asks("items of the domain", disco(itemsNs, "capulet.lit"), items),
  asks("items of a full JID", disco(itemsNs, "juliet@capulet.lit/balcony"), items),
  asks("items of a node of the own account", disco(itemsNs, undefined, "urn:example:sonnets"), items),
  asks("items of a node of a contact", disco(itemsNs, "nurse@capulet.lit", "urn:example:sonnets"), items),
  asks("items of a node of a stranger", disco(itemsNs, "romeo@capulet.lit", "urn:example:sonnets"), items),
  asks("items of a node that the entity does not have", disco(itemsNs, undefined, "urn:example:none"), notFound),
  asks("information on a node of the own account", disco(infoNs, undefined, "urn:example:sonnets"), info),
  asks("information on a node of a contact", disco(infoNs, "nurse@capulet.lit", "urn:example:sonnets"), info),
  asks("information on a node of a stranger", disco(infoNs, "romeo@capulet.lit", "urn:example:sonnets"), info),
  asks("information on a node of the domain", disco(infoNs, "capulet.lit", "urn:example:sonnets"), info),
  asks("information on a node that the entity does not have", disco(infoNs, undefined, "urn:example:none"), notFound),
  asks("items when the entity errs", disco(itemsNs, "nurse@capulet.lit"), {
    outerType: "error",
    content: "<error type='cancel'/>",
  }),
];

/** Questions whose answers are the server's with the entity's in them (§7.2.1 to §7.2.3). */
export const nesting: readonly Conversation[] = [
  asks("information on the domain", disco(infoNs, "capulet.lit")),
  asks("information on the own account", disco(infoNs)),
  asks("information on the own bare JID", disco(infoNs, "juliet@capulet.lit")),
  asks("information on a contact", disco(infoNs, "nurse@capulet.lit")),
  asks("information on a stranger", disco(infoNs, "romeo@capulet.lit")),
  asks("information on a bare JID that nobody has", disco(infoNs, "nobody@capulet.lit")),
  {
    name: "the entity connects again",
    play: async (stage) => {
      await stage.entity(entityJid, { withIntroduction: true });
    },
  },
];

/** The same where the server's own PEP is still on, so that there is something to remove. */
export const nestingBesidePep: readonly Conversation[] = [
  asks("information on the own account, with the server's own PEP on", disco(infoNs)),
  asks("information on a contact, with the server's own PEP on", disco(infoNs, "nurse@capulet.lit")),
  asks(
    "items of a node, with the server's own PEP on",
    disco(itemsNs, "nurse@capulet.lit", "urn:example:sonnets"),
    items,
  ),
];
