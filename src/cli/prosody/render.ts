import type { ProxyPlan } from "./convert.js";
import type { Note } from "./prosody-config.js";

const maxLost = 50;

/** Writes a plan as a commented `proxy.yaml`. `origin` is the file that it was made from, `lost` what is not in it. */
export function renderProxyYaml(
  { domains, ports, stanzaBytes }: ProxyPlan,
  origin: string,
  lost: readonly Note[] = [],
): string {
  const lines = [
    "# yaml-language-server: $schema=./proxy.schema.json",
    "#",
    `# Made from ${comment(origin)} by caesura import.`,
    "#",
    ...prosodyChanges({ domains, ports, stanzaBytes }).map((line) => (line === "" ? "#" : `# ${line}`)),
    ...(lost.length === 0 ? [] : ["#", "# To be looked at:", "#"]),
    ...lost.slice(0, maxLost).map(({ file, line, message }) => comment(`# - ${file}:${line}: ${message}`)),
    "",
    "version: 1",
    "",
    "domains:",
  ];
  for (const { name, cert, key, components, delegations } of domains) {
    lines.push(
      `  ${scalar(name)}:`,
      "    tls: # the user that runs Caesura must be able to read both",
      `      cert: ${scalar(cert)}`,
      `      key: ${scalar(key)}`,
      "    server:",
      `      c2s: { host: 127.0.0.1, port: ${ports.c2s}, tls: none }`,
    );
    if (ports.component !== undefined) lines.push(`      component: { host: 127.0.0.1, port: ${ports.component} }`);
    if (components.length > 0) {
      const isChecked = ports.component !== undefined;
      lines.push(
        isChecked
          ? "    components: # who may connect; their secrets stay in Prosody, which checks them"
          : "    components: # their links end here; each file holds one shared secret, mode 600",
        ...components.map(
          (jid) => `      ${scalar(jid)}: ${isChecked ? "{}" : `{ secretFile: ${scalar(`secrets/${jid}`)} }`}`,
        ),
      );
    }
    lines.push(delegations.length === 0 ? "    delegations: {}" : "    delegations:");
    for (const { namespace, jid, filtering } of delegations) {
      lines.push(`      ${scalar(namespace)}:`, `        jid: ${scalar(jid)}`);
      if (filtering.length > 0) lines.push(`        filtering: [${filtering.map(scalar).join(", ")}]`);
    }
  }
  lines.push("", "listen:");
  for (const { kind, host, port, tls } of ports.listen) {
    const note = host === "::" ? " # IPv4 too; write 0.0.0.0 where there is no IPv6" : "";
    const address = `kind: ${kind}, host: ${scalar(host)}, port: ${port}`;
    lines.push(`  - { ${address}${tls === undefined ? "" : `, tls: ${tls}`} }${note}`);
  }
  lines.push("", "admin: # /metrics, /livez, /readyz; it asks for no password", "  host: 127.0.0.1", "  port: 9199");
  if (stanzaBytes !== undefined) lines.push("", "limits:", `  stanza: ${stanzaBytes}B # c2s_stanza_size_limit`);
  return `${lines.join("\n")}\n`;
}

/** What is to be changed in Prosody, for whoever reads the result. */
function prosodyChanges({ domains, ports }: ProxyPlan): readonly string[] {
  const delegates = domains.some(({ delegations }) => delegations.length > 0);
  const isDirect = ports.listen.some(({ tls }) => tls === "direct");
  return [
    "Change the configuration of Prosody before Caesura starts:",
    "",
    ...(delegates ? [`- take "delegation" out of modules_enabled (also of components), and the delegations out`] : []),
    ...(ports.isBehind ? [] : [`- c2s_ports = { ${ports.c2s} }`, `- c2s_interfaces = { "127.0.0.1" }`]),
    ...(isDirect ? ["- c2s_direct_tls_ports = {}  legacy_ssl_ports = {}"] : []),
    "- c2s_require_encryption = false  allow_unencrypted_plain_auth = true  (on loopback; TLS ends at Caesura)",
    ...(ports.component === undefined || ports.isBehind
      ? []
      : [`- component_ports = { ${ports.component} }  component_interfaces = { "127.0.0.1" }`]),
    "- switch off the modules that answer what is delegated",
    "",
    "Then: caesura check, restart Prosody, caesura check --online, caesura run.",
  ];
}

/** A scalar in plain form where that cannot be misread, else in double quotes. */
function scalar(text: string): string {
  const isPlain =
    /^[A-Za-z/][A-Za-z0-9_./@#:-]*[A-Za-z0-9_/-]$/.test(text) && !/: |^(?:true|false|null|yes|no|on|off)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

/** A comment stays one line. */
function comment(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
