import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MessageReader } from "../../src/stream/index.js";
import { fixtureLimits } from "../xml/framer-fixtures.js";

const framing = "urn:ietf:params:xml:ns:xmpp-framing";
const open = `<open xmlns='${framing}' to='capulet.lit' version='1.0' xml:lang='en'/>`;
const header =
  '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" ' +
  'to="capulet.lit" version="1.0" xml:lang="en">';

/** Bytes as text; a fault as its code. */
function reading(reader: MessageReader): (message: string | Buffer) => string {
  return (message) => {
    const outcome = reader.read(Buffer.from(message));
    if (outcome instanceof Uint8Array) return outcome.toString();
    return typeof outcome === "string" ? outcome : outcome.code;
  };
}

function begun(): (message: string | Buffer) => string {
  return reading(new MessageReader(fixtureLimits));
}

function opened(): (message: string | Buffer) => string {
  const read = begun();
  read(open);
  return read;
}

describe("opening and closing", () => {
  test("an <open/> is a stream header (RFC 7395 §3.4)", () => {
    expect(begun()(open)).toBe(header);
  });

  test("an <open/> is known by its namespace, not by its prefix, and its values are written anew", () => {
    const named = `<f:open xmlns:f='${framing}' from='o&apos;juliet@capulet.lit' to='capulet.lit&#x9;&lt;' id='x' other='y'></f:open>`;
    expect(begun()(named)).toBe(
      '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" ' +
        'from="o&apos;juliet@capulet.lit" to="capulet.lit&#9;&lt;">',
    );
  });

  test("an XML declaration may stand before an element, though it should not (RFC 7395 §3.3.3)", () => {
    const read = begun();
    expect(read(`<?xml version='1.0' encoding='UTF-8'?>\n${open}`)).toBe(header);
    expect(read("<?xml version='1.0'?><presence xmlns='jabber:client'/>")).toBe("<presence xmlns='jabber:client'/>");
    expect(read("<presence xmlns='jabber:client'/>")).toBe("<presence xmlns='jabber:client'/>");
  });

  test.each([
    ["<?xml version='1.1'?>", "unsupported-xml-version"],
    ["<?xml version='1.0' encoding='UTF-16'?>", "unsupported-encoding"],
    ["<?xml version='1.0' standalone='no'?>", "standalone-no"],
    ["<?php x?>", "processing-instruction"],
  ])("a declaration is held against the rules: %s", (declaration, code) => {
    expect(begun()(`${declaration}${open}`)).toBe(code);
  });

  test("a second <open/> is another header: whether the stream restarts, the session knows (RFC 7395 §3.5)", () => {
    expect(opened()(open)).toBe(header);
  });

  test("a <close/> ends the stream, whatever it says else (RFC 7395 §3.6)", () => {
    expect(opened()(`<close xmlns='${framing}' see-other-uri='wss://montague.lit'/>`)).toBe("</stream:stream>");
  });

  test("white space may be put between messages while the stream is open", () => {
    const reader = new MessageReader(fixtureLimits);
    const read = reading(reader);
    expect(reader.isOpen).toBe(false);
    read(open);
    expect(reader.isOpen).toBe(true);
    read(`<close xmlns='${framing}'/>`);
    expect(reader.isOpen).toBe(false);
  });

  test.each([
    ["a stanza", "<presence xmlns='jabber:client'/>"],
    ["<open/> of another namespace", "<open xmlns='jabber:client' to='capulet.lit'/>"],
    ["<close/>", `<close xmlns='${framing}'/>`],
    ["another element of the framing namespace", `<opened xmlns='${framing}'/>`],
  ])("%s instead of <open/> is refused (RFC 7395 §3.3.2)", (_, message) => {
    expect(begun()(message)).toBe("open-missing");
  });

  test("a stream header as over TCP is refused: it is half an element", () => {
    expect(begun()("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='capulet.lit'>")).toBe(
      "nested-stream-header",
    );
    expect(begun()("<stream xmlns='jabber:client' to='capulet.lit'>")).toBe("message-incomplete");
  });

  test("an <open/> with content is refused (RFC 7395 §3.3.1)", () => {
    expect(begun()(`<open xmlns='${framing}' to='capulet.lit'><x/></open>`)).toBe("open-content");
  });
});

