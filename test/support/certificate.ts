import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A self-signed certificate (ECDSA P-256) and where its files are. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly pem: string;
}

/** Makes a certificate for some domains in `folder`. */
export function makeCertificate(folder: string, name: string, domains: readonly string[]): Certificate {
  const certFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  // The address is for clients that are told where to connect and expect that name in the certificate.
  const names = [...domains.map((domain) => `DNS:${domain}`), "IP:127.0.0.1"].join(",");
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", `/CN=${domains[0] ?? "localhost"}`, "-addext", `subjectAltName=${names}`];
  execFileSync("openssl", [...request, "-keyout", keyFile, "-out", certFile, "-days", "30", ...subject], {
    stdio: "pipe",
  });
  return { certFile, keyFile, pem: readFileSync(certFile, "utf8") };
}
