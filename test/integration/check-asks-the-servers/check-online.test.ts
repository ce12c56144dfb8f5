import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../src/cli/finding.js";
import { askServers } from "../../../src/cli/online.js";
import { makeCertificate } from "../../support/certificate.js";
import { startEjabberd } from "../../support/ejabberd.js";
import type { Ejabberd } from "../../support/ejabberd.js";
import { cannotRun, freePort, temporaryFolder } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import type { Prosody } from "../../support/prosody.js";
import { workspace, yaml } from "../../config/workspace.js";
import { caesura } from "../../cli/recorder.js";

const folder = temporaryFolder("check-online");
const certificate = makeCertificate(folder, "capulet", ["capulet.lit"]);

afterAll(() => rmSync(folder, { recursive: true }));

/** What is found out about a server; the certificates that clients see do not matter. */
async function ask(c2s: string, component = ""): Promise<readonly Finding[]> {
  const space = workspace();
  const delegations = component === "" ? "{}" : "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit } }";
  const components = "{ pubsub.capulet.lit: { secretFile: secret } }";
  const rest = "timeouts: { connect: 2s }";
  return askServers(space.config(yaml({ c2s, component, components, delegations, rest })));
}

const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ severity, port, message }) => `${severity} ${port} ${message.replace(/^.*?: /, "")}`);

describe.skipIf(cannotRun("prosody", "openssl"))("Prosody", () => {
  let plain: Prosody;
  let secured: Prosody;
  beforeAll(async () => {
    plain = await startProsody({ components: { "pubsub.capulet.lit": "balcony" } });
    secured = await startProsody({ certificate });
  });
  afterAll(async () => {
    await plain.stop();
    await secured.stop();
  });

  test("in clear on loopback answers, and knows its component", async () => {
    const component = `component: { host: 127.0.0.1, port: ${String(plain.componentPort)} }`;
    const findings = brief(await ask(`{ host: 127.0.0.1, port: ${String(plain.c2sPort)} }`, component));
    expect(findings).toHaveLength(2);
    expect(findings[0]).toMatch(/^note c2s it answers, and offers .*mechanisms.*; authentication by .*PLAIN/);
    expect(findings[1]).toBe("note component it knows pubsub.capulet.lit.");
  });

  test("that does not know the component is found out (XEP-0114 §3)", async () => {
    const space = workspace();
    const config = space.config(
      yaml({
        c2s: `{ host: 127.0.0.1, port: ${String(plain.c2sPort)} }`,
        component: `component: { host: 127.0.0.1, port: ${String(plain.componentPort)} }`,
        components: "{ archive.capulet.lit: {} }",
        delegations: "{ urn:xmpp:mam:2: { jid: archive.capulet.lit } }",
      }),
    );
    const [, finding] = await askServers(config);
    expect(finding).toMatchObject({ severity: "error", port: "component" });
    expect(finding?.message).toContain("archive.capulet.lit");
    expect(finding?.hint).toContain("Add the component archive.capulet.lit");
  });

  test("that insists on TLS does not fit tls: none", async () => {
    const findings = brief(await ask(`{ host: 127.0.0.1, port: ${String(secured.c2sPort)} }`));
    expect(findings[0]).toBe("error c2s it insists on TLS, and the configuration says tls: none.");
  });

  test("that does not serve the domain is found out", async () => {
    const space = workspace();
    const text = yaml({
      c2s: `{ host: 127.0.0.1, port: ${String(plain.c2sPort)} }`,
      component: "",
      delegations: "{}",
    }).replace("  capulet.lit:", "  verona.lit:");
    const [finding] = await askServers(space.config(text));
    expect(finding).toMatchObject({ severity: "error", message: expect.stringContaining("host-unknown") });
  });

  test.each(["starttls", "direct"] as const)("over %s is trusted by ca or by its pinned certificate", async (tls) => {
    const port = tls === "direct" ? secured.directTlsPort : secured.c2sPort;
    const base = `host: 127.0.0.1, port: ${String(port)}, tls: ${tls}`;
    for (const trust of [
      `ca: ${certificate.certFile}`,
      `pinnedCertificate: ${certificate.certFile}`,
      "verify: false",
    ]) {
      const findings = await ask(`{ ${base}, ${trust} }`);
      expect(findings.at(-1)).toMatchObject({ severity: "note", message: expect.stringContaining("it answers") });
    }
    expect(brief(await ask(`{ ${base} }`))[0]).toMatch(/^error c2s TLS failed: the certificate is self-signed/);
    expect(brief(await ask(`{ ${base}, ca: ${certificate.certFile}, serverName: verona.lit }`))[0]).toMatch(
      /^error c2s TLS failed: the (certificate carries another name|server has no certificate with that name)/,
    );
    const pin = "ab".repeat(32);
    expect(brief(await ask(`{ ${base}, pinnedCertificate: "${pin}" }`))).toEqual([
      "error c2s The certificate is not the pinned one.",
    ]);
  });

  test("is asked by the command, which ends with 1 if it cannot work like that", async () => {
    const space = workspace();
    space.write("proxy.yaml", yaml({ c2s: `{ host: 127.0.0.1, port: ${String(secured.c2sPort)} }`, component: "" }));
    const text = await caesura(["check", "--online", "-c", space.file]);
    expect(text.code).toBe(1);
    expect(text.stdout).toContain("error: capulet.lit, client port 127.0.0.1:");
    const json = await caesura(["check", "--online", "--json", "-c", space.file]);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, problems: [], online: [{ severity: "error" }, {}, {}] });
  });
});