describe("messages", () => {
  test("an element goes on as the very bytes that came", () => {
    const message = Buffer.from(
      "<message xmlns='jabber:client' to=\"romeo@montague.lit\" ><body>é &lt;&#60;</body></message>",
    );
    const reader = new MessageReader(fixtureLimits);
    reader.read(Buffer.from(open));
    expect(reader.read(message)).toBe(message);
  });

  test("white space behind an element is no part of it", () => {
    expect(opened()("<r xmlns='urn:xmpp:sm:3'/> \r\n\t")).toBe("<r xmlns='urn:xmpp:sm:3'/>");
  });

  test("an element without namespace is one of jabber:client, as servers take it", () => {
    expect(opened()("<presence/>")).toBe("<presence/>");
  });

  const stanza = "<presence xmlns='jabber:client'/>";
  test.each([
    ["nothing", "", "message-empty"],
    ["white space", " \n\t\r", "message-empty"],
    ["text", "hello", "message-text"],
    ["white space before an element", ` ${stanza}`, "message-text"],
    ["a byte order mark", `\uFEFF${stanza}`, "message-text"],
    ["two elements", `${stanza}${stanza}`, "message-crowded"],
    ["an element and a part of another", `${stanza}<presence`, "message-crowded"],
    ["half an element", "<message xmlns='jabber:client'><body>", "message-incomplete"],
    ["half a tag", "<", "message-incomplete"],
    ["an end tag", "</stream:stream>", "mismatched-end-tag"],
    ["the end of the header that messages are read under", "</bare-stream:stream>", "message-incomplete"],
    ["text behind an element", `${stanza}x`, "text-between-elements"],
    ["a comment", `<!-- x -->${stanza}`, "comment"],
    ["a prefix that only a stream header over TCP would declare", "<stream:error/>", "unbound-prefix"],
    ["a document type", `<!DOCTYPE x>${stanza}`, "doctype"],
    ["a mismatched end", "<message xmlns='jabber:client'></iq>", "mismatched-end-tag"],
    ["a declaration and nothing else", "<?xml version='1.0'?>", "message-incomplete"],
  ])("refuses a message that holds %s (RFC 7395 §3.3.3)", (_, message, code) => {
    expect(opened()(message)).toBe(code);
  });

  test("refuses what is no UTF-8", () => {
    expect(opened()(Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x28, 0x3c, 0x2f, 0x61, 0x3e]))).toBe("invalid-utf8");
  });

  test("refuses an element over the limit", () => {
    const reader = new MessageReader({ ...fixtureLimits, maxFrameBytes: 100 });
    const read = reading(reader);
    const filled = (length: number): string => `<a>${"x".repeat(length - 7)}</a>`;
    expect(read("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")).toContain("stream:stream");
    expect(read(filled(100))).toBe(filled(100));
    expect(read(filled(101))).toBe("frame-too-large");
  });

  test("after a fault nothing is read any more", () => {
    const read = opened();
    expect(read("")).toBe("message-empty");
    expect(read(stanza)).toBe("message-empty");
  });
});

test("an element that is cut in two messages anywhere is never joined", () => {
  const stanza = "<message xmlns='jabber:client' to='romeo@montague.lit'><body>But soft</body></message>";
  for (let at = 1; at < stanza.length; at++) {
    const read = opened();
    expect(read(stanza.slice(0, at)), stanza.slice(0, at)).toBe("message-incomplete");
    expect(read(stanza.slice(at))).toBe("message-incomplete");
  }
});

test("whatever a message holds, it is one element or a fault, and nothing is thrown", () => {
  const piece = fc.constantFrom(
    "<a>",
    "</a>",
    "<a/>",
    " ",
    "x",
    "<",
    ">",
    "<?xml version='1.0'?>",
    open,
    "&",
    "<!--",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const message = pieces.join("");
      const outcome = opened()(message);
      if (outcome !== header && outcome.startsWith("<")) {
        expect(message).toContain(outcome);
        expect(outcome).toMatch(/^<a\/>$|^<a>.*<\/a>$/s);
      }
    }),
  );
});
