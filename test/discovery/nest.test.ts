import { describe, expect, test } from "vitest";
import { answerForNamespace, belongsTo, nest, nestingNode, type NestedNamespace } from "../../src/discovery/index.js";
import { contentOf, delegation, features, form, MAM, OWNER, PUBSUB, query, queryOf } from "./answers.js";

const PEP = "<identity category='pubsub' type='pep'/>";
const SERVER = "<identity category='server' type='im' name='Globe'/>";
const account = { announce: false };

/** A server's answer, nested. */
function nested(content: string, delegated: readonly NestedNamespace[], options = account): string {
  const tree = query(content);
  nest(tree, delegated, options);
  return contentOf(tree);
}

describe("what belongs to a namespace", () => {
  test("is the namespace and what follows it after #, never a bare prefix (protocol.md D52)", () => {
    expect(belongsTo(PUBSUB, PUBSUB)).toBe(true);
    expect(belongsTo(`${PUBSUB}#publish`, PUBSUB)).toBe(true);
    expect(belongsTo(`${PUBSUB}2`, PUBSUB)).toBe(false);
    expect(belongsTo("urn:xmpp:mam:20", MAM)).toBe(false);
    expect(belongsTo("http://jabber.org/protocol", PUBSUB)).toBe(false);
  });
});

describe("the node that an entity is asked on", () => {
  test("is made of protocol, separator and namespace (XEP-0355 §7.2.1, §7.2.2)", () => {
    expect(nestingNode(PUBSUB, "domain")).toBe(`urn:xmpp:delegation:2::${PUBSUB}`);
    expect(nestingNode(PUBSUB, "account")).toBe(`urn:xmpp:delegation:2:bare:${PUBSUB}`);
  });

  test("is none for the names of the rest of discovery (protocol.md D51)", () => {
    expect(nestingNode("urn:xmpp:delegation:2:bare:disco#info:*", "account")).toBeUndefined();
    expect(nestingNode("urn:xmpp:delegation:2:bare:disco#items:*", "domain")).toBeUndefined();
  });
});

describe("features", () => {
  test("of the server that belong to the namespace give way to the entity's (XEP-0355 §7.2.1)", () => {
    const server = features("urn:a", `${PUBSUB}#auto-create`, "urn:b", PUBSUB);
    const given = features(PUBSUB, `${PUBSUB}#publish-options`);
    expect(nested(server, [delegation(PUBSUB, given)])).toBe(
      features("urn:a", "urn:b", PUBSUB, `${PUBSUB}#publish-options`),
    );
  });

  test("are replaced as a whole where a filtering attribute delegates a part (XEP-0355 §7.2.1 N.B., D56)", () => {
    expect(nested(features(MAM, `${MAM}#extended`), [delegation(MAM, features(MAM))])).toBe(features(MAM));
  });

  test("of a namespace whose entity has not answered are taken away, and none is added", () => {
    expect(nested(features("urn:a", PUBSUB, "urn:b"), [delegation(PUBSUB, undefined)])).toBe(
      features("urn:a", "urn:b"),
    );
  });

  test("are not repeated, whoever repeats them (XEP-0115 §5.4)", () => {
    const given = features("urn:order", PUBSUB, "urn:order");
    const delegated = [delegation(PUBSUB, given), delegation(MAM, features("urn:order", MAM))];
    expect(nested(features("urn:a", "urn:a"), delegated)).toBe(features("urn:a", "urn:order", PUBSUB, MAM));
    expect(nested(features("urn:order"), delegated)).toBe(features("urn:order", PUBSUB, MAM));
  });

  test("that begin like the namespace but are not its own stay (protocol.md D52)", () => {
    const server = features(`${PUBSUB}-on-the-side`, "urn:xmpp:mam:20");
    expect(nested(server, [delegation(PUBSUB, ""), delegation(MAM, "")])).toBe(server);
  });

  test("of …/pubsub#owner are for its own entity to give, not for that of …/pubsub (protocol.md D5)", () => {
    const pubsub = delegation(PUBSUB, features(PUBSUB, OWNER, `${OWNER}#delete`));
    const owner = delegation(OWNER, features(OWNER, PUBSUB), { entity: "owner.capulet.lit" });
    for (const delegated of [
      [pubsub, owner],
      [owner, pubsub],
    ]) {
      const result = nested(features(`${OWNER}#purge`, `${PUBSUB}#publish`), delegated);
      expect(result).not.toContain("#delete");
      expect(result).not.toContain("#purge");
      expect(result.split("<").sort()).toEqual(features(PUBSUB, OWNER).split("<").sort());
    }
    expect(answerForNamespace(pubsub, [pubsub, owner]).refused["other-entity"]).toBe(2);
  });

  test("that an entity gives for a namespace of its own in the answer on another are added", () => {
    const mam = delegation(MAM, features(MAM, `${PUBSUB}#rsm`));
    expect(nested("", [mam, delegation(PUBSUB, features(PUBSUB))])).toBe(features(MAM, `${PUBSUB}#rsm`, PUBSUB));
  });

  test("of a namespace beyond the delegations are added, because the result is advertised (XEP-0355 §7.2.1)", () => {
    expect(nested("", [delegation(PUBSUB, features("urn:xmpp:order-by:0"))])).toBe(features("urn:xmpp:order-by:0"));
  });

  test("of the delegation protocol are nobody's to add but the server's (XEP-0355 §7.1, §8)", () => {
    const own = "urn:xmpp:delegation:2";
    const one = delegation(PUBSUB, features(own, `${own}#configure`, `${own}:bare:x`, "urn:xmpp:delegation:20"));
    expect(nested("", [one])).toBe(features("urn:xmpp:delegation:20"));
    expect(answerForNamespace(one, [one]).refused["delegation-protocol"]).toBe(3);
    expect(nested(features(own), [one])).toBe(features(own, "urn:xmpp:delegation:20"));
  });
});