describe.skipIf(cannotRun("ejabberdctl", "erl"))("ejabberd", () => {
  let ejabberd: Ejabberd;
  beforeAll(async () => {
    ejabberd = await startEjabberd({ components: { "pubsub.capulet.lit": "balcony" } });
  });
  afterAll(() => ejabberd.stop());

  test("in clear on loopback answers, and knows its component", async () => {
    const component = `component: { host: 127.0.0.1, port: ${String(ejabberd.componentPort)} }`;
    const findings = await ask(`{ host: 127.0.0.1, port: ${String(ejabberd.c2sPort)} }`, component);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(brief(findings).at(-1)).toBe("note component it knows pubsub.capulet.lit.");
  });
});

describe("something else on the server's port", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  async function serve(talk: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => socket.destroy());
      talk(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return `host: 127.0.0.1, port: ${String(port)}`;
  }

  const header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>";

  test.each([
    ["silence", () => {}, /^error c2s The server said nothing for 2 s\.$/],
    ["a web server", (socket: Socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), /does not speak XMPP there/],
    ["a closed door", (socket: Socket) => socket.end(), /The server closed the connection/],
    ["a reset", (socket: Socket) => socket.resetAndDestroy(), /The connection broke|the server cut the connection/],
    [
      "a flood",
      (socket: Socket) => socket.write(header + "<a/>".repeat(100_000)),
      /answers capulet\.lit with <a\/>|without end/,
    ],
    ["a header without features", (socket: Socket) => socket.write(header), /said nothing/],
  ] as const)("is reported: %s", async (_, talk, words) => {
    const address = await serve(talk);
    const [finding] = brief(await ask(`{ ${address} }`));
    expect(finding).toMatch(/^error c2s /);
    expect(finding).toMatch(words);
  });

  test("is reported: a port where nobody listens, and TLS where there is none", async () => {
    const port = await freePort();
    expect(brief(await ask(`{ host: 127.0.0.1, port: ${String(port)} }`))[0]).toMatch(/nobody listens there/);
    const address = await serve((socket) => socket.write("220 ready\r\n"));
    expect(brief(await ask(`{ ${address}, tls: direct }`))[0]).toMatch(
      /TLS failed: the server does not speak TLS there/,
    );
  });

  test("is reported: mechanisms and compression that do not go through a proxy", async () => {
    const mechanisms = ["SCRAM-SHA-1-PLUS", "EXTERNAL", "PLAIN"]
      .map((name) => `<mechanism>${name}</mechanism>`)
      .join("");
    const features = `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${mechanisms}</mechanisms><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression></stream:features>`;
    const address = await serve((socket) => socket.write(header + features));
    const findings = brief(await ask(`{ ${address} }`));
    expect(findings.map((text) => text.split(" ").slice(0, 6).join(" "))).toEqual([
      "warning c2s it offers SCRAM-SHA-1-PLUS, which",
      "warning c2s it offers EXTERNAL, which",
      "warning c2s it offers stream compression,",
      "note c2s it answers, and offers",
    ]);
  });
});
