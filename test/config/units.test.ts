import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, parseSize } from "../../src/config/units.js";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["0s", 0],
  ])("reads %s as milliseconds", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["30", "30 s", "s", "-1s", "1e3s", "30S", "1.s", "1d", "", "30s ", "٣s", "1".repeat(400) + "s"])(
    "does not read %j",
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("a size", () => {
  test.each([
    ["4096B", 4_096],
    ["10KB", 10_000],
    ["256KiB", 262_144],
    ["1.5KiB", 1_536],
    ["1MB", 1_000_000],
    ["1MiB", 1_048_576],
  ])("reads %s as bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(["10", "10kb", "10 KB", "10GB", "-1B", "KiB", "0x10B"])("does not read %j", (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );
});

test("neither reads anything but a whole number of milliseconds or bytes out of any text", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,12}(ms|s|m|h|B|KB|KiB|MB|MiB)?$/)), (text) => {
      for (const value of [parseDuration(text), parseSize(text)]) {
        if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
      }
    }),
  );
});
