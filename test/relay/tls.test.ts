import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { prepareCertificates, type PreparedCertificates } from "../../src/listen/index.js";
import { makeCertificate } from "../support/certificate.js";
import { passing, readUntil, Rig, sure, type RigOptions, type Script } from "./rig.js";

let folder = "";
let capulet: { readonly cert: string; readonly key: string };
let montague: { readonly cert: string; readonly key: string };
let certificates: PreparedCertificates;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-tls-"));
  capulet = pair("capulet.lit");
  montague = pair("montague.lit");
  certificates = prepareCertificates([
    { domain: "capulet.lit", ...capulet },
    { domain: "montague.lit", ...montague },
  ]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open: Rig[] = [];
afterEach(async () => {
  for (const rig of open.splice(0)) await rig.close();
});

describe("TLS on the client leg", () => {
  test("turns a leg to TLS behind the last words in clear, and reports the name that the client sent", async () => {
    const rig = await clientRig(upgrading);
    const proceed = readUntil(rig.client, "<proceed/>");
    rig.client.write("<starttls/>");
    await proceed;
    const secure = connectTls({ socket: rig.client, servername: "capulet.lit", ca: capulet.cert });
    await once(secure, "secureConnect");
    await rig.machine.hears("secured client capulet.lit");
    const echoed = readUntil(secure, "</stream>");
    secure.write("<stream></stream>");
    expect(await echoed).toBe("<stream></stream>");
    expect(["TLSv1.2", "TLSv1.3"]).toContain(secure.getProtocol());
    secure.destroy();
  });

  test("takes the TLS bytes that a hasty client sends with its own upgrade (RFC 6120 §5.4.3.3)", async () => {
    const rig = await clientRig({ ...upgrading, bytes: upgradeAtOnce });
    // No waiting for <proceed/>: the client knows that it will come.
    rig.client.write("<starttls/>");
    const proceed = await readUntil(rig.client, "<proceed/>");
    expect(proceed).toBe("<proceed/>");
    const secure = connectTls({ socket: rig.client, ca: capulet.cert, checkServerIdentity: () => undefined });
    await once(secure, "secureConnect");
    secure.destroy();
  });

  test("never reports bytes in clear that came behind the upgrade (RFC 6120 §5.4.3.3)", async () => {
    const rig = await clientRig(upgrading);
    rig.client.write("<starttls/>");
    await readUntil(rig.client, "<proceed/>");
    rig.client.write("<auth>injected</auth>");
    await rig.machine.hears("closed client tls_failed");
    expect(rig.machine.received.client).toBe("<starttls/>");
    expect(await rig.families.text()).toContain('caesura_tls_handshakes_total{leg="client",outcome="failed"} 1');
  });

  test("delivers much that is queued in clear before the handshake begins", async () => {
    const words = "w".repeat(8 * 1024 * 1024);
    const rig = await clientRig({
      ...upgrading,
      bytes: (performer, leg) => {
        performer.send(leg, Buffer.from(`${words}<proceed/>`));
        performer.startTls(leg);
      },
    });
    rig.client.write("<starttls/>");
    expect(await readUntil(rig.client, "<proceed/>")).toBe(`${words}<proceed/>`);
    const secure = connectTls({ socket: rig.client, ca: capulet.cert, checkServerIdentity: () => undefined });
    await once(secure, "secureConnect");
    secure.destroy();
  });

  test("a client that hangs up in the middle of the handshake is told as tls_failed", async () => {
    const rig = await clientRig(upgrading);
    rig.client.write("<starttls/>");
    await readUntil(rig.client, "<proceed/>");
    rig.client.end(Buffer.from([22, 3, 1]));
    await rig.machine.hears("closed client tls_failed");
  });

  test("a client that resets in the middle of the handshake is told as tls_failed", async () => {
    const rig = await clientRig(upgrading);
    rig.client.write("<starttls/>");
    await readUntil(rig.client, "<proceed/>");
    rig.client.resetAndDestroy();
    await rig.machine.hears("closed client tls_failed");
  });

  test("garbage after the handshake ends the leg and nothing else", async () => {
    const rig = await clientRig(upgrading);
    rig.client.write("<starttls/>");
    await readUntil(rig.client, "<proceed/>");
    const raw = rig.client;
    const secure = connectTls({ socket: raw, ca: capulet.cert, checkServerIdentity: () => undefined });
    secure.on("error", () => undefined);
    await rig.machine.hears("secured client -");
    // A record whose authentication fails.
    const record = Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32, 7)]);
    rawWrite(raw, record);
    await rig.machine.hears("closed client reset");
    secure.destroy();
  });

  test("carries the half-close of TLS", async () => {
    const rig = await clientRig({
      ...upgrading,
      finished: (performer) => performer.send("client", Buffer.from("bye")),
    });
    const secure = await upgraded(rig);
    const heard = readUntil(secure, "bye");
    secure.end("</stream>");
    await rig.machine.hears("finished client");
    expect(await heard).toContain("bye");
    secure.destroy();
  });

  test("refuses TLS 1.1", async () => {
    const rig = await clientRig(upgrading);
    rig.client.write("<starttls/>");
    await readUntil(rig.client, "<proceed/>");
    const secure = connectTls({
      socket: rig.client,
      rejectUnauthorized: false,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    secure.on("error", () => undefined);
    await rig.machine.hears("closed client tls_failed");
  });

  test("a link on a direct listener begins with the handshake", async () => {
    const rig = await clientRig({ bytes: (performer, leg, chunk) => performer.send(leg, chunk) }, { tls: "direct" });
    const secure = connectTls({ socket: rig.client, servername: "montague.lit", ca: montague.cert });
    await once(secure, "secureConnect");
    await rig.machine.hears("secured client montague.lit");
    const echoed = readUntil(secure, "hello");
    secure.write("hello");
    expect(await echoed).toBe("hello");
    expect(sure(secure.getPeerX509Certificate()).subject).toContain("montague.lit");
    secure.destroy();
  });
});

