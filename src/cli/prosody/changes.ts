import type { ProxyPlan } from "../proxy-plan.js";

/** What is to be changed in Prosody, line by line. */
export function prosodyChanges({ domains, ports }: ProxyPlan): readonly string[] {
  const delegates = domains.some(({ delegations }) => delegations.length > 0);
  const isDirect = ports.listen.some(({ tls }) => tls === "direct");
  return [
    ...(delegates ? [`- take "delegation" out of modules_enabled (also of components), and the delegations out`] : []),
    ...(ports.isBehind ? [] : [`- c2s_ports = { ${ports.c2s} }`, `- c2s_interfaces = { "127.0.0.1" }`]),
    ...(isDirect ? ["- c2s_direct_tls_ports = {}  legacy_ssl_ports = {}"] : []),
    "- c2s_require_encryption = false  allow_unencrypted_plain_auth = true  (on loopback; TLS ends at Caesura)",
    ...(ports.component === undefined || ports.isBehind
      ? []
      : [`- component_ports = { ${ports.component} }  component_interfaces = { "127.0.0.1" }`]),
  ];
}
