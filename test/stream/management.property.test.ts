import * as fc from "fast-check";
import { describe, test, vi } from "vitest";
import type { ModelOptions } from "./management-model.js";
import { Model, MODEL_OPTIONS } from "./management-model.js";

vi.setConfig({ testTimeout: 60_000 });

// However messages, cuts and resumptions interleave: nothing is lost, doubled or reordered, nothing swallowed is executed
// twice, each answer arrives once, and no counter covers what its receiver has not got (protocol.md §3.3).

const steps = fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 400, size: "max" });

function holds(options: Partial<ModelOptions>, end: "finish" | "finishLost" = "finish"): void {
  fc.assert(
    fc.property(steps, (taken) => {
      const model = new Model({ ...MODEL_OPTIONS, ...options });
      for (const [step, pick] of taken) model.step(step, pick);
      model[end]();
    }),
    { numRuns: 300 },
  );
}

describe("a session through which stanzas are taken and put", () => {
  test("arrives whole, once and in order, whatever is cut when (XEP-0198 §5)", () => {
    holds({});
  });

  test("does so when counters begin again at 0 after 16", () => {
    holds({ modulus: 16 });
  });

  test("does so when counters begin again at 0 after 8", () => {
    holds({ modulus: 8 });
  });

  test("does so where the 32-bit counters begin again (XEP-0198 §4)", () => {
    holds({ start: 2 ** 32 - 5 });
  });

  test("does so when acknowledging waits for the managing entity (protocol.md S10)", () => {
    holds({ ackDelegated: "reply" });
    holds({ ackDelegated: "reply", modulus: 16 });
  });

  test("does so when requests look the same", () => {
    holds({ likeness: 1 });
    holds({ likeness: 2, modulus: 16 });
  });

  test("tells a client that resumes in vain what arrived, no less and no more (protocol.md S31)", () => {
    holds({}, "finishLost");
    holds({ modulus: 16 }, "finishLost");
    holds({ ackDelegated: "reply" }, "finishLost");
  });

  test("executes nothing twice when the client drops requests that it could repeat", () => {
    holds({ dropsRequests: true });
  });
});

test("a session in which nothing is taken or put has the same counters on both sides", () => {
  holds({ onlyRelays: true });
  holds({ onlyRelays: true, modulus: 8 });
});
