// P5: CPU of the relay for a gigabyte of mixed stanzas in one direction, Caesura against HAProxy.
//
// Four sessions, all of them flooded at once: up from the clients, then down from the server. The other end swallows. Relay
// on one core, generator and backend on the other.

import { mixedStanzas } from "./support/corpus.js";
import { describeMachine } from "./support/machine.js";
import { startCaesura } from "./support/peers/caesura.js";
import { startHaproxy } from "./support/peers/haproxy.js";
import { startNodeRelay } from "./support/peers/node-relay.js";
import { cpuSeconds } from "./support/process-accounting.js";
import { publish } from "./support/report.js";
import { measure } from "./support/run.js";
import { LOAD_CORE, RELAY_CORE, setStage, type Stage } from "./support/stage.js";
import { ratios, summarise } from "./support/statistics.js";
import type { Door } from "./support/xmpp-session.js";

const SESSIONS = 4;
const CORPUS_BYTES = 8 * 1024 * 1024;
/** About a gigabyte in each repetition and direction. */
const ROUNDS = 32;
const REPETITIONS = 7;
const DIRECTIONS = ["up", "down"] as const;
type Direction = (typeof DIRECTIONS)[number];

interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly door: Door;
  /** CPU seconds for a gigabyte, of each repetition. */
  readonly cost: Readonly<Record<Direction, number[]>>;
  readonly speed: Readonly<Record<Direction, number[]>>;
}

await measure(async (run) => {
  const stage = await setStage(run, LOAD_CORE);
  const { backend, certificate } = stage;
  const haproxy = await startHaproxy(run, backend.port, certificate, RELAY_CORE);
  const caesura = await startCaesura(run, {
    backend: backend.port,
    componentBackend: backend.port,
    certificate,
    cores: RELAY_CORE,
  });
  const node = await startNodeRelay(run, backend.port, undefined, RELAY_CORE);
  const contenders: readonly Contender[] = [
    contender("HAProxy", haproxy.process.pid, { port: haproxy.port }),
    contender("Caesura", caesura.process.pid, { port: caesura.port }),
    contender("bare Node relay", node.process.pid, { port: node.port }),
  ];
  const corpusLength = mixedStanzas(CORPUS_BYTES).length;
  for (let repetition = -1; repetition < REPETITIONS; repetition++) {
    for (const { name, pid, door, cost, speed } of contenders) {
      // The backend floods whoever is connected to it: only the one that is measured.
      await stage.generator.open(name, door, SESSIONS);
      await backend.holds(SESSIONS);
      for (const direction of DIRECTIONS) {
        const [cpu, seconds] = await transfer(stage, name, pid, direction, corpusLength);
        if (repetition < 0) continue;
        const gigabytes = (SESSIONS * ROUNDS * corpusLength) / 1e9;
        cost[direction].push(cpu / gigabytes);
        speed[direction].push((gigabytes * 1000) / seconds);
      }
      await stage.generator.close(name);
    }
  }

  const costOf = (wanted: string, direction: Direction): readonly number[] =>
    contenders.find(({ name }) => name === wanted)?.cost[direction] ?? [];
  publish({
    name: "bulk",
    title: "Bulk: CPU for each gigabyte (P5)",
    command: "npm run bench:bulk",
    machine: describeMachine({ HAProxy: ["haproxy", "-v"] }),
    figures: DIRECTIONS.map((direction) => ({
      name: `P5 ${direction}`,
      meaning: `CPU for a gigabyte of mixed stanzas ${direction}, × HAProxy TCP`,
      ratio: ratios(costOf("Caesura", direction), costOf("HAProxy", direction)),
      goal: { kind: "at most", value: 7 },
      next: { kind: "at most", value: 3.5 },
    })),
    columns: ["up, CPU s per GB", "down, CPU s per GB", "up, MB/s", "down, MB/s"],
    rows: contenders.map(({ name, cost, speed }) => ({
      name,
      values: [cost.up, cost.down, speed.up, speed.down].map(summarise),
    })),
    notes: [
      `${SESSIONS} sessions, ${((SESSIONS * ROUNDS * corpusLength) / 1e9).toFixed(2)} GB in each direction and repetition, ` +
        `${REPETITIONS} interleaved repetitions.`,
      "GB is 10^9 bytes, MB 10^6.",
    ],
  });
});

async function transfer(
  { generator, backend }: Stage,
  group: string,
  pid: number,
  direction: Direction,
  corpusLength: number,
): Promise<[cpu: number, seconds: number]> {
  const bytes = SESSIONS * ROUNDS * corpusLength;
  const before = cpuSeconds(pid);
  const startedAt = performance.now();
  if (direction === "up") {
    const sunk = backend.ask({ kind: "sink", bytes });
    await generator.flood(group, CORPUS_BYTES, ROUNDS);
    await sunk;
  } else {
    const swallowed = generator.swallow(group, bytes, [pid]);
    await backend.ask({ kind: "flood", corpusBytes: CORPUS_BYTES, rounds: ROUNDS });
    await swallowed;
  }
  return [cpuSeconds(pid) - before, (performance.now() - startedAt) / 1000];
}

function contender(name: string, pid: number, door: Door): Contender {
  return { name, pid, door, cost: { up: [], down: [] }, speed: { up: [], down: [] } };
}
