import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

import type { Run } from "./run.js";

/** A self-signed certificate of the domain that all benches serve. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Both in one file, as HAProxy wants it. */
  readonly both: string;
}

/** Makes an ECDSA P-256 certificate, the kind that everything we generate uses. */
export function makeCertificate(run: Run, domain: string): Certificate {
  const [cert, key, both] = [run.path("server.crt"), run.path("server.key"), run.path("server.pem")];
  // prettier-ignore
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", `/CN=${domain}`, "-addext", `subjectAltName=DNS:${domain}`, "-keyout", key, "-out", cert,
  ], { stdio: "ignore" });
  writeFileSync(both, readFileSync(cert, "utf8") + readFileSync(key, "utf8"), { mode: 0o600 });
  return { cert, key, both };
}
