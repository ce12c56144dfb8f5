import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "./certificate.js";
import { findProgram, freePort, Peer, temporaryFolder, untilListening } from "./peer.js";

export interface HaproxyOptions {
  /** The port of the loopback that it forwards to. */
  readonly targetPort: number;
  /** TLS ends at HAProxy with this certificate; absent: bytes are forwarded as they are. */
  readonly certificate?: Certificate;
}

export interface Haproxy {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts HAProxy as a plain forwarder of connections, or one that ends TLS. */
export async function startHaproxy({ targetPort, certificate }: HaproxyOptions): Promise<Haproxy> {
  const folder = temporaryFolder("haproxy");
  const port = await freePort();
  let tls = "";
  if (certificate !== undefined) {
    const both = join(folder, "both.pem");
    writeFileSync(both, `${certificate.pem}${readFileSync(certificate.keyFile, "utf8")}`, { mode: 0o600 });
    tls = ` ssl crt ${both}`;
  }
  const config = join(folder, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen xmpp
  bind 127.0.0.1:${String(port)}${tls}
  server caesura 127.0.0.1:${String(targetPort)}
`,
  );
  const peer = await Peer.start({
    name: "HAProxy",
    command: findProgram("haproxy") ?? "haproxy",
    args: ["-db", "-V", "-f", config],
    folder,
    isReady: () => true,
  });
  await untilListening(port, peer);
  return { port, stop: () => peer.stop() };
}
