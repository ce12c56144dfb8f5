// P8 and P9: delegated IQs through Caesura and a plain Prosody, against Prosody and ejabberd that delegate by themselves.
//
// 50 clients, each with one request of 200 bytes of payload under way; the same generator and the same managing entity, each
// a process of its own, for all three. Generator and entity sit on one core, the server (and Caesura) on the other; ejabberd,
// which can use both cores, may use both. The CPU of a request is that of the server, or of proxy and server together.

import { makeCertificate } from "./support/certificate.js";
import { startEntity } from "./support/entity.js";
import { describeMachine } from "./support/machine.js";
import { startCaesura } from "./support/peers/caesura.js";
import { startEjabberd } from "./support/peers/ejabberd.js";
import { startProsody } from "./support/peers/prosody.js";
import { publish } from "./support/report.js";
import { measure, type Run } from "./support/run.js";
import { Generator, LOAD_CORE, RELAY_CORE } from "./support/stage.js";
import { DOMAIN } from "./support/stanzas.js";
import { ratios, summarise } from "./support/statistics.js";

const CLIENTS = 50;
const REPETITIONS = 7;
const SECONDS = 3;
const WARMUP_SECONDS = 0.5;
const FIRST_WARMUP_SECONDS = 4;
/** One client alone: what a user waits for. */
const ALONE_SECONDS = 1.5;

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pids: readonly number[];
  /** Answered IQs a second. */
  readonly rate: number[];
  /** CPU microseconds for an IQ. */
  readonly cost: number[];
  readonly p50: number[];
  readonly aloneP50: number[];
}

await measure(async (run) => {
  const generator = await Generator.start(run, LOAD_CORE);
  const contenders = [await caesura(run), await prosody(run), await ejabberd(run)] as const;
  const traffic = { kind: "delegated" } as const;
  for (const { name, port } of contenders) {
    await generator.open(name, { port }, CLIENTS);
    await generator.pingPong(name, { traffic, warmupSeconds: 0, seconds: FIRST_WARMUP_SECONDS, pids: [] });
  }
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const { name, pids, rate, cost, p50, aloneP50 } of contenders) {
      const options = { traffic, warmupSeconds: WARMUP_SECONDS, pids };
      const result = await generator.pingPong(name, { ...options, seconds: SECONDS });
      rate.push(result.roundTrips / result.seconds);
      cost.push((result.cpuSeconds.reduce((sum, cpu) => sum + cpu, 0) / result.roundTrips) * 1e6);
      p50.push(result.p50);
      const alone = await generator.pingPong(name, { ...options, seconds: ALONE_SECONDS }, { first: 1 });
      aloneP50.push(alone.p50);
    }
  }

  const [ours, prosodys, ejabberds] = contenders;
  publish({
    name: "delegation",
    title: "Delegated IQs (P8, P9)",
    command: "npm run bench:delegation",
    machine: describeMachine({
      Prosody: ["dpkg-query", "-Wf", "${Version}", "prosody"],
      ejabberd: ["dpkg-query", "-Wf", "${Version}", "ejabberd"],
    }),
    figures: [
      {
        name: "P8 Prosody",
        meaning: "delegated IQs a second, × Prosody with mod_delegation",
        ratio: ratios(ours.rate, prosodys.rate),
        goal: { kind: "at least", value: 5 },
        next: { kind: "at least", value: 7 },
      },
      {
        name: "P8 ejabberd",
        meaning: "delegated IQs a second, × ejabberd with mod_delegation",
        ratio: ratios(ours.rate, ejabberds.rate),
        goal: { kind: "at least", value: 1.6 },
        next: { kind: "at least", value: 2 },
      },
      {
        name: "P9",
        meaning: "CPU for a delegated IQ, proxy and plain server together, × Prosody with mod_delegation",
        ratio: ratios(ours.cost, prosodys.cost),
        goal: { kind: "at most", value: 0.2 },
        next: { kind: "at most", value: 0.12 },
      },
    ],
    columns: ["IQs a second", "CPU µs for an IQ", "p50 of 50 clients, µs", "p50 of one client, µs"],
    rows: contenders.map(({ name, rate, cost, p50, aloneP50 }) => ({
      name,
      values: [rate, cost, p50, aloneP50].map(summarise),
    })),
    notes: [
      `${CLIENTS} clients in closed loop, 200 bytes of payload each way, ${REPETITIONS} interleaved repetitions of ${SECONDS} s; ` +
        "every answer is checked to be a result.",
      "Generator and managing entity share one core, Caesura and Prosody the other; ejabberd may use both. " +
        "All log errors only.",
    ],
  });
});

async function caesura(run: Run): Promise<Contender> {
  const server = await startProsody(run, { users: CLIENTS, delegates: false, cores: RELAY_CORE });
  const certificate = makeCertificate(run, DOMAIN);
  const proxy = await startCaesura(run, {
    backend: server.port,
    componentBackend: server.componentPort,
    certificate,
    cores: RELAY_CORE,
  });
  await startEntity(run, proxy.componentPort, LOAD_CORE);
  return contender("Caesura before Prosody", proxy.port, [proxy.process.pid, server.process.pid]);
}

async function prosody(run: Run): Promise<Contender> {
  const server = await startProsody(run, { users: CLIENTS, delegates: true, cores: RELAY_CORE });
  await startEntity(run, server.componentPort, LOAD_CORE);
  return contender("Prosody, mod_delegation", server.port, [server.process.pid]);
}

async function ejabberd(run: Run): Promise<Contender> {
  const server = await startEjabberd(run, {});
  await startEntity(run, server.componentPort, LOAD_CORE);
  return contender("ejabberd, mod_delegation", server.port, [server.process.pid]);
}

function contender(name: string, port: number, pids: readonly number[]): Contender {
  return { name, port, pids, rate: [], cost: [], p50: [], aloneP50: [] };
}
