import * as fc from "fast-check";
import { describe, test } from "vitest";
import type { ModelOptions } from "../stream/management-model.js";
import { Model, MODEL_OPTIONS } from "../stream/management-model.js";

// Whatever a client, a server and the connections between them do, each stanza arrives once and in order, a request that
// was taken is executed once and answered once, and no counter says more than is true.

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 20_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const options: fc.Arbitrary<ModelOptions> = fc
  .record({
    modulus: fc.constantFrom(8, 16, 64, 2 ** 32),
    ackDelegated: fc.constantFrom("accept" as const, "reply" as const),
    likeness: fc.constantFrom(1, 2, 3, 1_000_000),
    isNearWrap: fc.boolean(),
    dropsRequests: fc.boolean(),
    onlyRelays: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  })
  .map(({ isNearWrap, ...rest }) => ({ ...MODEL_OPTIONS, ...rest, start: isNearWrap ? rest.modulus - 3 : 0 }));

const steps = fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 1500, size: "max" });

describe("stream management", () => {
  test(`holds its promises over ${RUNS} histories (seed ${SEED})`, () => {
    fc.assert(
      fc.property(options, steps, fc.boolean(), (chosen, taken, isLost) => {
        const model = new Model(chosen);
        for (const [step, pick] of taken) model.step(step, pick);
        if (isLost) model.finishLost();
        else model.finish();
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
