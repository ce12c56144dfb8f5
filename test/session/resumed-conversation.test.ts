import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Conversation, numbered, step } from "./conversation.js";

test(
  "everything arrives once and in order, whatever is cut when (XEP-0198 §5, protocol.md 3)",
  { timeout: 60_000 },
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const talk = new Conversation();
        for (const one of steps) talk.perform(one);
        talk.finish();
        const isOf = (letter: string) => (id: string) => new RegExp(`^${letter}\\d+$`).test(id);
        const all = [
          ...numbered("q", talk.requests),
          ...numbered("p", talk.probedRequests),
          ...numbered("n", talk.nodeRequests),
        ];
        expect(talk.seenByServer.filter(isOf("m"))).toEqual(numbered("m", talk.messages));
        expect(talk.seenByServer.filter(isOf("n"))).toEqual(numbered("n", talk.nodeRequests));
        expect(talk.seenByServer.filter(isOf("made-"))).toHaveLength(talk.probedRequests);
        expect(new Set(talk.seenByServer).size).toBe(talk.seenByServer.length);
        expect(talk.seenByClient.filter(isOf("s"))).toEqual(numbered("s", talk.serverMessages));
        expect(talk.executed.toSorted()).toEqual(all.toSorted());
        expect(talk.seenByClient.filter((id) => !id.startsWith("s")).toSorted()).toEqual(all.toSorted());
        expect(talk.unacknowledged).toEqual([]);
        expect(talk.serverAcknowledged).toBe(talk.serverSent.length);
        expect(talk.link.endReason).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  },
);
