import { describe, expect, test } from "vitest";
import { grantMessage, grantTexts } from "../../src/delegation/index.js";
import { parseElement } from "../../src/xml/index.js";
import { PUBSUB } from "./entity.js";
import { BLOG, JULIETS, MAM, text } from "./grants.js";

const question = {
  challenge: "5439123",
  user: JULIETS,
  entity: BLOG,
  namespaces: [PUBSUB, "urn:x:new"],
  expiresAt: 1,
  state: "open",
} as const;
const address = { id: "m1", from: "capulet.lit", to: `${JULIETS}/balcony` };

function message(lang?: string, managers: (namespace: string) => string | undefined = () => undefined): string {
  return text(grantMessage(question, address, grantTexts(lang), managers));
}

describe("the message that asks a user (XEP-0355 §5.1)", () => {
  test("has a warning, a challenge, and a choice for each namespace that is no unless somebody says yes", () => {
    const xml = message();
    expect(xml).toMatch(/^<message xmlns="jabber:client" id="m1" from="capulet.lit" to="juliet@capulet.lit\/balcony"/);
    expect(xml).toContain("Be careful");
    expect(xml).toContain(`<field type="hidden" var="challenge"><value>5439123</value></field>`);
    expect(xml).toContain(`<field type="hidden" var="FORM_TYPE"><value>urn:xmpp:delegation:2</value></field>`);
    const choice = (namespace: string, label: string) =>
      `<field type="list-single" label="${label}" var="${namespace}"><value>0</value>` +
      `<option label="No"><value>0</value></option><option label="Yes"><value>1</value></option></field>`;
    expect(xml).toContain(choice(PUBSUB, `Manage personal publishing: avatar, bookmarks, blog (${PUBSUB})`));
    expect(xml).toContain(choice("urn:x:new", "Manage urn:x:new"));
  });

  test("says who would be replaced", () => {
    const xml = message("en", (namespace) => (namespace === PUBSUB ? "pubsub.capulet.lit" : undefined));
    expect(xml).toContain("in place of pubsub.capulet.lit");
    expect(xml.match(/in place of/g)).toHaveLength(1);
  });

  test.each([
    ["en", "en", "Be careful"],
    ["en-GB", "en", "Be careful"],
    ["de", "de", "Vorsicht"],
    ["de-CH-1996", "de", "Vorsicht"],
    ["FR", "fr", "Attention"],
    ["es-419", "es", "Cuidado"],
    ["it", "en", "Be careful"],
    ["desert", "en", "Be careful"],
    ["", "en", "Be careful"],
    [undefined, "en", "Be careful"],
  ])("for xml:lang %j is in %s (RFC 6120 §4.7.4)", (lang, language, word) => {
    expect(message(lang)).toContain(`xml:lang="${language}"`);
    expect(message(lang)).toContain(word);
  });

  test.each(["en", "de", "fr", "es"])("in %s says all it has to say, and is read back as it was written", (lang) => {
    const texts = grantTexts(lang);
    const bytes = Buffer.from(message(lang));
    expect(text(parseElement(bytes, 0, bytes.length, new Map()))).toBe(bytes.toString());
    expect(texts.features.size).toBe(11);
    expect(texts.features.has(MAM)).toBe(true);
    expect(texts.warning(BLOG, [PUBSUB, MAM])).toMatch(new RegExp(`${BLOG}[^]*- ${PUBSUB}\n- ${MAM}\n`));
    expect(texts.revoked(1)).not.toBe(texts.revoked(2));
    expect(texts.revoked(2)).toContain("2");
  });

  test("no language has forgotten a text that another has", () => {
    const keys = (lang: string) => Object.keys(grantTexts(lang)).sort();
    for (const lang of ["de", "fr", "es"]) expect(keys(lang)).toEqual(keys("en"));
  });
});
