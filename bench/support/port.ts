import { createServer } from "node:net";
import { randomInt } from "node:crypto";

/**
 * A free TCP port of 127.0.0.1 below the range that the kernel takes outgoing ports from, so that thousands of
 * connections of a run cannot take it between this answer and its use.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(12_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port on 127.0.0.1 between 12000 and 32000");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
