import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../support/certificate.js";
import { passing, readUntil, Rig, sure, type RigOptions } from "./rig.js";

let folder = "";
let pem = "";
let secureContext: SecureContext;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-proxy-"));
  const { keyFile, pem: cert } = makeCertificate(folder, "capulet", ["capulet.lit"]);
  pem = cert;
  secureContext = createSecureContext({ cert, key: readFileSync(keyFile, "utf8") });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open: Rig[] = [];
async function rigWith(options: RigOptions): Promise<Rig> {
  const rig = await Rig.open(options);
  open.push(rig);
  return rig;
}
afterEach(async () => {
  for (const rig of open.splice(0)) await rig.close();
});

const announced = {
  source: { address: "192.0.2.1", port: 56_324 },
  destination: { address: "192.0.2.9", port: 5222 },
};
const header = "PROXY TCP4 192.0.2.1 192.0.2.9 56324 5222\r\n";

describe("a server that expects the PROXY protocol", () => {
  test.each(["none", "starttls"] as const)(
    "hears of the client before the client has said anything (tls: %s)",
    async (tls) => {
      const rig = await rigWith({ server: { tls, proxyProtocol: "v1" } });
      const { localPort, remotePort } = rig.client;
      const line = `PROXY TCP4 127.0.0.1 127.0.0.1 ${sure(localPort)} ${sure(remotePort)}\r\n`;
      expect(await readUntil(await rig.server(), "\n")).toBe(line);
    },
  );

  test("hears of the client as the proxy in front told", async () => {
    const rig = await rigWith({ announced, server: { proxyProtocol: "v1" } });
    const server = await rig.server();
    rig.client.write("<stream>");
    expect(await readUntil(server, "<stream>")).toBe(`${header}<stream>`);
    expect(rig.link.remoteAddress).toBe("192.0.2.1");
  });

  test("hears it in bytes where v2 is asked for", async () => {
    const rig = await rigWith({ announced, server: { proxyProtocol: "v2" } });
    const arrived = await readUntil(await rig.server(), "\x14\x66");
    expect(Buffer.from(arrived, "latin1").toString("hex")).toBe(
      "0d0a0d0a000d0a515549540a2111000cc0000201c0000209dc041466",
    );
  });

  test("hears it once, in front of what was queued before the connection stood", async () => {
    const rig = await rigWith({
      announced,
      server: { proxyProtocol: "v1" },
      script: {
        ...passing,
        open: (performer) => {
          performer.connect("capulet.lit");
          performer.send("server", Buffer.from("<stream>"));
        },
      },
    });
    expect(await readUntil(await rig.server(), "<stream>")).toBe(`${header}<stream>`);
  });

  test("hears nothing of the kind where the configuration does not say so", async () => {
    const rig = await rigWith({ announced });
    const server = await rig.server();
    rig.client.write("<stream>");
    expect(await readUntil(server, ">")).toBe("<stream>");
  });
});

describe("a server that expects the PROXY protocol in front of TLS", () => {
  const early = {
    ...passing,
    open: (performer: Parameters<NonNullable<typeof passing.open>>[0]): void => {
      performer.connect("capulet.lit");
      performer.send("server", Buffer.from("<one/>"));
      performer.send("server", Buffer.from("<two/>"));
    },
  };
  const direct = (): RigOptions => ({ announced, server: { tls: "direct", proxyProtocol: "v1", ca: pem } });

  test("hears it in clear and everything else in TLS, in order, with SNI and ALPN (XEP-0368 §3)", async () => {
    const rig = await rigWith({ ...direct(), script: early });
    const plain = await rig.server();
    expect(await headerOf(plain)).toBe(header);
    const names: (string | undefined)[] = [];
    const server = new TLSSocket(plain, {
      isServer: true,
      secureContext,
      SNICallback: (name, choose) => {
        names.push(name);
        choose(null, secureContext);
      },
      ALPNProtocols: ["xmpp-client"],
    });
    expect(await readUntil(server, "<two/>")).toBe("<one/><two/>");
    expect([names, server.alpnProtocol]).toEqual([["capulet.lit"], "xmpp-client"]);
    await rig.machine.hears("connected");
    server.write("<three/>");
    expect(await readUntil(rig.client, "<three/>")).toBe("<three/>");
    rig.client.write("<four/>");
    expect(await readUntil(server, "<four/>")).toBe("<four/>");
    server.destroy();
  });

  test("and is refused for its certificate is no server (tls_failed)", async () => {
    const rig = await rigWith({ announced, server: { tls: "direct", proxyProtocol: "v1" } });
    const plain = await rig.server();
    await headerOf(plain);
    const server = new TLSSocket(plain, { isServer: true, secureContext });
    server.on("error", () => undefined).on("_tlsError", () => undefined);
    await rig.machine.hears("closed server tls_failed");
    server.destroy();
  });

  test("and hangs up in the middle of TLS ends the leg", async () => {
    const rig = await rigWith(direct());
    const plain = await rig.server();
    await headerOf(plain);
    plain.destroy();
    await rig.machine.hears("closed server tls_failed");
    rig.client.destroy();
    await rig.gone;
    expect(rig.machine.told.filter((line) => line.startsWith("closed server"))).toHaveLength(1);
  });

  test("and is not there is refused, and nothing is left of the leg", async () => {
    const rig = await rigWith({
      ...direct(),
      script: { ...passing, open: () => undefined, bytes: (performer) => performer.connect("capulet.lit") },
    });
    await rig.stopServer();
    rig.client.write("x");
    await rig.machine.hears("closed server refused");
    rig.client.destroy();
    await rig.gone;
  });

  test("and is given up before it was reached is gone with what was queued", async () => {
    const rig = await rigWith({
      ...direct(),
      script: {
        ...passing,
        open: (performer) => {
          early.open(performer);
          performer.close("server");
        },
      },
    });
    await rig.machine.hears("closed server end");
    rig.client.destroy();
    await rig.gone;
  });
});

/** The line that a connection begins with; what is behind it stays in the socket. */
async function headerOf(socket: Socket): Promise<string> {
  let text = "";
  while (!text.includes("\n")) {
    await once(socket, "readable");
    for (;;) {
      const byte: unknown = text.endsWith("\n") ? null : socket.read(1);
      if (!Buffer.isBuffer(byte)) break;
      text += byte.toString("latin1");
    }
  }
  return text;
}
