// P6: what a relay adds to the time of a round trip at 5 000 round trips a second, Caesura against HAProxy.
//
// Generator, relay and backend share one core, as they do on a small server; the clock that paces the load sits on the
// other. The same load runs without a relay, through HAProxy and through Caesura in turns, and what is compared is the
// median less the median without a relay.

import { describeMachine } from "./support/machine.js";
import { startCaesura } from "./support/peers/caesura.js";
import { startHaproxy } from "./support/peers/haproxy.js";
import { startNodeRelay } from "./support/peers/node-relay.js";
import { publish } from "./support/report.js";
import { measure } from "./support/run.js";
import { LOAD_CORE, RELAY_CORE, setStage } from "./support/stage.js";
import { ratios, summarise } from "./support/statistics.js";

const SESSIONS = 100;
const STANZA_BYTES = 300;
const RATE = 5000;
const REPETITIONS = 11;
const SECONDS = 2.5;
const WARMUP_SECONDS = 0.5;
const FIRST_WARMUP_SECONDS = 3;

await measure(async (run) => {
  // Everything on the core of the relay; the pacer on the other.
  const { certificate, backend, generator } = await setStage(run, RELAY_CORE);
  const haproxy = await startHaproxy(run, backend.port, certificate, RELAY_CORE);
  const caesura = await startCaesura(run, {
    backend: backend.port,
    componentBackend: backend.port,
    certificate,
    cores: RELAY_CORE,
  });
  const node = await startNodeRelay(run, backend.port, undefined, RELAY_CORE);
  const ways = [
    { name: "no relay", port: backend.port },
    { name: "HAProxy", port: haproxy.port },
    { name: "Caesura", port: caesura.port },
    { name: "bare Node relay", port: node.port },
  ].map((way) => ({ ...way, p50: [] as number[], p90: [] as number[], rate: [] as number[] }));

  const traffic = { kind: "mixed", bytes: STANZA_BYTES } as const;
  for (const { name, port } of ways) {
    await generator.open(name, { port }, SESSIONS);
    await generator.pingPong(name, { traffic, warmupSeconds: 0, seconds: FIRST_WARMUP_SECONDS, pids: [] });
  }
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const { name, p50, p90, rate } of ways) {
      const options = { traffic, rate: RATE, warmupSeconds: WARMUP_SECONDS, seconds: SECONDS, pids: [] };
      const pacing = { socket: run.path("pacer"), cores: LOAD_CORE };
      const result = await generator.pingPong(name, options, { pacing });
      p50.push(result.p50);
      p90.push(result.p90);
      rate.push(result.roundTrips / result.seconds);
    }
  }

  const direct = ways[0]?.p50 ?? [];
  const added = (wanted: string): number[] =>
    (ways.find(({ name }) => name === wanted)?.p50 ?? []).map((p50, index) => p50 - (direct[index] ?? Number.NaN));
  const bare = ratios(added("bare Node relay"), added("HAProxy"));
  publish({
    name: "latency",
    title: "Added latency at 5 000 round trips a second (P6)",
    command: "npm run bench:latency",
    machine: describeMachine({ HAProxy: ["haproxy", "-v"] }),
    figures: [
      {
        name: "P6",
        meaning: "added p50 of a round trip, × what HAProxy adds",
        ratio: ratios(added("Caesura"), added("HAProxy")),
        goal: { kind: "at most", value: 1.6 },
        next: { kind: "at most", value: 1.3 },
      },
    ],
    columns: ["p50, µs", "added p50, µs", "p90, µs", "round trips a second"],
    rows: ways.map(({ name, p50, p90, rate }) => ({
      name,
      values: [p50, added(name), p90, rate].map(summarise),
    })),
    notes: [
      `${SESSIONS} authenticated sessions in turn, ${STANZA_BYTES}-byte stanzas, ${REPETITIONS} interleaved repetitions of ` +
        `${SECONDS} s each; a round trip is timed in the generator from its write to the last byte back.`,
      "Generator, relay and backend on one core; the pacer on the other.",
      `The bare Node relay, which reads no XML, adds ${bare.median.toFixed(2)} times what HAProxy adds ` +
        `(quartiles ${bare.low.toFixed(2)}–${bare.high.toFixed(2)}): what no proxy in Node goes below.`,
    ],
  });
});
