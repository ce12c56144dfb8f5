import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "./certificate.js";
import { findProgram, freePort, Peer, temporaryFolder, untilListening } from "./peer.js";

export interface HaproxyOptions {
  /** The port of the loopback that it forwards to. */
  readonly targetPort: number;
  /** TLS ends at HAProxy with this certificate; absent: bytes are forwarded as they are. */
  readonly certificate?: Certificate;
  /** Tells the target the client's address, and asks it every now and then whether it lives. */
  readonly sends?: "send-proxy" | "send-proxy-v2";
  /** Expects to be told the client's address. */
  readonly accepts?: boolean;
}

export interface Haproxy {
  /** Logs each connection that ended, with the client's address first. */
  readonly peer: Peer;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts HAProxy as a plain forwarder of connections, or one that ends TLS. */
export async function startHaproxy({ targetPort, certificate, sends, accepts }: HaproxyOptions): Promise<Haproxy> {
  const folder = temporaryFolder("haproxy");
  const port = await freePort();
  let tls = "";
  if (certificate !== undefined) {
    const both = join(folder, "both.pem");
    writeFileSync(both, `${certificate.pem}${readFileSync(certificate.keyFile, "utf8")}`, { mode: 0o600 });
    tls = ` ssl crt ${both}`;
  }
  const accept = accepts === true ? " accept-proxy" : "";
  // What it says in a check of its own accord is LOCAL, or in version 1 its own address.
  const send = sends === undefined ? "" : ` ${sends} check inter 100ms`;
  const config = join(folder, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  nbthread 1
  log stdout format raw local0
defaults
  log global
  log-format "connection from %ci:%cp to %fi:%fp ended"
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen xmpp
  bind 127.0.0.1:${String(port)}${accept}${tls}
  server target 127.0.0.1:${String(targetPort)}${send}
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
  return { peer, port, stop: () => peer.stop() };
}
