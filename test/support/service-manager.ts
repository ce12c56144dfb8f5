import { join } from "node:path";
import { Caesura, type CaesuraOptions } from "./caesura.js";
import { freePort } from "./peer.js";

const program = join(import.meta.dirname, "programs", "service-manager.py");

/** Where a socket of the service manager listens. */
export type HeldAddress = readonly [address: string, port: number];

/** The line of bash that starts Caesura below a service manager that holds sockets; for `startedBy`. */
export function underServiceManager(sockets: Readonly<Record<string, readonly HeldAddress[]>>): string {
  return `exec /usr/bin/python3 ${program} '${JSON.stringify(sockets)}' "$@"`;
}

/** Caesura with the listeners of `deploy/systemd` on sockets that outlive it. */
export class ManagedCaesura {
  readonly caesura: Caesura;
  readonly ports: Ports;
  #restarts = 0;

  private constructor(caesura: Caesura, ports: Ports) {
    this.caesura = caesura;
    this.ports = ports;
  }

  static async start(options: CaesuraOptions): Promise<ManagedCaesura> {
    const ports = {
      clear: await freePort(),
      starttls: await freePort(),
      direct: await freePort(),
      websocket: await freePort(),
      component: await freePort(),
    };
    const here = (port: number): readonly HeldAddress[] => [["127.0.0.1", port]];
    const caesura = await Caesura.start({
      ...options,
      startedBy: underServiceManager({
        clear: here(ports.clear),
        // Of one name there may be several, e.g. one of each version of IP.
        "c2s-starttls": [["::1", ports.starttls], ...here(ports.starttls)],
        direct: here(ports.direct),
        websocket: here(ports.websocket),
        component: here(ports.component),
      }),
      more: { listen, ...options.more },
    });
    return new ManagedCaesura(caesura, ports);
  }

  /** Restarts as `systemctl restart` does; resolves when the old process is told to end. */
  async restart(): Promise<void> {
    this.caesura.peer.signal("SIGUSR1");
    const nth = ++this.#restarts;
    await this.caesura.peer.untilLog((log) => count(log, '"event":"draining"') >= nth);
  }

  /** Waits until the process after the last restart serves. */
  async untilRestarted(): Promise<void> {
    await this.caesura.peer.untilLog((log) => count(log, "notified READY=1") > this.#restarts, 30_000);
  }

  async stop(): Promise<void> {
    await this.caesura.stop();
  }
}

interface Ports {
  readonly clear: number;
  readonly starttls: number;
  readonly direct: number;
  readonly websocket: number;
  readonly component: number;
}

/** The listeners on the sockets of `ManagedCaesura`. */
export const listen = [
  { kind: "c2s", socket: "clear", tls: "none" },
  { kind: "c2s", socket: "c2s-starttls", tls: "starttls" },
  { kind: "c2s", socket: "direct", tls: "direct" },
  { kind: "websocket", socket: "websocket", tls: "none" },
  { kind: "component", socket: "component" },
];

function count(text: string, piece: string): number {
  return text.split(piece).length - 1;
}
