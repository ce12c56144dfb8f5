import { afterAll, test } from "vitest";
import { compare } from "../xml/framer-differential.js";
import { Mutator, Random } from "../xml/framer-mutator.js";
import { Expat } from "../xml/framer-oracles.js";

// No input causes anything but frames or one fault; all cuts agree, and so do both framers; what the framer passes, expat
// and saxes accept with the same borders. FUZZ_SEED repeats a run, FUZZ_COUNT makes it shorter or longer.

const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 0x1_0000_0000);
const count = Number(process.env["FUZZ_COUNT"] ?? 1_000_000);

const expat = Expat.isThere ? new Expat() : undefined;
afterAll(async () => expat?.end());

test(`the framer holds for ${count} mutated streams of seed ${seed}`, async () => {
  console.log(
    `FUZZ_SEED=${seed} FUZZ_COUNT=${count}${expat === undefined ? ", without expat: no /usr/bin/python3" : ""}`,
  );
  const random = new Random(seed);
  const mutator = new Mutator(random);
  for (let done = 0; done < count; done += 500) {
    const batch = Array.from({ length: Math.min(500, count - done) }, () => mutator.next());
    await Promise.all(batch.map(async (bytes) => compare(bytes, random, expat)));
  }
});
