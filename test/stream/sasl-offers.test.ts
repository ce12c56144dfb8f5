import { describe, expect, test } from "vitest";
import type { ChannelBinding } from "../../src/stream/index.js";
import { isLost, limitOffers, lowerLimits, refusalOf } from "../../src/stream/index.js";
import { parseElement, serialize } from "../../src/xml/index.js";
import type { Element } from "../../src/xml/index.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

function parsed(xml: string): Element {
  const bytes = Buffer.from(xml);
  return parseElement(bytes, 0, bytes.length, new Map());
}

function mechanisms(...names: readonly string[]): string {
  return names.map((name) => `<mechanism>${name}</mechanism>`).join("");
}

function bindings(...types: readonly string[]): string {
  const list = types.map((type) => `<channel-binding type="${type}"/>`).join("");
  return `<sasl-channel-binding xmlns="urn:xmpp:sasl-cb:0">${list}</sasl-channel-binding>`;
}

function features(content: string): string {
  return `<features xmlns="http://etherx.jabber.org/streams">${content}</features>`;
}

/** What is left of features; undefined if nothing was changed. */
function left(content: string, binding: ChannelBinding): string | undefined {
  const element = parsed(features(content));
  const changed = limitOffers(element, binding);
  const text = serialize(element).replaceAll(" />", "/>");
  expect(text === features(content)).toBe(!changed);
  return changed ? text.replace(/^<features[^>]*>/, "").replace("</features>", "") : undefined;
}

const all = bindings("tls-server-end-point", "tls-exporter", "tls-unique");
const sasl1 = (...names: readonly string[]) => `<mechanisms xmlns="${sasl}">${mechanisms(...names)}</mechanisms>`;
const sasl2 = (names: readonly string[], inline = "") =>
  `<authentication xmlns="urn:xmpp:sasl:2">${mechanisms(...names)}${inline}</authentication>`;
const fast = (attributes: string, ...names: readonly string[]) =>
  `<inline><fast xmlns="urn:xmpp:fast:0"${attributes}>${mechanisms(...names)}</fast></inline>`;

describe("what a server offers of SASL", () => {
  const offer = sasl1("SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN") + sasl2(["SCRAM-SHA-1-PLUS", "PLAIN"]) + all;

  test("passes untouched by default, bindings included (A1, A4a)", () => {
    expect(left(offer, "passthrough")).toBeUndefined();
  });

  test("keeps -PLUS and tls-server-end-point alone where both legs have one certificate (A4b)", () => {
    expect(left(offer, "endpoint")).toBe(
      sasl1("SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN") +
        sasl2(["SCRAM-SHA-1-PLUS", "PLAIN"]) +
        bindings("tls-server-end-point"),
    );
    const fits = sasl1("SCRAM-SHA-1-PLUS") + bindings("tls-server-end-point");
    expect(left(fits, "endpoint")).toBeUndefined();
  });

  test("loses the list of bindings of which nothing is left, rather than be shown an empty one (XEP-0440 §2)", () => {
    expect(left(sasl1("PLAIN") + bindings("tls-exporter"), "endpoint")).toBe(sasl1("PLAIN"));
    expect(left(sasl1("PLAIN") + bindings(), "strip")).toBe(sasl1("PLAIN"));
  });

  test("shows neither -PLUS nor bindings where the operator wants none, of SASL and SASL2 alike (A4c)", () => {
    expect(left(offer, "strip")).toBe(sasl1("SCRAM-SHA-1", "PLAIN") + sasl2(["PLAIN"]));
  });

  test("is no offer at all without a mechanism (XEP-0388 §2.1, RFC 6120 §6.3.1)", () => {
    expect(left(sasl1("SCRAM-SHA-1-PLUS") + sasl2(["EXTERNAL"], "<inline/>"), "strip")).toBe("");
  });

  test("finds the list of bindings where earlier versions of XEP-0440 had it", () => {
    const inside = (content: string) => `<mechanisms xmlns="${sasl}">${mechanisms("PLAIN")}${content}</mechanisms>`;
    expect(left(inside(all), "strip")).toBe(inside(""));
    expect(left(inside(all), "endpoint")).toBe(inside(bindings("tls-server-end-point")));
  });

  test.each(["passthrough", "endpoint", "strip"] as const)("never holds EXTERNAL, with %s (A7)", (binding) => {
    expect(left(sasl1("EXTERNAL", "PLAIN") + sasl2(["EXTERNAL", "PLAIN"]), binding)).toBe(
      sasl1("PLAIN") + sasl2(["PLAIN"]),
    );
  });

  test("keeps the tokens of FAST that are bound to nothing, and to the certificate where it is one (A8)", () => {
    const names = ["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-UNIQ", "HT-SHA3-512-EXPR"];
    const offered = sasl2(["PLAIN"], fast("", ...names));
    expect(left(offered, "passthrough")).toBe(sasl2(["PLAIN"], fast("", "HT-SHA-256-NONE")));
    expect(left(offered, "strip")).toBe(sasl2(["PLAIN"], fast("", "HT-SHA-256-NONE")));
    expect(left(offered, "endpoint")).toBe(sasl2(["PLAIN"], fast("", "HT-SHA-256-NONE", "HT-SHA-256-ENDP")));
    expect(left(sasl2(["PLAIN"], fast("", "HT-SHA-256-UNIQ")), "endpoint")).toBe(sasl2(["PLAIN"], "<inline/>"));
  });

  test("invites nobody to TLS 1.3 early data (A8, XEP-0484 §3.1)", () => {
    const offered = sasl2(["PLAIN"], fast(` tls-0rtt="true"`, "HT-SHA-256-NONE"));
    expect(left(offered, "passthrough")).toBe(sasl2(["PLAIN"], fast("", "HT-SHA-256-NONE")));
  });

  test("keeps instant stream resumption with tokens that are bound to nothing (A8, XEP-0397 §3)", () => {
    const isr = (...names: readonly string[]) =>
      `<isr xmlns="https://xmpp.org/extensions/isr/0">${sasl1(...names)}</isr>`;
    expect(left(isr("HT-SHA-256-ENDP", "HT-SHA-256-NONE"), "passthrough")).toBe(isr("HT-SHA-256-NONE"));
    expect(left(isr("HT-SHA-256-ENDP"), "passthrough")).toBe("");
    expect(left(isr("HT-SHA-256-ENDP"), "endpoint")).toBeUndefined();
  });

  test("is read by namespace, not by name alone", () => {
    const others =
      `<mechanisms xmlns="urn:example:other">${mechanisms("EXTERNAL")}</mechanisms>` +
      `<sasl-channel-binding xmlns="urn:example:other"/>` +
      `<authentication xmlns="urn:example:other">${mechanisms("EXTERNAL")}</authentication>`;
    expect(left(others, "strip")).toBeUndefined();
  });
});

