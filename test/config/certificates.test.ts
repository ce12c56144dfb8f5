import { chmodSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { makeCertificate } from "../support/certificate.js";
import { pem, workspace, yaml } from "./workspace.js";

/** The findings about a pair of files of `test/config/certificates`, with messages. */
function findings(cert: string, key: string, mode = 0o600): readonly string[] {
  const space = workspace();
  space.write("capulet.crt", cert);
  space.write("capulet.key", key, mode);
  return space
    .problems(yaml())
    .map(({ severity, code, path, message }) => `${severity} ${code} ${path.replace(/.*tls\./, "")}: ${message}`);
}

describe("a certificate", () => {
  test("with the one that issued it behind it has nothing wrong", () => {
    expect(findings(pem("issued.crt") + pem("authority.crt"), pem("issued.key"))).toEqual([]);
  });

  test("alone in its file, issued by nobody whom clients know, is told of (RFC 8446 §4.4.2)", () => {
    expect(findings(pem("issued.crt"), pem("issued.key"))).toEqual([
      expect.stringMatching(/^warning certificate-chain cert: .* do not know its issuer \(CN=Verona Authority\)/),
    ]);
  });

  test("behind that of its authority is one problem, and says which has to be the first", () => {
    expect(findings(pem("authority.crt") + pem("issued.crt"), pem("issued.key"))).toEqual([
      "error certificate-chain cert: The key belongs to certificate 2 of this file, which has to be the first.",
    ]);
  });

  test("and its key in one file, in any order, are a pair", () => {
    const both = pem("issued.key") + pem("issued.crt") + pem("authority.crt");
    expect(findings(both, both)).toEqual([]);
    expect(findings(both.replaceAll("\n", "\r\n"), both)).toEqual([]);
  });

  test("of a wildcard does not name the domain below which it stands (RFC 9525 §6.3)", () => {
    const space = workspace();
    space.write("capulet.crt", pem("wildcard.crt") + pem("authority.crt"));
    space.write("capulet.key", pem("wildcard.key"));
    expect(space.problems(yaml())).toMatchObject([
      { code: "certificate-name", hint: expect.stringContaining("A wildcard stands for one label before capulet.lit") },
    ]);
    const below = yaml().replace("  capulet.lit:", "  chat.capulet.lit:");
    expect(space.problems(below)).toEqual([]);
  });

  test("with the common name alone is not one that clients accept (RFC 9525 §2)", () => {
    expect(findings(pem("common.crt"), pem("common.key"))).toEqual([
      expect.stringMatching(/^warning certificate-name cert: .* as its common name only/),
    ]);
  });

  test("with an XMPP address alone is told apart from one of another domain (RFC 6120 §13.7.1.2)", () => {
    expect(findings(pem("xmpp.crt") + pem("authority.crt"), pem("xmpp.key"))).toEqual([
      expect.stringMatching(/^warning certificate-name cert: .* in a form that few clients know/),
    ]);
  });

  test("of an internationalised domain is held against its A-labels", () => {
    const [problem] = workspace().problems(yaml().replace("  capulet.lit:", "  bücher.capulet.lit:"));
    expect(problem?.message).toContain("does not name xn--bcher-kva.capulet.lit");
  });

  test("that is shown at the address of a WebSocket listener names that host", () => {
    const listen = (url: string, tls = "direct"): string =>
      `[{ kind: websocket, host: 127.0.0.1, port: 5443, tls: ${tls}, publicUrl: "${url}" }, { kind: component, host: 127.0.0.1, port: 5347 }]`;
    const codes = (text: string) => workspace().findings(yaml({ listen: text }));
    expect(codes(listen("wss://capulet.lit/ws"))).toEqual([]);
    expect(codes(listen("wss://chat.capulet.lit/ws"))).toEqual(["warning certificate-name 10:82 listen[0].publicUrl"]);
    expect(codes(listen("wss://chat.capulet.lit/ws", "none"))).toEqual([]);
    expect(codes(listen("wss://192.0.2.1/ws"))).toEqual(["warning certificate-name 10:82 listen[0].publicUrl"]);
  });

  test("that is shown at an address names that address (RFC 9525 §6.5)", () => {
    const space = workspace();
    const { keyFile } = makeCertificate(space.folder, "capulet", ["capulet.lit"]);
    chmodSync(keyFile, 0o600);
    const listen = `[{ kind: websocket, host: 127.0.0.1, port: 5443, tls: direct, publicUrl: "wss://127.0.0.1:5443/ws" }, { kind: component, host: 127.0.0.1, port: 5347 }]`;
    expect(space.findings(yaml({ listen }), { nowMs: Date.now() })).toEqual([]);
  });
});

describe("a key", () => {
  test("of a kind that few clients can check is told of", () => {
    expect(findings(pem("ed25519.crt"), pem("ed25519.key"))).toEqual([
      expect.stringMatching(/^warning uncommon-key key: .* of the kind ed25519/),
    ]);
  });

  test("is the one that nobody else may read; a certificate in its place is not called a secret", () => {
    expect(findings(pem("capulet.crt"), pem("capulet.key"), 0o644)).toEqual([
      expect.stringMatching(/^warning world-readable key: /),
    ]);
    expect(findings(pem("capulet.crt"), pem("capulet.key"), 0o640)).toEqual([]);
    expect(findings(pem("capulet.key"), pem("capulet.crt"), 0o644)).toEqual([
      expect.stringMatching(/^error not-a-certificate cert: /),
      expect.stringMatching(/^error not-a-key key: /),
    ]);
  });
});

describe("a credential of systemd that is not there", () => {
  const tls = "{ cert: /run/credentials/caesura.service/tls_x.crt, key: /run/credentials/caesura.service/tls_x.key }";

  test("is an error for who would run with it, which says where it comes from", () => {
    const [problem] = workspace().problems(yaml({ tls }));
    expect(problem).toMatchObject({ severity: "error", code: "credential-missing" });
    expect(problem?.hint).toContain("LoadCredential=");
  });

  test("is not called by a variable, which nothing replaces", () => {
    const variable = tls.replaceAll("/run/credentials/caesura.service", "${CREDENTIALS_DIRECTORY}");
    const [problem] = workspace().problems(
      yaml({ tls: variable.replaceAll("${", '"${').replace(/(crt|key)(,| )/g, '$1"$2') }),
    );
    expect(problem).toMatchObject({ code: "file-missing", hint: expect.stringContaining("/run/credentials/") });
  });
});