describe("TLS on the server leg", () => {
  test.each([
    ["the authority that signed it", () => ({ ca: capulet.cert })],
    ["its pin, whatever signed it", () => ({ pinnedCertificate: fingerprint(capulet.cert) })],
    [
      "its pin, whatever its name is",
      () => ({ pinnedCertificate: fingerprint(capulet.cert), serverName: "other.lit" }),
    ],
    ["no verification", () => ({ verify: false, serverName: "other.lit" })],
    ["no verification, reached by address", () => ({ verify: false, serverName: "127.0.0.1" })],
    ["the address in its certificate", () => ({ ca: capulet.cert, serverName: "127.0.0.1" })],
  ])("trusts a certificate by %s, with STARTTLS and direct TLS", async (_title, trust) => {
    await expect(serverOutcome("direct", trust())).resolves.toBe("connected");
    await expect(serverOutcome("starttls", trust())).resolves.toBe("secured server -");
  });

  test.each([
    ["an unknown authority", () => ({})],
    ["another authority", () => ({ ca: montague.cert })],
    ["another name", () => ({ ca: capulet.cert, serverName: "montague.lit" })],
    ["another address", () => ({ ca: capulet.cert, serverName: "192.0.2.1" })],
    ["another pin", () => ({ pinnedCertificate: fingerprint(montague.cert) })],
    [
      "another pin, although verification is off",
      () => ({ verify: false, pinnedCertificate: fingerprint(montague.cert) }),
    ],
  ])("refuses a certificate with %s, with STARTTLS and direct TLS", async (_title, trust) => {
    await expect(serverOutcome("direct", trust())).resolves.toBe("closed server tls_failed");
    await expect(serverOutcome("starttls", trust())).resolves.toBe("closed server tls_failed");
  });

  test("says in the log why a certificate is refused", async () => {
    const rig = await serverRig("direct", { ca: montague.cert });
    await answerTls(rig);
    await rig.machine.hears("closed server tls_failed");
    expect(rig.logged).toContainEqual(
      expect.objectContaining({ level: 40, event: "leg-failed", code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
    );
    const pinned = await serverRig("direct", { pinnedCertificate: fingerprint(montague.cert) });
    await answerTls(pinned);
    await pinned.machine.hears("closed server tls_failed");
    expect(pinned.logged).toContainEqual(
      expect.objectContaining({ event: "leg-failed", cause: "the certificate is not the pinned one" }),
    );
  });

  test("offers xmpp-client by ALPN on direct TLS and sends the configured name (XEP-0368 §3)", async () => {
    const rig = await serverRig("direct", { ca: capulet.cert });
    const { socket } = await answerTls(rig);
    expect(socket.alpnProtocol).toBe("xmpp-client");
    expect((socket as { servername?: unknown }).servername).toBe("capulet.lit");
  });
});

const upgrading: Script = {
  bytes: (performer, leg, chunk) => {
    if (chunk.toString("latin1") !== "<starttls/>") {
      performer.send(leg, chunk);
      return;
    }
    performer.send(leg, Buffer.from("<proceed/>"));
    performer.startTls(leg);
  },
  closed: (performer) => performer.report({ kind: "ended", reason: "client_lost" }),
};

const upgradeAtOnce: NonNullable<Script["bytes"]> = (performer, leg) => {
  performer.send(leg, Buffer.from("<pro"));
  performer.send(leg, Buffer.from("ceed/>"));
  performer.startTls(leg);
};

async function clientRig(script: Script, options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.open({ tls: "starttls", tlsOptions: sure(certificates.options), script, ...options });
  open.push(rig);
  return rig;
}

async function upgraded(rig: Rig): Promise<TLSSocket> {
  rig.client.write("<starttls/>");
  await readUntil(rig.client, "<proceed/>");
  const secure = connectTls({ socket: rig.client, ca: capulet.cert, checkServerIdentity: () => undefined });
  await once(secure, "secureConnect");
  return secure;
}

async function serverRig(tls: "starttls" | "direct", trust: RigOptions["server"]): Promise<Rig> {
  const rig = await Rig.open({
    server: { ...trust, tls },
    script: {
      ...passing,
      connected: (performer) => {
        if (tls === "starttls") performer.startTls("server", "capulet.lit");
      },
    },
  });
  open.push(rig);
  return rig;
}

async function serverOutcome(tls: "starttls" | "direct", trust: RigOptions["server"]): Promise<string> {
  const rig = await serverRig(tls, trust);
  const good = tls === "direct" ? "connected" : "secured server -";
  const { socket } = await answerTls(rig);
  const outcomes = [good, "closed server tls_failed"];
  const outcome = await Promise.race(outcomes.map((line) => rig.machine.hears(line).then(() => line)));
  socket.destroy();
  return outcome;
}

/** Answers the handshake of the server leg with the certificate of capulet.lit. */
async function answerTls(rig: Rig): Promise<{ readonly socket: TLSSocket }> {
  const socket = new TLSSocket(await rig.server(), {
    isServer: true,
    secureContext: createSecureContext(capulet),
    ALPNProtocols: ["xmpp-client"],
  });
  socket.on("error", () => undefined);
  await Promise.race([once(socket, "secure"), once(socket, "end")]);
  return { socket };
}

function fingerprint(pem: string): string {
  return createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
}

function pair(domain: string): { readonly cert: string; readonly key: string } {
  const { pem, keyFile } = makeCertificate(folder, domain, [domain]);
  return { cert: pem, key: readFileSync(keyFile, "utf8") };
}

/** Writes below the TLS that has taken over a socket. */
function rawWrite(socket: Socket, bytes: Buffer): void {
  socket.write(bytes);
}
