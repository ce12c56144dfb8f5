import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxBlockBytes, ProxyHeaderReader, type HeaderOutcome } from "../../src/listen/proxy-protocol.js";
import { proxyHeader, type ConnectionEnds } from "../../src/relay/index.js";
import { forEachCut } from "../support/for-each-cut.js";

const trailing = Buffer.from("<?xml version='1.0'?>\r\nPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n");
const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

const romeo: ConnectionEnds = {
  source: { address: "192.0.2.1", port: 56_324 },
  destination: { address: "192.0.2.9", port: 5222 },
};
const juliet: ConnectionEnds = {
  source: { address: "2001:db8::1", port: 0 },
  destination: { address: "2001:db8::9", port: 65_535 },
};

/** Version 2 with any content: version and command, family, what is announced, what follows. */
function block(command: number, family: number, content: Buffer | string, announced?: number): Buffer {
  const rest = typeof content === "string" ? Buffer.from(content, "hex") : content;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(announced ?? rest.length);
  return Buffer.concat([signature, Buffer.from([command, family]), length, rest]);
}

const addresses4 = "c0000201c0000209dc041466";
const addresses6 = ["20010db8000000000000000000000001", "20010db8000000000000000000000009", "0000ffff"].join("");

/** What a reader says of chunks, and how many of them it took. */
function outcomeOf(chunks: readonly Buffer[]): HeaderOutcome & { readonly rest?: Buffer } {
  const reader = new ProxyHeaderReader();
  for (const [index, chunk] of chunks.entries()) {
    const outcome = reader.read(chunk);
    if (outcome.kind === "header")
      return { ...outcome, rest: Buffer.concat([outcome.rest, ...chunks.slice(index + 1)]) };
    if (outcome.kind !== "more") return outcome;
  }
  return { kind: "more" };
}

const line = (text: string): Buffer => Buffer.from(text, "latin1");
const longLine = (length: number): Buffer => line(`PROXY UNKNOWN ${"x".repeat(length - 16)}\r\n`);

