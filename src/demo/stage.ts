import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "./certificate.js";
import { DemoClient } from "./demo-client.js";
import { Program } from "./program.js";
import { findProsody, type ServerOptions, startProsody } from "./prosody.js";
import { SmallServer } from "./small-server.js";
import { Tap } from "./tap.js";

export const cast = {
  domain: "capulet.lit",
  user: "juliet",
  password: "r0m30",
  entity: "verse.capulet.lit",
  namespace: "urn:example:verse",
} as const;

export interface StageOptions {
  /** Do without Prosody even where it is installed. */
  readonly withoutProsody: boolean;
  /** Is told each thing that stands, for the output. */
  readonly say: (what: string, where: string) => void;
}

/** Everything of the demonstration, running. */
export interface Stage {
  readonly serverName: string;
  readonly client: DemoClient;
  /** Between Caesura (forth) and the server (back). */
  readonly serverWire: Tap;
  /** Between the managing entity (forth) and Caesura (back). */
  readonly entityWire: Tap;
  readonly clientPort: number;
  readonly statusPage: string;
  /** Settles when one of the programs has ended by itself, with the reason. */
  readonly broken: Promise<string>;
}

/** What was started, in order; stopped in the opposite order. */
export class StopList {
  readonly #stops: (() => Promise<void> | void)[] = [];
  readonly programs: Program[] = [];

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(stop);
  }

  async program(starting: Promise<Program>): Promise<Program> {
    const program = await starting;
    this.programs.push(program);
    this.add(() => program.stop());
    return program;
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop();
  }
}

/**
 * Starts the server, Caesura in front of it, the managing entity and the client, everything on the loopback.
 *
 * Errors  when something does not start; the caller owns `stops` and stops what did.
 */
export async function setStage({ withoutProsody, say }: StageOptions, stops: StopList): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "caesura-demo-"));
  stops.add(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const ports = await freePorts(5);
  const [c2sPort = 0, componentPort = 0, clientPort = 0, entityPort = 0, adminPort = 0] = ports;
  const secret = "but soft";

  const server = { domain: cast.domain, users: new Map([[cast.user, cast.password]]), c2sPort, componentPort };
  const serverName = await startServer(
    { ...server, component: { jid: cast.entity, secret } },
    { folder, withoutProsody },
    stops,
  );
  const remark = serverName === SMALL_SERVER ? "built in, in the place of Prosody; cannot delegate" : "cannot delegate";
  say(serverName, `127.0.0.1:${String(c2sPort)} for clients, :${String(componentPort)} for components; ${remark}`);

  const serverWire = await Tap.start(c2sPort);
  stops.add(() => {
    serverWire.stop();
  });
  const { certFile } = await startCaesura({
    folder,
    serverPort: serverWire.port,
    componentPort,
    clientPort,
    entityPort,
    adminPort,
    stops,
  });
  say("Caesura", `127.0.0.1:${String(clientPort)} for clients (STARTTLS), :${String(entityPort)} for components`);

  const entityWire = await Tap.start(entityPort);
  stops.add(() => {
    entityWire.stop();
  });
  await stops.program(
    Program.start({
      name: "the managing entity",
      command: process.execPath,
      args: [example("managing-entity.mjs"), `xmpp://127.0.0.1:${String(entityWire.port)}`, cast.entity],
      env: { COMPONENT_SECRET: secret },
      isReady: (output) => output.includes(`delegates ${cast.namespace}`),
    }),
  );
  say("managing entity", `${cast.entity}: examples/managing-entity.mjs, on @xmpp/component`);

  const client = await DemoClient.start({
    program: example("client.mjs"),
    port: clientPort,
    jid: `${cast.user}@${cast.domain}`,
    password: cast.password,
    certFile,
  });
  await stops.program(Promise.resolve(client.program));
  say("client", `${client.jid}: examples/client.mjs, on @xmpp/client, over STARTTLS`);

  const broken = Promise.race(
    stops.programs.map((program) => program.ended.then(() => `a program ended by itself:\n${program.tail}`)),
  );
  const statusPage = `http://127.0.0.1:${String(adminPort)}/`;
  return { serverName, client, serverWire, entityWire, clientPort, statusPage, broken };
}

const SMALL_SERVER = "a small server";

interface Where {
  readonly folder: string;
  readonly withoutProsody: boolean;
}

async function startServer(
  options: ServerOptions,
  { folder, withoutProsody }: Where,
  stops: StopList,
): Promise<string> {
  const prosody = withoutProsody ? undefined : findProsody();
  if (prosody === undefined) {
    const server = await SmallServer.start(options);
    stops.add(() => {
      server.stop();
    });
    return SMALL_SERVER;
  }
  const home = join(folder, "prosody");
  mkdirSync(home);
  const program = await stops.program(startProsody(prosody, home, options));
  return /Prosody version ([\w.]+)/.exec(program.tail)?.[0].replace("version ", "") ?? "Prosody";
}

interface CaesuraOptions {
  readonly folder: string;
  readonly serverPort: number;
  readonly componentPort: number;
  readonly clientPort: number;
  readonly entityPort: number;
  readonly adminPort: number;
  readonly stops: StopList;
}

async function startCaesura(options: CaesuraOptions): Promise<{ readonly certFile: string }> {
  const { folder, adminPort, stops } = options;
  const { cert, key } = makeCertificate(cast.domain);
  const certFile = join(folder, "capulet.lit.crt");
  writeFileSync(certFile, cert);
  writeFileSync(join(folder, "capulet.lit.key"), key, { mode: 0o600 });
  const file = join(folder, "proxy.yaml");
  writeFileSync(
    file,
    `version: 1
domains:
  ${cast.domain}:
    tls: { cert: capulet.lit.crt, key: capulet.lit.key }
    server:
      c2s: { host: 127.0.0.1, port: ${String(options.serverPort)}, tls: none }
      component: { host: 127.0.0.1, port: ${String(options.componentPort)} }
    delegations:
      ${cast.namespace}: { jid: ${cast.entity}, filtering: [play] }
listen:
  - { kind: c2s, host: 127.0.0.1, port: ${String(options.clientPort)}, tls: starttls }
  - { kind: component, host: 127.0.0.1, port: ${String(options.entityPort)} }
admin: { host: 127.0.0.1, port: ${String(adminPort)} }
`,
  );
  const bin = fileURLToPath(new URL("../cli/caesura.js", import.meta.url));
  const program = await stops.program(
    Program.start({ name: "Caesura", command: process.execPath, args: [bin, "run", "-c", file] }),
  );
  await untilReady(adminPort, program);
  return { certFile };
}

async function untilReady(adminPort: number, program: Program): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    if (program.isOver) throw new Error(`Caesura ended:\n${program.tail}`);
    const status = await fetch(`http://127.0.0.1:${String(adminPort)}/readyz`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    if (Date.now() > deadline) throw new Error(`Caesura is not ready in time:\n${program.tail}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const READY_DEADLINE_MS = 15_000;

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

/** Ports of the loopback that nobody listens on; all are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      });
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return address === null || typeof address === "string" ? 0 : address.port;
    }),
  );
}
