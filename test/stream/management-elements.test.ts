import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import {
  failedElement,
  inlineRequestsOf,
  inlineResultsOf,
  insertFailed,
  readEnabled,
  readFailed,
  rewriteEnabled,
  rewriteFailed,
  rewriteResumption,
  withholdResume,
  writeAck,
  writeRequest,
  writeResumption,
} from "../../src/stream/management-elements.js";
import type { Element } from "../../src/xml/index.js";
import { parseElement, serialize } from "../../src/xml/index.js";
import { NS } from "../../src/xmpp/index.js";

function parse(xml: string): Element {
  const bytes = Buffer.from(xml);
  return parseElement(bytes, 0, bytes.length, new Map([["", NS.client]]));
}

test("what is written names its namespace and needs no more of the stream", () => {
  expect(writeRequest(NS.sm2).toString()).toBe("<r xmlns='urn:xmpp:sm:2'/>");
  expect(writeAck(NS.sm3, 4294967295).toString()).toBe("<a xmlns='urn:xmpp:sm:3' h='4294967295'/>");
  expect(writeResumption("resumed", NS.sm3, { previd: "node1.<&'", h: 7 }).toString()).toBe(
    `<resumed xmlns="urn:xmpp:sm:3" previd="node1.&lt;&amp;&apos;" h="7"/>`,
  );
});

describe("<enabled/>", () => {
  test("offers resumption with an id and a true `resume`, not otherwise (XEP-0198 §3)", () => {
    const read = (attributes: string) => readEnabled(parse(`<enabled xmlns='urn:xmpp:sm:3' ${attributes}/>`));
    expect(read("id='x' resume='true' max='600'")).toEqual({ id: "x", maxSeconds: 600 });
    expect(read("id='x' resume='1'")).toEqual({ id: "x", maxSeconds: undefined });
    expect(read("id='x' resume='false'").id).toBeUndefined();
    expect(read("id='x'").id).toBeUndefined();
    expect(read("resume='true'").id).toBeUndefined();
    expect(read("resume='true' id=''").id).toBeUndefined();
    expect(read("id='x' resume='true' max='soon'").maxSeconds).toBeUndefined();
  });

  test("gets our id and loses the server's address (protocol.md S20, R12)", () => {
    const enabled = parse("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' max='600' location='[::1]:5222'/>");
    rewriteEnabled(enabled, "node1.x");
    expect(serialize(enabled)).toBe('<enabled xmlns="urn:xmpp:sm:3" id="node1.x" resume="true" max="600"/>');
    rewriteEnabled(enabled, undefined);
    expect(serialize(enabled)).toBe('<enabled xmlns="urn:xmpp:sm:3" resume="true" max="600"/>');
  });
});

describe("<failed/>", () => {
  test("is read with its condition, also where Prosody wraps it (protocol.md S31)", () => {
    const condition = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
    const text = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text>";
    expect(readFailed(parse(`<failed xmlns='urn:xmpp:sm:3' h='5'>${text}${condition}</failed>`))).toEqual({
      condition: "item-not-found",
      h: "5",
    });
    const wrapped = `<failed xmlns='urn:xmpp:sm:3'><error xmlns='jabber:client'>${condition}</error></failed>`;
    expect(readFailed(parse(wrapped))).toEqual({ condition: "item-not-found", h: undefined });
    expect(readFailed(parse("<failed xmlns='urn:xmpp:sm:3'/>"))).toEqual({ condition: undefined, h: undefined });
  });

  test("of ours has a condition and no h (protocol.md S33)", () => {
    expect(serialize(failedElement(NS.sm3, "item-not-found"))).toBe(
      '<failed xmlns="urn:xmpp:sm:3"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></failed>',
    );
  });

  test("gets the client's counter for the server's, or none", () => {
    const failed = parse("<failed xmlns='urn:xmpp:sm:3' h='5'/>");
    rewriteFailed(failed, 7);
    expect(serialize(failed)).toBe('<failed xmlns="urn:xmpp:sm:3" h="7"/>');
    rewriteFailed(failed, undefined);
    expect(serialize(failed)).toBe('<failed xmlns="urn:xmpp:sm:3"/>');
  });
});

describe.each(["urn:xmpp:bind:0", "urn:xmpp:bind2:1"])("inside SASL2 with %s (protocol.md S34)", (bind) => {
  const authenticate = `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AA==</initial-response><bind xmlns='${bind}'><tag>A</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind><resume xmlns='urn:xmpp:sm:3' previd='node1.x' h='3'/></authenticate>`;

  test("the client's requests are found, rewritten and taken out", () => {
    const tree = parse(authenticate);
    const { resume, enable } = inlineRequestsOf(tree);
    expect(enable?.attrs["resume"]).toBe("true");
    expect(resume?.attrs).toMatchObject({ previd: "node1.x", h: "3" });
    if (resume === undefined) throw new Error("no <resume/>");
    rewriteResumption(resume, { previd: "x", h: 2 });
    expect(serialize(tree)).toContain('<resume xmlns="urn:xmpp:sm:3" previd="x" h="2"/></authenticate>');
    expect(withholdResume(tree, resume, "item-not-found").toString()).toContain("<item-not-found ");
    expect(serialize(tree)).not.toContain("resume ");
    expect(inlineRequestsOf(tree)).toMatchObject({ resume: undefined });
  });

  test("an element of the same name elsewhere is none of them", () => {
    const tree = parse(
      `<authenticate xmlns='urn:xmpp:sasl:2'><enable xmlns='urn:xmpp:sm:3'/><bind xmlns='${bind}'><resume xmlns='urn:xmpp:sm:3'/></bind><resume/></authenticate>`,
    );
    expect(inlineRequestsOf(tree)).toEqual({ resume: undefined, enable: undefined });
  });

  test("the server's results are found, and a failure of ours stands where its own would", () => {
    const resumed = parse(
      `<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/></success>`,
    );
    expect(inlineResultsOf(resumed).resumed?.attrs["previd"]).toBe("x");
    const tree = parse(
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet.lit/a</authorization-identifier><bound xmlns='${bind}'><enabled xmlns='urn:xmpp:sm:3' id='y' resume='true'/></bound></success>`,
    );
    const before = inlineResultsOf(tree);
    expect(before.enabled?.attrs["id"]).toBe("y");
    expect(before.resumeFailed).toBeUndefined();
    insertFailed(tree, failedElement(NS.sm3, "item-not-found"));
    expect(inlineResultsOf(tree).resumeFailed).toBeDefined();
    expect(serialize(tree)).toMatch(/<\/authorization-identifier><failed .*<\/failed><bound /);
    const bare = parse("<success xmlns='urn:xmpp:sasl:2'/>");
    insertFailed(bare, failedElement(NS.sm3, "item-not-found"));
    expect(inlineResultsOf(bare).resumeFailed).toBeDefined();
    const refused = parse(
      `<success xmlns='urn:xmpp:sasl:2'><bound xmlns='${bind}'><failed xmlns='urn:xmpp:sm:3'/></bound></success>`,
    );
    expect(inlineResultsOf(refused)).toMatchObject({ resumeFailed: undefined });
    expect(inlineResultsOf(refused).enableFailed).toBeDefined();
  });
});
