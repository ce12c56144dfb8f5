import { expect, test } from "vitest";
import { NS, stanzaErrorTypes, streamErrorConditions, UsageError } from "../../src/xmpp/index.js";

test("there are the 22 stanza error conditions of RFC 6120 §8.3.3, each with a type of §8.3.2", () => {
  expect(Object.keys(stanzaErrorTypes)).toHaveLength(22);
  expect(stanzaErrorTypes["service-unavailable"]).toBe("cancel");
  expect(stanzaErrorTypes["bad-request"]).toBe("modify");
  expect(stanzaErrorTypes.forbidden).toBe("auth");
});

test("there are the 25 stream error conditions of RFC 6120 §4.9.3, each once", () => {
  expect(new Set(streamErrorConditions).size).toBe(25);
  expect(streamErrorConditions).toHaveLength(25);
});

test("no namespace has two names", () => {
  const all = Object.values(NS);
  expect(new Set(all).size).toBe(all.length);
});

test("a usage error says what it is", () => {
  const error = new UsageError("called twice");
  expect([error.name, error.message, error instanceof Error]).toEqual(["UsageError", "called twice", true]);
});
