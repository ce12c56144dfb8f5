import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, makeCertificate } from "../../support/certificate.js";
import { askWith } from "../../support/library-client.js";
import { passwords } from "../../support/login.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";

// The main job, over every transport there is on either side of the proxy.

describe.skipIf(cannotRun("prosody", "openssl"))("the client's side", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody();
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  test.each(["starttls", "direct", "clear"] as const)(
    "a delegated iq of a client over %s is answered by the component (XEP-0355 §4.3)",
    async (transport) => {
      const entity = await scene.entity();
      const juliet = await scene.login("juliet", { transport });
      juliet.send(verseIq("v1"));
      const wrapped = await entity.request();
      expect(wrapped.outer.attrs).toMatchObject({ type: "set", from: "capulet.lit", to: entityJid });
      expect(wrapped.inner.attrs).toMatchObject({ type: "get", id: "v1", from: juliet.jid });
      entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>But, soft!</line>` });
      const { element } = await juliet.answer("v1");
      expect(element.attrs).toMatchObject({ type: "result", from: "juliet@capulet.lit", to: juliet.jid });
      expect(element.getChildText("line", verseNs)).toBe("But, soft!");
    },
  );

  test("nothing is sent of SASL before TLS where STARTTLS is required (RFC 6120 §5.3.1)", async () => {
    await expect(scene.login("juliet", { port: scene.caesura.ports.starttls })).rejects.toThrow("no PLAIN");
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("the server's side", () => {
  let certificate: Certificate;
  beforeAll(() => {
    certificate = makeCertificate(temporaryFolder("server-tls"), "capulet.lit", ["capulet.lit"]);
  });

  test.each(["starttls", "direct"] as const)(
    "a delegated iq is answered where the server is reached over %s with a known certificate",
    async (tls) => {
      const prosody = await startProsody({ certificate, components: { [entityJid]: secret } });
      const scene = await Scene.before(prosody, {
        behind: {
          c2sPort: tls === "direct" ? prosody.directTlsPort : prosody.c2sPort,
          componentPort: prosody.componentPort,
          c2s: { tls, ca: certificate.certFile },
        },
        delegations: { [verseNs]: { jid: entityJid } },
      });
      try {
        const entity = await scene.entity();
        entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'/>` }));
        const juliet = await scene.login("juliet", { transport: "starttls" });
        expect((await juliet.ask(verseIq("v1"))).element.attrs["type"]).toBe("result");
        await juliet.settle();
      } finally {
        await scene.stop();
      }
    },
  );

  test("no client gets through where the server shows another certificate than the trusted one", async () => {
    const other = makeCertificate(temporaryFolder("server-tls"), "capulet.lit", ["capulet.lit"]);
    const prosody = await startProsody({ certificate });
    const scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.directTlsPort, c2s: { tls: "direct", ca: other.certFile } },
      components: { [entityJid]: secret },
    });
    try {
      await expect(scene.login("juliet", { transport: "starttls" })).rejects.toThrow(/remote-connection-failed|ended/);
      expect(prosody.peer.log).not.toContain("Authenticated as");
    } finally {
      await scene.stop();
    }
  });
});

const libraries = ["@xmpp/client", "slixmpp"] as const;

describe.skipIf(cannotRun("prosody", "openssl", "/usr/lib/python3/dist-packages/slixmpp/__init__.py"))(
  "client libraries",
  () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await Scene.withProsody();
    });
    afterAll(() => scene.stop());

    test.each(
      libraries.flatMap((library) =>
        (["starttls", "direct", "clear"] as const).map((transport) => [library, transport] as const),
      ),
    )("%s gets the component's answer over %s", async (library, transport) => {
      const entity = await scene.entity();
      entity.answerAll(({ inner }) => ({
        payload: `<line xmlns='${verseNs}'>for ${String(inner.attrs["from"])}</line>`,
      }));
      const { starttls, direct, clear } = scene.caesura.ports;
      const outcome = await askWith(library, {
        port: { starttls, direct, clear }[transport],
        direct: transport === "direct",
        ...(transport === "clear" ? {} : { caFile: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "" }),
        jid: "juliet@capulet.lit",
        password: passwords["juliet"] ?? "",
        iq: { type: "get", payload: `<line xmlns='${verseNs}'/>` },
      });
      await scene.clear();
      expect(outcome).toMatchObject({ type: "result", from: "juliet@capulet.lit" });
      expect(outcome.bound).toMatch(/^juliet@capulet\.lit\/./);
      expect(outcome.payload).toContain(`for ${outcome.bound ?? "nobody"}`);
    });
  },
);
