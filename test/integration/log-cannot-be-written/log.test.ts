import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { Scene, verseIq } from "../../support/scene.js";

// Standard output is a pipe whose reader has stopped, a file that may not grow, a full disk, a pipe without a reader. Each
// time strangers come and go, and a user logs in and is answered.

const dropped = "caesura_log_lines_dropped_total";

describe.skipIf(cannotRun("prosody", "openssl", "bash", "mkfifo"))("a log that cannot be written", () => {
  const folder = temporaryFolder("caesura-log");
  const scenes: Scene[] = [];
  afterAll(async () => {
    await Promise.all(scenes.map((scene) => scene.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function sceneWith(startedBy: string): Promise<Scene> {
    const scene = await Scene.withProsody({ startedBy });
    scenes.push(scene);
    return scene;
  }

  describe("because the reader of the pipe has stopped", () => {
    const fifo = join(folder, "fifo");
    let reader = -1;
    let scene: Scene;
    beforeAll(async () => {
      execFileSync("mkfifo", [fifo]);
      reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
      fill(fifo);
      scene = await sceneWith(`exec "$@" > '${fifo}'`);
    });
    afterAll(() => closeSync(reader));

    test("keeps nobody waiting; a user is served, and /livez answers", async () => {
      await strangers(scene, 600);
      await expectServed(scene);
      // 64 KiB of lines wait.
      expect(await scene.caesura.metric(dropped, { reason: "slow_reader" })).toBeGreaterThan(0);
    });

    test("goes on when the pipe is read again, says how many lines are missing, and loses no more", async () => {
      const lines = new Lines(reader);
      await lines.until(({ event }) => event === "log-lines-dropped");
      const missing = await scene.caesura.metric(dropped);
      await expectServed(scene);
      await lines.until(({ event }) => event === "bound");
      expect(await scene.caesura.metric(dropped)).toBe(missing);
      const told = lines.seen
        .filter(({ event }) => event === "log-lines-dropped")
        .reduce((sum, { lines: count }) => sum + Number(count), 0);
      expect(told).toBe(missing);
      expect(lines.seen.filter(({ event }) => event === "started").length).toBe(1);
    });
  });

  test("because its file has reached the size limit: serves, counts, and ends with 0", async () => {
    const file = join(folder, "limited.log");
    const scene = await sceneWith(`ulimit -f 8; exec "$@" > '${file}'`);
    await strangers(scene, 100);
    await expectServed(scene);
    expect(await scene.caesura.metric(dropped, { reason: "no_space" })).toBeGreaterThan(0);
    expect(readFileSync(file).length).toBe(8 * 1024);
    await scene.clear();
    scene.caesura.peer.signal("SIGTERM");
    expect(await scene.caesura.peer.ended()).toBe(0);
  });

  test("because the disk is full from the start: starts, serves, counts, and ends with 0", async () => {
    const scene = await sceneWith(`exec "$@" > /dev/full`);
    await strangers(scene, 20);
    await expectServed(scene);
    expect(await scene.caesura.metric(dropped, { reason: "no_space" })).toBeGreaterThan(0);
    await scene.clear();
    scene.caesura.peer.signal("SIGTERM");
    expect(await scene.caesura.peer.ended()).toBe(0);
  });

  test("because its reader is gone: serves without a log", async () => {
    const scene = await sceneWith(`exec "$@" > >(exec head -c 1 >&2)`);
    await strangers(scene, 20);
    await expectServed(scene);
    expect(await scene.caesura.metric(dropped, { reason: "no_reader" })).toBeGreaterThan(0);
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("a log that strangers want to fill", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({ more: { log: { level: "info" } } });
  });
  afterAll(() => scene.stop());

  test("holds few lines of many junk connections, with the address they came from and their number", async () => {
    await connections(scene, 300, "<x/>");
    await scene.caesura.peer.untilLog((log) => log.includes('"suppressed":'));
    const lines = parsed(scene.caesura.peer.log);
    const faults = lines.filter(({ event }) => event === "fault");
    expect(faults.length).toBeLessThan(30);
    for (const fault of faults) expect(fault).toMatchObject({ remote: "127.0.0.1", connection: expect.any(String) });
  });

  test("holds few lines of many refused requests, each with the connection that made it", async () => {
    const juliet = await scene.login("juliet");
    for (let turn = 0; turn < 300; turn++) juliet.send(verseIq(`n${String(turn)}`));
    for (let turn = 0; turn < 300; turn++) await juliet.answer(`n${String(turn)}`);
    const lines = parsed(scene.caesura.peer.log);
    const bound = lines.find(({ event }) => event === "bound");
    const refused = lines.filter(({ event }) => event === "delegation");
    expect(bound).toMatchObject({ remote: "127.0.0.1" });
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(30);
    for (const line of refused) expect(line["connection"]).toBe(bound?.["connection"]);
  });
});

/** A user logs in and is answered, and the administration port answers, in far less time than a stuck proxy needs. */
async function expectServed(scene: Scene): Promise<void> {
  const juliet = await scene.login("juliet");
  await juliet.settle();
  const { status } = await scene.caesura.admin("/livez");
  expect(status).toBe(200);
}

/** Connections of strangers who come and go, one after the other. At level debug each of them makes a line at least. */
async function strangers(scene: Scene, count: number): Promise<void> {
  await connections(
    scene,
    count,
    "<stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' " +
      "xmlns:stream='http://etherx.jabber.org/streams'></stream:stream>",
  );
}

async function connections(scene: Scene, count: number, words: string): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(scene.caesura.ports.clear, "127.0.0.1", () => socket.write(words));
      socket.setTimeout(5_000, () => socket.destroy(new Error("a stranger got no answer")));
      socket.on("error", reject).on("close", () => resolve());
      socket.on("end", () => socket.end()).resume();
    });
  }
}

/** Fills a pipe to the last byte, so that not one more fits. */
function fill(fifo: string): void {
  const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  const newlines = Buffer.alloc(4096, "\n");
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(fd, newlines, 0, size);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
  closeSync(fd);
}

/** What comes out of the pipe, as lines. */
class Lines {
  readonly seen: Record<string, unknown>[] = [];
  readonly #fd: number;
  #rest = "";

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Reads on until a line that was not looked at before is `wanted`. */
  async until(wanted: (line: Record<string, unknown>) => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    let looked = this.seen.length;
    for (;;) {
      this.#read();
      while (looked < this.seen.length) {
        const line = this.seen[looked++];
        if (line !== undefined && wanted(line)) return;
      }
      if (performance.now() > deadline) throw new Error(`the awaited line did not come; ${String(looked)} others did`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #read(): void {
    const buffer = Buffer.alloc(65_536);
    try {
      for (;;) {
        const length = readSync(this.#fd, buffer);
        if (length === 0) return;
        const lines = (this.#rest + buffer.toString("utf8", 0, length)).split("\n");
        this.#rest = lines.pop() ?? "";
        this.seen.push(...parsed(lines.join("\n")));
      }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}

function parsed(log: string): Record<string, unknown>[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}
