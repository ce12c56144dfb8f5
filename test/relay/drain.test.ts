import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as fc from "fast-check";
import { Links, type DrainableLink, type DrainPlan } from "../../src/relay/index.js";
import type { CloseReason, Farewell } from "../../src/session/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const farewell: Farewell = { condition: "see-other-host", host: "other.capulet.lit" };
const plan: DrainPlan = { farewell, spreadMs: 10_000, deadlineMs: 30_000 };

describe("a drain", () => {
  test("tells clients over the window, evenly and in the order in which they came", () => {
    const stage = new Stage();
    const clients = Array.from({ length: 100 }, (_, index) => stage.client(`c${index}`));
    void stage.drain(plan);
    expect(stage.told).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(stage.told).toEqual(clients.slice(0, 10).map(({ id }) => `${id} see-other-host`));
    vi.advanceTimersByTime(4000);
    expect(stage.told.length).toBe(50);
    vi.advanceTimersByTime(5000);
    expect(stage.told).toEqual(clients.map(({ id }) => `${id} see-other-host`));
  });

  test("tells all clients at once without a window", () => {
    const stage = new Stage();
    for (let nth = 0; nth < 3; nth++) stage.client(`c${nth}`);
    void stage.drain({ ...plan, spreadMs: 0 });
    expect(stage.told.length).toBe(3);
  });

  test("tells those who serve others when no client is left, and not before", () => {
    const stage = new Stage();
    stage.serving("verse");
    const [busy, idle] = [stage.client("juliet", { isBusy: true }), stage.client("romeo")];
    void stage.drain(plan);
    vi.advanceTimersByTime(20_000);
    expect(stage.told).toEqual(["juliet see-other-host", "romeo see-other-host"]);
    expect([busy, idle].map(({ endedBecause }) => endedBecause)).toEqual([undefined, "shutdown"]);
    busy.settle();
    vi.advanceTimersByTime(1);
    expect(stage.told.at(-1)).toBe("verse see-other-host");
  });

  test("counts a client that went by itself as gone", () => {
    const stage = new Stage();
    stage.serving("verse");
    const juliet = stage.client("juliet");
    void stage.drain(plan);
    juliet.end("client_lost");
    vi.advanceTimersByTime(1);
    expect(stage.told).toEqual(["verse see-other-host"]);
    vi.advanceTimersByTime(29_999);
    expect(stage.links.progress).toEqual({ clients: 0, untold: 0, serving: 0 });
  });

  test("is over as soon as nobody is left, and leaves no timer", async () => {
    const stage = new Stage();
    stage.serving("verse");
    stage.client("juliet");
    const over = stage.drain(plan);
    await vi.advanceTimersByTimeAsync(10_100);
    expect(await over).toEqual({ forced: 0 });
    expect(vi.getTimerCount()).toBe(0);
    expect(await new Stage().drain(plan)).toEqual({ forced: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("hurries a little before the deadline: clients first, then who served them", () => {
    const stage = new Stage();
    stage.serving("verse", { isBusy: true });
    stage.client("juliet", { isBusy: true });
    void stage.drain({ ...plan, spreadMs: 0 });
    vi.advanceTimersByTime(28_999);
    expect(stage.told).toEqual(["juliet see-other-host"]);
    vi.advanceTimersByTime(1);
    expect(stage.told).toEqual(["juliet see-other-host", "juliet hurry", "verse see-other-host", "verse hurry"]);
  });

  test("tells at the last call whoever the window has not reached, however long it is", () => {
    const stage = new Stage();
    stage.client("juliet");
    void stage.drain({ ...plan, spreadMs: 600_000 });
    vi.advanceTimersByTime(29_000);
    expect(stage.told).toEqual(["juliet see-other-host"]);
  });

  test("cuts at the deadline those whose sockets do not go, and says how many", async () => {
    const stage = new Stage();
    stage.client("juliet", { isStuck: true });
    stage.client("romeo", { isBusy: true, isStuck: true });
    const over = stage.drain(plan);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await over).toEqual({ forced: 2 });
    expect(stage.told.slice(-2)).toEqual(["juliet destroy", "romeo destroy"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("takes in a connection that becomes a link while it runs", () => {
    const stage = new Stage();
    stage.client("juliet");
    void stage.drain({ ...plan, spreadMs: 0 });
    stage.client("late");
    vi.advanceTimersByTime(1);
    stage.serving("verse");
    expect(stage.told.map((line) => line.split(" ")[0])).toEqual(["juliet", "late", "verse"]);
  });

  test("says how many are left, and how many of them were not told yet", () => {
    const stage = new Stage();
    expect(stage.links.progress).toBeUndefined();
    for (let nth = 0; nth < 10; nth++) stage.client(`c${nth}`, { isBusy: nth === 0 });
    stage.serving("verse");
    void stage.drain(plan);
    expect(stage.links.progress).toEqual({ clients: 10, untold: 10, serving: 1 });
    vi.advanceTimersByTime(5000);
    expect(stage.links.progress).toEqual({ clients: 6, untold: 5, serving: 1 });
  });

  test("reaches everybody once, whoever comes, is busy, stuck or gone, and ends by the deadline", () => {
    const someone = fc.record({
      serves: fc.boolean(),
      isBusy: fc.boolean(),
      isStuck: fc.boolean(),
      goes: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(someone, { maxLength: 40 }),
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 0, max: 20_000 }),
        (people, spreadMs, deadlineMs) => {
          const stage = new Stage();
          const all = people.map(({ serves, ...how }, nth) =>
            serves ? stage.serving(`s${nth}`, how) : stage.client(`c${nth}`, how),
          );
          let isOver = false;
          void stage.drain({ farewell, spreadMs, deadlineMs }).then(() => (isOver = true));
          for (const [nth, { goes }] of people.entries()) if (goes) all[nth]?.end("client_lost");
          vi.advanceTimersByTime(deadlineMs + 1);
          expect(stage.links.size).toBe(0);
          const farewells = stage.told.filter((line) => line.endsWith("see-other-host"));
          expect(new Set(farewells).size).toBe(farewells.length);
          const lastClient = farewells.findLastIndex((line) => line.startsWith("c"));
          const firstServing = farewells.findIndex((line) => line.startsWith("s"));
          expect(firstServing === -1 || firstServing > lastClient).toBe(true);
          for (const { id, wasTold, endedBecause } of all) {
            expect([id, wasTold || endedBecause === "client_lost"]).toEqual([id, true]);
          }
          expect(isOver).toBe(false); // Told in a microtask, which has not run yet.
        },
      ),
    );
  });
});

interface How {
  /** Something is pending. */
  readonly isBusy?: boolean;
  /** Its socket does not go by itself. */
  readonly isStuck?: boolean;
}

/** Links whose machines are scripted, and what they were told in order. */
class Stage {
  readonly links = new Links<Member>();
  readonly told: string[] = [];

  client(name: string, how: How = {}): Member {
    return this.#enter(new Member(this, name, false, how));
  }

  serving(name: string, how: How = {}): Member {
    return this.#enter(new Member(this, name, true, how));
  }

  drain(drainPlan: DrainPlan): Promise<{ readonly forced: number }> {
    return this.links.drain(drainPlan);
  }

  #enter(member: Member): Member {
    this.links.add(member);
    return member;
  }
}

class Member implements DrainableLink {
  readonly id: string;
  readonly servesOthers: boolean;
  endedBecause: CloseReason | undefined;
  wasTold = false;
  readonly #stage: Stage;
  readonly #how: How;

  constructor(stage: Stage, name: string, servesOthers: boolean, how: How) {
    this.#stage = stage;
    this.id = name;
    this.servesOthers = servesOthers;
    this.#how = how;
  }

  shutdown({ condition }: Farewell): void {
    if (this.endedBecause !== undefined) return;
    this.wasTold = true;
    this.#stage.told.push(`${this.id} ${condition}`);
    if (this.#how.isBusy !== true) this.end("shutdown");
  }

  settle(): void {
    this.end("shutdown");
  }

  hurry(): void {
    if (!this.wasTold) throw new Error("hurried without a farewell");
    if (this.endedBecause !== undefined) return;
    this.#stage.told.push(`${this.id} hurry`);
    this.end("shutdown");
  }

  destroy(): void {
    this.#stage.told.push(`${this.id} destroy`);
    this.end("shutdown");
    this.#stage.links.remove(this);
  }

  end(reason: CloseReason): void {
    if (this.endedBecause !== undefined) return;
    this.endedBecause = reason;
    this.#stage.links.ended(this);
    if (this.#how.isStuck !== true) this.#stage.links.remove(this);
  }
}
