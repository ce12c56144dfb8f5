import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "../../src/config/suggest.js";

describe("the nearest known word", () => {
  const known = ["host", "port", "tls", "proxyProtocol", "secretFile", "pinnedCertificate"];
  test.each([
    ["hots", "host"],
    ["pot", "port"],
    ["TLS", "tls"],
    ["proxy_protocol", "proxyProtocol"],
    ["secret-file", "secretFile"],
    ["pinedCertifcate", "pinnedCertificate"],
    ["secret", "secretFile"],
    ["hostname", "host"],
  ])("to %s is %s", (word, meant) => expect(nearest(word, known)).toBe(meant));

  test.each(["colour", "", "x", "po", "h".repeat(1_000_000)])("to a stranger is none", (word) =>
    expect(nearest(word, known)).toBeUndefined(),
  );

  test("is put as a question", () => expect(didYouMean("prot", known)).toBe(`Did you mean "port"?`));
});
