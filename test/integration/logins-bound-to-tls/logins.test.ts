import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { askServers } from "../../../src/cli/online.js";
import { workspace, yaml } from "../../config/workspace.js";
import { BindingServer } from "../../support/binding-server.js";
import { makeCertificate } from "../../support/certificate.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { clientHeader } from "../../support/login.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { entityJid, Scene, secret, verseIq, verseNs } from "../../support/scene.js";
import { type Binding, endPointOf, ScramClient, type ScramMechanism } from "../../support/scram.js";
import { XmppStream } from "../../support/xmpp-stream.js";

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const folder = temporaryFolder("bound");

interface Opened {
  readonly stream: XmppStream;
  readonly mechanisms: readonly string[];
  /** What the server is said to bind to (XEP-0440). */
  readonly types: readonly string[] | undefined;
}

/** A client with direct TLS to Caesura, up to the stream features. */
async function opened(scene: Scene): Promise<Opened> {
  const tls = { ca: scene.caesura.ca(), servername: "capulet.lit" };
  const stream = scene.owning(await XmppStream.connect(scene.caesura.ports.direct, tls));
  await stream.open(clientHeader("capulet.lit"));
  const { element } = await stream.take((one) => one.getName() === "features");
  const names = element.getChild("mechanisms")?.getChildElements() ?? [];
  return {
    stream,
    mechanisms: names.filter((one) => one.getName() === "mechanism").map((one) => one.getText()),
    types: element
      .getChild("sasl-channel-binding")
      ?.getChildElements()
      .map(({ attrs }) => String(attrs["type"])),
  };
}

/** Logs in by SCRAM and says how it ended. */
async function login({ stream }: Opened, mechanism: ScramMechanism, binding: Binding): Promise<"success" | "failure"> {
  const scram = new ScramClient(mechanism, "juliet", "r0m30", binding);
  const name = typeof binding === "string" ? mechanism : `${mechanism}-PLUS`;
  stream.send(`<auth xmlns='${sasl}' mechanism='${name}'>${scram.first}</auth>`);
  const first = await stream.take((one) => /^(challenge|failure)$/.test(one.getName()));
  if (first.element.getName() === "failure") return "failure";
  stream.send(`<response xmlns='${sasl}'>${scram.final(first.element.getText())}</response>`);
  const last = await stream.take((one) => /^(success|failure)$/.test(one.getName()));
  if (last.element.getName() === "failure") return "failure";
  expect(scram.isServer(last.element.getText())).toBe(true);
  return "success";
}

/** Goes on to a bound resource and a delegated request. */
async function delegates(scene: Scene, stream: XmppStream): Promise<void> {
  const entity = await scene.entity();
  await stream.open(clientHeader("capulet.lit"));
  await stream.take((one) => one.getName() === "features");
  await stream.ask(
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>",
  );
  stream.send(verseIq("v1"));
  const request = await entity.request();
  expect(request.inner.attrs["from"]).toBe("juliet@capulet.lit/balcony");
  entity.answer(request);
  await stream.answer("v1");
}

const servers = {
  Prosody: async () => Scene.withProsody(),
  ejabberd: async () => {
    const ejabberd = await startEjabberd({ components: { [entityJid]: secret } });
    return Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  },
} as const;

describe.skipIf(cannotRun("prosody", "ejabberdctl", "erl", "openssl")).each(["Prosody", "ejabberd"] as const)(
  "%s in clear behind Caesura (A4a)",
  (server) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await servers[server]();
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("offers nothing to bind to, so a client that could bind says so and is believed (RFC 5802 §6)", async () => {
      const client = await opened(scene);
      expect(client.mechanisms).toContain("SCRAM-SHA-1");
      expect(client.mechanisms.filter((name) => name.endsWith("-PLUS"))).toEqual([]);
      expect(client.types).toBeUndefined();
      expect(await login(client, "SCRAM-SHA-1", "y")).toBe("success");
      await delegates(scene, client.stream);
    });

    test("lets a client in that cannot bind", async () => {
      const client = await opened(scene);
      expect(await login(client, "SCRAM-SHA-1", "n")).toBe("success");
      await delegates(scene, client.stream);
    });

    test("never hears of EXTERNAL (A7)", async () => {
      const client = await opened(scene);
      expect(client.mechanisms).not.toContain("EXTERNAL");
      client.stream.send(`<auth xmlns='${sasl}' mechanism='EXTERNAL'>=</auth>`);
      expect((await client.stream.take((one) => one.getName() === "failure")).raw).toContain("<invalid-mechanism/>");
      expect(await login(client, "SCRAM-SHA-1", "n")).toBe("success");
    });
  },
);