describe("the announcement of namespace delegation", () => {
  test("stands in the answer of the domain once, whether or not the server says it (XEP-0355 §7.1, D50)", () => {
    const announced = features("urn:a", "urn:xmpp:delegation:2");
    expect(nested(features("urn:a"), [], { announce: true })).toBe(announced);
    expect(nested(announced, [], { announce: true })).toBe(announced);
    expect(nested(features("urn:a"), [], account)).toBe(features("urn:a"));
  });
});

describe("identities", () => {
  test("of the server that the rule names give way, others stay (protocol.md D52)", () => {
    const server = `${SERVER}<identity category='pubsub' type='pep' name='Globe PEP'/>${features("urn:a")}`;
    const one = delegation(PUBSUB, PEP, { identities: ["pubsub/pep"] });
    expect(nested(server, [one])).toBe(`${SERVER}${PEP}${features("urn:a")}`);
    expect(nested(server, [{ ...one, info: undefined }])).toBe(`${SERVER}${features("urn:a")}`);
    expect(nested(`${SERVER}<identity category='pubsub' type='service'/>`, [one])).toContain("type='service'");
  });

  test("that the entity adds stand behind those of the server, before the features (XEP-0030 §11.1)", () => {
    expect(nested(features("urn:a"), [delegation(PUBSUB, PEP)])).toBe(`${PEP}${features("urn:a")}`);
    expect(nested(`${SERVER}${features("urn:a")}`, [delegation(PUBSUB, PEP)])).toBe(
      `${SERVER}${PEP}${features("urn:a")}`,
    );
  });

  test("are not repeated, and not contradicted by another name in the same language (XEP-0030 §3.1)", () => {
    const renamed = "<identity category='server' type='im' name='Rose'/>";
    expect(nested(SERVER, [delegation(PUBSUB, SERVER)])).toBe(SERVER);
    expect(nested(SERVER, [delegation(PUBSUB, renamed)])).toBe(SERVER);
    expect(nested(`${SERVER}${SERVER}`, [])).toBe(SERVER);
    const greek = "<identity category='server' type='im' xml:lang='el' name='Σφαίρα'/>";
    expect(nested(SERVER, [delegation(PUBSUB, greek)])).toBe(`${SERVER}${greek}`);
  });

  test("that another entity's rule names are not an entity's to give", () => {
    const intruder = delegation(MAM, PEP, { entity: "archive.capulet.lit" });
    const pep = delegation(PUBSUB, "", { identities: ["pubsub/pep"] });
    expect(nested(SERVER, [intruder, pep])).toBe(SERVER);
    expect(answerForNamespace(intruder, [intruder, pep]).refused["other-entity"]).toBe(1);
  });

  test("say the language that they inherited where they came from (RFC 6120 §8.1.5)", () => {
    const tree = queryOf(
      "<iq type='result' xml:lang='it'><query xmlns='http://jabber.org/protocol/disco#info'>" +
        "<identity category='pubsub' type='pep' name='Diario'/><identity category='a' type='b'/></query></iq>",
    );
    const diario = delegation(PUBSUB, contentOf(tree), {});
    const one = { ...diario, info: diario.info && { ...diario.info, lang: "it" } };
    expect(nested("", [one])).toBe(
      "<identity category='pubsub' type='pep' xml:lang='it' name='Diario'/><identity category='a' type='b'/>",
    );
  });
});

