import { describe, expect, test } from "vitest";
import { advance, distance, parseHandled, SEQUENCE_MODULUS } from "../../src/stream/sequence.js";

describe("a counter", () => {
  test("begins again at 0 behind 2^32 - 1 (XEP-0198 §4)", () => {
    expect(advance(SEQUENCE_MODULUS - 1, 1)).toBe(0);
    expect(advance(SEQUENCE_MODULUS - 2, 5)).toBe(3);
    expect(distance(SEQUENCE_MODULUS - 1, 1)).toBe(2);
    expect(distance(1, SEQUENCE_MODULUS - 1)).toBe(SEQUENCE_MODULUS - 2);
    expect(distance(7, 7)).toBe(0);
  });

  test.each([
    ["0", 0],
    ["4294967295", 4294967295],
    ["0000000000007", 7],
    [" 12\n", 12],
  ])("is read from %j as xs:unsignedInt (protocol.md S14)", (text, value) => {
    expect(parseHandled(text)).toBe(value);
  });

  test.each([undefined, "", " ", "-1", "+1", "1.0", "1e3", "0x10", "4294967296", "99999999999", "1 2", "١", "NaN"])(
    "is not read from %j (protocol.md S14)",
    (text) => {
      expect(parseHandled(text)).toBeUndefined();
    },
  );
});
