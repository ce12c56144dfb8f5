import { writeFileSync } from "node:fs";

import type { Certificate } from "../certificate.js";
import type { Child } from "../child.js";
import { freePort } from "../port.js";
import type { Run } from "../run.js";

/** Where a proxy in front of the same backend listens. */
export interface Proxy {
  readonly process: Child;
  /** Clear text, and direct TLS. */
  readonly port: number;
  readonly tlsPort: number;
}

/** HAProxy with one thread as a TCP proxy, in clear and with TLS ended on the client side. */
export async function startHaproxy(run: Run, backend: number, certificate: Certificate, cores: string): Promise<Proxy> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const file = run.path(`haproxy-${port}.cfg`);
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
frontend clear
  bind 127.0.0.1:${port}
  default_backend xmpp
frontend tls
  bind 127.0.0.1:${tlsPort} ssl crt ${certificate.both} alpn xmpp-client
  default_backend xmpp
backend xmpp
  server only 127.0.0.1:${backend}
`,
  );
  const process = run.start(["haproxy", "-db", "-f", file], { name: "haproxy", cores });
  await process.accepts(port);
  return { process, port, tlsPort };
}
