// P10: what one more rule, one more session and one more pending IQ cost: CPU for each stanza with 10 of them and with 10 000.
//
// Two processes of Caesura that differ in that number only, measured in turns under the same load. Rules: IQs that no rule
// names. Sessions: ten of them are busy, the others idle; all of them busy in turn is shown too, where the caches of the
// machine count. Pending: the managing entity keeps that many requests for itself while others are delegated or pass.

import { setTimeout as delay } from "node:timers/promises";

import { startEntity } from "./support/entity.js";
import { describeMachine } from "./support/machine.js";
import { startCaesura, type Caesura } from "./support/peers/caesura.js";
import type { PingPongOptions } from "./support/ping-pong.js";
import { maxOpenFiles } from "./support/process-accounting.js";
import { publish, type Figure, type Row } from "./support/report.js";
import { measure, type Run } from "./support/run.js";
import { LOAD_CORE, RELAY_CORE, setStage, type Stage } from "./support/stage.js";
import { ratios, summarise } from "./support/statistics.js";

const FEW = 10;
const MANY = 10_000;
/** A relay holds two descriptors for each session, and some for itself. */
const MANY_SESSIONS = Math.min(MANY, Math.floor((maxOpenFiles() - 300) / 2));
const BUSY_SESSIONS = 10;
const CLIENTS = 50;
const STANZA_BYTES = 300;
const REPETITIONS = 7;
const SECONDS = 2;
const WARMUP_SECONDS = 0.4;
const FIRST_WARMUP_SECONDS = 3;

/** One load under which the two processes are compared. */
interface Case {
  readonly name: string;
  readonly few: Side;
  readonly many: Side;
  readonly load: Pick<PingPongOptions, "traffic">;
  /** Only shown: no goal speaks of it. */
  readonly isAside?: boolean;
}

interface Side {
  readonly caesura: Caesura;
  readonly group: string;
  readonly first?: number;
  readonly more?: Pick<PingPongOptions, "inFlight" | "rotate">;
}

interface Outcome {
  readonly figures: readonly Figure[];
  readonly rows: readonly Row[];
}

await measure(async (run) => {
  const outcomes = [await withRules(run), await withSessions(run), await withPending(run)];
  publish({
    name: "scale",
    title: "Cost of one more (P10)",
    command: "npm run bench:scale",
    machine: describeMachine({}),
    figures: outcomes.flatMap(({ figures }) => figures),
    columns: ["CPU µs for a round trip", "round trips a second"],
    rows: outcomes.flatMap(({ rows }) => rows),
    notes: [
      `${FEW} against ${MANY}, sessions ${FEW} against ${MANY_SESSIONS} (the limit of open files here is ${maxOpenFiles()}); ` +
        `${REPETITIONS} interleaved repetitions of ${SECONDS} s, ${STANZA_BYTES}-byte stanzas.`,
      "All sessions in turn is no figure of P10: each stanza then meets a socket that no cache holds any more, in any relay.",
    ],
  });
});

async function withRules(run: Run): Promise<Outcome> {
  const stage = await setStage(run, LOAD_CORE);
  const [few, many] = [await proxy(run, stage, { rules: FEW }), await proxy(run, stage, { rules: MANY })];
  await stage.generator.open("few", { port: few.port }, CLIENTS);
  await stage.generator.open("many", { port: many.port }, CLIENTS);
  const load = { traffic: { kind: "iq", bytes: STANZA_BYTES } } as const;
  const sides = { few: { caesura: few, group: "few" }, many: { caesura: many, group: "many" } };
  return await compare(run, stage, [{ name: "rules", ...sides, load }]);
}

async function withSessions(run: Run): Promise<Outcome> {
  const stage = await setStage(run, LOAD_CORE);
  const [few, many] = [await proxy(run, stage, {}), await proxy(run, stage, {})];
  await stage.generator.open("few", { port: few.port }, FEW);
  await stage.generator.open("many", { port: many.port }, MANY_SESSIONS);
  const load = { traffic: { kind: "mixed", bytes: STANZA_BYTES } } as const;
  const smallSide = { caesura: few, group: "few", first: BUSY_SESSIONS };
  const largeSide = { caesura: many, group: "many" };
  return await compare(run, stage, [
    { name: "sessions", few: smallSide, many: { ...largeSide, first: BUSY_SESSIONS }, load },
    {
      name: "sessions, all in turn",
      few: smallSide,
      many: { ...largeSide, more: { inFlight: BUSY_SESSIONS, rotate: true } },
      load,
      isAside: true,
    },
  ]);
}

async function withPending(run: Run): Promise<Outcome> {
  const stage = await setStage(run, LOAD_CORE);
  const [few, many] = [await proxy(run, stage, {}), await proxy(run, stage, {})];
  for (const [group, caesura, count] of [["few", few, FEW] as const, ["many", many, MANY] as const]) {
    const entity = await startEntity(run, caesura.componentPort, LOAD_CORE);
    await stage.generator.open(group, { port: caesura.port }, CLIENTS);
    await stage.generator.keepWaiting(group, count);
    while ((await entity.ask<{ kept: number }>({}, 10_000)).kept < count) await delay(20);
  }
  const sides = { few: { caesura: few, group: "few" }, many: { caesura: many, group: "many" } };
  return await compare(run, stage, [
    { name: "pending IQs, delegating", ...sides, load: { traffic: { kind: "delegated" } } },
    { name: "pending IQs, passing", ...sides, load: { traffic: { kind: "iq", bytes: STANZA_BYTES } } },
  ]);
}

async function proxy(run: Run, stage: Stage, options: { readonly rules?: number }): Promise<Caesura> {
  const { backend, certificate } = stage;
  return await startCaesura(run, { backend: backend.port, certificate, cores: RELAY_CORE, ...options });
}

/** Measures few and many in turns under each load, then stops everything. */
async function compare(run: Run, { generator }: Stage, cases: readonly Case[]): Promise<Outcome> {
  const figures: Figure[] = [];
  const rows: Row[] = [];
  for (const { name, few, many, load, isAside } of cases) {
    const small = measurement("few", few);
    const large = measurement("many", many);
    for (let repetition = -1; repetition < REPETITIONS; repetition++) {
      for (const { side, cost, rate } of [small, large]) {
        const seconds = repetition < 0 ? FIRST_WARMUP_SECONDS : SECONDS;
        const options = {
          ...load,
          ...side.more,
          warmupSeconds: WARMUP_SECONDS,
          seconds,
          pids: [side.caesura.process.pid],
        };
        const result = await generator.pingPong(
          side.group,
          options,
          side.first === undefined ? {} : { first: side.first },
        );
        if (repetition < 0) continue;
        cost.push(((result.cpuSeconds[0] ?? Number.NaN) / result.roundTrips) * 1e6);
        rate.push(result.roundTrips / result.seconds);
      }
    }
    const ratio = ratios(large.cost, small.cost);
    const meaning = `CPU for each stanza, many × few ${name}`;
    if (isAside !== true) figures.push({ name: "P10", meaning, ratio, goal: { kind: "at most", value: 1.1 } });
    for (const { size, cost, rate } of [small, large]) {
      rows.push({ name: `${name}: ${size}`, values: [summarise(cost), summarise(rate)] });
    }
  }
  await run.stopAll();
  return { figures, rows };
}

interface Measurement {
  readonly size: string;
  readonly side: Side;
  readonly cost: number[];
  readonly rate: number[];
}

function measurement(size: string, side: Side): Measurement {
  return { size, side, cost: [], rate: [] };
}
