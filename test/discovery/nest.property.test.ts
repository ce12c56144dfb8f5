import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answerForNamespace,
  belongsTo,
  capabilitiesHash,
  capabilitiesVer,
  isComplete,
  nest,
  readDiscoInfo,
} from "../../src/discovery/index.js";
import { serialize } from "../../src/xml/index.js";
import { delegation, feature, form, info, MAM, OWNER, PUBSUB, query } from "./answers.js";

// Whatever the server and the entities answer: nothing stands twice, a delegated namespace says what its entity gave and
// no more, the rest is as it was, and doing it again changes nothing.

const names = [PUBSUB, `${PUBSUB}#publish`, OWNER, `${OWNER}#x`, `${PUBSUB}x`, MAM, `${MAM}0`, "urn:a", "urn:b"].concat(
  "urn:xmpp:delegation:2",
);
const name = fc.constantFrom(...names);
const child = fc.oneof(
  name.map(feature),
  fc
    .record({
      kind: fc.constantFrom("category='pubsub' type='pep'", "category='server' type='im'"),
      name: fc.constantFrom("", "name='Globe'", "name='Rose'"),
      lang: fc.constantFrom("", "xml:lang='en'", "xml:lang='el'"),
    })
    .map((one) => `<identity ${one.kind} ${one.name} ${one.lang}/>`),
  fc
    .tuple(name, fc.constantFrom("1", "2"))
    .map(([formType, value]) => form(formType, `<field var='a'><value>${value}</value></field>`)),
  fc.constantFrom("<set xmlns='urn:rsm'/>", " ", "<feature/>"),
);
const content = fc.array(child, { maxLength: 12 }).map((children) => children.join(""));
const delegated = fc
  .uniqueArray(
    fc.record({
      namespace: fc.constantFrom(PUBSUB, OWNER, MAM),
      content: fc.option(content, { nil: undefined }),
      entity: fc.constantFrom("pubsub.capulet.lit", "archive.capulet.lit"),
      identities: fc.constantFrom<readonly string[]>([], ["pubsub/pep"]),
    }),
    { selector: (one) => one.namespace },
  )
  .map((rules) => rules.map(({ namespace, content: answer, ...more }) => delegation(namespace, answer, more)));
const options = fc.record({ announce: fc.boolean(), lang: fc.constantFrom(undefined, "en") });

/** What of a name's several delegations is the most specific. */
const ownerIn = (rules: ReturnType<typeof delegation>[], one: string) =>
  rules
    .filter(({ namespace }) => belongsTo(one, namespace))
    .sort((a, b) => b.namespace.length - a.namespace.length)
    .at(0);

