// P7: resident memory of the relay for each idle authenticated pair of connections, Caesura against HAProxy.
//
// In each repetition both relays start afresh. A few hundred sessions are opened and closed, so that what a program loads
// or compiles once is not counted; then 4 000 sessions are opened through each, left in silence, and what the process has
// grown by is divided by 4 000. Clear text and TLS are measured in separate processes.

import { setTimeout as delay } from "node:timers/promises";

import { describeMachine } from "./support/machine.js";
import { startCaesura } from "./support/peers/caesura.js";
import { startHaproxy } from "./support/peers/haproxy.js";
import { residentBytes } from "./support/process-accounting.js";
import { publish } from "./support/report.js";
import { measure, type Run } from "./support/run.js";
import { LOAD_CORE, RELAY_CORE, setStage } from "./support/stage.js";
import { ratios, summarise } from "./support/statistics.js";

const PAIRS = 4000;
const WARMUP_PAIRS = 300;
const SILENCE_MS = 10_000;
const SETTLE_MS = 2000;
const REPETITIONS = 3;
const WAYS = ["in clear", "TLS"] as const;
type Way = (typeof WAYS)[number];

/** Kilobytes (1000 bytes) for a pair: over the process after the warm-up, and over the process as it started. */
interface Growth {
  readonly name: string;
  readonly way: Way;
  readonly warm: number[];
  readonly cold: number[];
}

await measure(async (run) => {
  const growths: readonly Growth[] = WAYS.flatMap((way) =>
    ["HAProxy", "Caesura"].map((name) => ({ name, way, warm: [], cold: [] })),
  );
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const way of WAYS) await measureOnce(run, growths, way);
  }
  const samples = (name: string, way: Way): readonly number[] =>
    growths.find((growth) => growth.name === name && growth.way === way)?.warm ?? [];
  publish({
    name: "memory",
    title: "Memory of an idle pair (P7)",
    command: "npm run bench:memory",
    machine: describeMachine({ HAProxy: ["haproxy", "-v"] }),
    figures: WAYS.map((way) => ({
      name: `P7 ${way}`,
      meaning: `resident memory for each idle authenticated pair, ${way}, × HAProxy`,
      ratio: ratios(samples("Caesura", way), samples("HAProxy", way)),
      goal: { kind: "at most", value: way === "TLS" ? 2.1 : 2.5 },
      next: { kind: "at most", value: way === "TLS" ? 1.8 : 2.2 },
    })),
    columns: ["kB a pair", "kB a pair, start-up included"],
    rows: growths.map(({ name, way, warm, cold }) => ({
      name: `${name}, ${way}`,
      values: [summarise(warm), summarise(cold)],
    })),
    notes: [
      `${PAIRS} pairs, read after ${SILENCE_MS / 1000} s of silence, ${REPETITIONS} repetitions with fresh processes; kB is 1000 bytes.`,
      `The growth is counted from the process after ${WARMUP_PAIRS} sessions had come and gone; ` +
        "the last column counts from its start.",
      "Resident memory of the process only: the kernel's socket buffers are the same for both.",
    ],
  });
});

async function measureOnce(run: Run, growths: readonly Growth[], way: Way): Promise<void> {
  const { certificate, backend, generator } = await setStage(run, LOAD_CORE);
  const haproxy = await startHaproxy(run, backend.port, certificate, RELAY_CORE);
  const caesura = await startCaesura(run, {
    backend: backend.port,
    componentBackend: backend.port,
    certificate,
    cores: RELAY_CORE,
  });
  await delay(SETTLE_MS);
  const relays = [
    { name: "HAProxy", relay: haproxy },
    { name: "Caesura", relay: caesura },
  ].map(({ name, relay }) => ({
    name,
    pid: relay.process.pid,
    door: way === "TLS" ? { port: relay.tlsPort, certificate: certificate.cert } : { port: relay.port },
    cold: residentBytes(relay.process.pid),
  }));
  for (const { name, door } of relays) {
    await generator.open(name, door, WARMUP_PAIRS);
    await generator.close(name);
  }
  await delay(SETTLE_MS);
  const warm = new Map(relays.map(({ name, pid }) => [name, residentBytes(pid)]));
  for (const { name, door } of relays) await generator.open(name, door, PAIRS);
  await delay(SILENCE_MS);
  for (const { name, pid, cold } of relays) {
    const now = residentBytes(pid);
    const growth = growths.find((one) => one.name === name && one.way === way);
    growth?.warm.push((now - (warm.get(name) ?? Number.NaN)) / PAIRS / 1000);
    growth?.cold.push((now - cold) / PAIRS / 1000);
  }
  await backend.holds(2 * PAIRS);
  await run.stopAll();
}
