import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { fingerprintOf } from "../../src/stream/management-fingerprint.js";
import { parseElement } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";

function print(xml: string, direction: "up" | "down" = "up"): string {
  const bytes = Buffer.from(xml);
  return fingerprintOf(parseElement(bytes, 0, bytes.length, new Map([["", NS.client]])), direction);
}

const IQ = "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></iq>";

describe("a fingerprint (protocol.md S30)", () => {
  test("is 128 bits in text", () => {
    expect(print(IQ)).toMatch(/^[\w-]{22}$/);
  });

  test.each([
    [
      "the order of attributes",
      "<iq to='juliet@capulet.lit' id='a' type='set'><q a='b' node='n' xmlns='urn:q'>text</q></iq>",
    ],
    [
      "prefixes",
      "<c:iq xmlns:c='jabber:client' type='set' id='a' to='juliet@capulet.lit'><p:q xmlns:p='urn:q' node='n' a='b'>text</p:q></c:iq>",
    ],
    [
      "the spelling of the address",
      "<iq type='set' id='a' to='JULIET@Capulet.LIT'><q xmlns='urn:q' node='n' a='b'>text</q></iq>",
    ],
    [
      "a delay that was added",
      "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/></iq>",
    ],
    [
      "the sender's own address",
      "<iq type='set' id='a' from='romeo@montague.lit/x' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></iq>",
    ],
  ])("does not depend on %s", (_, xml) => {
    expect(print(xml)).toBe(print(IQ));
  });

  test.each([
    ["kind", "<message type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></message>"],
    ["type", "<iq type='get' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></iq>"],
    ["id", "<iq type='set' id='b' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></iq>"],
    ["address", "<iq type='set' id='a' to='nurse@capulet.lit'><q xmlns='urn:q' node='n' a='b'>text</q></iq>"],
    ["absent address", "<iq type='set' id='a'><q xmlns='urn:q' node='n' a='b'>text</q></iq>"],
    ["namespace", "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:r' node='n' a='b'>text</q></iq>"],
    ["attribute", "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='m' a='b'>text</q></iq>"],
    ["text", "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'>tex</q></iq>"],
    ["depth", "<iq type='set' id='a' to='juliet@capulet.lit'><q xmlns='urn:q' node='n' a='b'><i>text</i></q></iq>"],
  ])("differs with another %s", (_, xml) => {
    expect(print(xml)).not.toBe(print(IQ));
  });

  test("on the way down goes by the sender's address", () => {
    const from = (jid: string) => print(`<iq type='error' id='a' from='${jid}' to='juliet@capulet.lit/x'/>`, "down");
    expect(from("romeo@montague.lit")).not.toBe(from("nurse@capulet.lit"));
    expect(from("Romeo@montague.lit")).toBe(from("romeo@montague.lit"));
  });

  test("keeps apart what only runs together", () => {
    expect(print("<iq type='set' id='a'><q xmlns='u'>x<i/>y</q></iq>")).not.toBe(
      print("<iq type='set' id='a'><q xmlns='u'>xy<i/></q></iq>"),
    );
    expect(print("<iq type='set' id='a'><q xmlns='u' a='b' c='d'/></iq>")).not.toBe(
      print("<iq type='set' id='a'><q xmlns='u' a='b,c,d'/></iq>"),
    );
  });
});
