import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Certificate, makeCertificate } from "./certificate.js";
import { withDeadline } from "./deadline.js";
import { freePort, Peer, temporaryFolder } from "./peer.js";

const bin = fileURLToPath(new URL("../../dist/cli/caesura.js", import.meta.url));

/** A part of `proxy.yaml` as it is written there. */
export type Settings = Readonly<Record<string, unknown>>;

/** The server behind the proxy. */
export interface Behind {
  readonly c2sPort: number;
  /** Absent: component links end at the proxy. */
  readonly componentPort?: number;
  /** Further keys of `server.c2s`: `tls`, `ca`, … */
  readonly c2s?: Settings;
  /** Further keys of `server.component`. */
  readonly component?: Settings;
}

export interface CaesuraOptions {
  readonly behind: Behind;
  readonly delegations?: Settings;
  /** Component → secret; written to files. */
  readonly components?: Readonly<Record<string, string>>;
  /** `capulet.lit` when absent; each gets a certificate of its own and the same server. */
  readonly domains?: readonly string[];
  /** What clients of each domain see; made anew when absent. */
  readonly certificate?: Certificate;
  /** `proxyProtocol` of each listener. */
  readonly proxyProtocol?: Settings;
  /** Further listeners, as they are written in the file. */
  readonly listeners?: readonly Settings[];
  /** Further keys of each domain: `clientMode`, … */
  readonly domain?: Settings;
  /** Further keys of `admin`. */
  readonly admin?: Settings;
  /** Further top-level keys: `limits`, `timeouts`, … */
  readonly more?: Settings;
  /** A line of bash that starts it, in which `"$@"` is the command. */
  readonly startedBy?: string;
}

/** The proxy as an operator runs it: the built command in a process of its own, with a file of its own. */
export class Caesura {
  readonly peer: Peer;
  readonly ports: Ports;
  readonly folder: string;
  readonly certificates: ReadonlyMap<string, Certificate>;
  #options: CaesuraOptions;

  private constructor(peer: Peer, options: CaesuraOptions, prepared: Prepared) {
    this.peer = peer;
    this.#options = options;
    this.ports = prepared.ports;
    this.folder = prepared.folder;
    this.certificates = prepared.certificates;
  }