describe("a client's choice", () => {
  test("of a mechanism that is lost is answered by us, in the words of its SASL (RFC 6120 §6.5.7)", () => {
    expect(refusalOf({ namespace: sasl, name: "auth", mechanism: "EXTERNAL" }, "passthrough")).toBe(
      `<failure xmlns='${sasl}'><invalid-mechanism/></failure>`,
    );
    const authenticate = { namespace: "urn:xmpp:sasl:2", name: "authenticate", mechanism: "HT-SHA-256-EXPR" };
    expect(refusalOf(authenticate, "endpoint")).toBe(
      `<failure xmlns='urn:xmpp:sasl:2'><invalid-mechanism xmlns='${sasl}'/></failure>`,
    );
  });

  test.each([
    ["PLAIN", "strip", false],
    ["SCRAM-SHA-1-PLUS", "passthrough", false],
    ["SCRAM-SHA-1-PLUS", "endpoint", false],
    ["SCRAM-SHA-1-PLUS", "strip", true],
    ["HT-SHA-256-NONE", "strip", false],
    ["HT-SHA-256-ENDP", "endpoint", false],
    ["HT-SHA-256-ENDP", "passthrough", true],
    ["HT-SHA-256-UNIQ", "endpoint", true],
    ["external", "endpoint", true],
    [" EXTERNAL ", "endpoint", true],
    ["", "strip", false],
  ] as const)("%s with %s is lost: %s", (mechanism, binding, lost) => {
    expect(isLost(mechanism, binding)).toBe(lost);
  });

  test("is the server's to answer where there is none, or where it is no login", () => {
    expect(refusalOf({ namespace: sasl, name: "auth", mechanism: undefined }, "strip")).toBeUndefined();
    expect(refusalOf({ namespace: sasl, name: "response", mechanism: "EXTERNAL" }, "strip")).toBeUndefined();
  });
});

describe("limits that a server tells (XEP-0478, R8)", () => {
  const limits = (bytes: number) => `<limits xmlns="urn:xmpp:stream-limits:0"><max-bytes>${bytes}</max-bytes></limits>`;

  test("are lowered wherever SASL2 and Bind 2 carry features, to what holds there", () => {
    const element = parsed(
      features(limits(500_000) + sasl2([], `<inline><bind xmlns="urn:xmpp:bind:0">${limits(500_000)}</bind></inline>`)),
    );
    expect(lowerLimits(element, { now: 10_000, later: 262_144 })).toBe(true);
    expect(serialize(element).match(/<max-bytes>\d+/g)).toEqual(["<max-bytes>10000", "<max-bytes>262144"]);
    const success = parsed(
      `<success xmlns="urn:xmpp:sasl:2"><bound xmlns="urn:xmpp:bind:0">${limits(262_145)}</bound></success>`,
    );
    expect(lowerLimits(success, { now: 262_144, later: 262_144 })).toBe(true);
    expect(serialize(success)).toContain("<max-bytes>262144<");
  });

  test("are left where ours are not lower, and where they are somebody else's", () => {
    const element = parsed(features(limits(10_000) + sasl2([], limits(262_144)) + `<other>${limits(999_999)}</other>`));
    expect(lowerLimits(element, { now: 10_000, later: 262_144 })).toBe(false);
  });
});
