import { afterAll, describe, expect, test } from "vitest";
import { isNameCharacter, isNameStart } from "../../src/xml/names.js";
import { headerOf } from "./framer-fixtures.js";
import { compare } from "./framer-differential.js";
import { makeStream, Mutator, Random } from "./framer-mutator.js";
import { Expat } from "./framer-oracles.js";

// No input causes anything but frames or one fault; all cuts agree, and so do both framers; what the framer passes, expat
// and saxes accept with the same borders. `npm run fuzz` looks for longer, from other seeds.

const expat = Expat.isThere ? new Expat() : undefined;
afterAll(async () => expat?.end());

test.skipIf(expat === undefined && process.env["CI"] === undefined)("/usr/bin/python3 lends its expat", () => {
  expect(expat).toBeDefined();
});

describe("the framer agrees with itself, with expat and with saxes", () => {
  test.each([1, 2, 3, 4])("about hostile streams of seed %i", { timeout: 60_000 }, async (seed) => {
    const random = new Random(seed);
    const mutator = new Mutator(random);
    await inParallel(2_000, async () => {
      await compare(mutator.next(), random, expat);
    });
  });

  test("about well-formed streams, all of which it passes", { timeout: 60_000 }, async () => {
    const random = new Random(5);
    await inParallel(1_000, async () => {
      const { fault } = await compare(Buffer.from(makeStream(random)), random, expat);
      if (fault !== undefined) expect(fault.condition).toBe("policy-violation");
    });
  });

  test(
    "about names of one character more, on both sides of every border of the tables",
    { timeout: 60_000 },
    async () => {
      const random = new Random(6);
      const borders = new Set<number>();
      for (let at = 0x80; at < 0x1_0000; at++) {
        const isBorder = isNameStart(at) !== isNameStart(at - 1) || isNameCharacter(at) !== isNameCharacter(at - 1);
        if (isBorder) borders.add(at - 1).add(at);
      }
      const tags = [...borders]
        .filter((at) => at >= 0x80)
        .flatMap((at) => [`<a${String.fromCodePoint(at)}/>`, `<${String.fromCodePoint(at)}/>`]);
      expect(tags.length).toBeGreaterThan(1_900);
      await inParallel(tags.length, async (index) => {
        const stream = `${headerOf("jabber:client")}${tags[index] ?? ""}</stream:stream>`;
        await compare(Buffer.from(stream), random, expat);
      });
    },
  );

  test("about every character that it takes in a name", { timeout: 60_000 }, async () => {
    const random = new Random(7);
    const lists = [isNameStart, isNameCharacter].map((isAllowed, index) =>
      Array.from({ length: 0xff80 }, (_, at) => at + 0x80)
        .filter(isAllowed)
        .map((at) => `<${index === 0 ? "" : "a"}${String.fromCodePoint(at)}/>`),
    );
    for (const list of lists) {
      const batches = Array.from({ length: Math.ceil(list.length / 500) }, (_, at) =>
        list.slice(500 * at, 500 * at + 500),
      );
      await inParallel(batches.length, async (index) => {
        const stream = `${headerOf("jabber:client")}<message>${batches[index]?.join("") ?? ""}</message></stream:stream>`;
        await compare(Buffer.from(stream), random, expat);
      });
    }
  });
});

/** Python answers while the next inputs are made. */
async function inParallel(count: number, run: (index: number) => Promise<void>): Promise<void> {
  for (let done = 0; done < count;) {
    const batch: Promise<void>[] = [];
    for (; done < count && batch.length < 200; done++) batch.push(run(done));
    await Promise.all(batch);
  }
}
