import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normaliseDomain, parseJid } from "../../src/xmpp/index.js";

describe("an address", () => {
  test.each([
    ["capulet.lit", undefined, "capulet.lit", undefined],
    ["juliet@capulet.lit", "juliet", "capulet.lit", undefined],
    ["juliet@capulet.lit/balcony", "juliet", "capulet.lit", "balcony"],
    ["capulet.lit/balcony", undefined, "capulet.lit", "balcony"],
    ["juliet@capulet.lit/a@b/c", "juliet", "capulet.lit", "a@b/c"],
    ["capulet.lit/juliet@montague.lit", undefined, "capulet.lit", "juliet@montague.lit"],
    ["o\\27brien!#$%*+,-.;=?[]^_`{|}~()@capulet.lit", "o\\27brien!#$%*+,-.;=?[]^_`{|}~()", "capulet.lit", undefined],
    ["juliet@[2001:DB8::1]/x", "juliet", "[2001:db8::1]", "x"],
    ["juliet@capulet.lit/in the orchard", "juliet", "capulet.lit", "in the orchard"],
    ["Juliet@Capulet.lit./Balcony", "juliet", "capulet.lit", "Balcony"],
  ])("%j has its parts (RFC 7622 §3.1)", (text, local, domain, resource) => {
    const jid = parseJid(text);
    expect(jid && [jid.local, jid.domain, jid.resource]).toEqual([local, domain, resource]);
  });

  test("is kept as it was written, bare and full (RFC 6120 §10.5)", () => {
    const jid = parseJid("JULIET@Capulet.LIT./Balcony");
    expect(jid?.full()).toBe("JULIET@Capulet.LIT./Balcony");
    expect(String(jid)).toBe("JULIET@Capulet.LIT./Balcony");
    expect(jid?.bare()).toBe("JULIET@Capulet.LIT.");
    expect(jid?.bareKey).toBe("juliet@capulet.lit");
    expect(jid?.fullKey).toBe("juliet@capulet.lit/Balcony");
    expect(parseJid("Capulet.LIT")?.bare()).toBe("Capulet.LIT");
  });

  test.each([
    "",
    "@",
    "/",
    "@capulet.lit",
    "juliet@",
    "juliet@capulet.lit/",
    "/balcony",
    "juliet@/balcony",
    "juliet@@capulet.lit",
    "juliet@romeo@capulet.lit",
    "juliet@capulet..lit",
    "juliet@.capulet.lit",
    "juliet@.",
    "juliet@capulet lit",
    "juliet@capulet.lit:5222",
    "juliet@capulet.lit?x",
    "juliet@capulet.lit#x",
    "juliet@capulet%2elit",
    "juliet@capulet.lit\n",
    "juliet@cäpulet.lit#x",
    "juliet@cäpulet%41.lit",
    "juliet@cäpu\tlet.lit",
    "juliet@a／b.lit",
    "juliet@℀.lit",
    "juliet@[capulet]",
    "jul iet@capulet.lit",
    "jul\u00a0iet@capulet.lit",
    "jul\u3000iet@capulet.lit",
    "jul\tiet@capulet.lit",
    "jul\u0000iet@capulet.lit",
    "jul\u007fiet@capulet.lit",
    'jul"iet@capulet.lit',
    "jul&iet@capulet.lit",
    "jul'iet@capulet.lit",
    "jul:iet@capulet.lit",
    "jul<iet@capulet.lit",
    "jul>iet@capulet.lit",
    "jul＠iet@capulet.lit",
    "jul／iet@capulet.lit",
    "jul\u202eiet@capulet.lit",
    "jul\ue000iet@capulet.lit",
    "jul\ufffdiet@capulet.lit",
    "jul\ufdd0iet@capulet.lit",
    "jul\ud800iet@capulet.lit",
    "\u00ad@capulet.lit",
    "juliet@capulet.lit/a\u0000",
    "juliet@capulet.lit/a\u0085",
    "juliet@capulet.lit/a\u2028",
    "juliet@capulet.lit/\u200b",
    `${"j".repeat(1024)}@capulet.lit`,
    `${"é".repeat(512)}@capulet.lit`,
    `juliet@${"c".repeat(1024)}`,
    `juliet@capulet.lit/${"b".repeat(1024)}`,
  ])("%j is none", (text) => {
    expect(parseJid(text)).toBeUndefined();
  });

  test("may have parts of 1023 bytes (RFC 7622 §3.1)", () => {
    expect(parseJid(`${"j".repeat(1023)}@${"c".repeat(1023)}/${"b".repeat(1023)}`)).toBeDefined();
    expect(parseJid(`${"é".repeat(511)}j@capulet.lit/${"é".repeat(511)}b`)).toBeDefined();
  });
});

