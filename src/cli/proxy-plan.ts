import { isIP } from "node:net";

/** Something to tell the operator about a place in the configuration that was read. */
export interface Note {
  /** `error`: nothing can be made of the file; `warning`: something is lost; `note`: something is to be known. */
  readonly severity: "error" | "warning" | "note";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

/** What is to be written, before it is YAML. */
export interface ProxyPlan {
  readonly domains: readonly DomainPlan[];
  readonly ports: PortPlan;
  /** Bytes; undefined: Caesura's default. */
  readonly stanzaBytes: number | undefined;
}

export interface DomainPlan {
  readonly name: string;
  /** Absolute. */
  readonly cert: string;
  readonly key: string;
  /** External components of this server; each may connect. */
  readonly components: readonly string[];
  readonly delegations: readonly DelegationPlan[];
}

export interface DelegationPlan {
  readonly namespace: string;
  readonly jid: string;
  readonly filtering: readonly string[];
  /** Where it stands in the configuration that was read. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where the server listens as it is configured now. */
export interface Doors {
  /** Of clients that begin in clear, and of those that begin with TLS. */
  readonly clients: readonly Door[];
  readonly direct: readonly Door[];
  readonly components: readonly Door[];
}

export interface Door {
  readonly host: string;
  readonly port: number;
}

/** Who listens where: Caesura takes over the ports that clients and components know, and the server moves. */
export interface PortPlan {
  readonly listen: readonly {
    readonly kind: "c2s" | "component";
    readonly host: string;
    readonly port: number;
    readonly tls?: "starttls" | "direct";
  }[];
  /** The server's own ports from then on. */
  readonly c2s: number;
  /** undefined: the server takes no components, and their links end at Caesura. */
  readonly component: number | undefined;
  /** True if the server is behind something already, and keeps its ports. */
  readonly isBehind: boolean;
}

/** `hasComponents`: somebody will connect as a component. */
export function planPorts({ clients, direct, components }: Doors, hasComponents: boolean): PortPlan {
  const [c2s = 5222, component] = [clients[0]?.port, components[0]?.port];
  const isBehind = clients.length > 0 && clients.every(({ host, port }) => isLoopback(host) && port !== 5222);
  const taken = [...clients, ...direct, ...components].map(({ port }) => port);
  const used = new Set([...taken, 5222, 5223, 5269, 5280, 5281, 5347]);
  const listen: PortPlan["listen"][number][] = [];
  const add = (kind: "c2s" | "component", doors: readonly Door[], tls?: "starttls" | "direct"): void => {
    for (const { host, port } of withoutTwins(doors)) {
      if (listen.some((other) => other.port === port && other.host === host)) continue;
      listen.push({ kind, host, port, ...(tls && { tls }) });
    }
  };
  if (isBehind) add("c2s", [{ host: "::", port: 5222 }], "starttls");
  else {
    add("c2s", clients, "starttls");
    add("c2s", direct, "direct");
  }
  const keepsComponent = isBehind && component !== 5347;
  const hosts = components.length === 0 ? ["127.0.0.1"] : components.map(({ host }) => host);
  const known = keepsComponent || components.length === 0 ? hosts.map((host) => ({ host, port: 5347 })) : components;
  if (hasComponents) add("component", known);
  return {
    listen,
    c2s: isBehind ? c2s : moved(c2s, used),
    component:
      component === undefined || !hasComponents ? undefined : keepsComponent ? component : moved(component, used),
    isBehind,
  };
}

/** The key of a certificate, where it is not named. */
export function keyBeside(cert: string): string {
  return /fullchain[^/]*\.pem$/.test(cert)
    ? cert.replace(/fullchain([^/]*\.pem)$/, "privkey$1")
    : `${cert.replace(/\.(crt|pem|cert)$/, "")}.key`;
}

/** Ten thousand higher, where that is a port that nothing else has. */
function moved(port: number, used: Set<number>): number {
  let candidate = port + 10_000;
  while (candidate > 65_535 || used.has(candidate))
    candidate = candidate > 65_535 ? 10_000 + (port % 1_000) : candidate + 1;
  used.add(candidate);
  return candidate;
}

/** "::" takes IPv4 as well, so that beside it no other address of the machine can be listened on; "0.0.0.0" all of that. */
function withoutTwins(doors: readonly Door[]): readonly Door[] {
  const hostsOf = (port: number): readonly string[] =>
    doors.flatMap((door) => (door.port === port ? [door.host === "*" ? "0.0.0.0" : door.host] : []));
  return [...new Set(doors.map(({ port }) => port))].flatMap((port) => {
    const hosts = [...new Set(hostsOf(port))];
    if (hosts.includes("::")) return [{ host: "::", port }];
    const kept = hosts.includes("0.0.0.0") ? ["0.0.0.0", ...hosts.filter((host) => isIP(host) === 6)] : hosts;
    return kept.map((host) => ({ host, port }));
  });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
