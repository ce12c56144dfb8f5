import type { Note, ProxyPlan } from "./proxy-plan.js";

const maxLost = 50;

/** Who the plan was made for, for the comments. */
export interface Origin {
  /** The file that was read. */
  readonly file: string;
  readonly server: "Prosody" | "ejabberd";
  /** What is to be changed there, line by line. */
  changes(plan: ProxyPlan): readonly string[];
}

/** Writes a plan as a commented `proxy.yaml`. `lost` is what is not in it. */
export function renderProxyYaml(plan: ProxyPlan, origin: Origin, lost: readonly Note[] = []): string {
  const { domains, ports, stanzaBytes } = plan;
  const advice = [
    `Change the configuration of ${origin.server} before Caesura starts:`,
    "",
    ...origin.changes(plan),
    "- switch off the modules that answer what is delegated",
    "",
    `Then: caesura check, restart ${origin.server}, caesura check --online, caesura run.`,
  ];
  const lines = [
    "# yaml-language-server: $schema=./proxy.schema.json",
    "#",
    `# Made from ${comment(origin.file)} by caesura import.`,
    "#",
    ...advice.map((line) => (line === "" ? "#" : `# ${line}`)),
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
          ? `    components: # who may connect; their secrets stay in ${origin.server}, which checks them`
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
  if (stanzaBytes !== undefined) lines.push("", "limits:", `  stanza: ${stanzaBytes}B`);
  return `${lines.join("\n")}\n`;
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
