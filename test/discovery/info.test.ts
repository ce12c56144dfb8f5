import { describe, expect, test } from "vitest";
import { discoLimits, isComplete, readDiscoInfo, writeDiscoInfo } from "../../src/discovery/index.js";
import { findChild, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";
import { contentOf, element, feature, features, form, info, query, queryOf } from "./answers.js";

describe("an answer to disco#info that is read", () => {
  test("gives identities, features and forms in their order (XEP-0030 §3.1, XEP-0128 §2)", () => {
    const read = info(
      `<identity category='server' type='im' name='Globe' xml:lang='en'/>${features("b", "a")}` +
        `<identity category='pubsub' type='pep'/>${form("urn:x")}`,
    );
    expect(read.identities).toEqual([
      { category: "server", type: "im", name: "Globe", lang: "en" },
      { category: "pubsub", type: "pep", name: undefined, lang: undefined },
    ]);
    expect(read.features).toEqual(["b", "a"]);
    expect(read.forms.map(({ formType, typing }) => [formType, typing])).toEqual([["urn:x", "hidden"]]);
    expect(isComplete(read)).toBe(true);
  });

  test("takes elements of other namespaces for what they are, whatever their names (RFC 6120 §4.8)", () => {
    const read = info(
      "<feature xmlns='urn:x' var='a'/><d:feature xmlns:d='http://jabber.org/protocol/disco#info' var='b'/>",
    );
    expect(read.features).toEqual(["b"]);
    expect(read.others.map((other) => serialize(other))).toEqual(['<feature xmlns="urn:x" var="a"/>']);
  });

  test("leaves out what stands there twice, and counts it (XEP-0115 §5.4)", () => {
    const pep = "<identity category='pubsub' type='pep'/>";
    const read = info(`${pep}${features("a", "b", "a")}${pep}${form("urn:x")}${form("urn:x")}`);
    expect(read.features).toEqual(["a", "b"]);
    expect(read.identities).toHaveLength(1);
    expect(read.forms).toHaveLength(1);
    expect(read.leftOut).toEqual({ repeated: 3, malformed: 0, beyondLimits: 0 });
    expect(isComplete(read)).toBe(false);
  });

  test("tells identities apart by language and name too (XEP-0115 §5.4)", () => {
    const identity = (more: string) => `<identity category='client' type='pc' ${more}/>`;
    expect(info(identity("") + identity("name='a'") + identity("name='a' xml:lang='el'")).identities).toHaveLength(3);
    expect(info(identity("") + identity("name='' xml:lang=''")).identities).toHaveLength(1);
  });

  test("passes over features without var and identities without category or type, and counts them", () => {
    const read = info("<feature/><identity type='pep'/><identity category='' type='pep'/>");
    expect(read.leftOut).toEqual({ repeated: 0, malformed: 3, beyondLimits: 0 });
  });

  test("is read up to each limit and not beyond, whatever an entity sends", () => {
    const numbered = (count: number, write: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => write(index)).join("");
    const { maxFeatures, maxIdentities, maxForms, maxOthers } = discoLimits;
    const at =
      numbered(maxFeatures, (index) => feature(`f${index}`)) +
      numbered(maxIdentities, (index) => `<identity category='c' type='t${index}'/>`) +
      numbered(maxForms, (index) => form(`t${index}`)) +
      numbered(maxOthers, () => "<other xmlns='urn:x'/>");
    expect(isComplete(info(at))).toBe(true);
    expect(info(`${at}${feature("more")}`).leftOut.beyondLimits).toBe(1);
    expect(info(`${at}<identity category='c' type='more'/>`).leftOut.beyondLimits).toBe(1);
    expect(info(`${at}${form("more")}`).leftOut.beyondLimits).toBe(1);
    expect(info(`${at}<other xmlns='urn:x'/>`).leftOut.beyondLimits).toBe(1);

    const tenThousand = info(numbered(10_000, (index) => feature(`f${index}`)));
    expect(tenThousand.features).toHaveLength(maxFeatures);
    expect(tenThousand.leftOut.beyondLimits).toBe(10_000 - maxFeatures);
  });

  test("is read up to a number of characters, of which one long form cannot take more than there are", () => {
    const long = form("urn:long", `<field var='a'><value>${"x".repeat(discoLimits.maxCharacters)}</value></field>`);
    const read = info(`${feature("a")}${long}${feature("b")}`);
    expect(read.features).toEqual(["a", "b"]);
    expect(read.forms).toEqual([]);
    expect(read.leftOut.beyondLimits).toBe(1);
  });

  test("tells how a form says its FORM_TYPE (XEP-0068 §4.3)", () => {
    const typing = (field: string) => info(`<x xmlns='jabber:x:data' type='result'>${field}</x>`).forms[0]?.typing;
    const value = (text: string) => `<value>${text}</value>`;
    expect(typing("")).toBe("none");
    expect(typing("<field var='FORM_TYPE' type='hidden'/>")).toBe("none");
    expect(typing(`<field xmlns='urn:x' var='FORM_TYPE' type='hidden'>${value("a")}</field>`)).toBe("none");
    expect(typing(`<field var='FORM_TYPE'>${value("a")}</field>`)).toBe("open");
    expect(typing(`<field var='FORM_TYPE' type='hidden'>${value("a")}${value("b")}</field>`)).toBe("contradictory");
    expect(typing(`<field var='FORM_TYPE' type='hidden'>${value("a")}${value("a")}</field>`)).toBe("hidden");
  });

  test("finds the language where it is said: query, stanza, stream (RFC 6120 §4.7.4, §8.1.5)", () => {
    const iq = (lang: string, own: string) => `<iq type='result' ${lang}><query xmlns='${NS.discoInfo}' ${own}/></iq>`;
    const read = (text: string) => readDiscoInfo(queryOf(text), { lang: "de" }).lang;
    expect(read(iq("xml:lang='it'", "xml:lang='el'"))).toBe("el");
    expect(read(iq("xml:lang='it'", ""))).toBe("it");
    expect(read(iq("", ""))).toBe("de");
  });

  test("keeps nothing of the stanza that it came in, and forms with the prefixes that they need", () => {
    const iq = element(
      `<iq type='result' xmlns:k='urn:k' xmlns:j='urn:j'><query xmlns='${NS.discoInfo}'>` +
        "<x xmlns='jabber:x:data' k:a='1'><field var='b'><value k:c='2' __proto__='p'/></field></x></query></iq>",
    );
    const tree = findChild(iq, "query", NS.discoInfo);
    if (tree === undefined) throw new Error("no query");
    const before = serialize(iq);
    const [read] = readDiscoInfo(tree).forms;
    expect(read?.element.parent).toBeNull();
    expect(read && serialize(read.element)).toBe(
      '<x xmlns="jabber:x:data" k:a="1" xmlns:k="urn:k"><field var="b"><value k:c="2" __proto__="p"/></field></x>',
    );
    expect(serialize(iq)).toBe(before);
  });
});

describe("an answer to disco#info that is written", () => {
  test("says what was read, under the node that was asked for (XEP-0030 §3.2)", () => {
    const content =
      "<identity category='server' type='im' name='Globe'/>" +
      `${features("a", "b")}${form("urn:x", "<field var='os'><value>Mac</value></field>")}<set xmlns='urn:rsm'/>`;
    const written = writeDiscoInfo(info(content), "http://prosody.im#abc");
    expect(written.attrs).toEqual({ xmlns: NS.discoInfo, node: "http://prosody.im#abc" });
    expect(contentOf(written)).toBe(contentOf(query(content)));
    expect(writeDiscoInfo(info(content)).attrs).not.toHaveProperty("node");
  });

  test("says the language that names inherited, and none where no name needs it (XEP-0390 §6.2.1)", () => {
    const read = (name: string) =>
      readDiscoInfo(query(`<identity category='server' type='im' ${name}/>`, "xml:lang='en'"));
    expect(writeDiscoInfo(read("name='Globe'")).attrs["xml:lang"]).toBe("en");
    expect(writeDiscoInfo(read("")).attrs).not.toHaveProperty("xml:lang");
    expect(writeDiscoInfo(read("name='Globe' xml:lang='el'")).attrs).not.toHaveProperty("xml:lang");
  });

  test("is a tree of its own each time", () => {
    const read = info(form("urn:x"));
    const first = writeDiscoInfo(read);
    const before = serialize(writeDiscoInfo(read));
    for (const child of first.children) if (typeof child !== "string") child.children = [];
    expect(serialize(writeDiscoInfo(read))).toBe(before);
  });
});
