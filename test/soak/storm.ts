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

/** Storms, one after the other, on one stage; all of chance comes from the seed. */
export async function* storms(options: StormOptions, count: number): AsyncGenerator<StormReport> {
  const chance = new Chance(options.seed);
  const stage = await Stage.set(options, chance);
  try {
    // What is loaded at the first use is there before anything is counted.
    if (stage.caesura !== undefined) await stage.reload();
    for (let nth = 1; nth <= count; nth++) yield await storm(stage, chance.branch(nth));
  } finally {
    await stage.strike();
  }
}

async function storm(stage: Stage, chance: Chance): Promise<StormReport> {
  const { options, caesura } = stage;
  stage.clear();
  const before = caesura === undefined ? { descriptors: 0, residentBytes: 0 } : holdingsOf(caesura);
  stage.clients = stage.users.map((user, index) => {
    const isEntity = user === userEntity;
    const person = personBy(chance.branch(1000 + index), user, isEntity, options);
    return new StormClient(stage, person, doorsOf(stage, person, chance.branch(index)), chance.branch(index), isEntity);
  });
  const entities =
    caesura === undefined
      ? []
      : stage.entityJids.map((jid, index) => new StormEntity(stage, jid, chance.branch(2000 + index)));
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
  const { breaches, counts } = stage.book;
  const logs = { caesura: caesura?.peer.log ?? "", server: stage.server.log };
  return { breaches, counts, holdings: caesura === undefined ? undefined : holdingsOf(caesura), logs };
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
function doorsOf({ doors }: Stage, _person: Person, chance: Chance): readonly [Door, ...Door[]] {
  return [chance.oneOf(doors), chance.oneOf(doors)];
}
