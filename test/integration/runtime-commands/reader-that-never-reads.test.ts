import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, verseIq, verseNs } from "../../support/scene.js";
import { withDeadline } from "../../support/deadline.js";

describe.skipIf(cannotRun("prosody", "openssl"))("an operator who looks at delegated requests and never reads", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid } },
      admin: { socket: { path: "admin.sock" } },
    });
  });
  afterAll(() => scene.stop());

  test("slows no traffic, takes no memory, and is told at last how much was lost", { timeout: 90_000 }, async () => {
    const { caesura } = scene;
    const entity = await scene.entity();
    const line = "parting is such sweet sorrow ".repeat(400);
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>${line}</line>` }));
    const juliet = await scene.login("juliet");
    const rss = (): Promise<number> => caesura.metric("process_resident_memory_bytes");
    const lost = (): Promise<number> => caesura.metric("caesura_tap_events_lost_total");

    const reader = connect({ path: join(caesura.folder, "admin.sock") });
    await once(reader, "connect");
    reader.pause().write("GET /api/tap?payload=true HTTP/1.1\r\nhost: caesura\r\n\r\n");
    await caesura.untilMetric("caesura_taps", {}, (value) => value === 1);
    const ask = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at++)
        expect((await juliet.ask(verseIq(`v${String(at)}`))).element.attrs["type"]).toBe("result");
    };
    await ask(0, 100);
    expect(await lost()).toBeGreaterThan(0);
    const [before, lostBefore] = [await rss(), await lost()];
    await ask(100, 600);
    expect(await rss()).toBeLessThan(before + 40 * 1024 * 1024);
    const lostAltogether = await lost();
    expect(lostAltogether).toBe(lostBefore + 1000);

    let told = "";
    const caughtUp = new Promise<void>((resolve) => {
      reader.on("data", (piece: Buffer) => {
        told += piece.toString("utf8");
        if (told.includes(`"lostAltogether":${String(lostAltogether)}`)) resolve();
      });
    });
    reader.resume();
    await withDeadline(caughtUp, 10_000, () => "nothing is said of what was lost");
    reader.destroy();
    await caesura.untilMetric("caesura_taps", {}, (value) => value === 0);
    await ask(600, 601);
  });
});