describe("a header, however it is cut, with what comes behind it", () => {
  test.each<readonly [string, Buffer, ConnectionEnds | undefined]>([
    ["v1 TCP4", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n"), romeo],
    ["v1 TCP6", line("PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:9 0 65535\r\n"), juliet],
    ["v1 UNKNOWN", line("PROXY UNKNOWN\r\n"), undefined],
    ["v1 UNKNOWN with anything", line("PROXY UNKNOWN ffff:f...f:ffff whatever 1\r\n"), undefined],
    ["v1 of 107 bytes", longLine(107), undefined],
    ["v2 TCP4", block(0x21, 0x11, addresses4), romeo],
    ["v2 TCP6", block(0x21, 0x21, addresses6), juliet],
    ["v2 of datagrams", block(0x21, 0x12, addresses4), romeo],
    ["v2 of datagrams over IPv6", block(0x21, 0x22, addresses6), juliet],
    ["v2 with extensions", block(0x21, 0x11, `${addresses4}0400020000030004a9b87e8f`), romeo],
    ["v2 with what is no extension", block(0x21, 0x21, `${addresses6}ff`), juliet],
    ["v2 LOCAL", block(0x20, 0x00, ""), undefined],
    ["v2 LOCAL with addresses", block(0x20, 0x11, addresses4), undefined],
    ["v2 LOCAL of no known family", block(0x20, 0xff, "00"), undefined],
    ["v2 UNSPEC", block(0x21, 0x00, "0102"), undefined],
    ["v2 UNIX", block(0x21, 0x31, Buffer.alloc(216, "/")), undefined],
  ])("%s", (_, bytes, ends) => {
    forEachCut(
      bytes,
      (chunks, how) => {
        const rest = Buffer.concat(chunks).subarray(bytes.length);
        expect(outcomeOf(chunks), how).toEqual({ kind: "header", ends, rest });
      },
      trailing,
    );
  });

  test("may announce as many bytes as the limit says", () => {
    const bytes = block(0x21, 0x11, Buffer.alloc(maxBlockBytes));
    expect(outcomeOf([bytes.subarray(0, 20), bytes.subarray(20), trailing])).toMatchObject({ kind: "header" });
  });
});

describe("what begins like a header and is none is proxy_malformed, however it is cut", () => {
  test.each<readonly [string, Buffer]>([
    ["a line of 108 bytes", longLine(108)],
    ["a line without end", line(`PROXY TCP4 ${"1".repeat(100)}`)],
    ["a line that LF ends", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\n")],
    ["CR without LF", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\r ")],
    ["CR within the line", line("PROXY TCP4 192.0.2.1\r192.0.2.9 56324 5222\r\n")],
    ["no family", line("PROXY \r\n")],
    ["two spaces", line("PROXY  TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["a space at the end", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222 \r\n")],
    ["a tab", line("PROXY TCP4 192.0.2.1\t192.0.2.9 56324 5222\r\n")],
    ["four fields", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324\r\n")],
    ["six fields", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222 1\r\n")],
    ["another family", line("PROXY UDP4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["a family in lower case", line("PROXY tcp4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["UNKNOWN and more in one word", line("PROXY UNKNOWNS\r\n")],
    ["an IPv6 address in TCP4", line("PROXY TCP4 2001:db8::1 192.0.2.9 56324 5222\r\n")],
    ["an IPv4 address in TCP6", line("PROXY TCP6 192.0.2.1 2001:db8::9 56324 5222\r\n")],
    ["an address out of range", line("PROXY TCP4 192.0.2.256 192.0.2.9 56324 5222\r\n")],
    ["an address with leading zeros", line("PROXY TCP4 192.0.02.1 192.0.2.9 56324 5222\r\n")],
    ["an address of three parts", line("PROXY TCP4 192.0.2 192.0.2.9 56324 5222\r\n")],
    ["an address with an interface", line("PROXY TCP6 fe80::1%eth0 fe80::9 56324 5222\r\n")],
    ["an address in brackets", line("PROXY TCP6 [::1] ::1 56324 5222\r\n")],
    ["a name", line("PROXY TCP4 capulet.lit 192.0.2.9 56324 5222\r\n")],
    ["a port out of range", line("PROXY TCP4 192.0.2.1 192.0.2.9 65536 5222\r\n")],
    ["a port with a leading zero", line("PROXY TCP4 192.0.2.1 192.0.2.9 056324 5222\r\n")],
    ["a port with a sign", line("PROXY TCP4 192.0.2.1 192.0.2.9 +1 5222\r\n")],
    ["a port in hexadecimal", line("PROXY TCP4 192.0.2.1 192.0.2.9 0x1f 5222\r\n")],
    ["no port", line("PROXY TCP4 192.0.2.1 192.0.2.9  5222\r\n")],
    ["version 1 in bytes", block(0x11, 0x11, addresses4)],
    ["version 3 in bytes", block(0x31, 0x11, addresses4)],
    ["a command that is none", block(0x22, 0x11, addresses4)],
    ["a family that is none", block(0x21, 0x41, addresses4)],
    ["a transport that is none", block(0x21, 0x13, addresses4)],
    ["a transport alone", block(0x21, 0x01, addresses4)],
    ["a family alone", block(0x21, 0x10, addresses4)],
    ["IPv4 addresses cut short", block(0x21, 0x11, addresses4.slice(2))],
    ["IPv6 addresses cut short", block(0x21, 0x21, addresses6.slice(2))],
    ["UNIX addresses cut short", block(0x21, 0x31, Buffer.alloc(215))],
    ["addresses that are not there", block(0x21, 0x11, "")],
    ["more than is taken", block(0x21, 0x11, addresses4, maxBlockBytes + 1)],
    ["all that can be announced", block(0x20, 0x00, addresses4, 65_535)],
  ])("%s", (_, bytes) => {
    forEachCut(
      bytes,
      (chunks, how) => expect(outcomeOf(chunks), how).toEqual({ kind: "fault", reason: "proxy_malformed" }),
      trailing,
    );
  });
});

describe("what does not begin like a header is proxy_missing, however it is cut", () => {
  test.each<readonly [string, Buffer]>([
    ["a stream header", line("<?xml version='1.0'?><stream:stream>")],
    ["a space first", line(" PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["lower case", line("proxy tcp4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["another word", line("PROXYING TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
    ["a request of HTTP", line("POST / HTTP/1.1\r\n\r\n")],
    ["a TLS handshake", Buffer.from("16030100010100", "hex")],
    ["line ends only", line("\r\n\r\n\r\n\r\n")],
    ["a signature with one bit changed", Buffer.from("0d0a0d0a000d0a515549540b21110000", "hex")],
    ["zeros", Buffer.alloc(64)],
  ])("%s", (_, bytes) => {
    forEachCut(bytes, (chunks, how) =>
      expect(outcomeOf(chunks), how).toEqual({ kind: "fault", reason: "proxy_missing" }),
    );
  });
});

test.each([
  ["v1", line("PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n")],
  ["v2", block(0x21, 0x11, `${addresses4}0400020000`)],
])("a header of %s is not complete before its last byte", (_, bytes) => {
  for (let length = 1; length < bytes.length; length++)
    forEachCut(bytes.subarray(0, length), (chunks) => expect(outcomeOf(chunks)).toEqual({ kind: "more" }));
});

test("what one Caesura writes another reads, mapped addresses as IPv4", () => {
  const endpoint = (address: fc.Arbitrary<string>): fc.Arbitrary<ConnectionEnds["source"]> =>
    fc.record({ address, port: fc.integer({ min: 0, max: 65_535 }) });
  const pair = (address: fc.Arbitrary<string>): fc.Arbitrary<ConnectionEnds> =>
    fc.record({ source: endpoint(address), destination: endpoint(address) });
  fc.assert(
    fc.property(
      fc.oneof(pair(fc.ipV4()), pair(fc.ipV6())),
      fc.constantFrom("v1" as const, "v2" as const),
      (ends, version) => {
        const outcome = outcomeOf([proxyHeader(version, ends), trailing]);
        if (outcome.kind !== "header" || outcome.ends === undefined) throw new Error(outcome.kind);
        const again = outcomeOf([proxyHeader(version === "v1" ? "v2" : "v1", outcome.ends), trailing]);
        expect(again).toEqual(outcome);
        expect([outcome.ends.source.port, outcome.ends.destination.port]).toEqual([
          ends.source.port,
          ends.destination.port,
        ]);
        expect(outcome.rest).toEqual(trailing);
      },
    ),
  );
});

test("no bytes cause anything but one outcome, the same for all cuts", () => {
  const words = fc.constantFrom(
    ...["PROXY ", "TCP4 ", "UNKNOWN", "\r\n", "\n", "1.2.3.4 ", "::1 ", "80", " "].map(line),
    signature,
    Buffer.from([0x21, 0x11, 0, 12]),
  );
  const anything = fc.oneof(
    fc.array(words, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces)),
    fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.concat([signature, bytes])),
  );
  fc.assert(
    fc.property(anything, fc.nat(), (bytes, at) => {
      if (bytes.length === 0) return;
      const cut = at % bytes.length;
      const whole = outcomeOf([bytes]);
      expect(outcomeOf([bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0))).toEqual(
        whole,
      );
      expect(outcomeOf(Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)))).toEqual(whole);
    }),
  );
});
