import { fileURLToPath } from "node:url";

import type { Certificate } from "../certificate.js";
import { freePort } from "../port.js";
import type { Run } from "../run.js";
import type { Proxy } from "./haproxy.js";

/** The bare relay of `node-relay.ts` on one port, in clear or with TLS. The other port is the same one. */
export async function startNodeRelay(
  run: Run,
  backend: number,
  certificate: Certificate | undefined,
  cores: string,
): Promise<Proxy> {
  const port = await freePort();
  const program = fileURLToPath(new URL("../node-relay.ts", import.meta.url));
  const files = certificate === undefined ? [] : [certificate.cert, certificate.key];
  const command = [
    process.execPath,
    "--import",
    import.meta.resolve("tsx"),
    program,
    String(port),
    String(backend),
    ...files,
  ];
  const child = run.start(command, { name: "node relay", cores });
  await child.printed(/ready/);
  return { process: child, port, tlsPort: port };
}