describe("forms", () => {
  const field = (value: string) => `<field var='max'><value>${value}</value></field>`;

  test("of the server that belong to the namespace give way to the entity's (XEP-0355 §7.2.3)", () => {
    const server = form(`${PUBSUB}#meta-data`, field("10")) + form("urn:serverinfo", field("1"));
    const given = form(`${PUBSUB}#meta-data`, field("20"));
    expect(nested(server, [delegation(PUBSUB, given)])).toBe(form("urn:serverinfo", field("1")) + given);
    expect(nested(server, [delegation(PUBSUB, undefined)])).toBe(form("urn:serverinfo", field("1")));
  });

  test("with the FORM_TYPE of one that the server gives itself are not added, so that none stands twice", () => {
    const server = form("http://jabber.org/network/serverinfo", field("1"));
    const one = delegation(PUBSUB, form("http://jabber.org/network/serverinfo", field("2")));
    expect(nested(server, [one])).toBe(server);
    expect(nested(`${server}${one.info && form("http://jabber.org/network/serverinfo", field("2"))}`, [])).toBe(server);
  });

  test("of two entities with one FORM_TYPE are added once, the first's", () => {
    const first = delegation(PUBSUB, form("urn:x", field("1")));
    const second = delegation(MAM, form("urn:x", field("2")), { entity: "archive.capulet.lit" });
    expect(nested("", [first, second])).toBe(form("urn:x", field("1")));
  });

  test("without a FORM_TYPE, or with one that is open or contradictory, are not added (XEP-0068 §4.3, XEP-0128 §2)", () => {
    const untyped = "<x xmlns='jabber:x:data' type='result'><field var='a'><value>1</value></field></x>";
    const twice = `<field var='FORM_TYPE' type='hidden'><value>urn:y</value></field>`;
    const one = delegation(PUBSUB, untyped + form("urn:x", "", "text-single") + form("urn:z", twice));
    expect(nested("", [one])).toBe("");
    expect(answerForNamespace(one, [one]).refused["form-without-type"]).toBe(3);
    expect(nested(untyped, [])).toBe(untyped);
  });

  test("of another entity's namespace are not an entity's to give", () => {
    const intruder = delegation(MAM, form(`${PUBSUB}#meta-data`), { entity: "archive.capulet.lit" });
    expect(nested("", [intruder, delegation(PUBSUB, undefined)])).toBe("");
  });
});

describe("an answer", () => {
  test("that needs no change is left alone, and that is told", () => {
    const server = `${SERVER} ${features("urn:a")}<set xmlns='urn:rsm'/>`;
    const tree = query(server);
    const children = [...tree.children];
    expect(nest(tree, [delegation(PUBSUB, "")], account)).toBe(false);
    expect(tree.children).toEqual(children);
    expect(nest(query(features(PUBSUB)), [delegation(PUBSUB, features(PUBSUB))], account)).toBe(false);
    expect(nest(tree, [delegation(PUBSUB, features(PUBSUB))], account)).toBe(true);
  });

  test("keeps what is no feature, identity or form, and what is malformed, in place", () => {
    const server = "<feature/><identity type='x'/><set xmlns='urn:rsm'/>";
    expect(nested(server, [delegation(PUBSUB, features(PUBSUB))])).toBe(
      `<feature/><identity type='x'/>${features(PUBSUB)}<set xmlns='urn:rsm'/>`,
    );
  });

  test("takes copies, so that a change of one answer changes no other", () => {
    const one = delegation(PUBSUB, form("urn:x"));
    const first = query("");
    nest(first, [one], account);
    for (const child of first.children) if (typeof child !== "string") child.children = [];
    expect(nested("", [one])).toBe(form("urn:x"));
  });
});

describe("a real managing entity's answers", () => {
  // Libervia Pubsub gives every node the same features, several of them twice, and those of other namespaces.
  const shared = [
    "urn:xmpp:pam:0",
    "http://jabber.org/protocol/rsm",
    `${PUBSUB}#rsm`,
    "https://salut-a-toi.org/spec/pubsub_admin:0",
    "http://jabber.org/protocol/rsm",
    `${PUBSUB}#rsm`,
    "urn:xmpp:order-by:0",
  ];
  const delegated = [
    delegation(MAM, features(...shared, MAM)),
    delegation(PUBSUB, features(...shared, `${PUBSUB}#publish`, `${PUBSUB}#rsm`, `${PUBSUB}#rsm`) + PEP, {
      identities: ["pubsub/pep"],
    }),
    delegation(OWNER, features(...shared, `${PUBSUB}#publish`) + PEP),
  ];

  test("are nested without one duplicate, and nothing of the server's service remains", () => {
    const server =
      `<identity category='account' type='registered'/><identity category='pubsub' type='pep' name='Globe'/>` +
      features("urn:a", PUBSUB, `${PUBSUB}#auto-create`, MAM, `${MAM}#extended`, "http://jabber.org/protocol/rsm");
    expect(nested(server, delegated)).toBe(
      `<identity category='account' type='registered'/>${PEP}` +
        features("urn:a", MAM, "http://jabber.org/protocol/rsm", "urn:xmpp:pam:0", `${PUBSUB}#rsm`) +
        features("https://salut-a-toi.org/spec/pubsub_admin:0", "urn:xmpp:order-by:0", `${PUBSUB}#publish`),
    );
  });
});