describe("two spellings of one address have one key", () => {
  test.each([
    ["JULIET@capulet.lit", "juliet@capulet.lit"],
    ["ÉMILE@capulet.lit", "émile@capulet.lit"],
    ["e\u0301mile@capulet.lit", "\u00e9mile@capulet.lit"],
    ["ｊｕｌｉｅｔ@capulet.lit", "juliet@capulet.lit"],
    ["STRASSE@capulet.lit", "straße@capulet.lit"],
    ["STRAẞE@capulet.lit", "straße@capulet.lit"],
    ["ΟΔΥΣΣΕΥΣ@capulet.lit", "οδυσσευς@capulet.lit"],
    ["οδυσσευσ@capulet.lit", "οδυσσευς@capulet.lit"],
    ["ﬁnn@capulet.lit", "finn@capulet.lit"],
    ["ſamson@capulet.lit", "samson@capulet.lit"],
    ["\u212aate@capulet.lit", "kate@capulet.lit"],
    ["ju\u00adli\u200diet@capulet.lit", "juliiet@capulet.lit"],
    ["İ@capulet.lit", "i\u0307@capulet.lit"],
    ["juliet@CÄPULET.lit", "juliet@xn--cpulet-bua.lit"],
    ["juliet@ｃapulet.lit", "juliet@capulet.lit"],
    ["juliet@capulet。lit", "juliet@capulet.lit"],
    ["juliet@capulet.lit.", "juliet@capulet.lit"],
    ["juliet@capulet.lit/caf\u00e9", "juliet@capulet.lit/cafe\u0301"],
    ["juliet@capulet.lit/ﬁn", "juliet@capulet.lit/fin"],
  ])("%s is %s", (one, other) => {
    expect(parseJid(one)?.fullKey).toBeDefined();
    expect(parseJid(one)?.fullKey).toBe(parseJid(other)?.fullKey);
  });

  test.each([
    ["juliet@capulet.lit/Balcony", "juliet@capulet.lit/balcony"],
    ["ı@capulet.lit", "i@capulet.lit"],
    ["juliet@capulet.lit", "juliet@capulet.lit.montague.lit"],
    ["juliet@capulet.lit", "juliet@capulet.lit/balcony"],
    ["j\u00e9@capulet.lit", "je@capulet.lit"],
    ["juliet@capulet.lit", "juliet\\40@capulet.lit"],
    ["１２７.1", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
  ])("%s is not %s", (one, other) => {
    expect(parseJid(one)?.fullKey).not.toBe(parseJid(other)?.fullKey);
  });

  test("and the key is an address with that key", { timeout: 60_000 }, () => {
    const part = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
      fc.string({
        unit: fc.constantFrom("A", "ß", "ẞ", "Σ", "ς", "İ", "ı", "\u0345", "ǰ", "ΐ", "ﬃ", "\u0301", "é", "a", "ϓ", "ﷺ"),
      }),
    );
    fc.assert(
      fc.property(part, part, (local, resource) => {
        const jid = parseJid(`${local}@capulet.lit/${resource}`);
        fc.pre(jid !== undefined);
        expect(parseJid(jid.fullKey)?.fullKey).toBe(jid.fullKey);
        expect(parseJid(jid.bare())?.fullKey).toBe(jid.bareKey);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a domain", () => {
  test.each([
    ["capulet.lit", "capulet.lit"],
    ["Capulet.LIT.", "capulet.lit"],
    ["localhost", "localhost"],
    ["verona_1.lit", "verona_1.lit"],
    ["127.0.0.1", "127.0.0.1"],
    ["[::1]", "[::1]"],
    ["cäpulet.lit", "xn--cpulet-bua.lit"],
    ["XN--CPULET-BUA.lit", "xn--cpulet-bua.lit"],
    ["例え.テスト", "xn--r8jz45g.xn--zckzah"],
  ])("%j is normalised to %j (RFC 7622 §3.2)", (domain, normalised) => {
    expect(normaliseDomain(domain)).toBe(normalised);
    expect(normaliseDomain(normalised)).toBe(normalised);
  });

  test.each([
    "",
    ".",
    "..",
    "a..b",
    "a b",
    "a/b",
    "a@b",
    "[",
    "[]x",
    "ä/b",
    "ä?b",
    "ä#b",
    "ä:1",
    "ä%41",
    "ä\n",
    "xn--ä",
  ])("%j is none", (domain) => {
    expect(normaliseDomain(domain)).toBeUndefined();
  });
});