describe("a nested answer", () => {
  test("says nothing twice and is complete wherever nothing was malformed (XEP-0115 §5.4, D54)", () => {
    fc.assert(
      fc.property(content, delegated, options, (server, rules, how) => {
        const tree = query(server);
        nest(tree, rules, how);
        expect(readDiscoInfo(tree).leftOut.repeated).toBe(0);
      }),
    );
  });

  test("says of a delegated namespace what its own entity gave, and nothing else (XEP-0355 §7.2.1)", () => {
    fc.assert(
      fc.property(content, delegated, options, (server, rules, how) => {
        const tree = query(server);
        nest(tree, rules, how);
        const read = readDiscoInfo(tree);
        for (const one of read.features) {
          const owner = ownerIn(rules, one);
          if (owner === undefined) continue;
          const givers = rules.filter((rule) => rule.entity === owner.entity);
          expect(givers.some((rule) => rule.info?.features.includes(one))).toBe(true);
        }
        for (const { formType = "", element } of read.forms) {
          const owner = ownerIn(rules, formType);
          if (owner === undefined) continue;
          const theirs = rules
            .filter((rule) => rule.entity === owner.entity)
            .flatMap((rule) => rule.info?.forms.map((one) => serialize(one.element)) ?? []);
          expect(theirs).toContain(serialize(element));
        }
      }),
    );
  });

  test("says everything that an entity may say", () => {
    fc.assert(
      fc.property(content, delegated, options, (server, rules, how) => {
        const tree = query(server);
        nest(tree, rules, how);
        const read = readDiscoInfo(tree);
        for (const one of rules) {
          const given = answerForNamespace(one, rules);
          expect(read.features).toEqual(expect.arrayContaining([...given.features]));
          const kinds = read.identities.map(({ category, type }) => `${category}/${type}`);
          expect(kinds).toEqual(expect.arrayContaining(given.identities.map((id) => `${id.category}/${id.type}`)));
          expect(read.forms.map(({ formType }) => formType)).toEqual(
            expect.arrayContaining(given.forms.map(({ formType }) => formType)),
          );
        }
      }),
    );
  });

  test("keeps the rest of the server's, in order", () => {
    fc.assert(
      fc.property(content, delegated, options, (server, rules, how) => {
        const tree = query(server);
        const before = readDiscoInfo(tree);
        nest(tree, rules, how);
        const after = readDiscoInfo(tree);
        const undelegated = before.features.filter((one) => ownerIn(rules, one) === undefined);
        expect(after.features.filter((one) => undelegated.includes(one))).toEqual(undelegated);
        const others = before.forms.filter(({ formType = "" }) => ownerIn(rules, formType) === undefined);
        const texts = others.map(({ element }) => serialize(element));
        expect(after.forms.map(({ element }) => serialize(element)).filter((one) => texts.includes(one))).toEqual(
          texts,
        );
        const unnamed = before.identities.filter(
          ({ category, type }) => !rules.some((rule) => rule.identities.includes(`${category}/${type}`)),
        );
        expect(after.identities.filter((one) => unnamed.some((other) => same(one, other)))).toEqual(unnamed);
        expect(after.others).toHaveLength(before.others.length);
        expect(after.leftOut.malformed).toBe(before.leftOut.malformed);
      }),
    );
  });

  test("is changed no more when it is nested again, and says whether it was", () => {
    fc.assert(
      fc.property(content, delegated, options, (server, rules, how) => {
        const tree = query(server);
        const before = serialize(tree);
        const changed = nest(tree, rules, how);
        const once = serialize(tree);
        expect(changed).toBe(once !== before);
        expect(nest(tree, rules, how)).toBe(false);
        expect(serialize(tree)).toBe(once);
      }),
    );
  });
});

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

describe("a hash", () => {
  test("does not depend on the order of anything (XEP-0115 §5.1, XEP-0390 §4.1)", () => {
    const text = fc.constantFrom("a", "b", "～", "\u{1f339}", "a-b", "a/b", "");
    const fields = fc.uniqueArray(fc.tuple(text, fc.array(text, { maxLength: 3 })), { selector: ([one]) => one });
    const forms = fc.uniqueArray(fc.tuple(fc.constantFrom("urn:x", "urn:y", "urn:z"), fields), {
      selector: ([one]) => one,
    });
    const children = fc.tuple(fc.uniqueArray(text), fc.uniqueArray(fc.tuple(text, text)), forms);
    const write = (shuffle: <T>(items: readonly T[]) => readonly T[], [vars, identities, types]: Drawn): string =>
      shuffle([
        ...vars.map(feature),
        ...identities.map(([type, named]) => `<identity category='c' type='t${type}' name='${named}'/>`),
        ...types.map(([formType, parts]) =>
          form(
            formType,
            shuffle(parts)
              .map(([one, values]) => `<field var='${one}'>${shuffle(values).map(valueElement).join("")}</field>`)
              .join(""),
          ),
        ),
      ]).join("");
    fc.assert(
      fc.property(children, fc.infiniteStream(fc.nat()), (drawn, chance) => {
        const shuffle = <T>(items: readonly T[]): readonly T[] =>
          items
            .map((item) => ({ item, at: chance.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ item }) => item);
        const [one, other] = [info(write((items) => items, drawn)), info(write(shuffle, drawn))];
        expect(capabilitiesVer(other, "sha-1")).toBe(capabilitiesVer(one, "sha-1"));
        expect(capabilitiesHash(other, "sha-256")).toBe(capabilitiesHash(one, "sha-256"));
        expect(capabilitiesVer(one, "sha-1") === undefined).toBe(!isComplete(one));
      }),
    );
  });
});

type Drawn = readonly [
  vars: readonly string[],
  identities: readonly (readonly [string, string])[],
  forms: readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[],
];

function valueElement(value: string): string {
  return `<value>${value}</value>`;
}