  /** Starts the proxy and waits until it says that it is ready. */
  static async start(options: CaesuraOptions): Promise<Caesura> {
    const prepared = await prepare(options);
    const file = write(prepared, options);
    const args = [bin, "run", "-c", file];
    const { startedBy } = options;
    const peer = await Peer.start({
      name: "Caesura",
      ...(startedBy === undefined
        ? { command: process.execPath, args }
        : { command: "bash", args: ["-c", startedBy, "caesura", process.execPath, ...args] }),
      folder: prepared.folder,
      isReady: () => true,
    });
    const caesura = new Caesura(peer, options, prepared);
    try {
      await withDeadline(caesura.#untilReady(), 15_000, () => `Caesura does not become ready.\n${peer.tail()}`);
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return caesura;
  }

  get file(): string {
    return join(this.folder, "proxy.yaml");
  }

  /** The certificate of a domain, PEM. */
  ca(domain = "capulet.lit"): string {
    return this.certificates.get(domain)?.pem ?? "";
  }

  /** Writes the file anew with some options changed, and has the proxy read it. */
  async reload(changes: Partial<CaesuraOptions>, outcome: "success" | "failure" = "success"): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    write(this, this.#options);
    await this.hangUp(outcome);
  }

  /** Sends SIGHUP and waits until the proxy has counted the outcome. */
  async hangUp(outcome: "success" | "failure"): Promise<void> {
    const count = async (): Promise<number> => this.metric("caesura_config_reloads_total", { outcome });
    const before = await count();
    this.peer.signal("SIGHUP");
    const counted = (async (): Promise<void> => {
      while ((await count()) <= before) await turn();
    })();
    await withDeadline(counted, 10_000, () => `no reload with ${outcome}.\n${this.peer.tail()}`);
  }

  /** What the administration port answers. */
  async admin(path: string): Promise<{ readonly status: number; readonly text: string }> {
    // A test that waits for a command meanwhile does not see that a connection which was kept is closed.
    const headers = { connection: "close" };
    const response = await fetch(`http://127.0.0.1:${String(this.ports.admin)}${path}`, { headers });
    return { status: response.status, text: await response.text() };
  }

  /** The sum of the samples of a metric that have these labels; 0 when there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { text } = await this.admin("/metrics");
    let sum = 0;
    for (const line of text.split("\n")) {
      const match = /^([a-zA-Z_:]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
      if (match?.[1] !== name) continue;
      const there = Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`) === true);
      if (there) sum += Number(match[3]);
    }
    return sum;
  }

  /** Waits until a metric has a value. */
  async untilMetric(
    name: string,
    labels: Readonly<Record<string, string>>,
    isRight: (value: number) => boolean,
  ): Promise<void> {
    let last = Number.NaN;
    const right = (async (): Promise<void> => {
      while (!isRight((last = await this.metric(name, labels)))) await turn();
    })();
    await withDeadline(
      right,
      10_000,
      () => `${name} ${JSON.stringify(labels)} stays ${String(last)}\n${this.peer.tail()}`,
    );
  }

  async stop(): Promise<void> {
    await this.peer.stop();
  }

  async #untilReady(): Promise<void> {
    for (;;) {
      try {
        if ((await this.admin("/readyz")).status === 200) return;
      } catch {
        // Not listening yet; or never.
        if (this.peer.hasEnded) throw new Error(`Caesura ended.\n${this.peer.tail()}`);
      }
      await turn();
    }
  }
}

interface Ports {
  readonly starttls: number;
  readonly direct: number;
  readonly clear: number;
  readonly component: number;
  readonly admin: number;
}

interface Prepared {
  readonly folder: string;
  readonly ports: Ports;
  readonly certificates: ReadonlyMap<string, Certificate>;
}

async function prepare({ domains = ["capulet.lit"], certificate }: CaesuraOptions): Promise<Prepared> {
  const folder = temporaryFolder("caesura");
  const ports = {
    starttls: await freePort(),
    direct: await freePort(),
    clear: await freePort(),
    component: await freePort(),
    admin: await freePort(),
  };
  const certificates = new Map(
    domains.map((domain) => [domain, certificate ?? makeCertificate(folder, domain, [domain])]),
  );
  return { folder, ports, certificates };
}

// YAML holds JSON, so the file is written as that.
function write({ folder, ports, certificates }: Prepared, options: CaesuraOptions): string {
  const { behind, delegations = {}, components } = options;
  const c2s = { host: "127.0.0.1", port: behind.c2sPort, tls: "none", ...behind.c2s };
  const server =
    behind.componentPort === undefined
      ? { c2s }
      : { c2s, component: { host: "127.0.0.1", port: behind.componentPort, ...behind.component } };
  const secrets = Object.entries(components ?? {}).map(([jid, secret]) => {
    const secretFile = join(folder, `${jid}.secret`);
    writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
    return [jid, { secretFile }] as const;
  });
  const domains = [...certificates].map(([domain, { certFile, keyFile }]) => [
    domain,
    {
      tls: { cert: certFile, key: keyFile },
      server,
      ...(components === undefined ? {} : { components: Object.fromEntries(secrets) }),
      delegations,
      ...options.domain,
    },
  ]);
  const host = "127.0.0.1";
  const announced = options.proxyProtocol === undefined ? {} : { proxyProtocol: options.proxyProtocol };
  const settings = {
    version: 1,
    domains: Object.fromEntries(domains),
    listen: [
      { kind: "c2s", host, port: ports.starttls, tls: "starttls", ...announced },
      { kind: "c2s", host, port: ports.direct, tls: "direct", ...announced },
      { kind: "c2s", host, port: ports.clear, tls: "none", ...announced },
      { kind: "component", host, port: ports.component, ...announced },
      ...(options.listeners ?? []),
    ],
    admin: { host, port: ports.admin, ...options.admin },
    log: { level: "debug" },
    ...options.more,
  };
  const file = join(folder, "proxy.yaml");
  writeFileSync(file, JSON.stringify(settings, undefined, 2));
  return file;
}

// Between two looks at another process. There is nothing to wait on but time.
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
