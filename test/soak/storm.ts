import type { Caesura } from "../support/caesura.js";
import { Chance, pause } from "./chance.js";
import { StormClient } from "./client.js";
import type { Door, Person } from "./entrance.js";
import { StormEntity } from "./entity.js";
import { checkAtRest, checkLog, checkWhenAlone, type Holdings, holdingsOf } from "./rest.js";
import { domains, Stage, type StormOptions, userEntity } from "./stage.js";
import { Weather } from "./weather.js";

/** What came of a storm. */
export interface StormReport {
  readonly breaches: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  /** Behind the storm, when everybody had gone. Undefined without Caesura. */
  readonly holdings: Holdings | undefined;
  /** What the programs have written. */
  readonly logs: Readonly<Record<"caesura" | "server", string>>;
}

/** Storms, one after the other, on one stage, and the end of Caesura in another; all of chance comes from the seed. */
export async function* storms(options: StormOptions, count: number): AsyncGenerator<StormReport> {
  const chance = new Chance(options.seed);
  const stage = await Stage.set(options, chance);
  try {
    // What is loaded at the first use is there before anything is counted.
    if (stage.caesura !== undefined) await stage.reload();
    for (let nth = 1; nth <= count; nth++) yield await storm(stage, chance.branch(nth));
    if (stage.caesura !== undefined) yield await departure(stage, stage.caesura, chance.branch(0));
  } finally {
    await stage.strike();
  }
}

/** Caesura stops in the middle of everything: it takes leave of all and ends well, in time. */
async function departure(stage: Stage, caesura: Caesura, chance: Chance): Promise<StormReport> {
  stage.clear();
  const entities = enter(stage, chance);
  const everybody = [...stage.clients, ...entities].map((one) => one.live());
  await pause(4000);
  stage.excusesAll();
  caesura.peer.signal("SIGTERM");
  const code = await caesura.peer.ended(40_000).catch(() => undefined);
  stage.isOver = true;
  await Promise.all(everybody);
  for (const one of [...stage.clients, ...entities]) await one.leave();
  if (code !== 0) stage.book.breach(`Caesura ended with ${String(code)}`);
  if (!caesura.peer.log.includes('"event":"stopped"')) stage.book.breach("Caesura did not say that it stopped");
  if (caesura.peer.log.includes('"event":"forced"')) stage.book.breach("Caesura had to cut connections");
  checkLog(stage);
  return reportOf(stage, undefined);
}

/** Everybody who is in a storm. */
function enter(stage: Stage, chance: Chance): readonly StormEntity[] {
  stage.clients = stage.users.map((user, index) => {
    const isEntity = user === userEntity;
    const person = personBy(chance.branch(1000 + index), user, isEntity, stage.options);
    return new StormClient(stage, person, doorsOf(stage, chance.branch(index)), chance.branch(index), isEntity);
  });
  if (stage.caesura === undefined) return [];
  return stage.entityJids.map((jid, index) => new StormEntity(stage, jid, chance.branch(2000 + index)));
}

function reportOf({ book, caesura, server }: Stage, holdings: Holdings | undefined): StormReport {
  const { breaches, counts } = book;
  return { breaches, counts, holdings, logs: { caesura: caesura?.peer.log ?? "", server: server.log } };
}

async function storm(stage: Stage, chance: Chance): Promise<StormReport> {
  const { options, caesura } = stage;
  stage.clear();
  const before = caesura === undefined ? { descriptors: 0, residentBytes: 0 } : holdingsOf(caesura);
  const entities = enter(stage, chance);
  const weather = new Weather(stage, chance.branch(3000));
  const everybody = [...stage.clients.map((one) => one.live()), ...entities.map((one) => one.live()), weather.blow()];
  const deadline = setTimeout(() => (stage.isOver = true), options.seconds * 1000);
  try {
    await Promise.all(everybody);
    await calm(stage, entities);
    stage.book.conclude(stage.sessions);
    await checkAtRest(stage);
    await Promise.all([...stage.clients, ...entities].map((one) => one.leave()));
    await checkWhenAlone(stage, before);
    checkLog(stage);
  } finally {
    clearTimeout(deadline);
    stage.isOver = true;
  }
  return reportOf(stage, caesura === undefined ? undefined : holdingsOf(caesura));
}

/** Everybody comes back, and waits until everything that was sent has arrived. */
async function calm(stage: Stage, entities: readonly StormEntity[]): Promise<void> {
  await Promise.all(entities.map((one) => one.settle()));
  // Replies that come too late are to be swallowed, not to be awaited.
  await pause(stage.options.timeoutMs + 600);
  // All that was sent is handled; then all that was handled is delivered.
  for (let round = 0; round < 2; round++) {
    await Promise.all([...stage.clients, ...entities].map((one) => one.settle()));
  }
}

/** Each client has its own way to log in, and keeps it. */
function personBy(chance: Chance, user: string, isEntity: boolean, { isEjabberd }: StormOptions): Person {
  return {
    user,
    domain: isEntity || !chance.once(4) ? domains[0] : domains[1],
    password: "r0m30",
    sasl: isEjabberd || chance.once(2) ? 1 : 2,
    management: isEntity ? "resumable" : chance.weighed({ resumable: 6, counted: 1, none: 3 }),
  };
}

/** Over one or two ways in, so that a session is resumed over another one than it was lost on. */
function doorsOf({ doors }: Stage, chance: Chance): readonly [Door, ...Door[]] {
  return [chance.oneOf(doors), chance.oneOf(doors)];
}
