import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { clientHeader } from "../../support/login.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

const domains = ["capulet.lit", "montague.lit"];

describe.skipIf(cannotRun("prosody", "openssl"))("two domains behind one port", () => {
  let scene: Scene;
  beforeAll(async () => {
    const prosody = await startProsody({ domains, components: { [entityJid]: secret } });
    scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      delegations: {},
      domains,
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  function fingerprintOf(domain: string): string {
    return new X509Certificate(scene.caesura.ca(domain)).fingerprint256;
  }

  test.each(
    domains.flatMap((domain) => (["starttls", "direct"] as const).map((transport) => [domain, transport] as const)),
  )("a client of %s sees that domain's certificate over %s, by SNI (RFC 6066 §3)", async (domain, transport) => {
    const user = await scene.login("juliet", { domain, transport });
    expect(user.jid).toBe(`juliet@${domain}/balcony`);
    expect(user.fingerprint).toBe(fingerprintOf(domain));
    await user.settle();
  });

  test.each(domains)(
    "a client of %s that names no domain to TLS sees the certificate of its stream header's domain",
    async (domain) => {
      const user = await scene.login("juliet", { domain, transport: "starttls", namesDomain: false });
      expect(user.fingerprint).toBe(fingerprintOf(domain));
      await user.settle();
    },
  );

  test("a client that offers ALPN xmpp-client is served, and one that offers only another is not (XEP-0368 §3)", async () => {
    const { direct } = scene.caesura.ports;
    const tls = { ca: scene.caesura.ca(), servername: "capulet.lit" };
    const client = scene.owning(await XmppStream.connect(direct, { ...tls, alpn: ["h2", "xmpp-client"] }));
    expect((await client.open(clientHeader("capulet.lit"))).attrs["from"]).toBe("capulet.lit");
    await expect(XmppStream.connect(direct, { ...tls, alpn: ["h2"] })).rejects.toThrow(/alert|closed|ECONNRESET/);
  });

  test("a stream to another domain than the one named to TLS is refused with host-unknown (protocol.md A13)", async () => {
    const client = scene.owning(
      await XmppStream.connect(scene.caesura.ports.direct, { ca: scene.caesura.ca(), servername: "capulet.lit" }),
    );
    client.send(clientHeader("montague.lit"));
    expect(await client.streamError()).toBe("host-unknown");
    await client.closed();
  });

  test("a reload puts a new certificate in place, and the connections under the old one go on", async () => {
    const before = await scene.login("juliet", { transport: "starttls" });
    const fresh = makeCertificate(temporaryFolder("fresh"), "capulet.lit", ["capulet.lit"]);
    const { certFile = "", keyFile = "" } = scene.caesura.certificates.get("capulet.lit") ?? {};
    const old = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    writeFileSync(certFile, fresh.pem);
    writeFileSync(keyFile, readFileSync(fresh.keyFile));
    try {
      await scene.caesura.hangUp("success");
      for (const transport of ["starttls", "direct"] as const) {
        const after = await scene.login("romeo", { transport, ca: fresh.pem, resource: transport });
        expect(after.fingerprint).toBe(new X509Certificate(fresh.pem).fingerprint256);
      }
      await before.settle();
      expect((await before.ask(verseIq("v1"))).element.attrs["type"]).toBe("error");
    } finally {
      writeFileSync(certFile, old.cert);
      writeFileSync(keyFile, old.key);
      await scene.caesura.hangUp("success");
    }
  });

  test("a certificate whose key does not fit is not taken, and the old one stays", async () => {
    const { certFile = "" } = scene.caesura.certificates.get("capulet.lit") ?? {};
    const old = readFileSync(certFile);
    writeFileSync(certFile, makeCertificate(temporaryFolder("other"), "capulet.lit", ["capulet.lit"]).pem);
    try {
      await scene.caesura.hangUp("failure");
      const client = await scene.login("juliet", { transport: "direct" });
      expect(client.fingerprint).toBe(fingerprintOf("capulet.lit"));
    } finally {
      writeFileSync(certFile, old);
      await scene.caesura.hangUp("success");
    }
  });
});

describe.skipIf(cannotRun("openssl"))("what a client is shown before TLS", () => {
  test("is a header of our own and STARTTLS as the only, required feature (RFC 6120 §5.4.1)", async () => {
    const scene = await Scene.before(
      { stop: async () => undefined },
      { behind: { c2sPort: 1 }, delegations: { [verseNs]: { jid: entityJid } }, components: { [entityJid]: secret } },
    );
    try {
      const client = scene.owning(await XmppStream.connect(scene.caesura.ports.starttls));
      await client.open(clientHeader("capulet.lit"));
      const { element } = await client.take((one) => one.getName() === "features");
      expect(element.getChildElements().map((child) => child.getName())).toEqual(["starttls"]);
      expect(element.getChild("starttls", "urn:ietf:params:xml:ns:xmpp-tls")?.getChild("required")).toBeDefined();
    } finally {
      await scene.stop();
    }
  });
});
