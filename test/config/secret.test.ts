import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { isSame, Secret } from "../../src/config/index.js";

describe("a secret", () => {
  const secret = new Secret("balcony");

  test("prints as [redacted] by every way that a value comes into a text", () => {
    const texts = [
      String(secret),
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
      inspect(secret, { customInspect: false, showHidden: true }),
    ];
    for (const text of texts) expect(text).not.toContain("balcony");
    expect(texts[0]).toBe("[redacted]");
  });

  test("gives its value to who asks for it by name", () => expect(secret.reveal()).toBe("balcony"));

  test("equals another one with the same value only", () => {
    expect(secret.equals(new Secret("balcony"))).toBe(true);
    expect(secret.equals(new Secret("balconY"))).toBe(false);
    expect(secret.equals(new Secret(""))).toBe(false);
  });
});

describe("comparing configurations", () => {
  test("sees a changed secret, although both print alike", () => {
    const [one, other] = [
      { jid: "a", secret: new Secret("x") },
      { jid: "a", secret: new Secret("y") },
    ];
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
    expect(isSame(one, other)).toBe(false);
    expect(isSame(one, { jid: "a", secret: new Secret("x") })).toBe(true);
  });

  test.each([
    [{ a: 1 }, { a: 1, b: undefined }],
    [
      { a: 1, b: undefined },
      { a: 1, c: undefined },
    ],
    [[1], { 0: 1 }],
    [{ a: null }, { a: {} }],
    [new Secret("x"), "x"],
    [
      [1, 2],
      [2, 1],
    ],
  ])("tells %j from %j", (one, other) => {
    expect(isSame(one, other)).toBe(false);
    expect(isSame(other, one)).toBe(false);
  });
});
