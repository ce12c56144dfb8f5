import { loadAddresses } from "../config/index.js";
import type { Complaint, Problem } from "../config/index.js";
import type { PortTrial } from "./port-trial.js";

export interface Ports {
  tryPort(host: string, port: number): Promise<PortTrial>;
  /** Below it a port is privileged. */
  firstUnprivilegedPort(): number;
}

// One that cannot be resolved takes the time of the resolver; this many the operator waits for.
const maxTrials = 100;

/**
 * Tries the addresses that Caesura is to listen on, each opened and closed at once, and complains at their places in the
 * file. That a Caesura has one is no problem: it is the one whose configuration is changed.
 *
 * Errors  never rejects; a file that cannot be read is somebody else's complaint.
 */
export async function checkPorts(file: string, ports: Ports): Promise<readonly Problem[]> {
  const addresses = loadAddresses(file);
  if (addresses === undefined) return [];
  const privileged = ports.firstUnprivilegedPort();
  for (const { path, host, port } of addresses.list.slice(0, maxTrials)) {
    const trial = await ports.tryPort(host, port);
    const complaint = describe(trial, host, port, privileged);
    const key = trial.kind === "no-address" ? "host" : "port";
    if (complaint !== undefined) addresses.complain([...path, key], complaint);
  }
  return addresses.problems();
}

function describe(trial: PortTrial, host: string, port: number, privileged: number): Complaint | undefined {
  switch (trial.kind) {
    case "free":
      return port < privileged ? describePrivileged(port, "this user may open it, another one may not") : undefined;
    case "denied":
      return describePrivileged(port, "this user may not open it");
    case "no-address":
      return {
        code: "address-not-here",
        message: `Nothing can listen there: ${trial.why}.`,
        hint: "0.0.0.0 stands for all IPv4 addresses of the machine, :: for all of both kinds.",
      };
    case "in-use":
      return describeUse(trial, host, port);
    default:
      return trial satisfies never;
  }
}

function describePrivileged(port: number, who: string): Complaint {
  return {
    severity: "warning",
    code: "port-privileged",
    message: `Port ${port} is privileged: ${who}.`,
    hint: "Give the service AmbientCapabilities=CAP_NET_BIND_SERVICE, or let systemd open the port.",
  };
}

function describeUse(
  { owner }: Extract<PortTrial, { kind: "in-use" }>,
  host: string,
  port: number,
): Complaint | undefined {
  if (owner === undefined) {
    return {
      severity: "warning",
      code: "port-in-use",
      message: `Port ${port} of ${host} is in use by somebody whom this user may not see.`,
      hint: "If that is not Caesura itself, stop it or choose another port.",
    };
  }
  if (owner.isCaesura) return undefined;
  const moves: ReadonlyMap<string, string> = new Map([
    ["lua", "Prosody, perhaps: give it other ports (c2s_ports, component_ports) and restart it."],
    ["prosody", "Give Prosody other ports (c2s_ports, component_ports) and restart it."],
    ["beam.smp", "ejabberd, perhaps: give its listeners other ports and restart it."],
    ["systemd", "systemd holds it: name its socket with the key socket, or switch off the socket unit."],
  ]);
  const known = moves.get(owner.name.replace(/[0-9.]+$/, "")) ?? moves.get(owner.name);
  return {
    code: "port-in-use",
    message: `Port ${port} of ${host} is taken by ${owner.name} (process ${owner.pid}).`,
    hint: known ?? "Stop it, or choose another port.",
  };
}
