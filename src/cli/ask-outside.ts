import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import type { Config, DomainConfig } from "../config/index.js";
import type { Finding } from "./finding.js";
import { tryPort, type PortTrial } from "./port-trial.js";

/** Where XMPP servers listen for clients and components when nobody says otherwise. */
const doors: ReadonlyMap<number, string> = new Map([
  [5222, "clients"],
  [5223, "clients with direct TLS"],
  [5280, "BOSH and WebSocket"],
  [5281, "BOSH and WebSocket with TLS"],
  [5443, "BOSH and WebSocket with TLS"],
  [5347, "components"],
]);

const loopback = /^(?:127\.|::1$|localhost$)/;
const answerMs = 1_000;
const maxAddresses = 8;

/**
 * Looks whether clients or components can reach a server on this machine past Caesura: whether its ports, or the usual
 * ones, are open on addresses that others can reach too (protocol.md R15). Connects to this machine only, and says nothing.
 *
 * Errors  none; what is open is a finding.
 */
export async function askOutside(
  config: Config,
  addresses: readonly string[] = addressesOfThisMachine(),
  trial: (host: string, port: number) => Promise<PortTrial> = tryPort,
  usual: ReadonlyMap<number, string> = doors,
): Promise<readonly Finding[]> {
  const own = new Set(config.listen.map(({ port }) => port));
  const findings: Finding[] = [];
  const asked = new Map<number, Promise<readonly string[]>>();
  const openOn = (port: number): Promise<readonly string[]> => {
    const known = asked.get(port) ?? openAmong(addresses, port);
    asked.set(port, known);
    return known;
  };
  for (const domain of config.domains) {
    const { c2s, component } = domain.server;
    if (!loopback.test(c2s.host)) {
      findings.push(elsewhere(domain));
      continue;
    }
    const ports = new Map(usual);
    if (component !== undefined && loopback.test(component.host)) ports.set(component.port, "components");
    ports.set(c2s.port, "clients");
    for (const [port, who] of ports) {
      if (own.has(port)) continue;
      const open = await openOn(port);
      const [first] = open;
      if (first === undefined) continue;
      const isServers = port === c2s.port || port === component?.port;
      if (!isServers && isCaesuras(config, await trial(first, port))) continue;
      findings.push(describeOpen(domain, port, who, open));
    }
  }
  return findings;
}

/** A listener with `socket` does not say its port: systemd holds it, and a running Caesura besides. */
function isCaesuras(config: Config, trial: PortTrial): boolean {
  if (trial.kind !== "in-use" || trial.owner === undefined) return false;
  const hasSockets = config.listen.some(({ socket }) => socket !== undefined);
  return trial.owner.isCaesura || (trial.owner.name === "systemd" && hasSockets);
}

function describeOpen(domain: DomainConfig, port: number, who: string, open: readonly string[]): Finding {
  const { c2s, component } = domain.server;
  const isServers = port === c2s.port || port === component?.port;
  const place = `port ${port} (${who}) is open on ${open.join(" and ")}`;
  return {
    severity: "warning",
    domain: domain.name,
    port: port === component?.port ? "component" : "c2s",
    message: isServers
      ? `${domain.name}: the server's ${place}, and whoever comes through it passes Caesura by.`
      : `${domain.name}: ${place}; if that is this server, whoever comes through it passes Caesura by.`,
    hint: hintFor(port, who),
  };
}

function hintFor(port: number, who: string): string {
  if (who.startsWith("BOSH")) {
    return `Let it listen on loopback (Prosody: http_interfaces, https_interfaces; ejabberd: ip of that listener), or close port ${port} in the firewall.`;
  }
  const option = who === "components" ? "component_interfaces" : "c2s_interfaces";
  return `Let it listen on loopback (Prosody: ${option} = { "127.0.0.1" }; ejabberd: ip: "127.0.0.1"), or close port ${port} in the firewall.`;
}

function elsewhere({ name, server: { c2s, component } }: DomainConfig): Finding {
  const ports = component === undefined ? `port ${c2s.port}` : `ports ${c2s.port} and ${component.port}`;
  return {
    severity: "note",
    domain: name,
    port: "c2s",
    message: `${name}: the server is on ${c2s.host}, and who can reach it there cannot be seen from here.`,
    hint: `Let its firewall admit this machine alone to ${ports}, and nobody to BOSH and WebSocket.`,
  };
}

async function openAmong(addresses: readonly string[], port: number): Promise<readonly string[]> {
  const answers = await Promise.all(addresses.map((host) => isOpen(host, port)));
  return addresses.filter((_, index) => answers[index]);
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: answerMs });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", end(true)).once("timeout", end(false)).once("error", end(false));
  });
}

/** What other machines may know this one by; link-local addresses need a zone, and reach the next cable only. */
function addressesOfThisMachine(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe80:|169\.254\.)/i.test(address))
    .map(({ address }) => address)
    .slice(0, maxAddresses);
}
