// P3 and P4: CPU of the relay for each stanza, Caesura against HAProxy, in clear and with TLS on the client side.
//
// 100 sessions, each with one stanza of 300 bytes under way, which the backend sends back: a round trip is two forwarded
// stanzas. Relay on one core, generator and backend on the other. Rules are loaded and none matches; a third of the stanzas
// are IQs. A bare relay in Node runs along, to show what Node itself costs.

import { describeMachine } from "./support/machine.js";
import { startCaesura } from "./support/peers/caesura.js";
import { startHaproxy } from "./support/peers/haproxy.js";
import { startNodeRelay } from "./support/peers/node-relay.js";
import { publish } from "./support/report.js";
import { measure } from "./support/run.js";
import { LOAD_CORE, RELAY_CORE, setStage } from "./support/stage.js";
import { ratios, summarise } from "./support/statistics.js";
import type { Door } from "./support/xmpp-session.js";

const SESSIONS = 100;
const STANZA_BYTES = 300;
const REPETITIONS = 7;
const SECONDS = 3;
const WARMUP_SECONDS = 0.4;
/** Before the first repetition: the compiler of V8 needs some hundred thousand stanzas. */
const FIRST_WARMUP_SECONDS = 4;

interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly door: Door;
  /** CPU seconds for a million round trips, of each repetition. */
  readonly cost: number[];
  readonly rate: number[];
}

await measure(async (run) => {
  const { certificate, backend, generator } = await setStage(run, LOAD_CORE);
  const haproxy = await startHaproxy(run, backend.port, certificate, RELAY_CORE);
  const caesura = await startCaesura(run, {
    backend: backend.port,
    componentBackend: backend.port,
    certificate,
    cores: RELAY_CORE,
  });
  const node = await startNodeRelay(run, backend.port, undefined, RELAY_CORE);
  const nodeTls = await startNodeRelay(run, backend.port, certificate, RELAY_CORE);
  const tls = certificate.cert;
  const contenders: readonly Contender[] = [
    contender("HAProxy", haproxy.process.pid, { port: haproxy.port }),
    contender("Caesura", caesura.process.pid, { port: caesura.port }),
    contender("bare Node relay", node.process.pid, { port: node.port }),
    contender("HAProxy, TLS", haproxy.process.pid, { port: haproxy.tlsPort, certificate: tls }),
    contender("Caesura, TLS", caesura.process.pid, { port: caesura.tlsPort, certificate: tls }),
    contender("bare Node relay, TLS", nodeTls.process.pid, { port: nodeTls.tlsPort, certificate: tls }),
  ];
  const protections = new Set<string>();
  for (const { name, door } of contenders) protections.add(await generator.open(name, door, SESSIONS));

  const traffic = { kind: "mixed", bytes: STANZA_BYTES } as const;
  for (const { name } of contenders) {
    await generator.pingPong(name, { traffic, warmupSeconds: 0, seconds: FIRST_WARMUP_SECONDS, pids: [] });
  }
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const { name, pid, cost, rate } of contenders) {
      const options = { traffic, warmupSeconds: WARMUP_SECONDS, seconds: SECONDS, pids: [pid] };
      const result = await generator.pingPong(name, options);
      cost.push(((result.cpuSeconds[0] ?? Number.NaN) / result.roundTrips) * 1e6);
      rate.push(result.roundTrips / result.seconds);
    }
  }

  const costOf = (wanted: string): readonly number[] => contenders.find(({ name }) => name === wanted)?.cost ?? [];
  publish({
    name: "relay",
    title: "Relaying: CPU for each stanza (P3, P4)",
    command: "npm run bench:relay",
    machine: describeMachine({ HAProxy: ["haproxy", "-v"] }),
    figures: [
      {
        name: "P3",
        meaning: "CPU for each stanza, in clear, × HAProxy TCP",
        ratio: ratios(costOf("Caesura"), costOf("HAProxy")),
        goal: { kind: "at most", value: 2 },
        next: { kind: "at most", value: 1.7 },
      },
      {
        name: "P4",
        meaning: "CPU for each stanza, TLS on the client side, × HAProxy TLS",
        ratio: ratios(costOf("Caesura, TLS"), costOf("HAProxy, TLS")),
        goal: { kind: "at most", value: 2.2 },
        next: { kind: "at most", value: 1.9 },
      },
    ],
    columns: ["CPU s per million round trips", "round trips a second"],
    rows: contenders.map(({ name, cost, rate }) => ({ name, values: [summarise(cost), summarise(rate)] })),
    notes: [
      `${SESSIONS} authenticated sessions, ${STANZA_BYTES}-byte stanzas (message, presence, IQ in turn), closed loop, ` +
        `${REPETITIONS} interleaved repetitions of ${SECONDS} s each.`,
      `Protection as negotiated: ${[...protections].join(", ")}.`,
      "Quartiles of the ratio are of the ratios of neighbouring repetitions.",
    ],
  });
});

function contender(name: string, pid: number, door: Door): Contender {
  return { name, pid, door, cost: [], rate: [] };
}
