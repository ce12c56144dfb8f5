import { describe, expect, test } from "vitest";
import { proxyHeader, unmapped, type ConnectionEnds } from "../../src/relay/index.js";

const signature = "0d0a0d0a000d0a515549540a";

function ends(from: string, to: string, port = 56_324, toPort = 5222): ConnectionEnds {
  return { source: { address: from, port }, destination: { address: to, port: toPort } };
}

describe("version 1 (proxy-protocol.txt §2.1)", () => {
  test.each([
    ["192.0.2.1", "192.0.2.9", "TCP4 192.0.2.1 192.0.2.9 56324 5222"],
    ["2001:db8::1", "2001:db8::9", "TCP6 2001:db8::1 2001:db8::9 56324 5222"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.9", "TCP4 192.0.2.1 192.0.2.9 56324 5222"],
    ["::FFFF:192.0.2.1", "192.0.2.9", "TCP4 192.0.2.1 192.0.2.9 56324 5222"],
    ["192.0.2.1", "2001:db8::9", "TCP6 ::ffff:192.0.2.1 2001:db8::9 56324 5222"],
    ["2001:db8::1", "::ffff:192.0.2.9", "TCP6 2001:db8::1 ::ffff:192.0.2.9 56324 5222"],
    ["fe80::1%eth0", "fe80::9%eth0", "TCP6 fe80::1 fe80::9 56324 5222"],
  ])("%s to %s", (from, to, fields) => {
    expect(proxyHeader("v1", ends(from, to)).toString("latin1")).toBe(`PROXY ${fields}\r\n`);
  });

  test("unknown addresses are UNKNOWN", () => {
    expect(proxyHeader("v1", undefined).toString("latin1")).toBe("PROXY UNKNOWN\r\n");
    expect(proxyHeader("v1", ends("", "192.0.2.9")).toString("latin1")).toBe("PROXY UNKNOWN\r\n");
  });
});

describe("version 2 (proxy-protocol.txt §2.2)", () => {
  const ports = "dc041466";
  test.each([
    ["192.0.2.1", "192.0.2.9", `2111000cc0000201c0000209`],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.9", `2111000cc0000201c0000209`],
    ["2001:db8::1", "::", `2121002420010db8${"0".repeat(23)}1${"0".repeat(32)}`],
    ["2001:db8:1:2:3:4:5:6", "fd00:a:b::", `2121002420010db8000100020003000400050006fd00000a000b${"0".repeat(20)}`],
    ["192.0.2.1", "1:2:3:4:5:6:192.0.2.9", `21210024${"0".repeat(20)}ffffc0000201000100020003000400050006c0000209`],
  ])("%s to %s", (from, to, rest) => {
    expect(proxyHeader("v2", ends(from, to)).toString("hex")).toBe(`${signature}${rest}${ports}`);
  });

  test("unknown addresses are LOCAL", () => {
    expect(proxyHeader("v2", undefined).toString("hex")).toBe(`${signature}20000000`);
  });
});

test.each([
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "::ffff:c000:201"],
  ["2001:db8::1", "2001:db8::1"],
])("%s is written %s", (address, plain) => {
  expect(unmapped(address)).toBe(plain);
});