describe.skipIf(cannotRun("prosody", "openssl"))("Prosody that can bind logins to the TLS of our leg (A3)", () => {
  const certificate = makeCertificate(folder, "prosody", ["capulet.lit"]);
  const c2s = { tls: "starttls", ca: certificate.certFile } as const;

  async function scene(channelBinding: string): Promise<Scene> {
    // Up to TLS 1.2 it binds by tls-unique, and says so.
    const prosody = await startProsody({ certificate, tlsProtocol: "tlsv1_2" });
    return Scene.before(prosody, { behind: { c2sPort: prosody.c2sPort, c2s: { ...c2s, channelBinding } } });
  }

  test("its offers pass, and fail for whoever takes them; who cannot bind gets in (A1)", async () => {
    const one = await scene("passthrough");
    try {
      const offered = await opened(one);
      expect(offered.mechanisms).toContain("SCRAM-SHA-1-PLUS");
      const unique = { type: "tls-unique", data: Buffer.from("what the client's own TLS says") };
      expect(await login(offered, "SCRAM-SHA-1", unique)).toBe("failure");
      expect(await login(await opened(one), "SCRAM-SHA-1", "n")).toBe("success");
    } finally {
      await one.stop();
    }
  });

  test("without its offers a client says y and is refused: the trap of strip (A4c)", async () => {
    const one = await scene("strip");
    try {
      const stripped = await opened(one);
      expect(stripped.mechanisms).toContain("SCRAM-SHA-1");
      expect(stripped.mechanisms.join(" ")).not.toContain("-PLUS");
      expect(await login(stripped, "SCRAM-SHA-1", "y")).toBe("failure");
      expect(await login(await opened(one), "SCRAM-SHA-1", "n")).toBe("success");
    } finally {
      await one.stop();
    }
  });

  test.each(["passthrough", "strip", "endpoint"] as const)(
    "caesura check --online says of it, with %s, what to change",
    async (channelBinding) => {
      const prosody = await startProsody({ certificate, tlsProtocol: "tlsv1_2" });
      try {
        const space = workspace();
        const server = `{ host: 127.0.0.1, port: ${String(prosody.c2sPort)}, tls: starttls, ca: ${certificate.certFile}, channelBinding: ${channelBinding} }`;
        const findings = await askServers(space.config(yaml({ c2s: server, component: "", delegations: "{}" })));
        const text = findings.map(({ severity, message, hint }) => `${severity} ${message} ${hint ?? ""}`).join("\n");
        if (channelBinding === "endpoint") {
          // The certificate of the test's configuration is another one, and Debian's Prosody lists no kinds.
          expect(text).toMatch(/^error .* shows another certificate than clients see/);
          expect(text).toMatch(/^warning .* does not say which kinds of channel binding/m);
        } else {
          expect(text).toMatch(/^warning .*SCRAM-SHA-1-PLUS.*\(RFC 5802 §6\)\. Use tls: none on loopback/);
        }
      } finally {
        await prosody.stop();
      }
    },
  );
});

describe.skipIf(cannotRun("prosody", "openssl"))(
  "a server that binds logins to the certificate that clients see (A4b)",
  () => {
    const certificate = makeCertificate(folder, "shared", ["capulet.lit"]);
    const other = makeCertificate(folder, "other", ["capulet.lit"]);
    const types = ["tls-exporter", "tls-server-end-point"];

    async function scene(of = certificate, channelBinding = "endpoint"): Promise<Scene> {
      const server = await BindingServer.start({ certificate: of, types });
      return Scene.before(server, {
        behind: { c2sPort: server.port, c2s: { tls: "direct", ca: of.certFile, channelBinding } },
        delegations: { [verseNs]: { jid: entityJid } },
        components: { [entityJid]: secret },
        certificate,
      });
    }

    test("is offered as one that binds by tls-server-end-point alone, and the login holds", async () => {
      const one = await scene();
      try {
        const client = await opened(one);
        expect(client.mechanisms).toEqual(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
        expect(client.types).toEqual(["tls-server-end-point"]);
        // What the client itself was shown.
        const data = endPointOf(one.caesura.ca());
        expect(await login(client, "SCRAM-SHA-256", { type: "tls-server-end-point", data })).toBe("success");
        await delegates(one, client.stream);
        expect(await one.caesura.metric("caesura_stream_faults_total", { code: "certificate-differs" })).toBe(0);
      } finally {
        await one.stop();
      }
    });

    test("refuses who says y, as it must (RFC 5802 §6)", async () => {
      const one = await scene();
      try {
        expect(await login(await opened(one), "SCRAM-SHA-256", "y")).toBe("failure");
        expect(await login(await opened(one), "SCRAM-SHA-256", "n")).toBe("success");
      } finally {
        await one.stop();
      }
    });

    test("with another certificate than clients see: bound logins fail, and the operator is told (RFC 5929 §4)", async () => {
      const one = await scene(other);
      try {
        const data = endPointOf(one.caesura.ca());
        const client = await opened(one);
        expect(await login(client, "SCRAM-SHA-256", { type: "tls-server-end-point", data })).toBe("failure");
        const fault = { leg: "server", code: "certificate-differs" };
        expect(await one.caesura.metric("caesura_stream_faults_total", fault)).toBe(1);
        expect(one.caesura.peer.log).toContain('"code":"certificate-differs"');
      } finally {
        await one.stop();
      }
    });

    test("whose offers pass keeps all kinds, and with strip none (A1, A4c)", async () => {
      for (const [channelBinding, left] of [
        ["passthrough", types],
        ["strip", undefined],
      ] as const) {
        const one = await scene(certificate, channelBinding);
        try {
          const client = await opened(one);
          expect(client.types).toEqual(left);
          expect(client.mechanisms.includes("SCRAM-SHA-256-PLUS")).toBe(channelBinding === "passthrough");
        } finally {
          await one.stop();
        }
      }
    });

    test("is found right by caesura check --online, and wrong with another certificate", async () => {
      for (const [of, severities] of [
        [certificate, ["note", "note"]],
        [other, ["error", "note", "note"]],
      ] as const) {
        const server = await BindingServer.start({ certificate: of, types });
        try {
          const space = workspace();
          const c2s = `{ host: 127.0.0.1, port: ${String(server.port)}, tls: direct, ca: ${of.certFile}, channelBinding: endpoint }`;
          const text = yaml({ c2s, component: "", delegations: "{}" })
            .replace(/cert: [^,}]+/, `cert: ${certificate.certFile}`)
            .replace(/key: [^,}]+/, `key: ${certificate.keyFile}`);
          const findings = await askServers(space.config(text));
          expect(findings.map(({ severity }) => severity)).toEqual(severities);
          expect(findings.map(({ message }) => message).join("\n")).toContain("must not sign its offers (XEP-0474)");
        } finally {
          await server.stop();
        }
      }
    });
  },
);
