import { isIP } from "node:net";
import type { Options } from "./options.js";

/** Who listens where: Caesura takes over the ports that clients and components know, and Prosody moves. */
export interface PortPlan {
  readonly listen: readonly {
    readonly kind: "c2s" | "component";
    readonly host: string;
    readonly port: number;
    readonly tls?: "starttls" | "direct";
  }[];
  /** Prosody's own ports from then on. */
  readonly c2s: number;
  /** undefined: Prosody takes no components, and their links end at Caesura. */
  readonly component: number | undefined;
  /** True if Prosody is behind something already, and keeps its ports. */
  readonly isBehind: boolean;
}

/** `hasComponents`: somebody will connect as a component. */
export function planPorts(options: Options, hasComponents: boolean): PortPlan {
  const general = options.texts("interfaces") ?? ["*", "::"];
  const c2sPorts = nonEmpty(options.ports("c2s_ports")) ?? [5222];
  const c2sHosts = options.texts("c2s_interfaces") ?? general;
  const directPorts = [...(options.ports("c2s_direct_tls_ports") ?? []), ...(options.ports("legacy_ssl_ports") ?? [])];
  const directHosts = options.texts("c2s_direct_tls_interfaces") ?? options.texts("legacy_ssl_interfaces") ?? general;
  // Component links are private: without their own option they listen on loopback, whatever `interfaces` says.
  const componentPorts = options.ports("component_ports") ?? [5347];
  const componentHosts = options.texts("component_interfaces") ?? ["127.0.0.1"];

  const isBehind = c2sHosts.every(isLoopback) && !c2sPorts.includes(5222);
  const used = new Set([...c2sPorts, ...directPorts, ...componentPorts, 5222, 5223, 5269, 5280, 5281, 5347]);
  const [c2s = 5222, component] = [c2sPorts[0], componentPorts[0]];
  const listen: PortPlan["listen"][number][] = [];
  const add = (
    kind: "c2s" | "component",
    hosts: readonly string[],
    ports: readonly number[],
    tls?: "starttls" | "direct",
  ) => {
    for (const port of new Set(ports)) {
      for (const host of hostsFor(hosts)) {
        if (listen.some((other) => other.port === port && other.host === host)) continue;
        listen.push({ kind, host, port, ...(tls && { tls }) });
      }
    }
  };
  if (isBehind) add("c2s", ["*", "::"], [5222], "starttls");
  else {
    add("c2s", c2sHosts, c2sPorts, "starttls");
    add("c2s", directHosts, directPorts, "direct");
  }
  const keepsComponent = isBehind && component !== 5347;
  const knownPorts = keepsComponent || componentPorts.length === 0 ? [5347] : componentPorts;
  if (hasComponents) add("component", componentHosts, knownPorts);
  return {
    listen,
    c2s: isBehind ? c2s : moved(c2s, used),
    component:
      component === undefined || !hasComponents ? undefined : keepsComponent ? component : moved(component, used),
    isBehind,
  };
}

function nonEmpty<Item>(list: readonly Item[] | undefined): readonly Item[] | undefined {
  return list?.length === 0 ? undefined : list;
}

/** Ten thousand higher, where that is a port that nothing else has. */
function moved(port: number, used: Set<number>): number {
  let candidate = port + 10_000;
  while (candidate > 65_535 || used.has(candidate))
    candidate = candidate > 65_535 ? 10_000 + (port % 1_000) : candidate + 1;
  used.add(candidate);
  return candidate;
}

/** "::" takes IPv4 as well, so that beside it no other address of the machine can be listened on. */
function hostsFor(interfaces: readonly string[]): readonly string[] {
  if (interfaces.includes("::")) return ["::"];
  if (interfaces.includes("*") || interfaces.includes("0.0.0.0")) {
    return ["0.0.0.0", ...interfaces.filter((host) => isIP(host) === 6)];
  }
  return interfaces;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
